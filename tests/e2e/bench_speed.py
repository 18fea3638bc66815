"""`make bench`'s table of speed comes out whole, quickly and without a look at its values; who is not here is a
gap that is said, and no failure."""

import json
import math
import os
import subprocess
import sys
import tempfile
import xml.dom.minidom

BENCH = os.path.join(os.environ["top_srcdir"], "tests", "bench")
sys.path[:0] = [BENCH, os.path.join(os.environ["top_srcdir"], "tests", "lib")]
from speed_figures import FIGURES
from speed_peers import CPP, H2LOAD, JS, NGHTTPD, OURS, find_missing
from tap import Tap

LEFT_OUT = (CPP, JS)  # their start takes longer than all the rest


def bench(folder):
    table, chart = os.path.join(folder, "speed.json"), os.path.join(folder, "speed.svg")
    argv = [sys.executable, os.path.join(BENCH, "speed.py"), table, "--svg", chart, "--quick"]
    for name in LEFT_OUT:
        argv += ["--without", name]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    if done.returncode != 0:
        return done, None, ""
    with open(table, encoding="utf-8") as file, open(chart, encoding="utf-8") as drawn:
        return done, json.load(file), drawn.read()


def check_table(tap, table, said):
    rows = {row["name"]: row for row in table["figures"]}
    here = [name for name in (NGHTTPD, H2LOAD) if name not in find_missing()]
    for figure in FIGURES:
        # The server's calls are those of h2load, which may be missing: a gap as well.
        wanted = figure.needs - set(here) == set()
        row = rows.get(figure.name, {"median": {}})
        values = row["median"].values()
        tap.check("%s: ours is measured" % figure.name, (OURS in row["median"]) == wanted
                  and all(math.isfinite(value) for value in values), row)
        tap.check("%s: a line of the table" % figure.name, figure.title in said, said)
    compared = {name for row in table["figures"] for name in row["median"]}
    tap.check("who is here is compared with, nobody else", compared == {OURS, *here}, compared)
    for name in LEFT_OUT:
        tap.check("%s is a gap, and said to be one" % name, "%s is left out: " % name in said, said)


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        done, table, chart = bench(folder)
    tap.check("the bench ends well", done.returncode == 0, done.stdout)
    if table is not None:
        check_table(tap, table, done.stdout)
        xml.dom.minidom.parseString(chart)
        drawn = [row["title"] for row in table["figures"] if OURS in row["median"]]
        tap.check("every figure is drawn", all(">%s<" % title in chart for title in drawn), chart[:2000])
    tap.done()


main()
