"""A results server that has the faults we want, for tests of those who post to it:

    with FakeResults(token="secret") as server:
        server.url
        server.faults.append(500)    # the next request but those for the clock gets that; also "close" (in the
                                     # middle of the answer), "lose" (it was done, but there is no answer), "slow"
        server.faults_at = "run.db"  # ... of which the path contains that
        server.test("night")         # as it is now: see Test

It takes what the real one takes, and checks as little as it can.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

POLL_MOST = 2.0  # seconds that a long poll lasts here


class Test:
    def __init__(self, size):
        self.size = size
        self.state = "created"
        self.started_ns = None
        self.hosts = {}
        self.batches = {}  # peer: {sequence: batch}
        self.beats = {}  # peer: heartbeats
        self.repeats = 0  # batches that came again
        self.results = {}
        self.finish = None
        self.lost = []

    def view(self):
        hosts = [dict(entry, state=self.host_state(entry)) for _, entry in sorted(self.hosts.items())]
        return {
            "state": self.state, "size": self.size, "started_ns": self.started_ns, "hosts": hosts,
            "peers": [{"name": name, "batches": len(self.batches.get(name, {})), "result": result}
                      for name, result in self.results.items()],
            "ending": self.ending(), "verdict": self.finish,
        }

    def host_state(self, entry):
        if entry["name"] in self.results:
            return "done"
        if entry["name"] in self.lost:
            return "lost"
        return "running" if self.state == "started" else "present"

    def ending(self):
        return bool(self.results) or self.state == "finished"

    def reached(self, state):
        if self.results and state not in ("done", "finished"):
            return True  # somebody has given up: nobody waits for the start any more
        everybody = len(self.hosts) == self.size
        return {"topology": everybody,
                "ready": everybody and all(h.get("ready") for h in self.hosts.values()),
                "started": self.state != "created",
                "done": all(self.host_state(h) in ("done", "lost") for h in self.hosts.values()),
                "finished": self.state == "finished"}[state]


class Refusal(Exception):
    def __init__(self, status, word, message):
        super().__init__(message)
        self.status, self.word = status, word


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body, fault=None):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text[:len(text) // 2] if fault == "close" else text)
        self.close_connection = self.close_connection or fault == "close"

    def serve(self):
        owner = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # Probes of the clock may come at any time; whoever orders a fault means something else.
        faulty = owner.faults and self.path != "/status" and owner.faults_at in self.path
        fault = owner.faults.pop(0) if faulty else None
        if fault == "slow":
            time.sleep(0.3)
        if isinstance(fault, int):
            self.answer(fault, {"error": "fault", "message": "ordered by the test"})
            return
        try:
            if owner.token and self.headers.get("Authorization") != "Bearer " + owner.token:
                raise Refusal(401, "token-wrong", "the token is wrong: give the server's with --token")
            status, answer = owner.route(self.command, self.path, json.loads(body) if body else None)
        except Refusal as refusal:
            status, answer = refusal.status, {"error": refusal.word, "message": str(refusal)}
        if fault == "lose":
            self.close_connection = True
            return
        self.answer(status, answer, fault)

    do_GET = do_PUT = do_POST = serve


class Http(ThreadingHTTPServer):
    daemon_threads = True
    owner = None

    def handle_error(self, request, client_address):
        """A client that was ended by the test."""


class FakeResults:
    def __init__(self, token=None, port=0):
        self.token = token
        self.faults = []
        self.faults_at = ""
        self.tests = {}
        self.whole = b""
        self.changed = threading.Condition()
        self.ahead_ns = 5_000_000_000  # of our clock
        self.http = Http(("127.0.0.1", port), Handler)
        self.http.owner = self
        self.port = self.http.server_address[1]
        self.url = "http://127.0.0.1:%d" % self.port
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.http.shutdown()
        self.http.server_close()

    def test(self, name):
        return self.tests[name]

    def now_ns(self):
        return time.monotonic_ns() + self.ahead_ns

    def find(self, name):
        if name not in self.tests:
            raise Refusal(404, "test-not-found", "no test '%s'" % name)
        return self.tests[name]

    def route(self, method, target, body):
        url = urlparse(target)
        parts = url.path.strip("/").split("/")
        with self.changed:
            try:
                if parts == ["status"]:
                    return 200, {"version": "fake", "server_ns": self.now_ns()}
                if method == "POST":
                    new = parts[1] not in self.tests
                    test = self.tests.setdefault(parts[1], Test(body.get("size")))
                    if new and body["started"]:
                        self.start(test)
                    return 201 if new else 200, {"id": parts[1], "state": test.state}
                test = self.find(parts[1])
                if method == "GET" and parts[2:] == ["run.db"]:
                    return 200, self.whole
                if method == "GET":
                    return 200, self.watch(test, parse_qs(url.query))
                return 200, self.put(test, parts[2:], body)
            finally:
                self.changed.notify_all()

    def watch(self, test, query):
        if "wait" in query:
            asked = float(query["timeout"][0].removesuffix("ms")) / 1000
            self.changed.wait_for(lambda: test.reached(query["wait"][0]), min(asked, POLL_MOST))
        return test.view()

    def start(self, test):
        test.state = "started"
        test.started_ns = test.started_ns or self.now_ns()

    def put(self, test, what, body):
        if what == ["start"]:
            self.start(test)
            return {"started_ns": test.started_ns}
        if what == ["topology"]:
            test.hosts[body["host"]["rank"]] = body["host"]
            return {}
        if what == ["finish"]:
            test.state, test.finish = "finished", body
            return {}
        if what[2] == "results":
            have = len(test.batches.get(what[1], {}))
            if have != body["sequence_last"]:
                raise Refusal(409, "data-missing", "batches up to %d are here" % have)
            test.results[what[1]] = body
            return {}
        if test.state != "started":
            raise Refusal(400, "test-already-finished" if test.finish else "test-not-started", "no")
        self.take(test, what[1], body)
        return {"sequence": body["sequence"], "state": test.state, "ending": test.ending(),
                "lost": test.lost}

    def take(self, test, peer, body):
        batches = test.batches.setdefault(peer, {})
        if body["sequence"] == 0:
            test.beats[peer] = test.beats.get(peer, 0) + 1
        elif body["sequence"] in batches:
            test.repeats += 1
        else:
            batches[body["sequence"]] = body
