"""Drivers that are many hosts, on this one machine: each has loopback addresses of its own, so that none needs
another's ports.

    with Hosts(folder, "spread", 2, "--seed", "42", scenario=SMALL, report_to=URL) as hosts:
        hosts.drivers[0].wait_said("the run begins")
        hosts.wait() -> [exit status of each]
        hosts.rows(1, "SELECT ...")
"""

import glob
import itertools
import os
import shutil
import signal
import sqlite3

from program import BUILD, DRIVER, PATIENCE, Program, wait_until

BASE_PORT = 21300
numbers = itertools.count(1)


def address(number, rank):
    """127.x.y.z of a process and a number below 250 that it counts: of no other at the same time, as a rule."""
    pid = os.getpid()
    return "127.%d.%d.%d" % (1 + pid // 250 % 250, 1 + pid % 250, 1 + (number * 8 + rank) % 250)


def beside(folder, uploader):
    """A driver whose uploader is that program."""
    os.makedirs(os.path.join(folder, "driver"))
    os.makedirs(os.path.join(folder, "results-server", "uploader"))
    driver = os.path.join(folder, "driver", "driver")
    shutil.copy(DRIVER, driver)
    for name in ("stress-server", "stress-client"):
        os.symlink(os.path.abspath(os.path.join(BUILD, name)), os.path.join(folder, name))
    shutil.copy(uploader, os.path.join(folder, "results-server", "uploader", "uploader"))
    return driver


class Hosts:
    def __init__(self, folder, place, size, *options, scenario, report_to, test="test", driver=DRIVER, own=None,
                 absent=(), env=None):
        """own: options of one rank, {rank: [...]}; absent: ranks that are not started."""
        number = next(numbers)
        self.folder = os.path.join(folder, "hosts%d" % number)
        self.size = size
        os.makedirs(self.folder)
        path = os.path.join(self.folder, "scenario.yaml")
        with open(path, "w") as file:
            file.write(scenario)
        self.drivers = {}
        for rank in range(size):
            if rank in absent:
                continue
            self.drivers[rank] = Program(
                driver, "--scenario", path, "--base-port", str(BASE_PORT), "--working-dir", self.runs(rank),
                "--report-to", report_to, "--test", test, "--place", place, "--hosts", str(size), "--rank", str(rank),
                "--host-name", "n%d" % rank, "--host-address", address(number, rank), *options,
                *(own or {}).get(rank, []), env=env)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        for driver in self.drivers.values():
            driver.__exit__(*what)

    def runs(self, rank):
        return os.path.join(self.folder, "runs%d" % rank)

    def run_dir(self, rank):
        """The share's own folder, or None."""
        found = [path for path in glob.glob(os.path.join(self.runs(rank), "2*")) if not path.endswith("-whole")]
        return found[0] if found else None

    def whole(self, rank=0):
        return self.run_dir(rank) + "-whole"

    def rows(self, rank, query, run=None):
        with sqlite3.connect("file:%s/run.db?mode=ro" % (run or self.run_dir(rank)), uri=True) as db:
            return db.execute(query).fetchall()

    def wait_said(self, pattern):
        for driver in self.drivers.values():
            driver.wait_said(pattern)

    def wait(self, seconds=PATIENCE):
        return [driver.process.wait(seconds) for driver in self.drivers.values()]

    def kill(self, rank, with_signal=signal.SIGKILL):
        self.drivers[rank].process.send_signal(with_signal)

    def said(self):
        return ["%d: %s" % (rank, driver.said()) for rank, driver in self.drivers.items()]

    def left(self, rank):
        """Processes whose command lines name the share's folder or its runs, the driver's not."""
        needle = self.runs(rank).encode()
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as file:
                    if needle in file.read() and int(pid) != self.drivers[rank].process.pid:
                        found.append(pid)
            except OSError:  # gone meanwhile
                pass
        return found

    def wait_gone(self, rank):
        try:
            return wait_until(lambda: not self.left(rank), 30)
        except AssertionError:
            return False
