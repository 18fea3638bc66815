"""The bench of stress-server's event loops works: it measures every variant of every workload and writes what it
measured. What the figures are is not judged here."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from tap import Tap

BENCH = os.path.join(os.environ["top_srcdir"], "tests", "bench", "server_threads.py")
VARIANTS = 2

tap = Tap()
with tempfile.TemporaryDirectory() as scratch:
    out = os.path.join(scratch, "out.json")
    run = subprocess.run([sys.executable, BENCH, out, "0.3", "1"], capture_output=True, text=True, timeout=300)
    tap.check("the bench runs", run.returncode == 0, run)
    with open(out, encoding="utf-8") as file:
        workloads = json.load(file)["workloads"]
for name in ("calls", "messages", "connections"):
    rows = workloads.get(name, [])
    tap.check("%s: every variant was measured" % name, len(rows) == VARIANTS, rows)
    tap.check("%s: ... and did something" % name,
              all(row["per_second"] > 0 and row["cpu_us"] > 0 for row in rows), rows)
    tap.check("%s: ... and is in the table" % name, run.stdout.count("\n%s " % name) == VARIANTS, run.stdout)
tap.done()
