#!/usr/bin/env python3
"""How small a leak the gate finds, over real runs of the whole fleet. `make bench-gate` calls it.

    gate.py [--duration TIME] [--rounds N]                  the smallest that is found, by bisection
    gate.py [--duration TIME] --bytes N --repeats N         how often one of so many bytes a run is found
    gate.py --recorded RUN...                               the same of runs that were made before

Each is a default run with a leak planted in every component of SLOTS at once: pieces of 16 bytes, one for so many
events, which rule leak is to find. What it came to is read off the readings at rest, not taken on trust. By bisection
each slot has a size of its own: smaller than the smallest that was found there, larger than the largest that was
missed. With --bytes the components of LOAD_SLOTS leak 1 KB/s besides, which rule growth is to find under load. A clean
run first counts the events and must pass. Prints the tables of docs/methods.md.
"""
import argparse
import fcntl
import json
import os
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.dont_write_bytecode = True

import statistic
from program import BUILD

DRIVER = os.path.join(BUILD, "driver", "driver")
PIECE = 16
FIRST = 256  # bytes in a whole run
SLOTS = (
    ("server-stable-insecure", "call"),
    ("server-stable-secure", "connection"),
    ("client-31300-stable-insecure-non-streaming-many-calls", "call"),
    ("client-31301-stable-secure-non-streaming-many-connections", "drop"),
    ("client-31300-stable-insecure-client-stream-many-calls", "stream"),
    ("client-31301-stable-secure-server-stream-many-calls", "header"),
    ("client-31300-stable-insecure-non-streaming-many-connections", "disconnect"),
    ("client-31303-stable-secure-non-streaming-many-connections", "handshake"),
    ("client-31302-stable-insecure-non-streaming-many-connections", "reconnect"),
    ("client-31302-stable-insecure-bidi-stream-many-calls", "call"),
    ("server-unstable-insecure", "call"),
    ("client-31301-unstable-secure-non-streaming-many-calls", "call"),
)
RATE = 1024  # bytes a second, which rule growth is to find
LOAD_PIECE = 64
LOAD_SLOTS = (
    ("client-31300-stable-insecure-bidi-stream-many-calls", "call"),
    ("client-31301-stable-secure-client-stream-many-calls", "stream"),
    ("client-31302-stable-insecure-client-stream-many-calls", "call"),
    ("client-31303-stable-secure-non-streaming-many-calls", "call"),
    ("client-31303-stable-secure-server-stream-many-calls", "header"),
    ("client-31300-unstable-insecure-non-streaming-many-calls", "call"),
    ("client-31301-unstable-secure-non-streaming-many-connections", "connection"),
)
CONNECTION_SHAPES = ("connection", "disconnect", "drop", "handshake", "reconnect")
PLANTED = re.compile(r"--inject-leak (\w+):")
READINGS = """
    SELECT i.number, r.time_ns / 1e9, r.live, r.calls_done + r.calls_failed, r.connections_total
    FROM reading r JOIN checkpoint k ON k.id = r.checkpoint JOIN incarnation i ON i.id = r.incarnation
    JOIN component c ON c.id = i.component
    WHERE k.kind = 'rest' AND r.valid AND c.name = ? ORDER BY i.number, r.time_ns"""


class Slot:
    def __init__(self, component, shape):
        self.component, self.shape = component, shape
        self.rule = "growth" if (component, shape) in LOAD_SLOTS else "leak"
        self.target = RATE if self.rule == "growth" else FIRST
        self.events, self.seconds = 0, 1
        self.found, self.missed = None, None  # (bytes at rest, events)

    def plant(self):
        piece = LOAD_PIECE if self.rule == "growth" else PIECE
        pieces = self.target * (self.seconds if self.rule == "growth" else 1) / piece
        return "%s=%s:%d/%d" % (self.component, self.shape, piece, max(1, self.events // pieces))

    def look(self, db):
        """
        Growth at rest, and events, between the first and the last reading of each life; of rule growth the growth
        of a second.
        """
        lives = {}
        for number, seconds, live, calls, connections in db.execute(READINGS, (self.component,)):
            lives.setdefault(number, []).append(
                (live, connections if self.shape in CONNECTION_SHAPES else calls, seconds))
        grown, events, seconds = (sum(life[-1][i] - life[0][i] for life in lives.values()) for i in range(3))
        if events > 0:
            self.events, self.seconds = events, seconds
        return round(grown / seconds) if self.rule == "growth" and seconds else grown, events

    def learn(self, grown, events, failed):
        if failed and (self.found is None or grown < self.found[0]):
            self.found = grown, events
        if not failed and (self.missed is None or grown > self.missed[0]):
            self.missed = grown, events
        low, high = self.missed and self.missed[0], self.found and self.found[0]
        aim = (low + high) / 2 if low and high else high / 2 if high else 2 * max(low, PIECE)
        # What is seen at rest is less than the whole, by what came before and after the readings.
        self.target = max(PIECE, int(aim * self.target / max(grown, PIECE)))


def judge(folder):
    """(component, rule) of all that fails."""
    report = subprocess.run([DRIVER, "report", "--format", "json", folder], stdout=subprocess.PIPE, check=True)
    return {(component["name"], verdict["rule"]) for component in json.loads(report.stdout)["components"]
            for verdict in component["verdicts"] if verdict["outcome"] == "fail"}


def open_run(folder):
    return sqlite3.connect("file:%s/run.db?immutable=1" % folder, uri=True)


def run(duration, plants, where):
    command = [DRIVER, "--duration", duration, "--working-dir", where, "--evidence", "off"]
    for plant in plants:
        command += ["--inject-leak", plant]
    with open("/tmp/flatline-fleet.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                check=False).returncode
    if status not in (0, 1, 4):
        sys.exit("gate.py: %s ended with %d" % (" ".join(command), status))
    return status, os.path.join(where, "latest")


def count_events(slots, duration, where):
    status, folder = run(duration, [], where)
    if status != 0:
        sys.exit("gate.py: the clean run ended with %d" % status)
    worst, _ = statistic.largest(statistic.load(folder))
    print("clean: the largest statistic is %.3f of its threshold (%s of %s)"
          % (worst[0], worst[2], worst[1]), flush=True)
    for slot in slots:
        slot.look(open_run(folder))


def look_at(folder, slots, label):
    """(slot, bytes, events, found) of each slot. None without a leak may be blamed."""
    failures, db = judge(folder), open_run(folder)
    blamed = {name for name, _ in failures} - {slot.component for slot in slots}
    if blamed:
        sys.exit("gate.py: %s: blamed without a leak: %s" % (folder, ", ".join(sorted(blamed))))
    for slot in slots:
        grown, events = slot.look(db)
        found = (slot.component, slot.rule) in failures
        print("%s: %s: %s per %s: %d B%s, %d events: %s" % (
            label, slot.rule, slot.component, slot.shape, grown, "/s" if slot.rule == "growth" else "", events,
            "found" if found else "missed"), flush=True)
        yield slot, grown, events, found


def bisect(slots, rounds, duration, where):
    for number in range(rounds):
        _, folder = run(duration, [slot.plant() for slot in slots], where)
        for slot, grown, events, found in look_at(folder, slots, "round %d" % (number + 1)):
            slot.learn(grown, events, found)
    show(slots)


def repeat(slots, repeats, duration, where):
    """The same size again and again; a busier machine has fewer events, so the pace is set by the last run."""
    seen = {}
    for number in range(repeats):
        _, folder = run(duration, [slot.plant() for slot in slots], where)
        for slot, grown, events, found in look_at(folder, slots, "run %d" % (number + 1)):
            seen.setdefault((slot.rule, slot.component, slot.shape), []).append((grown, events, found))
    show_rates(seen)


def recall(folders):
    seen = {}
    for folder in folders:
        slots = [Slot(name, PLANTED.search(command).group(1)) for name, command in
                 open_run(folder).execute("SELECT name, command FROM component") if PLANTED.search(command)]
        for slot, grown, events, found in look_at(folder, slots, os.path.basename(folder)):
            seen.setdefault((slot.rule, slot.component, slot.shape), []).append((grown, events, found))
    show_rates(seen)


def show_rates(seen):
    print("| rule | component | leak per | found | bytes (leak: at rest; growth: a second): least, median, most | "
          "events, median |")
    print("|---|---|---|---|---|---|")
    for (rule, component, shape), runs in sorted(seen.items(), reverse=True):
        grown = sorted(run[0] for run in runs)
        print("| `%s` | `%s` | %s | %d of %d | %d, %d, %d | %d |" % (
            rule, component, shape, sum(run[2] for run in runs), len(runs), grown[0], statistics.median(grown),
            grown[-1], statistics.median(run[1] for run in runs)))


def show(slots):
    print("| component | leak per | found | for so many events | per 10,000 events | missed at most |")
    print("|---|---|---|---|---|---|")
    for slot in slots:
        grown, events = slot.found or (None, 0)
        print("| `%s` | %s | %s | %s | %s | %s |" % (
            slot.component, slot.shape, "%d B" % grown if grown else "-", events or "-",
            "%.1f B" % (grown * 1e4 / events) if grown and events else "-",
            "%d B" % slot.missed[0] if slot.missed else "-"))


def main():
    parser = argparse.ArgumentParser(description="How small a leak the gate finds.")
    parser.add_argument("--duration", default="60s")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--bytes", type=int)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--recorded", nargs="+", metavar="RUN")
    args = parser.parse_args()
    if args.recorded:
        recall(args.recorded)
        return
    slots = [Slot(*slot) for slot in (SLOTS if args.bytes is None else SLOTS + LOAD_SLOTS)]
    for slot in slots:
        if slot.rule == "leak":
            slot.target = args.bytes or FIRST
    with tempfile.TemporaryDirectory() as where:
        count_events(slots, args.duration, where)
        if args.bytes is None:
            bisect(slots, args.rounds, args.duration, where)
            return
        repeat(slots, args.repeats, args.duration, where)


main()
