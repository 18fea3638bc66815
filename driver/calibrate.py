#!/usr/bin/env python3
"""Calibrates the heap caps: healthy runs without a tight cap, the peak of `data` by role and security,
doubled and rounded up to MiB, written to driver/caps.h.

    calibrate.py DRIVER CAPS_H [RUNS [DURATION]]

A process in some forty starts with about 6 MiB more: when its heap happens to straddle a 1 GiB boundary,
jemalloc's radix tree needs a second 2 MiB leaf, for which its base allocator maps 6 MiB. Few runs see that
in every class, so a class in which no process started that way has it added to its peak.

Each run must pass; three of 60 s by default. `make calibrate` calls it; commit the result with the
numbers that it prints.
"""
import math
import os
import re
import sqlite3
import subprocess
import sys
import tempfile

MIB = 1 << 20
ROOMY = "256M"  # far above any healthy process, so that the cap shapes nothing
STRADDLE = 6 * MIB
# Per class: the highest `data`, and the least and the most that an incarnation had when it was first seen.
PEAKS = """
    WITH life AS (
        SELECT i.component, max(s.data) AS peak,
            (SELECT f.data FROM sample f WHERE f.incarnation = i.id AND f.data > 0
             AND f.time_ns >= i.ready_ns ORDER BY f.time_ns LIMIT 1) AS first
        FROM incarnation i JOIN sample s ON s.incarnation = i.id
        WHERE s.time_ns >= i.ready_ns GROUP BY i.id)
    SELECT c.role, c.secure, max(life.peak), min(life.first), max(life.first)
    FROM life JOIN component c ON c.id = life.component GROUP BY c.role, c.secure"""


def run_once(driver, runs, duration):
    command = [driver, "--working-dir", runs, "--duration", duration, "--server-heap", ROOMY,
               "--client-heap", ROOMY]
    if subprocess.run(command, check=False).returncode != 0:
        sys.exit("calibrate: the run was not healthy, nothing is written")
    db = sqlite3.connect(os.path.join(runs, "latest", "run.db"))
    return {(role, bool(secure)): row for role, secure, *row in db.execute(PEAKS)}


def merge(runs):
    """The peak of each class over all runs, with what chance kept from being seen."""
    peaks = {}
    for key in {key for run in runs for key in run}:
        rows = [run[key] for run in runs if key in run]
        peak = max(row[0] for row in rows)
        seen = max(row[2] for row in rows) - min(row[1] for row in rows) > STRADDLE * 3 // 4
        peaks[key] = peak if seen else peak + STRADDLE
    return peaks


def rewrite(path, peaks):
    with open(path, encoding="utf-8") as header:
        text = header.read()
    for (role, secure), peak in sorted(peaks.items()):
        name = "CAP_%s_%s_MIB" % (role.upper(), "SECURE" if secure else "INSECURE")
        cap = math.ceil(2 * peak / MIB)
        print("%-26s %3d  peak %.2f MB" % (name, cap, peak / MIB))
        text, count = re.subn(r"(#define %s) \d+" % name, r"\1 %d" % cap, text)
        if count != 1:
            sys.exit("calibrate: %s does not define %s" % (path, name))
    with open(path + ".new", "w", encoding="utf-8") as header:
        header.write(text)
    os.replace(path + ".new", path)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    driver, caps = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    duration = sys.argv[4] if len(sys.argv) > 4 else "60s"
    with tempfile.TemporaryDirectory(prefix="flatline-calibrate.") as runs:
        peaks = merge([run_once(driver, runs, duration) for _ in range(count)])
    if len(peaks) != 4:
        sys.exit("calibrate: expected servers and clients, secure and not, found %s" % sorted(peaks))
    rewrite(caps, peaks)


if __name__ == "__main__":
    main()
