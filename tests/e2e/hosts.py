#!/usr/bin/env python3
"""Runs of two hosts on one machine, with the real results server and uploader: kills on both and one verdict,
traffic that crosses, a driver that is killed, a host that is lost, a results server that is killed and comes back,
and what rank 0's death leaves to do."""

import concurrent.futures
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import urllib.request

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from hosts import Hosts, address
from program import BUILD, DRIVER, Program, wait_until
from tap import Tap

RESULTS = os.path.join(BUILD, "results-server", "results-server")
SCENARIO = """
duration: %s
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
  - {name: victim, server: plain, pattern: non-streaming-many-calls, stable: false, cap: none}
# What a slow machine cannot be held to; nor can what is sanitized start under a cap.
limits: {recovery: 60s, stall: 60s, coverage: 0.05}
"""
SHORT = SCENARIO % "7s"
LONG = SCENARIO % "600s"
NAMES = ["calls", "loser", "mortal", "plain", "safe", "stream", "victim"]

folder = tempfile.mkdtemp(prefix="flatline-hosts.")


class Results(Program):
    """At an address that is this script's, so that it can come back there."""

    def __init__(self, store=None, number=0):
        self.store = store or tempfile.mkdtemp(dir=folder)
        self.url = "http://%s:21299" % address(number, 7)
        super().__init__(RESULTS, "--listen", self.url[7:], "--store", self.store, "--host-timeout", "3s")
        self.wait_said("listening on")

    def test(self, name):
        with urllib.request.urlopen("%s/test/%s" % (self.url, name), timeout=60) as answer:
            return json.load(answer)


def cmdline(pid):
    with open("/proc/%s/cmdline" % pid, "rb") as file:
        return file.read()


def blames_host(blamed, text):
    return any(name is None and rule == "hosts" and text in why for name, rule, why in blamed)


def hosts(results, test, place, scenario=SHORT, *options, **more):
    return Hosts(folder, place, 2, *options, scenario=scenario, report_to=results.url, test=test, **more)


def failures(run):
    """(component, rule, text) of each failure, by the report that lies in the folder."""
    with open(os.path.join(run, "summary.json")) as file:
        summary = json.load(file)
    verdicts = [(None, v) for v in summary["verdicts"]]
    verdicts += [(c["name"], v) for c in summary["components"] for v in c["verdicts"]]
    return [(name, v["rule"], v["text"]) for name, v in verdicts if v["outcome"] == "fail"]


def stood_still(h):
    """Whether the machine did for so long that all kills that were due fell into it."""
    times = [h.rows(r, "SELECT DISTINCT time_ns FROM sample ORDER BY 1") for r in (0, 1)]
    return any(later - earlier > 2e9 for rows in times for (earlier,), (later,) in zip(rows, rows[1:]))


def judged(h, results, test):
    """What every good end has; a run of seconds is too short for a verdict on memory."""
    statuses = h.wait()
    yield "%s: one verdict, by rank 0" % test, statuses[0] in (0, 4) and statuses[1] == 0, statuses, *h.said()
    yield "... without a failure", failures(h.whole()) == [], failures(h.whole())
    told = results.test(test)
    yield "... which the results server knows", told["state"] == "finished" and \
        told["verdict"]["verdict"] in ("pass", "inconclusive"), told
    ready = [h.rows(r, "SELECT value FROM meta WHERE key = 'ready_ns'") for r in (0, 1)]
    yield "... all begin at one moment", abs(ready[0][0][0] - ready[1][0][0]) < 500e6, ready
    yield "... nothing is left", h.wait_gone(0) and h.wait_gone(1)
    kills = h.rows(0, "SELECT c.host, count(*) FROM incarnation JOIN component c ON c.id = component "
                      "WHERE reason = 'chaos' GROUP BY 1", run=h.whole())
    yield "... kills on both", len(kills) == 2 or stood_still(h), kills


def ran(h):
    return h.rows(0, "SELECT DISTINCT c.name FROM incarnation JOIN component c ON c.id = component ORDER BY 1",
                  run=h.whole())


def replicate(results):
    with hosts(results, "replicate", "replicate") as h:
        yield from judged(h, results, "replicate")
        yield "replicate: each runs all", ran(h) == [("n%d.%s" % (r, name),) for r in (0, 1) for name in NAMES], ran(h)
        seeds = [h.rows(r, "SELECT value FROM meta WHERE key = 'seed'")[0][0] for r in (0, 1)]
        yield "... by a seed of its own", seeds[1] == seeds[0] + 1, seeds
        yield "... and latest is the whole", os.path.realpath(os.path.join(h.runs(0), "latest")) == h.whole()


def spread(results):
    with hosts(results, "spread", "spread", SHORT, "--seed", "42") as h:
        yield from judged(h, results, "spread")
        names = [name for name, in ran(h)]
        yield "spread: each component runs once", sorted(name[3:] for name in names) == NAMES, names
        together = h.rows(0, "SELECT c.name FROM component c JOIN component s ON s.id = c.peer WHERE c.host = s.host",
                          run=h.whole())
        yield "... clients away from their servers", together == [], together
        silent = h.rows(0, "SELECT c.name, max(messages_received) m FROM sample JOIN incarnation i ON i.id = incarnation "
                           "JOIN component c ON c.id = i.component GROUP BY 1 HAVING m IS NULL OR m = 0", run=h.whole())
        yield "... and traffic crosses", silent == [], silent
        seeds = [h.rows(r, "SELECT value FROM meta WHERE key = 'seed'") for r in (0, 1)]
        yield "... by one seed", seeds == [[(42,)], [(42,)]], seeds


def killed(results):
    with hosts(results, "killed", "replicate", LONG) as h:
        h.wait_said("the run begins")
        h.kill(1)
        status = h.drivers[0].process.wait(120)
        blamed = failures(h.whole())
        yield "kill -9 of a driver ends the others", status == 1, *h.said()
        yield "... and the whole names its host", blames_host(blamed, "n1 gave up"), blamed
        yield "... nothing of it is left", h.wait_gone(1) and h.wait_gone(0), h.left(1), h.left(0)


def died(results):
    """A process of one share, by a hand that is not the driver's."""
    with hosts(results, "died", "replicate", LONG) as h:
        h.wait_said("the run begins")
        victim, = [pid for pid in h.left(1) if b"--profile-dir" in cmdline(pid) and cmdline(pid).endswith(b"/safe\0")]
        os.kill(int(victim), signal.SIGKILL)
        statuses = h.wait()
        blamed = failures(h.whole())
        yield "a process that dies on one host fails the run on all", statuses == [1, 1], statuses, *h.said()
        yield "... and is blamed, with its host", ("n1.safe", "unexpected-exit") in [f[:2] for f in blamed], blamed


def lost(results):
    with hosts(results, "lost", "replicate", SCENARIO % "8s") as h:
        h.wait_said("the run begins")
        uploader = [int(pid) for pid in h.left(1) if b"--barrier-timeout" in cmdline(pid)]
        for pid in uploader:
            os.kill(pid, signal.SIGKILL)  # before the driver: as a host that loses its power
        h.kill(1)
        status = h.drivers[0].process.wait(120)
        blamed = failures(h.whole())
        yield "a host that is lost is found out", uploader and "host n1 is lost" in h.drivers[0].said(), *h.said()
        stop, ready = (h.rows(0, "SELECT value FROM meta WHERE key = '%s'" % key)[0][0] for key in ("stop_ns", "ready_ns"))
        yield "... while the others go on to the end", stop - ready >= 8e9, stop - ready
        yield "... and the whole names it", status == 1 and blames_host(blamed, "n1 was lost"), status, blamed


def rank0_killed(results):
    with hosts(results, "headless", "replicate", LONG) as h:
        h.wait_said("the run begins")
        h.kill(0)
        status = h.drivers[1].process.wait(120)
        yield "without rank 0 the others deliver their shares", status == 0, *h.said()
        out = os.path.join(folder, "exported")
        done = subprocess.run([RESULTS, "export", "headless", "--store", results.store, "--out", out],
                              capture_output=True, text=True)
        gate = subprocess.run([DRIVER, "gate", out], capture_output=True, text=True)
        yield "... and the results server makes the whole", done.returncode == 0 and gate.returncode == 1 and \
            "n0 gave up" in gate.stdout, done.stderr, gate.stdout, gate.stderr


def alone(*options):
    """A run that reports to nobody; ports that somebody else has are not its fault."""
    path = os.path.join(folder, "alone.yaml")
    with open(path, "w") as file:
        file.write(SCENARIO % "4s")
    while True:
        runs = tempfile.mkdtemp(dir=folder)
        done = subprocess.run([DRIVER, "--scenario", path, "--working-dir", runs, "--base-port",
                               str(random.randrange(20000, 31000)), *options], capture_output=True, text=True)
        if "cannot be listened on" not in done.stderr:
            return done, os.path.join(runs, "latest")


def unchanged(results):
    done, run = alone("--seed", "42")
    yield "alone: it runs as ever", done.returncode in (0, 4), done.stdout, done.stderr
    with sqlite3.connect("file:%s/run.db?immutable=1" % run, uri=True) as db:
        hosts_told = db.execute("SELECT count(*) FROM meta WHERE key IN ('hosts', 'rank', 'place')").fetchone()
        told = db.execute("SELECT count(host), sum(command LIKE '%--host %') FROM component").fetchone()
    yield "... and run.db tells of no hosts", hosts_told == (0,) and told == (0, 0), hosts_told, told
    with hosts(results, "unchanged", "spread", SCENARIO % "4s", "--seed", "42") as h:
        h.wait()
        plans = [re.search(r"chaos plan \S+ of seed 42", said) for said in [done.stderr] + h.said()]
        yield "... by the plan that many hosts share", all(plans) and len({plan.group(0) for plan in plans}) == 1, \
            done.stderr, *h.said()


def restarted():
    with Results(number=1) as first, hosts(first, "restarted", "replicate") as h:
        h.wait_said("the run begins")
        first.process.kill()
        first.process.wait()
        with Results(first.store, 1) as second:
            yield from judged(h, second, "restarted")


def stillborn(results):
    broken = LONG.replace("name: victim, server: plain, pattern: non-streaming-many-calls, stable: false",
                          "name: victim, server: plain, command: [/bin/false]")
    with hosts(results, "stillborn", "spread", broken) as h:
        statuses = h.wait()
        yield "a share that cannot be brought up ends all", statuses == [3, 1], statuses, *h.said()
        yield "... which say why", "victim: error-exit" in h.drivers[1].said() and \
            "n1 (fail: victim: error-exit)" in h.drivers[0].said(), *h.said()


def never_met(results):
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        with hosts(results, "away", "replicate", SHORT, "--report-to", "http://127.0.0.1:%d" % taken.getsockname()[1],
                   "--barrier-timeout", "1s") as away, \
                hosts(results, "missing", "replicate", SHORT, "--barrier-timeout", "1s", absent=[1]) as missing, \
                hosts(results, "twins", "replicate", SHORT, "--barrier-timeout", "5s",
                      own={1: ["--host-name", "n0"]}) as twins:
            for h, what, text in ((away, "a results server that is not there", "127.0.0.1"),
                                  (missing, "a host that never comes", "1"),
                                  (twins, "two hosts of one name", "n0")):
                statuses = h.wait()
                begun = any(os.path.exists(os.path.join(h.run_dir(r), "run.db")) for r in h.drivers)
                yield "%s: no run" % what, set(statuses) == {3} and not begun, statuses, *h.said()
                yield "... and it is said", any("the hosts did not meet" in said and text in said for said in h.said()), \
                    *h.said()


def main():
    tap = Tap()
    try:
        with Results() as results, concurrent.futures.ThreadPoolExecutor() as pool:
            shared = (replicate, spread, killed, died, lost, rank0_killed, stillborn, never_met, unchanged)
            running = [pool.submit(lambda case: list(case(results)), case) for case in shared]
            running.append(pool.submit(lambda: list(restarted())))
            for case in running:
                for name, passed, *why in case.result():
                    tap.check(name, passed, *why)
            tap.check("the results server ends in order", results.stop() == 0, results.said())
    finally:
        shutil.rmtree(folder)
    tap.done()


main()
