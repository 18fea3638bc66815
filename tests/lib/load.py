"""Many hosts posting to a results server (tests/bench/results_load.c), and the server watched meanwhile.

    load = Load(server, "test", hosts=50, duration="10s")
    load.start()                    # when all hosts are in the topology
    report = load.report()          # when they are done: what it printed, see results_load.c
    load.rss, load.cpu              # the server's, (seconds since the start, bytes), ...
"""

import json
import os
import subprocess
import threading
import time

from program import BUILD, PATIENCE

GENERATOR = os.path.join(BUILD, "tests", "bench", "results_load")
PAGE, TICK = os.sysconf("SC_PAGESIZE"), os.sysconf("SC_CLK_TCK")
LOOK = 0.25  # s between looks at the server


def statm(pid, field):
    with open("/proc/%d/statm" % pid) as file:
        return int(file.read().split()[field]) * PAGE


def size_of(pid):
    """Virtual memory, bytes."""
    return statm(pid, 0)


def rss_of(pid):
    return statm(pid, 1)


def cpu_of(pid):
    """Seconds, user and system."""
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def files_of(folder):
    """Bytes of what is in it."""
    return sum(entry.stat().st_size for entry in os.scandir(folder))


class Load:
    def __init__(self, server, test, hosts, **options):
        """Options are those of the generator."""
        self.server, self.test = server, test
        status, body = server.ask("POST", "/test/" + test, {"started": False, "size": hosts})
        if status != 201:
            raise AssertionError("no test: %s" % body)
        argv = [GENERATOR, "--port", str(server.port), "--test", test, "--hosts", str(hosts)]
        for name, value in options.items():
            argv += ["--" + name, str(value)]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.rss, self.cpu, self.over = [], [], threading.Event()
        self.watcher = threading.Thread(target=self.watch, daemon=True)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.over.set()
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        if self.watcher.is_alive():
            self.watcher.join()

    def start(self):
        line = self.process.stdout.readline()
        if line != "ready\n":
            raise AssertionError("the generator did not come to its start: " + line)
        self.server.ask("PUT", "/test/%s/start" % self.test, {})
        self.began = time.monotonic()
        self.watcher.start()
        self.process.stdin.write("start\n")
        self.process.stdin.flush()

    def watch(self):
        """A server that was killed is looked at again once its heir is there."""
        while True:
            try:
                pid, now = self.server.process.pid, time.monotonic() - self.began
                rss, cpu = rss_of(pid), cpu_of(pid)
                self.rss.append((now, rss))
                self.cpu.append((now, cpu))
            except (OSError, IndexError):
                pass
            if self.over.wait(LOOK):
                return

    def report(self, seconds=5 * PATIENCE):
        said, _ = self.process.communicate(timeout=seconds)
        self.over.set()
        self.watcher.join()
        return json.loads(said)
