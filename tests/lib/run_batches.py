"""A run.db as the batches that a host posts.

    for batch in run_batches(path, count): ...   # bodies of PUT .../metrics, numbered from 1
"""

import base64
import contextlib
import sqlite3

# What only grows, and what puts its rows in order of time; all other tables come whole, and again when they change.
GROWING = {"event": "time_ns", "sample": "time_ns", "reading": "time_ns", "hold": "from_ns"}
CIRCUMSTANCES = ("meta", "metric", "component", "plan", "limit_used")
CHANGING = ("incarnation", "checkpoint", "fault", "histogram")


def cell(value):
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def table(db, name, share=None):
    """All rows, or those that lie in (index, count), a part of the time that was sampled."""
    if share is None:
        rows = db.execute('SELECT * FROM "%s"' % name)
    else:
        rows = db.execute("SELECT t.* FROM %s t, (SELECT min(time_ns) AS a, max(time_ns) + 1 AS b FROM sample) WHERE"
                          " min(max((%s - a) * ?2 / (b - a), 0), ?2 - 1) = ?1 ORDER BY %s"
                          % (name, GROWING[name], GROWING[name]), share)
    return {"columns": [column[0] for column in rows.description], "rows": [[cell(v) for v in row] for row in rows]}


def run_batches(path, count):
    with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True)) as db:
        there = {name for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        for index in range(count):
            tables = {name: table(db, name) for name in CIRCUMSTANCES if name in there and index == 0}
            tables.update((name, table(db, name)) for name in CHANGING if name in there)
            tables.update((name, table(db, name, (index, count))) for name in GROWING if name in there)
            if index == count - 1:
                tables["meta"] = table(db, "meta")
            yield {"sequence": index + 1, "tables": tables}
