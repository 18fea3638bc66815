#!/usr/bin/env python3
"""The bench of the driver's own cost comes out whole: each figure is there, of the fleet that was asked for.
How large they are is no test's to judge: make bench-driver, docs/driver-cost.md."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))

from program import PATIENCE
from tap import Tap

BENCH = os.path.join(os.environ["top_srcdir"], "tests", "bench", "driver_cost.py")
PROCESSES = 3


def positive(row, *names):
    return all(isinstance(row.get(name), (int, float)) and row[name] > 0 for name in names)


def main():
    tap = Tap()
    with tempfile.NamedTemporaryFile("r") as out:
        ran = subprocess.run([sys.executable, BENCH, out.name, "--fleets", str(PROCESSES), "--idle", "--windows", "3",
                              "--seconds", "0.3", "--rounds", "1", "--gate", "20s", "--charts", "5s"],
                             timeout=5 * PATIENCE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             check=False)
        tap.check("the bench comes to its end", ran.returncode == 0, ran.stdout)
        table = json.load(out) if ran.returncode == 0 else {"fleets": [], "charts": {}, "gate": {}}
    fleets = table["fleets"]
    tap.check("a row for the fleet", [row["processes"] for row in fleets] == [PROCESSES], fleets)
    tap.check("its CPU in each window, memory, samples and their bytes", fleets and all(
        positive(row, "cpu_percent", "cpu_us_per_sample", "pss_mb", "samples", "run_db_bytes_per_sample",
                 "system_call_us") and
        len(row["cpu_windows"]) == 3 for row in fleets), fleets)
    for verb in ("charts", "gate"):
        tap.check("what %s took" % verb, positive(table[verb], "samples", "seconds", "cpu_seconds", "memory_mb"),
                  table[verb])
    tap.check("all of it is printed", all(word in ran.stdout for word in (
        "%d processes at 10 Hz" % PROCESSES, "run_db_bytes_per_sample", "charts of 5s", "gate of 20s")), ran.stdout)
    tap.done()


if __name__ == "__main__":
    main()
