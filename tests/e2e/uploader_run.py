#!/usr/bin/env python3
"""The uploader and the real results server: every row of a run.db that grows arrives, once, whatever becomes of
the server meanwhile; two hosts begin together, and hear of each other's end."""

import base64
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))

import ports
from program import BUILD, wait_until
from results import Results
from tap import Tap
from uploading import Uploader

MAKE_RUN = os.path.join(BUILD, "tests", "fixtures", "make_run")
STRESS_SERVER = os.path.join(BUILD, "stress-server", "stress-server")
NOT_SENT = {"file", "host"}
STEPS = 12


def tables_of(db):
    return [name for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]


def row_values(row):
    return tuple(base64.b64encode(v).decode() if isinstance(v, bytes) else v for v in row)


def key_of(db, table):
    """Positions of the primary key's columns; none: a table of rows that are added."""
    columns = list(db.execute("PRAGMA table_info(%s)" % table))
    return [column[0] for column in sorted(columns, key=lambda c: c[5]) if column[5]]


class Growing:
    """A run that grows step by step into what another one is, as a driver writes it."""

    def __init__(self, source, folder):
        self.path = os.path.join(folder, "run.db")
        self.source = sqlite3.connect("file:%s?mode=ro" % source, uri=True)
        self.first, self.last = self.source.execute("SELECT min(time_ns), max(time_ns) + 1 FROM sample").fetchone()
        self.db = sqlite3.connect(self.path, isolation_level=None)
        for sql, in self.source.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"):
            self.db.execute(sql)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("BEGIN")
        for table in ("meta", "metric", "component"):
            self.copy(table, "1")
        # Faults and what else this fixture has not: of each kind of table a few rows.
        for k in range(1, 40):
            self.db.execute("INSERT INTO plan VALUES (?, ?, 1, 15, 2)", (1 + k // 10, k))
            self.db.execute("INSERT INTO limit_used VALUES (?, ?)", ("limit-%d" % k, k / 3))
        self.db.execute("COMMIT")

    def copy(self, table, where, *values):
        for row in self.source.execute("SELECT * FROM %s WHERE %s" % (table, where), values):
            self.db.execute("INSERT OR REPLACE INTO %s VALUES (%s)" % (table, ", ".join("?" * len(row))), row)

    def step(self, number):
        """All that happened in one part of the time; those who live have no exit yet."""
        low = self.first + (self.last - self.first) * number // STEPS if number else 0
        high = self.first + (self.last - self.first) * (number + 1) // STEPS
        span = (low, high)
        self.db.execute("BEGIN")
        self.copy("incarnation", "spawn_ns >= ? AND spawn_ns < ?", *span)
        self.db.execute("UPDATE incarnation SET exit_ns = NULL, exit_code = NULL, reason = NULL WHERE exit_ns >= ?",
                        (high,))
        self.copy("incarnation", "exit_ns >= ? AND exit_ns < ?", *span)
        self.copy("sample", "time_ns >= ? AND time_ns < ?", *span)
        for (incarnation,) in list(self.db.execute("SELECT id FROM incarnation WHERE exit_ns >= ?", (low,))):
            self.db.execute("INSERT OR REPLACE INTO histogram VALUES (?, 'rtt', 3, 4, 1, 2, ?)",
                            (incarnation, bytes(range(incarnation % 7))))
        self.db.execute("INSERT INTO checkpoint VALUES (?, 'rest', ?, ?, ?, NULL, NULL)", (number + 1, low, low, high))
        self.db.execute("INSERT INTO reading (checkpoint, incarnation, time_ns, valid) SELECT ?, id, ?, 1 FROM"
                        " incarnation WHERE exit_ns IS NULL", (number + 1, high))
        self.db.execute("INSERT INTO hold VALUES (1, ?, ?)", span)
        self.db.execute("INSERT INTO fault (id, component, incarnation, kind, ordered_ns, observed)"
                        " VALUES (?, 1, 1, 'pause', ?, 0)", (number + 1, low))
        if number % 2:
            self.db.execute("UPDATE fault SET effect_ns = ?, effect = 'it \"stood\" \u00e4 still\n', observed = 1"
                            " WHERE id = ?", (high, number))
        for k in range(20):
            self.db.execute("INSERT INTO event VALUES (?, ?, 'loss-reset', ?, NULL)", (low + k, 1 + k, number))
        self.db.execute("UPDATE meta SET value = ? WHERE key = 'end_ns'", (high,))
        self.db.execute("COMMIT")

    def finish(self):
        self.db.execute("BEGIN")
        self.copy("incarnation", "exit_ns >= ?", self.last)
        self.db.execute("COMMIT")
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        # As the driver's writer does: a look of the uploader may be under way.
        return wait_until(self.fold)

    def fold(self):
        try:
            return self.db.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
        except sqlite3.OperationalError:
            return None


def arrived(server, test, peer):
    """{table: rows} of all batches, later rows in the place of earlier ones of the same key; batches in order."""
    status, view = server.ask("GET", "/test/%s?dataPoints=true" % test)
    assert status == 200, view
    return [point["batch"] for point in view["dataPoints"] if point["peer"] == peer]


def compare(tap, path, batches, repeated_ok):
    """Table by table: what the batches say against what is in the file."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        for table in sorted(set(tables_of(db)) - NOT_SENT):
            columns = [c[1] for c in db.execute("PRAGMA table_info(%s)" % table)]
            key = key_of(db, table)
            there = [row_values(row) for row in db.execute("SELECT * FROM %s" % table)]
            came, count = {}, 0
            for batch in batches:
                part = batch["tables"].get(table, {"columns": columns, "rows": []})
                assert part["columns"] == columns, (table, part["columns"])
                for row in part["rows"]:
                    count += 1
                    came[tuple(row[i] for i in key) if key else count] = tuple(row)
            same = sorted(came.values(), key=repr) == sorted(there, key=repr)
            tap.check("%s: all %d rows arrived" % (table, len(there)), same and there,
                      "%d came, %d are there" % (len(came), len(there)))
            if table not in repeated_ok:
                tap.check("%s: each of them once" % table, count == len(there), count)


def order_of(batches):
    """Rows that refer to an incarnation that nobody has told of yet."""
    known, early = set(), 0
    for batch in batches:
        tables = batch["tables"]
        if "incarnation" in tables:
            at = tables["incarnation"]["columns"].index("id")
            known |= {row[at] for row in tables["incarnation"]["rows"]}
        for name in ("sample", "reading", "histogram"):
            if name in tables:
                at = tables[name]["columns"].index("incarnation")
                early += sum(row[at] not in known for row in tables[name]["rows"])
    return early


def test_growing(tap, folder):
    source, run = os.path.join(folder, "source"), os.path.join(folder, "run")
    subprocess.run([MAKE_RUN, source, "30s", "100ms"], check=True)
    os.mkdir(run)
    store, port = os.path.join(folder, "store"), ports.port()
    server = Results(store=store, port=port)
    url = "http://127.0.0.1:%d" % port
    with Uploader(url, "--run", run) as uploader:
        before = time.monotonic_ns()
        topology, start = uploader.begin(ca="PEM")
        tap.check("the topology has the host, its certificate and its components",
                  [(h["rank"], h["name"], h["ca"], h["components"]) for h in topology["hosts"]]
                  == [(0, "n1", "PEM", ["a"])], topology)
        tap.check("the start lies ahead", start - before > 10**9 - 2 * topology["hosts"][0]["offset_error_ns"], start)
        growing = Growing(os.path.join(source, "run.db"), run)
        for number in range(STEPS):
            growing.step(number)
            if number == STEPS // 3:
                wait_until(lambda: server.ask("GET", "/test/night")[1]["peers"][0]["batches"] > 0)
                server.stop(signal.SIGKILL)
                server.__exit__()
            if number == STEPS // 3 * 2:
                uploader.wait_said("; trying again")
                server = Results(store=store, port=port)
            time.sleep(0.1)
        tap.check("nobody keeps the driver from folding its log in", growing.finish() == "delete")
        whole = os.path.join(folder, "whole")
        os.mkdir(whole)
        uploader.order("done 0 pass")
        uploader.order("whole " + whole)
        tap.check("the whole is fetched", uploader.hears("whole") == "ok " + whole, uploader.heard, uploader.said())
        uploader.order("finish pass")
        tap.check("the verdict is told", uploader.hears("finished") == "", uploader.heard)
        uploader.close()
        tap.check("it exits with 0", uploader.wait() == 0, uploader.said())
        tap.check("it said when the server was away, and back",
                  "; trying again" in uploader.said() and "answers again" in uploader.said(), uploader.said())
    batches = arrived(server, "night", "n1")
    compare(tap, growing.path, batches, {"meta", "component", "incarnation", "fault"})
    tap.check("nothing comes before what it refers to", order_of(batches) == 0, order_of(batches))
    tap.check("batches are numbered without a gap",
              [b["sequence"] for b in batches] == list(range(1, len(batches) + 1)))
    with contextlib.closing(sqlite3.connect(os.path.join(whole, "run.db"))) as db:
        tap.check("the whole has all samples", db.execute("SELECT count(*) FROM sample").fetchone()
                  == growing.db.execute("SELECT count(*) FROM sample").fetchone())
    tap.check("no part of it is left over", os.listdir(whole) == ["run.db"], os.listdir(whole))
    view = server.ask("GET", "/test/night")[1]
    tap.check("the server has result and verdict",
              view["peers"][0]["result"]["status"] == 0 and view["verdict"]["verdict"] == "pass", view)
    growing.db.close()
    growing.source.close()
    server.__exit__()


def two(server, folder, **more):
    hosts = []
    for rank in range(2):
        run = os.path.join(folder, "share%d" % rank)
        os.makedirs(run, exist_ok=True)
        hosts.append(Uploader("http://127.0.0.1:%d" % server.port, "--run", run, "--rank", str(rank), "--size", "2",
                              "--place", "spread", peer="n%d" % rank, **more))
    return hosts


def test_two(tap, folder):
    with Results("--host-timeout", "2s") as server:
        a, b = two(server, folder, test="pair")
        with a, b:
            for uploader in (a, b):
                uploader.order('host {"components": []}')
            entries = [json.loads(u.hears("topology"))["hosts"] for u in (a, b)]
            tap.check("both hear of both", [[h["rank"] for h in hosts] for hosts in entries] == [[0, 1], [0, 1]], entries)
            error = sum(h["offset_error_ns"] for h in entries[0]) + 1_000_000
            b.order("ready")
            time.sleep(0.3)
            tap.check("nobody starts before all are ready", a.lines.empty() and b.lines.empty())
            a.order("ready")
            starts = [int(u.hears("start")) for u in (a, b)]
            tap.check("both begin together", abs(starts[0] - starts[1]) <= error, starts, error)
            b.process.kill()
            tap.check("a host that dies is named", a.hears("lost") == "n1", a.heard)
            a.order("done 0 pass")
            whole = os.path.join(folder, "pair")
            os.mkdir(whole)
            a.order("whole " + whole)
            answer = a.hears("whole")
            tap.check("a lost host holds up nobody", answer is not None, a.said())
            tap.check("and nobody ended for it", "end" not in [word for word, _ in a.heard], a.heard)
        a, b = two(server, folder, test="other")
        with a, b:
            for uploader in (a, b):
                uploader.order('host {"components": []}')
                uploader.order("ready")
            b.hears("start")
            b.order("done 1 fail the heap of n1 grew")
            b.close()
            tap.check("who has delivered its share exits with 0", b.wait() == 0, b.said())
            why = a.hears("end")
            tap.check("the others end, and know for whom", why and "n1 (fail: the heap of n1 grew)" in why, why)
            a.close()
            tap.check("a driver that is gone is no loss of data", a.wait() == 0, a.said())
            result = {p["name"]: p["result"] for p in server.ask("GET", "/test/other")[1]["peers"]}["n0"]
            tap.check("but it is told", (result["status"], result["verdict"], result["reason"])
                      == (3, "error", "the driver is gone"), result)


def test_tls(tap, folder):
    tls, other = os.path.join(folder, "tls"), os.path.join(folder, "other")
    for path in (tls, other):
        os.mkdir(path)
        subprocess.run([STRESS_SERVER, "--make-cert", path], check=True, stdout=subprocess.DEVNULL)
    token = os.path.join(folder, "token")
    with open(token, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write("a-long-secret\n")
    with Results("--tls-cert", os.path.join(tls, "cert.pem"), "--tls-key", os.path.join(tls, "key.pem"),
                 "--token", token) as server:
        options = ("https://localhost:%d" % server.port, "--run", folder, "--token", token, "--ca")
        with Uploader(*options, os.path.join(tls, "cert.pem")) as uploader:
            tap.check("https, with a certificate that is trusted", uploader.begin() is not None)
        with Uploader(*options, os.path.join(other, "cert.pem")) as uploader:
            why = uploader.hears("error")
            tap.check("with another one it exits with 3, at once", uploader.wait() == 3 and "certificate" in (why or ""),
                      why, uploader.said())


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        test_growing(tap, folder)
        test_two(tap, folder)
        test_tls(tap, folder)
    tap.done()


main()
