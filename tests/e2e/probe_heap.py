#!/usr/bin/env python3
"""The preload shim counts a foreign process's live bytes: against what the process itself knows of its heap."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from program import BUILD, SERVER, Child, wait_until
from tap import Tap

USR1 = "signal 10"
FIXTURES = os.path.join(os.environ["top_srcdir"], "tests", "fixtures")
SUBJECT = os.path.join(BUILD, "tests", "fixtures", "heap_subject")
SUBJECT_CXX = os.path.join(BUILD, "tests", "fixtures", "heap_subject_cxx")
PROBE = os.path.join(BUILD, "probe", "libflatline-probe.so")
PYTHON = [sys.executable, os.path.join(FIXTURES, "heap_subject.py")]
# Python's own bookkeeping of an int that it prints.
PYTHON_SLACK = 256


class Probed(Child):
    def __init__(self, *argv, preload=PROBE):
        super().__init__("--probe", preload, *argv, env=dict(os.environ, PYTHONMALLOC="malloc"))
        self.wait_said("ready")

    def live(self):
        assert self.ask("publish")["result"] == "done"
        return self.ask("read")["metrics"]["live"]

    def step(self, pattern):
        self.ask(USR1)
        return self.wait_said(pattern)


def check_exact(tap, what, argv, slack=0, preload=PROBE):
    with Probed(*argv, preload=preload) as child:
        base = child.live()
        told = int(child.step(r"held (\d+)").group(1))
        grown = child.live() - base
        child.step("freed")
        left = child.live() - base
        tap.check("%s: what it holds is counted" % what, told > 100000 and abs(grown - told) <= slack,
                  "counted %d, it holds %d" % (grown, told))
        tap.check("%s: what it frees is counted" % what, abs(left) <= slack, "%d are left" % left)


def check_page(tap):
    with Probed(SUBJECT, "threads") as child:
        first = child.ask("read")
        later = child.until(lambda page: page["heartbeat"] > first["heartbeat"] + 2)
        tap.check("it publishes by itself", later["age_ms"] < 120000, later)
        tap.check("memory is all that it speaks of", set(later["metrics"]) == {"live", "live_app", "refused"}
                  and (later["state"], later["ready_ns"]) == ("starting", 0), later)
        tap.check("it publishes faster while paused, and goes on", [child.ask(order)["result"] for order in (
            "pause", "resume")] == ["done", "done"])
        tap.check("it does not pretend to a nemesis", child.ask("reset")["result"] == "unsupported")


def check_fork(tap, how, argv):
    with Probed(*argv) as child:
        base = child.live()
        told = int(child.step(r"held (\d+)").group(1))
        child.step("forked")
        seen = set()
        beat = child.ask("read")["heartbeat"]
        while child.ask("read")["heartbeat"] < beat + 5:
            seen.add(child.live() - base)
        tap.check("%s: what forks and executes does not publish on the page of its parent" % how,
                  seen == {told}, "counted %s, it holds %d" % (seen, told))


def check_refused(tap):
    with Probed(SUBJECT, "refuse") as child:
        told = int(child.wait_said(r"refused (-?\d+)").group(1))
        page = child.until(lambda page: page["metrics"]["refused"] > 0)
        tap.check("refusals are counted, and left to the program", (told, page["metrics"]["refused"]) == (3, 3),
                  told, page)


def check_misuse(tap):
    quiet = subprocess.run(["true"], env=dict(os.environ, LD_PRELOAD=PROBE), capture_output=True, text=True)
    tap.check("without a page it says nothing", (quiet.returncode, quiet.stderr) == (0, ""), quiet)
    for value, words in (("3", "is not FD:PID"), ("9:0000000000", "is no telemetry page")):
        done = subprocess.run(["true"], env=dict(os.environ, LD_PRELOAD=PROBE, FLATLINE_SHIM=value),
                              capture_output=True, text=True)
        tap.check("FLATLINE_SHIM=%s: the program runs, and is told" % value,
                  done.returncode == 0 and words in done.stderr, done)


def jemalloc():
    """The library that our own programs run on, or None in a sanitizer build."""
    said = subprocess.run(["ldd", SERVER], capture_output=True, text=True).stdout
    found = re.search(r"(/\S*libjemalloc\S*)", said)
    return found and found.group(1)


def check_own_malloc(tap):
    with Child("--probe", PROBE, SUBJECT + "_own", "fork") as child:
        child.wait_said("ready")
        tap.check("a program with a malloc of its own is not counted, and that is said",
                  child.ask("read")["state"] is None and "its heap is not counted" in child.said(), child.said())


def check_other_allocator(tap):
    """Half of a heap would look like a leak, so then nothing is published."""
    library = jemalloc()
    if not library:
        tap.skip("this build has no jemalloc")
        return
    with Child("--probe", PROBE + ":" + library, SUBJECT, "threads") as child:
        child.wait_said("ready")
        tap.check("an allocator with operator new is not counted, and that is said",
                  child.ask("read")["state"] is None and "its heap is not counted" in child.said(), child.said())


def main():
    tap = Tap()
    check_page(tap)
    check_exact(tap, "C, 8 threads", [SUBJECT, "threads"])
    check_exact(tap, "C++, 4 threads", [SUBJECT_CXX])
    check_exact(tap, "C in a program at a fixed address", [SUBJECT + "_fixed", "threads"])
    check_exact(tap, "Python", PYTHON, slack=PYTHON_SLACK)
    check_exact(tap, "a shell that execs", ["sh", "-c", "exec %s threads" % SUBJECT])
    check_own_malloc(tap)
    check_other_allocator(tap)
    check_fork(tap, "a program", [SUBJECT, "fork"])
    check_refused(tap)
    check_misuse(tap)
    tap.done()


main()
