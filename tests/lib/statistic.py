#!/usr/bin/env python3
"""How near a run came to a verdict: the largest statistic of a run folder's verdicts, relative to its threshold.

    statistic.py RUN

prints it, whose and which rule's it is, from the run's summary.json. At 1 a verdict begins to fail.
"""
import json
import os
import sys


def load(run):
    """[(component, verdict)] of a run folder."""
    with open(os.path.join(run, "summary.json")) as file:
        summary = json.load(file)
    return [(component["name"], verdict) for component in summary["components"]
            for verdict in component["verdicts"]]


def statistic(verdict):
    """None of a verdict that is no statistical one."""
    value, low, limit = verdict["value"], verdict["low"], verdict["limit"]
    if value is None or low is None:
        return None
    threshold = value - low + limit
    return value / threshold if threshold > 0 else 0


def largest(verdicts):
    """(statistic, component, rule), and how many verdicts have one."""
    found = [(statistic(verdict), name, verdict["rule"]) for name, verdict in verdicts
             if statistic(verdict) is not None]
    return max(found, default=None), len(found)


if __name__ == "__main__":
    worst, count = largest(load(sys.argv[1]))
    if worst is None:
        sys.exit("statistic.py: no verdict of this run has an interval")
    print("%.3f of its threshold, %s of %s, of %d verdicts" % (worst[0], worst[2], worst[1], count))
