#!/usr/bin/env python3
"""How soon the children of a run that were killed and started again served again.

    restarts.py RUN                  prints it, by role: from start to ready, and to the first message
    restarts.py RUN --within MS      and fails if of the servers the 99th percentile of the latter is more

A life that was cut short before its first message is not counted, but told. How soon a client has one depends on
its server, which may be down itself."""
import sqlite3
import sys

LIVES = """SELECT spawn_ns, ready_ns, (SELECT max(first_message) FROM sample WHERE incarnation = i.id)
    FROM incarnation i JOIN component c ON c.id = component WHERE number > 1 AND role = ?"""


def percentiles(nanoseconds):
    ms = sorted(ns / 1e6 for ns in nanoseconds)
    return "median %.1f ms, p99 %.1f ms, worst %.1f ms" % (ms[len(ms) // 2], ms[len(ms) * 99 // 100], ms[-1])


def p99_ms(nanoseconds):
    return sorted(nanoseconds)[len(nanoseconds) * 99 // 100] / 1e6


def look(db, role):
    """The 99th percentile in ms; None: nobody of that role was started again."""
    lives = db.execute(LIVES, (role,)).fetchall()
    ready = [ready - spawn for spawn, ready, _ in lives if ready]
    served = [message - spawn for spawn, _, message in lives if message]
    if not served:
        return None
    print("%ss: %d started again; ready after: %s" % (role, len(lives), percentiles(ready)))
    print("%ss: first message of %d after: %s" % (role, len(served), percentiles(served)))
    return p99_ms(served)


if __name__ == "__main__":
    run = sqlite3.connect("file:%s/run.db?mode=ro" % sys.argv[1], uri=True)
    servers = look(run, "server")
    look(run, "client")
    if servers is None:
        sys.exit("restarts.py: no server was started again")
    if "--within" in sys.argv and servers > float(sys.argv[sys.argv.index("--within") + 1]):
        sys.exit("restarts.py: too late")
