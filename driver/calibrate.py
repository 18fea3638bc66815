#!/usr/bin/env python3
"""Calibrates the heap caps: healthy runs without a tight cap, the peak of `data` by role and security,
doubled and rounded up to MiB, written to driver/caps.h.

    calibrate.py DRIVER CAPS_H [RUNS [DURATION [threads]]]

A process in some forty starts with about 6 MiB more: when its heap happens to straddle a 1 GiB boundary,
jemalloc's radix tree needs a second 2 MiB leaf, for which its base allocator maps 6 MiB. Few runs see that
in every class, so a class in which no process started that way has it added to its peak.

What a further event loop of a server adds is taken from as many runs with --server-threads 4, against those with
one: doubled too, since its load is a server's. "threads" calibrates that alone.

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
THREADS = 4
# Per incarnation: its class, the highest `data`, and what it had when it was first seen.
LIVES = """
    SELECT c.role, c.secure, max(s.data),
        (SELECT f.data FROM sample f WHERE f.incarnation = i.id AND f.data > 0
         AND f.time_ns >= i.ready_ns ORDER BY f.time_ns LIMIT 1)
    FROM incarnation i JOIN sample s ON s.incarnation = i.id JOIN component c ON c.id = i.component
    WHERE s.time_ns >= i.ready_ns GROUP BY i.id"""


def run_once(driver, runs, duration, threads):
    command = [driver, "--working-dir", runs, "--duration", duration, "--server-heap", ROOMY,
               "--client-heap", ROOMY, "--server-threads", str(threads)]
    if subprocess.run(command, check=False).returncode != 0:
        sys.exit("calibrate: the run was not healthy, nothing is written")
    db = sqlite3.connect(os.path.join(runs, "latest", "run.db"))
    return [row for row in db.execute(LIVES) if None not in row]


def run_all(driver, count, duration, threads):
    """Of each class the lives of all its incarnations in all runs: [(peak, first)]."""
    classes = {}
    with tempfile.TemporaryDirectory(prefix="flatline-calibrate.") as runs:
        for _ in range(count):
            for role, secure, peak, first in run_once(driver, runs, duration, threads):
                classes.setdefault((role, bool(secure)), []).append((peak, first))
    if len(classes) != 4:
        sys.exit("calibrate: expected servers and clients, secure and not, found %s" % sorted(classes))
    return classes


def straddles(first, lives):
    return first - min(first for _, first in lives) > STRADDLE * 3 // 4


def peak_of(lives):
    """With what chance kept from being seen."""
    seen = any(straddles(first, lives) for _, first in lives)
    return max(peak for peak, _ in lives) + (0 if seen else STRADDLE)


def peak_without_chance(lives):
    return max(peak - (STRADDLE if straddles(first, lives) else 0) for peak, first in lives)


def per_thread(single, several):
    """What one further event loop adds to a server, in the class where it adds most."""
    servers = [key for key in single if key[0] == "server"]
    return max(peak_without_chance(several[key]) - peak_without_chance(single[key]) for key in servers) / (THREADS - 1)


def rewrite(path, peaks):
    """peaks: by the macro's name without CAP_ and _MIB."""
    with open(path, encoding="utf-8") as header:
        text = header.read()
    for what, peak in sorted(peaks.items()):
        name = "CAP_%s_MIB" % what
        cap = math.ceil(2 * peak / MIB)
        print("%-26s %3d  peak %.2f MiB" % (name, cap, peak / MIB))
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
    single = run_all(driver, count, duration, 1)
    peaks = {"SERVER_THREAD": per_thread(single, run_all(driver, count, duration, THREADS))}
    if sys.argv[5:] != ["threads"]:
        for (role, secure), lives in single.items():
            peaks["%s_%s" % (role.upper(), "SECURE" if secure else "INSECURE")] = peak_of(lives)
    rewrite(caps, peaks)


if __name__ == "__main__":
    main()
