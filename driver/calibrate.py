#!/usr/bin/env python3
"""Calibrates the heap caps: healthy runs without a tight cap, the peak of `data` by role and security,
doubled and rounded up to MiB, written to driver/caps.h.

    calibrate.py DRIVER CAPS_H [RUNS [DURATION]]

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
PEAKS = """
    SELECT c.role, c.secure, max(s.data) FROM sample s
    JOIN incarnation i ON i.id = s.incarnation JOIN component c ON c.id = i.component
    GROUP BY c.role, c.secure"""


def run_once(driver, runs, duration):
    command = [driver, "--working-dir", runs, "--duration", duration, "--server-heap", ROOMY,
               "--client-heap", ROOMY]
    if subprocess.run(command, check=False).returncode != 0:
        sys.exit("calibrate: the run was not healthy, nothing is written")
    db = sqlite3.connect(os.path.join(runs, "latest", "run.db"))
    return {(role, bool(secure)): peak for role, secure, peak in db.execute(PEAKS)}


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
    peaks = {}
    with tempfile.TemporaryDirectory(prefix="flatline-calibrate.") as runs:
        for _ in range(count):
            for key, peak in run_once(driver, runs, duration).items():
                peaks[key] = max(peak, peaks.get(key, 0))
    if len(peaks) != 4:
        sys.exit("calibrate: expected servers and clients, secure and not, found %s" % sorted(peaks))
    rewrite(caps, peaks)


if __name__ == "__main__":
    main()
