"""Our programs under test: started, watched, stopped; nothing outlives the script.

    with Server("--secure", "--tls-pub", cert, "--tls-priv", key) as server:
        server.port
        server.stop(signal.SIGTERM) -> exit status
    with Child(SERVER, "--port", "0") as child:         # under a telemetry page, as under the driver
        child.until(lambda page: page["state"] == "ready")
        child.metrics()["live_app"]
"""

import fcntl
import json
import os
import re
import signal
import subprocess
import tempfile
import time

BUILD = os.environ["top_builddir"]
SERVER = os.path.join(BUILD, "stress-server", "stress-server")
CLIENT = os.path.join(BUILD, "stress-client", "stress-client")
DRIVER = os.path.join(BUILD, "driver", "driver")
# Seconds for what takes no time, on a machine that may stand still or be ten times slower than it is.
PATIENCE = 120.0
PAGE_RUN = os.path.join(BUILD, "tests", "fixtures", "page_run")


def wait_until(predicate, seconds=PATIENCE):
    """The first true answer; an AssertionError when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        late = time.monotonic() > end  # asked before, so a machine that stood still gets one try more
        answer = predicate()
        if answer:
            return answer
        if late:
            raise AssertionError("not within %.0f s" % seconds)
        time.sleep(0.02)


class Program:
    """A process whose two streams go to a file that `said` reads."""

    def __init__(self, *argv, stdin=subprocess.DEVNULL, stdout=None, **more):
        self.log = tempfile.TemporaryFile("w+")
        # The place in the file is shared: who reads it here must not move where it is written to.
        fcntl.fcntl(self.log, fcntl.F_SETFL, fcntl.fcntl(self.log, fcntl.F_GETFL) | os.O_APPEND)
        self.process = subprocess.Popen(
            argv, stdin=stdin, stdout=stdout or self.log, stderr=self.log, text=True, **more
        )

    def __enter__(self):
        return self

    def __exit__(self, *what):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def wait_said(self, pattern, seconds=PATIENCE):
        return wait_until(lambda: re.search(pattern, self.said()), seconds)

    def stop(self, with_signal=signal.SIGTERM, seconds=PATIENCE):
        self.process.send_signal(with_signal)
        return self.process.wait(seconds)


class Server(Program):
    """stress-server on a port of its own choice."""

    def __init__(self, *options, **more):
        super().__init__(SERVER, "--port", "0", *options, **more)
        found = self.wait_said(r"listening on \S+:(\d+) \((secure|insecure)\)")
        self.port = int(found.group(1))


class Child(Program):
    """A program with a telemetry page; its own streams are in `said`."""

    def __init__(self, *argv, **more):
        super().__init__(
            PAGE_RUN, *argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **more
        )

    def __exit__(self, *what):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            pass
        self.process.stdout.close()
        super().__exit__(*what)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def metrics(self):
        """As of now: the last tick's may be older than what was done before it."""
        self.ask("publish")
        return self.ask("read")["metrics"]

    def until(self, predicate, seconds=PATIENCE):
        def look():
            page = self.ask("read")
            return page if page["state"] is not None and predicate(page) else None

        return wait_until(look, seconds)
