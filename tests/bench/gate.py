#!/usr/bin/env python3
"""The smallest leak that the gate finds: detection limits by bisection over real runs of the whole fleet.

    gate.py [ROUNDS [DURATION]]

Each round is one default run with a leak planted in every component of SLOTS at once, each of a size of its own:
smaller than the smallest that was found there, larger than the largest that was missed. A leak is of 16-byte pieces,
one for so many events; what it came to is read off the readings at rest, not taken on trust. A clean run first counts
the events and must pass. `make bench-gate` calls it; it prints the table of docs/methods.md.
"""
import fcntl
import os
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.dont_write_bytecode = True

import statistic
from program import BUILD

PIECE = 16
FIRST = 256  # bytes in a whole run
SLOTS = (
    ("server-stable-insecure", "call"),
    ("server-stable-secure", "connection"),
    ("client-31300-stable-insecure-non-streaming-many-calls", "call"),
    ("client-31301-stable-secure-non-streaming-many-connections", "connection"),
    ("client-31300-stable-insecure-client-stream-many-calls", "stream"),
    ("client-31301-stable-secure-server-stream-many-calls", "header"),
    ("client-31300-stable-insecure-non-streaming-many-connections", "disconnect"),
    ("client-31302-stable-insecure-bidi-stream-many-calls", "call"),
    ("server-unstable-insecure", "call"),
    ("client-31301-unstable-secure-non-streaming-many-calls", "call"),
)
CONNECTION_SHAPES = ("connection", "disconnect")
READINGS = """
    SELECT i.number, r.live, r.calls_done + r.calls_failed, r.connections_total
    FROM reading r JOIN checkpoint k ON k.id = r.checkpoint JOIN incarnation i ON i.id = r.incarnation
    JOIN component c ON c.id = i.component
    WHERE k.kind = 'rest' AND r.valid AND c.name = ? ORDER BY i.number, r.time_ns"""


class Slot:
    def __init__(self, component, shape):
        self.component, self.shape = component, shape
        self.target, self.events = FIRST, 0
        self.found, self.missed = None, None  # (bytes at rest, events)

    def plant(self):
        return "%s=%s:%d/%d" % (self.component, self.shape, PIECE,
                                max(1, self.events * PIECE // self.target))

    def look(self, db):
        """Growth at rest and events between the first and the last reading of each life."""
        lives = {}
        for number, live, calls, connections in db.execute(READINGS, (self.component,)):
            lives.setdefault(number, []).append(
                (live, connections if self.shape in CONNECTION_SHAPES else calls))
        grown = sum(life[-1][0] - life[0][0] for life in lives.values())
        return grown, sum(life[-1][1] - life[0][1] for life in lives.values())

    def learn(self, grown, events, failed):
        if failed and (self.found is None or grown < self.found[0]):
            self.found = grown, events
        if not failed and (self.missed is None or grown > self.missed[0]):
            self.missed = grown, events
        low, high = self.missed and self.missed[0], self.found and self.found[0]
        aim = (low + high) / 2 if low and high else high / 2 if high else 2 * max(low, PIECE)
        # What is seen at rest is less than the whole, by what came before and after the readings.
        self.target = max(PIECE, int(aim * self.target / max(grown, PIECE)))


def run(duration, plants, where):
    command = [os.path.join(BUILD, "driver", "driver"), "--duration", duration, "--working-dir", where, "--evidence", "off"]
    for plant in plants:
        command += ["--inject-leak", plant]
    with open("/tmp/flatline-fleet.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                check=False).returncode
    if status not in (0, 1, 4):
        sys.exit("gate.py: %s ended with %d" % (" ".join(command), status))
    folder = os.path.join(where, "latest")
    return status, statistic.load(folder), sqlite3.connect("file:%s/run.db?immutable=1" % folder, uri=True)


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
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    duration = sys.argv[2] if len(sys.argv) > 2 else "60s"
    slots = [Slot(*slot) for slot in SLOTS]
    with tempfile.TemporaryDirectory() as where:
        status, verdicts, db = run(duration, [], where)
        if status != 0:
            sys.exit("gate.py: the clean run ended with %d" % status)
        worst, _ = statistic.largest(verdicts)
        print("clean: the largest statistic is %.3f of its threshold (%s of %s)"
              % (worst[0], worst[2], worst[1]), flush=True)
        for slot in slots:
            slot.events = slot.look(db)[1]
        for number in range(rounds):
            _, verdicts, db = run(duration, [slot.plant() for slot in slots], where)
            failures = {(name, verdict["rule"]) for name, verdict in verdicts
                        if verdict["outcome"] == "fail"}
            for slot in slots:
                grown, events = slot.look(db)
                failed = (slot.component, "leak") in failures
                print("round %d: %s %s: %d B in %d events: %s"
                      % (number + 1, slot.component, slot.shape, grown, events,
                         "found" if failed else "missed"), flush=True)
                slot.learn(grown, events, failed)
            blamed = {name for name, _ in failures} - {slot.component for slot in slots}
            if blamed:
                sys.exit("gate.py: blamed without a leak: %s" % ", ".join(sorted(blamed)))
        show(slots)


main()
