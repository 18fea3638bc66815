"""The results server under test, and a client of its REST interface.

    with Results() as server:
        server.ask("POST", "/test/a", {"started": True}) -> (status, body as JSON)
        server.stop() -> exit status
"""

import contextlib
import http.client
import json
import os
import shutil
import tempfile

from program import BUILD, PATIENCE, Program

RESULTS = os.path.join(BUILD, "results-server", "results-server")


def body_of(content):
    return b"" if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()


def talk(connection, method, path, content=None, headers=()):
    """One request over an http.client connection: status, body (JSON if it says so), headers."""
    connection.request(method, path, body_of(content), dict(headers))
    reply = connection.getresponse()
    body = reply.read()
    if reply.headers.get("Content-Type", "").startswith("application/json"):
        body = json.loads(body)
    return reply.status, body, reply.headers


class Results(Program):
    """results-server on a free port of its own choice, unless one is given; the store is a fresh folder,
    unless one is given."""

    def __init__(self, *options, store=None, port=0, **more):
        self.judge = None  # of every answer of ask(), see openapi.py
        self.wrong = []    # what it complained about
        self.own = tempfile.mkdtemp() if store is None else None
        self.store = store or os.path.join(self.own, "store")
        super().__init__(RESULTS, "--store", self.store, "--listen", "127.0.0.1:%d" % port, *options, **more)
        self.port = int(self.wait_said(r"listening on \S+:(\d+)").group(1))

    def __exit__(self, *what):
        super().__exit__(*what)
        if self.own:
            shutil.rmtree(self.own)

    def connect(self, seconds=PATIENCE):
        return contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds))

    def ask(self, method, path, content=None):
        with self.connect() as connection:
            status, body, _ = talk(connection, method, path, content)
            if self.judge:
                self.wrong += self.judge.wrong_answer(method, path, status, body)
            return status, body


def point(time_ns=1, source="x", **values):
    return {"time_ns": time_ns, "source": source, "values": values or {"a": 1}}


def batch(sequence, *points, **more):
    return {"sequence": sequence, "points": list(points), **more}


def host(rank=0, size=1, name=None, **more):
    return {"host": {"rank": rank, "size": size, "name": name or "n%d" % (rank + 1), "address": "127.0.0.1",
                     "place": "spread", "offset_ns": 0, "offset_error_ns": 1000, **more}}
