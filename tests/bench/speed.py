#!/usr/bin/env python3
"""What a call, a message, a connection cost: ours beside others that do the same, in one run.

    speed.py OUT.json [--svg OUT.svg] [--only NAME]... [--without WHOM]... [--rounds N] [--seconds S]
                      [--quick]

Server and load are pinned to a core each; of each figure (--only: those whose name begins so) the rounds of all are
interleaved and the medians count. `x` behind another's value is what ours costs as a part of it. Who is not here is
a gap; so is who is not wanted (--without "grpc C++"). --quick only shows that the table comes out whole: its values
are worth nothing. `make bench` calls it.
"""

import argparse
import json
import os
import statistics
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import speed_peers
from speed_chart import draw
from speed_figures import FIGURES, OURS, Bench

QUIET = 5.0  # seconds, until memory at rest is looked at
NAMES = (OURS, speed_peers.NGHTTPD, speed_peers.H2LOAD, speed_peers.CPP, speed_peers.JS)


def judge(goal, medians):
    """A goal with what was measured; None where whom it compares with is not here."""
    row = {"of": goal.of, "at_most": goal.at_most, "measured": None, "met": None}
    if goal.of in medians and OURS in medians:
        row["measured"] = medians[OURS] / (1 if goal.of == OURS else medians[goal.of])
        row["met"] = row["measured"] <= goal.at_most
    return row


def measure(bench, figure):
    rounds = [{}] if figure.needs & set(bench.missing) else list(figure.measure(bench, figure))
    values = {name: [one[name] for one in rounds] for name in NAMES if name in rounds[0]}
    medians = {name: statistics.median(seen) for name, seen in values.items()}
    return {"name": figure.name, "title": figure.title, "unit": figure.unit, "median": medians, "rounds": values,
            "goals": [judge(goal, medians) for goal in figure.goals]}


def number(value, unit):
    if unit == "B":
        return "{:,.0f}".format(value)
    return "%.2f" % value if value < 10 else "%.1f" % value if value < 100 else "%.0f" % value


def cells(row):
    for name in NAMES:
        value = row["median"].get(name)
        if value is None:
            yield ""
        elif name == OURS:
            yield number(value, row["unit"])
        else:
            yield "%s x%.2f" % (number(value, row["unit"]), row["median"][OURS] / value)


def goal_text(row, goal):
    if goal["of"] == OURS:
        what = "%s %s" % (number(goal["at_most"], row["unit"]), row["unit"])
    else:
        what = "%.2f of %s" % (goal["at_most"], goal["of"])
    return what + {None: " ?", True: " met", False: " MISSED"}[goal["met"]]


def show_head():
    print("%-36s %-3s" % ("", "") + "".join("%17s" % name for name in NAMES) + "  at most")


def show(row):
    goals = ", ".join(goal_text(row, goal) for goal in row["goals"])
    print(("%-36s %-3s" % (row["title"], row["unit"]) + "".join("%17s" % cell for cell in cells(row)) + "  " + goals)
          .rstrip(), flush=True)


def measure_all(bench, asked, wanted):
    print("%d rounds, medians; server on core %d, load on core %d; CPU of all threads, memory as anonymous PSS" % (
        bench.rounds, speed_peers.SERVER_CORE, speed_peers.CLIENT_CORE))
    show_head()
    table = {"rounds": bench.rounds, "seconds": bench.seconds, "quick": asked.quick, "missing": bench.missing,
             "versions": speed_peers.versions(bench.missing), "figures": []}
    for figure in wanted:
        table["figures"].append(measure(bench, figure))
        show(table["figures"][-1])
        with open(asked.out, "w", encoding="utf-8") as out:  # each time: who loses patience has what there is
            json.dump(table, out, indent=1)
    for name, why in bench.missing.items():
        print("%s is left out: %s" % (name, why))
    return table


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--svg")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--without", action="append", default=[], metavar="WHOM")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    wanted = [one for one in FIGURES if not asked.only or one.name.startswith(tuple(asked.only))]
    if not wanted or asked.rounds < 1 or asked.seconds <= 0:
        parser.error("nothing to measure; the names are %s" % " ".join(one.name for one in FIGURES))
    return asked, wanted


def main():
    asked, wanted = options()
    missing = speed_peers.find_missing()
    missing.update(dict.fromkeys(asked.without, "--without"))
    place = speed_peers.Place()
    if asked.quick:
        plan = Bench(place, missing, 1, 0.01, 0.0, 20)
    else:
        plan = Bench(place, missing, asked.rounds, asked.seconds, QUIET, 1000)
    with plan as bench:
        table = measure_all(bench, asked, wanted)
    if asked.svg:
        draw(table, asked.svg)


if __name__ == "__main__":
    main()
