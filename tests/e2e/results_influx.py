#!/usr/bin/env python3
"""results-server --influx against a real influxd: as many points are in it as were acknowledged, although
it is away at first, is killed in the middle, and the server is, too; names and times arrive as they were
meant; every query of the Grafana dashboard finds something."""

import base64
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))

import ports
from influx import INFLUXD, Influx
from program import PATIENCE, wait_until
from results import RESULTS, Results, batch, host, point
from tap import Tap

DATABASE = "flat line"
URL = "flat%20line"
NASTY = 'server, "one"=\\ Zürich'  # what a component may be called
HOSTS = ("n1", "n2")
COLUMNS = ["incarnation", "time_ns", "stale", "live", "data", "rss", "cpu", "connections", "calls_done",
           "messages_received", "bytes_sent", "losses", "errors", "pss"]
DASHBOARD = os.path.join(os.environ["top_srcdir"], "results-server", "grafana", "flatline.json")
SECRET = "open sesame"
LAST = 4  # s; in 5 the server gives up what is left to be pushed


class Peers:
    """Two hosts with two processes each, and a peer that is none; what was acknowledged is counted."""

    def __init__(self, server, test):
        self.server, self.test = server, test
        self.sequence = dict.fromkeys(HOSTS + ("p1",), 0)
        self.samples = self.points = 0
        self.began_ns = time.monotonic_ns()

    def put(self, path, content):
        status, body = self.server.ask("PUT", "/test/%s%s" % (self.test, path), content)
        if status != 200:
            raise AssertionError("%s: %d %s" % (path, status, body))

    def post(self, peer, **content):
        self.sequence[peer] += 1
        self.put("/peer/%s/metrics" % peer, {"sequence": self.sequence[peer], "sent_ns": time.monotonic_ns(), **content})

    def begin(self):
        self.server.ask("POST", "/test/" + self.test, {"started": False, "size": len(HOSTS)})
        for rank, name in enumerate(HOSTS):
            self.put("/topology", host(rank, len(HOSTS), name))
            self.post(name, preamble=True, tables={
                "component": {"columns": ["id", "name"], "rows": [[1, NASTY], [2, "client"]]},
                "incarnation": {"columns": ["id", "component", "number", "reason"],
                                "rows": [[1, 1, 1, None], [2, 2, 1, None]]}})
        self.put("/start", {})

    def go_on(self, batches):
        for _ in range(batches):
            now, n = time.monotonic_ns(), self.sequence["p1"]
            for name in HOSTS:
                rows = [[i, now + i, 0, 4096 * i, 8192, 9000 + n, 10 ** 7 * n, 3, 100 * n, 1000 * n, 5000 * n, 0, 0,
                         None if n % 5 else 7000] for i in (1, 2)]
                self.post(name, tables={"sample": {"columns": COLUMNS, "rows": rows}})
                self.samples += len(rows)
            values = {"latency.p50": 1e5, "latency.p99": 2.5e5, "latency.max": 10 ** 6 + n, "sent.per_s": 17.5,
                      "received.per_s": 170, "peers.known": 9, "peers.connected": 9, "expired.count": 0,
                      "duplicate.count": 0}
            self.post("p1", points=[point(now, "room", **values)])
            self.points += 1

    def kill_one(self):
        self.post("n1", tables={"incarnation": {
            "columns": ["id", "component", "number", "ordered_ns", "exit_signal", "reason"],
            "rows": [[1, 1, 1, time.monotonic_ns(), 9, "chaos"]]}})

    def stored(self, influx):
        where = "WHERE test = '%s'" % self.test
        return (influx.count("incarnation", "process", DATABASE, where),
                influx.count("latency.max", "routine", DATABASE, where))

    def all_there(self, tap, influx, when):
        expected = (self.samples, self.points)
        try:
            wait_until(lambda: self.stored(influx) == expected)
        except AssertionError:
            pass
        got = self.stored(influx)
        tap.check("%s: InfluxDB has the %d samples and %d points that were acknowledged" % (when, *expected),
                  got == expected, got, self.server.said())


def outages(tap, influx, folder):
    """The way of one test through everything that may happen to either side; leaves all in influx."""
    port = ports.port()
    options = {"store": folder, "port": port}
    with Results("--influx", influx.url(URL), **options) as server:
        peers = Peers(server, "out.age-1")
        peers.begin()
        peers.go_on(10)
        server.wait_said("InfluxDB is away")
        influx.start()
        peers.go_on(10)
        peers.all_there(tap, influx, "away at first")
        server.wait_said("InfluxDB is back")
        influx.kill()
        peers.go_on(10)
        wait_until(lambda: server.said().count("InfluxDB is away") >= 2)
        peers.kill_one()
        influx.start()
        peers.go_on(5)
        peers.all_there(tap, influx, "killed in the middle")
        wait_until(lambda: server.said().count("InfluxDB is back") >= 2)
        peers.go_on(30)
        server.process.kill()
        server.process.wait()
    with Results("--influx", influx.url(URL), **options) as server:
        peers.server = server
        peers.all_there(tap, influx, "the server killed in the middle")
        peers.put("/topology", host(0, len(HOSTS), HOSTS[0], offset_ns=123456789))
        peers.go_on(10)
        peers.all_there(tap, influx, "and going on")
        peers.go_on(10)
        began = time.monotonic()
        tap.check("SIGTERM ends the server with 0", server.stop() == 0, server.said())
        if time.monotonic() - began < LAST:
            got, expected = peers.stored(influx), (peers.samples, peers.points)
            tap.check("what was acknowledged last is pushed before it ends", got == expected, got, expected)
        else:
            tap.skip("the machine stood still when the server was to end")
    return peers


def meanings(tap, influx, peers):
    where = "WHERE test = '%s'" % peers.test
    names = influx.query('SHOW TAG VALUES FROM process WITH KEY = "component" ' + where, DATABASE)
    got = sorted(value for _, value in names[0]["values"])
    tap.check("a nasty name arrives as it is", got == sorted([NASTY, "client"]), got)
    keys = {key for row in influx.query("SHOW TAG KEYS", DATABASE) for key, in row["values"]}
    tap.check("the test is a tag, and no measurement", keys == {"test", "host", "component", "peer", "source"} and
              {name for row in influx.query("SHOW MEASUREMENTS", DATABASE) for name, in row["values"]}
              == {"process", "routine", "death"}, keys)
    for measurement in ("process", "routine"):
        series = influx.query('SELECT * FROM "%s" %s' % (measurement, where), DATABASE)[0]
        times = [row[0] for row in series["values"]]
        span = peers.ended_ns - peers.began_ns
        tap.check("times of %s are the wall clock's" % measurement,
                  peers.ended_wall_ns - span - 1e9 < min(times) and max(times) < peers.ended_wall_ns + 1e9,
                  min(times), max(times), peers.ended_wall_ns, span)
    deaths = influx.query("SELECT * FROM death " + where, DATABASE)[0]
    rows = [dict(zip(deaths["columns"], row)) for row in deaths["values"]]
    tap.check("the kill is there, once", [(row["component"], row["host"], row["signal"], row["reason"]) for row in rows]
              == [(NASTY, "n1", 9, "chaos")], rows)


def refused(tap, influx):
    """Points that InfluxDB will never take stop nothing."""
    influx.fetch("/query", b"q=CREATE DATABASE other")
    influx.fetch("/write?db=other", b'routine,test=x latency="a text"')
    with Results("--influx", influx.url("other")) as server:
        server.ask("POST", "/test/r", {"started": True})
        server.ask("PUT", "/test/r/peer/p/metrics", batch(1, point(1, latency=1), point(2, good=1)))
        server.ask("PUT", "/test/r/peer/p/metrics", batch(2, point(3, good=2)))
        wait_until(lambda: influx.count("good", "routine", "other") == 2)
        server.wait_said("has refused points: HTTP 400 .*field type conflict")
        tap.check("what InfluxDB refuses stops nothing, and is counted", wait_until(
            lambda: figures(server) == {"points_total": 2, "dropped_total": 1, "outages_total": 0, "up": 1,
                                        "batches_behind": 0}), figures(server))


def figures(server):
    """What /metrics says of the push."""
    text = server.ask("GET", "/metrics")[1].decode()
    return {name: float(value) for name, value in
            re.findall(r"^flatline_results_influx_(\w+) (\S+)$", text, re.MULTILINE)}


class Fake(http.server.BaseHTTPRequestHandler):
    """An InfluxDB that only listens, after it has refused that some times."""
    seen, refusals = [], 4

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, self.headers["Authorization"]))
        self.send_response(401 if len(self.seen) <= self.refusals else 204)
        self.end_headers()

    def log_message(self, *what):
        pass


def credentials(tap):
    fake = http.server.HTTPServer(("127.0.0.1", 0), Fake)
    threading.Thread(target=fake.serve_forever, daemon=True).start()
    environment = {**os.environ, "FLATLINE_INFLUX_USER": "ali", "FLATLINE_INFLUX_PASSWORD": SECRET}
    with Results("-v", "--influx", "http://127.0.0.1:%d/?db=x" % fake.server_port, env=environment) as server:
        server.ask("POST", "/test/c", {"started": True})
        server.ask("PUT", "/test/c/peer/p/metrics", batch(1, point()))
        server.wait_said("InfluxDB is back")
        tap.check("an outage is one line, however often it was tried, and its end another",
                  server.said().count("InfluxDB is") == 2 and len(Fake.seen) == Fake.refusals + 1, server.said())
        expected = "Basic " + base64.b64encode(("ali:" + SECRET).encode()).decode()
        tap.check("credentials from the environment are sent", {a for _, a in Fake.seen} == {expected}, Fake.seen)
        tap.check("... in no URL, and not logged", not any("sesame" in path for path, _ in Fake.seen)
                  and "sesame" not in server.said() and "HTTP 401" in server.said(), server.said())
    fake.shutdown()
    for url, why in (("ftp://h/", "not the URL"), ("http://h/?bucket=x", "unknown 'bucket'")):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([RESULTS, "--store", folder, "--listen", "127.0.0.1:0", "--influx", url],
                                  capture_output=True, text=True, timeout=PATIENCE)
        tap.check("--influx %s: exit 2, one line" % url, done.returncode == 2 and why in done.stderr
                  and done.stderr.count("\n") == 1, done.returncode, done.stderr)


def filled(query, peers):
    """A query as Grafana sends it, all variables at their All."""
    for name, value in (("$test", re.escape(peers.test)), ("$host", ".*"), ("$component", ".*"),
                        ("$timeFilter", "time > now() - 1h"), ("$__interval", "100ms")):
        query = query.replace(name, value)
    return query


def values_of(influx, query):
    return sum(len(series["values"]) for series in influx.query(query, DATABASE))


def dashboard(tap, influx, peers):
    with open(DASHBOARD, encoding="utf-8") as file:
        board = json.load(file)
    ids = [panel["id"] for panel in board["panels"]]
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    tap.check("dashboard: a schema, unique panels, its data source a variable",
              board["schemaVersion"] >= 30 and len(set(ids)) == len(ids) and board["title"]
              and variables["datasource"]["type"] == "datasource"
              and variables["datasource"]["query"] == "influxdb", ids, sorted(variables))
    queries = [(name, variable["query"]) for name, variable in variables.items() if name != "datasource"]
    queries += [("annotation " + a["name"], a["query"]) for a in board["annotations"]["list"]]
    used = {variable["datasource"]["uid"] for name, variable in variables.items() if name != "datasource"}
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            queries.append((panel["title"] + " " + target["refId"], target["query"]))
            used.add(target["datasource"]["uid"])
    tap.check("dashboard: all its queries use the variable", used == {"${datasource}"}, used)
    boxes = [(p["gridPos"]["x"], p["gridPos"]["y"], p["gridPos"]["w"], p["gridPos"]["h"]) for p in board["panels"]]
    overlaps = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i]
                if a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]]
    tap.check("dashboard: no panel lies on another, none beyond the edge",
              not overlaps and all(x + w <= 24 for x, _, w, _ in boxes), overlaps)
    for name, query in queries:
        text = filled(query, peers)
        tap.check("dashboard: %s finds something" % name, "$" not in text.replace("$/", "")
                  and values_of(influx, text) > 0, text)


def main():
    tap = Tap()
    credentials(tap)
    if INFLUXD is None:
        tap.skip("influxd is not installed (influxdb)")
        tap.done()
        return
    with Influx() as influx, tempfile.TemporaryDirectory() as folder:
        peers = outages(tap, influx, folder)
        peers.ended_ns, peers.ended_wall_ns = time.monotonic_ns(), time.time_ns()
        meanings(tap, influx, peers)
        dashboard(tap, influx, peers)
        refused(tap, influx)
    tap.done()


main()
