#!/usr/bin/env python3
"""summary.json of `driver throughput` once more, from the event databases and the authors' logs alone, by
arithmetic of its own:

    python3 tests/lib/throughput_recompute.py DIR

says what differs, and ends with 1 if something does. It reads no manifest but the tree's own, for what the
sweep was to do."""

import json
import math
import os
import sqlite3
import statistics
import sys

ROLES = ("author", "broker", "subscriber")


def from_log(path):
    """(who, sent, came) of what was acknowledged."""
    with open(path, encoding="ascii") as file:
        rows = [line.split() for line in file if not line.startswith("#")]
    return [((row[0], row[1]), int(row[2]), int(row[3])) for row in rows if row[4] == "OK"]


def from_db(path):
    db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    rows = db.execute("SELECT author, sequence, subscriber, sent_ns, arrived_ns FROM event").fetchall()
    assert db.execute("SELECT value FROM meta WHERE key = 'complete'").fetchone() == (1,), path
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",), path
    db.close()
    return [(row[:3], row[3], row[4]) for row in rows]


def read_run(folder):
    return {"author": from_log(os.path.join(folder, "author.log")),
            "broker": from_db(os.path.join(folder, "broker.db")),
            "subscriber": from_db(os.path.join(folder, "subscriber.db"))}


def rate(rows, share):
    if not rows:
        return 0.0
    span = max(came for _, _, came in rows) - min(sent for _, sent, _ in rows)
    return len(rows) / share / (span / 1e9) if span > 0 else 0.0


def role_of(runs, role, subscribers):
    share = subscribers if role == "subscriber" else 1
    times = sorted((came - sent) / 1e6 for run in runs for _, sent, came in run[role])
    result = dict.fromkeys(("min", "max", "mean", "std", "median", "p99"))
    if times:
        result = {"min": times[0], "max": times[-1], "mean": statistics.fmean(times),
                  "std": statistics.stdev(times) if len(times) > 1 else 0.0,
                  "median": statistics.median(times),
                  "p99": next(t for i, t in enumerate(times, 1) if 100 * i >= 99 * len(times))}
    result["events_per_second"] = statistics.fmean(rate(run[role], share) for run in runs)
    return result


def cell_of(folder, settings):
    events, subscribers = settings["events"], settings["subscribers"]
    runs = [read_run(os.path.join(folder, "run%d" % n)) for n in range(1, settings["runs"] + 1)]
    cell = {role: role_of(runs, role, subscribers) for role in ROLES}
    cell["missing"] = {
        role: [events * (subscribers if role == "subscriber" else 1) - len({row[0] for row in run[role]})
               for run in runs] for role in ROLES}
    return cell


def recompute(root):
    with open(os.path.join(root, "manifest.json"), encoding="utf-8") as file:
        settings = json.load(file)["settings"]
    return {latency: {clients: cell_of(os.path.join(root, latency, clients + "c"), settings)
                      for clients in settings["clients"].split(",")}
            for latency in settings["latency"].split(",")}


def differences(there, here, path=""):
    """Where two trees of numbers differ, as lines."""
    if isinstance(there, dict) and isinstance(here, dict):
        for key in sorted(set(there) | set(here)):
            if key not in there or key not in here:
                yield "%s/%s: only in %s" % (path, key, "the summary" if key in there else "what was recomputed")
            else:
                yield from differences(there[key], here[key], "%s/%s" % (path, key))
    elif isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        for i, (a, b) in enumerate(zip(there, here)):
            yield from differences(a, b, "%s/%d" % (path, i))
    elif isinstance(there, float) and isinstance(here, float):
        if not math.isclose(there, here, rel_tol=1e-8, abs_tol=1e-9):
            yield "%s: %r, recomputed %r" % (path, there, here)
    elif there != here:
        yield "%s: %r, recomputed %r" % (path, there, here)


def compare(root):
    with open(os.path.join(root, "summary.json"), encoding="utf-8") as file:
        return list(differences(json.load(file), recompute(root)))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: throughput_recompute.py DIR")
    found = compare(sys.argv[1])
    print("\n".join(found) if found else "summary.json is what the event databases and logs say")
    sys.exit(1 if found else 0)
