#!/usr/bin/env python3
"""Drivers as hosts of one run, with a stand-in for the uploader (tests/fixtures/fake_uploader.py), so that what
goes wrong between the two can be chosen: every way not to meet, to end early and to lose one another."""

import concurrent.futures
import os
import shutil
import signal
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from hosts import Hosts, beside
from program import wait_until
from tap import Tap

LONG = """
duration: 600s
chaos-after: [800ms, 1500ms]
checkpoints: 1
servers:
  - {name: plain, cap: none}
  - {name: safe, secure: true, cap: none}
  - {name: mortal, stable: false, cap: none}
clients:
  - {name: calls, server: plain, pattern: non-streaming-many-calls, cap: none}
  - {name: stream, server: safe, pattern: bidi-stream, stable: false, cap: none}
  - {name: loser, server: mortal, pattern: non-streaming-many-calls, cap: none}
"""
META = "SELECT value FROM meta WHERE key = '%s'"
FAKE = os.path.join(os.environ["top_srcdir"], "tests", "fixtures", "fake_uploader.py")

folder = tempfile.mkdtemp(prefix="flatline-hosts.")
driver = beside(os.path.join(folder, "bin"), FAKE)


def hosts(place, size, *options, scenario=LONG, wrong=None, **more):
    meeting = tempfile.mkdtemp(dir=folder)
    made = Hosts(folder, place, size, *options, scenario=scenario, report_to="http://127.0.0.1:9", driver=driver,
                 env=dict(os.environ, FAKE_UPLOADER=wrong or "", FAKE_UPLOADER_DIR=meeting), **more)
    made.meeting = meeting
    return made


def meta(h, rank, key):
    rows = h.rows(rank, META % key)
    return rows[0][0] if rows else None


def interrupted():
    with hosts("spread", 2) as h:
        h.wait_said("the run begins")
        h.kill(1, signal.SIGINT)
        statuses = h.wait()
        yield "SIGINT on one host ends both", statuses == [4, 130], statuses, *h.said()
        yield "... in order", "ending before its time: host of rank 1 has ended: 130 interrupted" in \
            h.drivers[0].said(), *h.said()
        yield "... with records that are complete", all(
            meta(h, r, "end_ns") and meta(h, r, "interrupted") == 1 for r in (0, 1))


def killed():
    with hosts("replicate", 2, "--duration", "5s") as h:
        h.wait_said("the run begins")
        h.kill(1)
        open(os.path.join(h.meeting, "lost.1"), "w").close()
        yield "kill -9 of one driver leaves nothing behind", h.wait_gone(1), h.left(1)
        status = h.drivers[0].process.wait(120)
        yield "... and the others go on to the end", status in (0, 4), status, *h.said()
        yield "... which is not cut short", meta(h, 0, "stop_ns") >= meta(h, 0, "ready_ns") + 5e9, *h.said()
        yield "... but told who is lost", "host n1 is lost" in h.drivers[0].said(), *h.said()


def cut_off():
    with hosts("replicate", 1, "--duration", "4s", wrong="dies-after-start") as h:
        statuses = h.wait()
        said = h.drivers[0].said()
        yield "an uploader that dies is no end", statuses == [3] and "nothing more is reported" in said and \
            "share was not delivered" in said, statuses, *h.said()
        yield "... the share is whole", meta(h, 0, "stop_ns") >= meta(h, 0, "ready_ns") + 4e9 and meta(h, 0, "end_ns")


def undelivered():
    with hosts("replicate", 1, "--duration", "1s", wrong="undelivered") as h:
        statuses = h.wait()
        yield "what was not delivered is said", statuses[0] in (3, 4) and "17 batches were not delivered" in \
            h.drivers[0].said(), statuses, *h.said()


def never_met():
    refusals = (
        ("away", {}, [], "is the results server running?"),
        ("babbles", {}, [], "it said what is not understood: hello"),
        (None, {"absent": [1]}, ["--barrier-timeout", "1s"], "missing after 1000ms: rank 1"),
        (None, {"own": {0: ["--host-name", "n1"]}}, [], "two hosts, of ranks 0 and 1, are called n1"),
        (None, {"own": {1: ["--base-port", "1", "--scenario", other_scenario()]}}, ["--place", "spread"],
         "runs another scenario"),
        ("slow", {"own": {1: ["--scenario", other_scenario()]}}, ["--place", "spread"], "runs another scenario"),
    )
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for text, (status, said, begun) in zip((r[3] for r in refusals), pool.map(refused, refusals)):
            yield "no run: %s" % text, status == 3 and text in said, status, said
            yield "... and nothing was started", not begun, said


def other_scenario():
    path = os.path.join(folder, "other.yaml")
    with open(path, "w") as file:
        file.write(LONG.replace("loser", "other"))
    return path


def refused(case):
    wrong, more, options, _ = case
    with hosts("replicate", 2, *options, wrong=wrong, **more) as h:
        statuses = h.wait()
        begun = os.path.exists(os.path.join(h.run_dir(0), "run.db"))
        return statuses[0], h.drivers[0].said(), begun or not h.wait_gone(0)


def interrupted_early():
    with hosts("replicate", 2, absent=[1]) as h:
        h.drivers[0].wait_said("waiting for all hosts")
        h.kill(0, signal.SIGTERM)
        statuses = h.wait()
        yield "a wait for others can be interrupted", statuses == [130], statuses, *h.said()
        yield "... leaving nothing behind", h.wait_gone(0)


def one_gives_up():
    with hosts("replicate", 3, absent=[2]) as h:
        h.wait_said("waiting for all hosts")
        wait_until(lambda: os.path.exists(os.path.join(h.meeting, "host.1")))
        h.kill(1, signal.SIGTERM)
        statuses = h.wait()
        yield "who gives up while others are awaited ends their wait, too", statuses == [3, 130] and \
            "did not meet: host of rank 1 has ended" in h.drivers[0].said(), statuses, *h.said()


def main():
    tap = Tap()
    cases = (interrupted, killed, cut_off, undelivered, never_met, interrupted_early, one_gives_up)
    try:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for checks in pool.map(lambda case: list(case()), cases):
                for name, passed, *why in checks:
                    tap.check(name, passed, *why)
    finally:
        shutil.rmtree(folder)
    tap.done()


main()
