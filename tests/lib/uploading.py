"""The uploader under test, in the place of the driver or stress client that it works for.

    with Uploader(url, "--run", folder, peer="n1") as uploader:
        uploader.order("ready")
        uploader.hears("start") -> what stands behind the word, as soon as it is said
        uploader.close(); uploader.wait() -> exit status
"""

import json
import os
import queue
import subprocess
import threading

from program import BUILD, PATIENCE, Program

UPLOADER = os.path.join(BUILD, "results-server", "uploader", "uploader")


class Uploader(Program):
    def __init__(self, url, *options, test="night", peer="n1", **more):
        super().__init__(UPLOADER, "--to", url, "--test", test, "--peer", peer, *options,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, **more)
        self.heard = []  # (word, rest)
        self.lines = queue.Queue()
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def __exit__(self, *what):
        if self.process.poll() is None:
            self.process.kill()
        self.listener.join()
        self.process.stdout.close()
        self.close()
        super().__exit__(*what)

    def listen(self):
        for line in self.process.stdout:
            self.lines.put(tuple((line.rstrip("\n") + " ").split(" ", 1)))
        self.lines.put(None)

    def order(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hears(self, word, seconds=PATIENCE):
        """What follows the word in the next line that begins with it; None if it never comes."""
        while True:
            line = self.lines.get(timeout=seconds)
            if line is None:
                return None
            self.heard.append(line)
            if line[0] == word:
                return line[1].strip()

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass

    def wait(self, seconds=PATIENCE):
        return self.process.wait(seconds)

    def begin(self, **host):
        """All that comes before the start."""
        self.order("host " + json.dumps({"components": ["a"], **host}))
        topology = json.loads(self.hears("topology"))
        self.order("ready")
        return topology, int(self.hears("start"))
