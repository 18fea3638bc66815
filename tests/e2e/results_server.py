#!/usr/bin/env python3
"""The REST interface of results-server: a test's life, what each refusal says, long polls, hosts that are
lost; what is kept over a restart, and over kill -9 under load, where nothing acknowledged may be lost and
nothing counted twice."""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))

import ports
from openapi import OpenApi
from program import PATIENCE, wait_until
from results import RESULTS, Results, batch, host, point, talk
from tap import Tap

FIRST = point(1, a=1)
INTERFACE = os.path.join(os.environ["top_srcdir"], "docs", "results-server.openapi.yaml")


def run(*argv):
    done = subprocess.run([RESULTS, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


def command_line(tap):
    status, said, _ = run("--help")
    tap.check("--help exits with 0, fits 80 columns and 45 lines",
              status == 0 and max(map(len, said.splitlines())) < 80 and len(said.splitlines()) <= 45, said)
    tap.check("--help names the commands", "results-server routes" in said, said)
    tap.check("--version names the libraries", re.match(r"results-server \S+ \(libmicrohttpd ", run("--version")[1]))
    for argv, why in (([], "--store is missing"),
                      (["--store", "x", "--tls-cert", "y"], "--tls-cert and --tls-key go together"),
                      (["--store", "x", "stray"], "unexpected argument 'stray'"),
                      (["--store", "x", "--max-body", "1"], "--max-body: '1' is not between 1024 and"),
                      (["--store", "x", "--host-timeout", "0"], "--host-timeout: ")):
        status, _, said = run(*argv)
        tap.check("bad usage %s: exit 2, one line" % argv,
                  status == 2 and said.count("\n") == 1 and why in said, status, said)


def interface(tap):
    """The OpenAPI file against the table of routes."""
    judge = OpenApi(INTERFACE)
    rows = [line.split("\t") for line in run("routes")[1].splitlines()]
    routes = {(method, re.sub(r"/([A-Z]+)", r"/{\1}", path)): query.split() for method, path, query, _ in rows}
    described = judge.operations()
    tap.check("the OpenAPI file has every route, with its query", routes and all(
        sorted(described.get(key, ["none"])) == sorted(query) for key, query in routes.items()), routes, described)
    tap.check("... and no other", set(described) <= set(routes), set(described) - set(routes))
    return judge


def life(tap, server):
    """The way that a test goes, with every answer."""
    def step(what, expected, method, path, content=None, **members):
        status, body = server.ask(method, "/test/life" + path, content)
        good = status == expected and all(body.get(name) == value for name, value in members.items())
        tap.check(what, good, status, body, members)
        return body

    step("a test is made, not started", 201, "POST", "", {"started": False, "size": 2}, state="created")
    step("made again: the same", 200, "POST", "", {"started": False, "size": 2}, state="created")
    step("made otherwise: refused", 409, "POST", "", {"started": True, "size": 2}, error="test-exists")
    step("made for others: refused", 409, "POST", "", {"started": False}, error="test-exists")
    step("a host comes", 200, "PUT", "/topology", host(0, 2))
    step("of another size: refused", 409, "PUT", "/topology", host(1, 3), error="size-differs")
    step("of the same name: refused", 409, "PUT", "/topology", host(1, 2, "n1"), error="name-taken")
    step("with a rank that is none: refused", 400, "PUT", "/topology", host(2, 2), error="wrong-value")
    step("metrics before the start: refused", 400, "PUT", "/peer/n1/metrics", batch(1, FIRST),
         error="test-not-started")
    preamble = {"meta": {"columns": ["key", "value"], "rows": [["seed", 7]]}}
    step("but for a preamble", 200, "PUT", "/peer/n1/metrics",
         {"sequence": 1, "preamble": True, "tables": preamble}, sequence=1, state="created", ending=False)
    step("which brings nothing measured", 400, "PUT", "/peer/n1/metrics",
         {"sequence": 2, "preamble": True, "tables": {"sample": {"columns": [], "rows": []}}}, error="wrong-value")
    began = step("it starts", 200, "PUT", "/start", {}, state="started")["started_ns"]
    step("again: nothing changes", 200, "PUT", "/start", None, started_ns=began)
    step("made again, as it was made", 200, "POST", "", {"started": False, "size": 2}, state="started")
    step("an offset may still change", 200, "PUT", "/topology", host(0, 2, offset_ns=-17))
    step("nothing else may", 400, "PUT", "/topology", host(0, 2, address="x"), error="test-already-started")
    step("no host may come late", 400, "PUT", "/topology", host(1, 2), error="test-already-started")
    step("metrics", 200, "PUT", "/peer/n1/metrics", batch(2, FIRST, FIRST), sequence=2, state="started")
    step("metrics again are counted once", 200, "PUT", "/peer/n1/metrics", batch(2, FIRST), sequence=2)
    step("a heartbeat", 200, "PUT", "/peer/n1/metrics", {"sequence": 0}, sequence=0, ending=False, lost=[])
    step("out of order", 200, "PUT", "/peer/n1/metrics", batch(4, FIRST))
    step("results with a gap: refused", 409, "PUT", "/peer/n1/results",
         {"sequence_last": 4, "status": 0, "verdict": "pass"}, error="data-missing", have=2)
    step("the gap is filled", 200, "PUT", "/peer/n1/metrics", batch(3, FIRST))
    result = {"sequence_last": 4, "status": 0, "verdict": "pass"}
    step("results: the others end, too", 200, "PUT", "/peer/n1/results", result, ending=True)
    step("results again", 200, "PUT", "/peer/n1/results", result, ending=True)
    step("other results: refused", 409, "PUT", "/peer/n1/results", {**result, "status": 1}, error="peer-already-done")
    step("nothing comes behind them", 409, "PUT", "/peer/n1/metrics", batch(5), error="peer-already-done")
    step("but what is there already is acknowledged", 200, "PUT", "/peer/n1/metrics", batch(4, FIRST))
    finish = {"verdict": "fail", "summary": {"why": ["a", 1]}}
    step("it is finished", 200, "PUT", "/finish", finish, state="finished")
    step("again", 200, "PUT", "/finish", finish, state="finished")
    step("otherwise: refused", 400, "PUT", "/finish", {"verdict": "pass"}, error="test-already-finished")
    step("its run can be had", 200, "GET", "/run.db")
    step("no start any more", 400, "PUT", "/start", {}, error="test-already-finished")
    step("no metrics any more", 400, "PUT", "/peer/x/metrics", batch(1), error="test-already-finished")
    step("no host any more", 400, "PUT", "/topology", host(0, 2), error="test-already-finished")
    shown = step("the test is shown as it ended", 200, "GET", "", state="finished", size=2, ending=True,
                 verdict=finish)
    tap.check("its peer's counts are exact: 4 batches, 5 points", [
        (peer["name"], peer["batches"], peer["points"]) for peer in shown["peers"]] == [("n1", 4, 5)], shown)
    tap.check("its host is done", [h["state"] for h in shown["hosts"]] == ["done"], shown)
    data = step("every batch comes out as it went in", 200, "GET", "?dataPoints=true")["dataPoints"]
    tap.check("... in order", [d["batch"]["sequence"] for d in data] == [1, 2, 3, 4]
              and data[1]["batch"] == batch(2, FIRST, FIRST) and data[0]["batch"]["tables"] == preamble, data)


def refusals(tap, server):
    server.ask("POST", "/test/r", {"started": True})
    post = "/test/r/peer/p/metrics"
    rows = {"columns": ["incarnation", "time_ns"], "rows": [[1, 2], [1]]}
    for method, path, content, status, error, words in (
            ("GET", "/nothing", None, 404, "no-such-path", "/nothing"),
            ("GET", "/test/r/peer/p", None, 404, "no-such-path", ""),
            ("GET", "/test/none", None, 404, "test-not-found", "none"),
            ("PUT", "/test/none/start", {}, 404, "test-not-found", "POST /test/none"),
            ("PUT", "/test/none/peer/p/metrics", batch(1), 404, "test-not-found", "none"),
            ("PUT", "/test/none/peer/p/metrics", batch(0), 404, "test-not-found", "none"),
            ("PUT", "/test/none/finish", {"verdict": "pass"}, 404, "test-not-found", "none"),
            ("GET", "/test/.r", None, 400, "bad-id", "'.r'"),
            ("GET", "/test/" + 65 * "a", None, 400, "bad-id", "aaa"),
            ("GET", "/test/r?what=1", None, 400, "bad-query", "'what'"),
            ("GET", "/test/r?wait=soon", None, 400, "bad-query", "'soon' is none of topology"),
            ("GET", "/test/r?wait=done&timeout=1h", None, 400, "bad-query", "'1h'"),
            ("GET", "/test/r?dataPoints=yes", None, 400, "bad-query", "'yes'"),
            ("POST", "/test", b'{"started": tru}', 400, "bad-json", "line 1, column 15"),
            ("POST", "/test", b'{"started": true, "started": true}', 400, "bad-json", "duplicate"),
            ("POST", "/test", b'[true]', 400, "wrong-type", "the body: an object is wanted, not a list"),
            ("POST", "/test", {}, 400, "missing-field", "started: must be there"),
            ("POST", "/test", {"started": 1}, 400, "wrong-type", "started: a boolean is wanted, not an integer"),
            ("POST", "/test", {"started": True, "size": 0}, 400, "wrong-value", "size: 0 is not between 1"),
            ("POST", "/test", {"started": True, "sise": 1}, 400, "unknown-field", "sise: there is no such member"),
            ("PUT", "/test/r/start", {"now": True}, 400, "unknown-field", "now"),
            ("PUT", "/test/r/topology", {"host": {}}, 400, "missing-field", "host.rank"),
            ("PUT", "/test/r/topology", host(place="moon"), 400, "wrong-value", "host.place: 'moon' is none of spread"),
            ("PUT", "/test/r/topology", host(name="a/b"), 400, "wrong-value", "host.name: 'a/b' is not an id"),
            ("PUT", post, {"sequence": 1, "points": [FIRST, {"time_ns": 1, "source": "x", "values": {"b": "c"}}]},
             400, "wrong-type", "points[1].values.b: a number is wanted, not a text"),
            ("PUT", post, batch(1, point(B=1)), 400, "wrong-value", "points[0].values.B"),
            ("PUT", post, batch(-1), 400, "wrong-value", "sequence: -1"),
            ("PUT", post, batch(1.5), 400, "wrong-type", "sequence"),
            ("PUT", post, batch(0, FIRST), 400, "wrong-value", "heartbeat"),
            ("PUT", post, {"sequence": 1, "tables": {"sample": rows}}, 400, "wrong-value",
             "tables.sample.rows[1]: 1 values for 2 columns"),
            ("PUT", post, {"sequence": 1, "tables": {"samples": rows}}, 400, "unknown-field", "tables.samples"),
            ("PUT", post, {"sequence": 1, "tables": {"event": {"columns": ["a"], "rows": [[[]]]}}}, 400, "wrong-type",
             "tables.event.rows[0][0]"),
            ("PUT", post, batch(1, *(FIRST for _ in range(20001))), 400, "wrong-value", "points: 20001 entries"),
            ("PUT", "/test/r/peer/p/results", {"sequence_last": 0, "status": 0, "verdict": "good"}, 400,
             "wrong-value", "verdict: 'good' is none of pass"),
            ("PUT", "/test/r/finish", {}, 400, "missing-field", "verdict")):
        got, body = server.ask(method, path, content)
        if error in ("wrong-type", "unknown-field", "missing-field", "wrong-value") and not isinstance(content, bytes):
            beyond = "heartbeat" in words or "columns" in words  # what no schema can say
            tap.check("... which OpenAPI refuses, too", beyond or not server.judge.takes(method, path, content), content)
        tap.check("%s %s %s: %d %s" % (method, path[:24], str(content)[:40], status, error),
                  (got, body.get("error")) == (status, error) and words in body["message"]
                  and "\n" not in body["message"], got, body)
    with server.connect() as connection:
        status, body, headers = talk(connection, "DELETE", "/test/r")
        tap.check("405 says what is allowed", (status, headers["Allow"]) == (405, "POST, GET"), status, headers)
    status, body = server.ask("POST", "/test", {"started": True})
    tap.check("without an id, one is made", status == 201 and re.match(r"\d{8}-\d{6}-[0-9a-f]{8}$", body["id"]), body)
    tap.check("a refused post leaves nothing", server.ask("GET", "/test/r")[1]["peers"] == [])
    tests = server.ask("GET", "/test")[1]
    tap.check("the newest test is the first of the list", tests[0]["id"] == body["id"] and tests[-1]["id"] == "life", tests)


class Poll(threading.Thread):
    """A long poll."""

    def __init__(self, server, path):
        super().__init__(daemon=True)
        self.server, self.path, self.answer = server, path, None
        self.start()

    def run(self):
        self.answer = self.server.ask("GET", self.path)

    def result(self):
        self.join(PATIENCE)
        return self.answer and self.answer[1]


def latecomers(tap, server):
    server.ask("POST", "/test/s", {"started": True})
    statuses = [server.ask("PUT", "/test/s/topology", host(rank, 2))[0] for rank in (0, 1)]
    tap.check("to a test that was made started, hosts come at any time", statuses == [200, 200], statuses)


def polls(tap, server):
    def waiting(count):
        wait_until(lambda: server.ask("GET", "/status")[1]["waiting"] == count)

    server.ask("POST", "/test/w", {"started": False, "size": 2})
    server.ask("PUT", "/test/w/topology", host(0, 2))
    everything = [Poll(server, "/test/w?wait=%s&timeout=60s" % what)
                  for what in ("topology", "ready", "started", "done", "finished")]
    waiting(5)
    server.ask("PUT", "/test/w/topology", host(1, 2, ready=True))
    tap.check("wait=topology is over when all hosts are there", len(everything[0].result()["hosts"]) == 2)
    tap.check("... and no other", [poll.is_alive() for poll in everything[1:]] == 4 * [True])
    server.ask("PUT", "/test/w/topology", host(0, 2, ready=True))
    tap.check("wait=ready when all are ready", {h["state"] for h in everything[1].result()["hosts"]} == {"ready"})
    server.ask("PUT", "/test/w/start", {})
    tap.check("wait=started when it is started", everything[2].result()["state"] == "started")
    for name in ("n1", "n2"):
        server.ask("PUT", "/test/w/peer/%s/results" % name, {"sequence_last": 0, "status": 0, "verdict": "pass"})
    tap.check("wait=done when all are done", {h["state"] for h in everything[3].result()["hosts"]} == {"done"})
    server.ask("PUT", "/test/w/finish", {"verdict": "pass"})
    tap.check("wait=finished when it is finished", everything[4].result()["verdict"] == {"verdict": "pass"})
    began = time.monotonic()
    server.ask("POST", "/test/w2", {"started": False, "size": 2})
    state = server.ask("GET", "/test/w2?wait=started&timeout=500ms")[1]["state"]
    tap.check("a long poll ends in time", state == "created" and time.monotonic() - began >= 0.5)
    poll = Poll(server, "/test/w2?wait=started&timeout=60s")
    waiting(1)
    server.ask("PUT", "/test/w2/peer/n2/results",
               {"sequence_last": 0, "status": 3, "verdict": "error", "reason": "port busy"})
    tap.check("nobody waits for the start where a share has failed", poll.result()["ending"] is True)
    with server.connect() as connection:
        connection.request("GET", "/test/w2?wait=finished&timeout=60s")
        waiting(1)
    waiting(0)
    tap.check("who goes away waits no more", True)


def lost(tap):
    with Results("--host-timeout", "1s") as server:
        server.ask("POST", "/test/l", {"started": False, "size": 2})
        for rank in (0, 1):
            server.ask("PUT", "/test/l/topology", host(rank, 2))
        server.ask("PUT", "/test/l/start", {})
        stop = threading.Event()

        def heart():
            while not stop.wait(0.1):
                server.ask("PUT", "/test/l/peer/n1/metrics", {"sequence": 0})

        beating = threading.Thread(target=heart)
        beating.start()
        try:
            answer = wait_until(lambda: [a for a in [server.ask("PUT", "/test/l/peer/n1/metrics", {"sequence": 0})[1]]
                                         if a["lost"]])[0]
            tap.check("a host that falls silent is lost, and the others are told", answer["lost"] == ["n2"], answer)
            answer = server.ask("PUT", "/test/l/peer/n2/metrics", batch(1, FIRST))[1]
            tap.check("it may come back", "n2" not in answer["lost"], answer)
        finally:
            stop.set()
            beating.join()
        done = server.ask("GET", "/test/l?wait=done&timeout=60s")[1]
        tap.check("wait=done is over when all are lost", {h["state"] for h in done["hosts"]} == {"lost"}, done)


def stores(tap):
    """The store at its limits: used by another, of another kind, full."""
    with tempfile.TemporaryDirectory() as folder, Results(store=folder) as server:
        status, _, said = run("--store", folder, "--listen", "127.0.0.1:0")
        tap.check("a store in use: exit 3, one line", status == 3 and "in use" in said and said.count("\n") == 1, said)
        tap.check("... and who has it goes on", server.ask("GET", "/status")[0] == 200)
        status, _, said = run("--store", os.path.join(folder, "other"), "--listen", "127.0.0.1:%d" % server.port)
        tap.check("a busy port: exit 3, one line", status == 3 and said.count("\n") == 1, status, said)
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "results.db"), "w") as file:
            file.write("this is no database, and never was one\n" * 100)
        status, _, said = run("--store", folder, "--listen", "127.0.0.1:0")
        tap.check("a store that is none: exit 3", status == 3 and "not a database" in said, said)
    status, _, said = run("--store", "/proc/nowhere", "--listen", "127.0.0.1:0")
    tap.check("a folder that cannot be made: exit 3", status == 3 and "cannot make the store" in said, said)
    full(tap)


def full(tap):
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder],
                          stderr=subprocess.DEVNULL).returncode != 0:
            tap.skip("a full disk needs the right to mount")
            return
        try:
            with Results(store=folder) as server:
                fill(tap, server, folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def fill(tap, server, folder):
    server.ask("POST", "/test/f", {"started": True})
    noise = random.Random(7)
    sequence = 0
    status, body = 200, None
    while status == 200 and sequence < 1000:
        sequence += 1
        post = batch(sequence, *(point(noise.getrandbits(60), a=noise.random()) for _ in range(500)))
        status, body = server.ask("PUT", "/test/f/peer/p/metrics", post)
    tap.check("a full disk is told", (status, body["error"]) == (507, "store-failed") and "disk full" in body["message"],
              status, body)
    tap.check("... and logged once", server.wait_said("disk full") and server.said().count("disk full") == 1,
              server.said())
    peers = server.ask("GET", "/test/f")[1]["peers"]
    tap.check("what was refused is not counted", peers[0]["batches"] == sequence - 1, peers, sequence)
    subprocess.run(["mount", "-o", "remount,size=16m", folder], check=True)
    status, body = server.ask("PUT", "/test/f/peer/p/metrics", post)
    tap.check("with room again it is taken", status == 200 and server.wait_said("can be written again"), status, body)


class Client(threading.Thread):
    """Posts its batches one after the other, again until each is acknowledged, over every restart."""

    def __init__(self, load, name):
        super().__init__(daemon=True)
        self.load, self.name, self.acknowledged, self.repeated, self.wrong = load, name, 0, 0, []
        self.start()

    def post(self, connection, sequence):
        path = "/test/k/peer/%s/metrics" % self.name
        status, body, _ = talk(connection, "PUT", path, batch(sequence, point(sequence, self.name, a=sequence), FIRST))
        if status == 200:
            self.acknowledged = sequence
        elif status != 503:
            self.wrong.append((sequence, status, body))

    def run(self):
        while not self.load.over.is_set():
            try:
                with self.load.server.connect(20) as connection:
                    while not self.load.over.is_set() and not self.wrong:
                        self.post(connection, self.acknowledged + 1)
            except (OSError, ValueError, EOFError):
                self.repeated += 1
                time.sleep(0.02)
            except Exception:  # http.client's: the answer was cut off
                self.repeated += 1


class Load:
    def __init__(self, server, clients):
        self.server, self.over = server, threading.Event()
        self.clients = [Client(self, "c%d" % i) for i in range(clients)]

    def acknowledged(self):
        return [client.acknowledged for client in self.clients]

    def end(self):
        self.over.set()
        for client in self.clients:
            client.join(PATIENCE)


KILLS = 6
CLIENTS = 16


def killed(tap):
    """kill -9 under load, again and again, at moments drawn at random."""
    draw, ends = random.Random(), []
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        port = ports.port()
        server = stack.enter_context(Results(store=folder, port=port))
        server.ask("POST", "/test/k", {"started": True})
        load = Load(server, CLIENTS)
        for kill in range(KILLS):
            before = sum(load.acknowledged())
            wait_until(lambda: sum(load.acknowledged()) > before + 5 * CLIENTS)
            time.sleep(draw.uniform(0, 0.2))
            if kill % 3 == 2:
                ends.append(server.stop())
            else:
                server.process.kill()
                server.process.wait()
            promised = load.acknowledged()
            server = load.server = stack.enter_context(Results(store=folder, port=port))
            stored = {p["name"]: p["batches"] for p in server.ask("GET", "/test/k")[1]["peers"]}
            if any(stored.get("c%d" % i, 0) < n for i, n in enumerate(promised)):
                break
        tap.check("nothing acknowledged is lost by %d kills" % KILLS,
                  all(stored.get("c%d" % i, 0) >= n for i, n in enumerate(promised)), promised, stored)
        tap.check("now and then it ended by SIGTERM, with 0", ends == [0] * (KILLS // 3), ends)
        load.end()
        check_counts(tap, server, load)
        tap.check("SIGTERM ends it with 0", server.stop() == 0, server.said())
        with Results(store=folder) as server:
            tap.check("after an orderly end, too, all is there", counts(server) == {
                "c%d" % i: n for i, n in enumerate(load.acknowledged())}, counts(server))


def counts(server):
    return {peer["name"]: peer["batches"] for peer in server.ask("GET", "/test/k")[1]["peers"]}


def check_counts(tap, server, load):
    wrong = [client.wrong for client in load.clients if client.wrong]
    tap.check("every answer was 200 or 503", not wrong, wrong)
    for client in load.clients:  # what was under way at the end may be stored without an answer
        extra = counts(server).get(client.name, 0) - client.acknowledged
        if extra == 1:
            client.acknowledged += 1
    total = sum(load.acknowledged())
    shown = server.ask("GET", "/test/k")[1]["peers"]
    tap.check("each batch is counted once: %d batches, %d connections lost" % (
        total, sum(client.repeated for client in load.clients)),
        counts(server) == {client.name: client.acknowledged for client in load.clients}
        and sum(peer["points"] for peer in shown) == 2 * total, counts(server), load.acknowledged())
    data = server.ask("GET", "/test/k?dataPoints=true")[1]["dataPoints"]
    expected = [(client.name, n) for client in load.clients for n in range(1, client.acknowledged + 1)]
    got = [(d["peer"], d["batch"]["sequence"]) for d in data]
    values = [d["batch"]["points"][0] for d in data]
    tap.check("each is stored once, with what was posted",
              sorted(got) == sorted(expected) and values == [point(n, name, a=n) for name, n in got],
              len(got), len(expected))


def kept(tap, folder):
    """All states outlive the server."""
    with Results(store=folder) as server:
        for name in ("created", "started", "finished"):
            server.ask("POST", "/test/" + name, {"started": name != "created", "size": 1})
            if name != "finished":
                continue
            server.ask("PUT", "/test/finished/peer/p/metrics", batch(1, FIRST))
            server.ask("PUT", "/test/finished/peer/p/results", {"sequence_last": 1, "status": 0, "verdict": "pass"})
            server.ask("PUT", "/test/finished/finish", {"verdict": "pass"})
        server.ask("PUT", "/test/created/topology", host(ready=True))
        before = [server.ask("GET", "/test/" + name)[1] for name in ("created", "started", "finished")]
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    with Results(store=folder) as server:
        after = [server.ask("GET", "/test/" + name)[1] for name in ("created", "started", "finished")]
        tap.check("a restart keeps all states", before == after, before, after)
        tap.check("the order of the list, too", [t["id"] for t in server.ask("GET", "/test")[1]] == [
            "finished", "started", "created"])
        status, body = server.ask("GET", "/status")
        tap.check("the status counts them", body["tests"] == {"created": 1, "started": 1, "finished": 1}, body)


def main():
    tap = Tap()
    command_line(tap)
    judge = interface(tap)
    with Results() as server:
        server.judge = judge
        life(tap, server)
        refusals(tap, server)
        latecomers(tap, server)
        polls(tap, server)
        server.ask("GET", "/status")
        tap.check("every answer was as the OpenAPI file describes it", not server.wrong, *server.wrong[:20])
        tap.check("... and each that it describes came", judge.described() <= judge.seen, judge.described() - judge.seen)
        tap.check("SIGTERM ends it with 0", server.stop() == 0, server.said())
    lost(tap)
    stores(tap)
    with tempfile.TemporaryDirectory() as folder:
        kept(tap, folder)
    killed(tap)
    tap.done()


main()
