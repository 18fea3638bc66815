"""The results server itself under attack, while a test runs: what is posted is acknowledged and kept all the while,
nothing that was not asked for happens, and afterwards nothing is held. (The transport by itself: results_http.py.)"""

import http.client
import os
import re
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from httphost import ATTACKER, HEAD, attacked_by, check, get, put, tap
from httpraw import Raw
from program import wait_until
from results import RESULTS, Results, batch, point

IO_TIMEOUT = 3  # s
FINISH = put("/test/good/finish", '{"verdict": "fail"}')


class Peer(threading.Thread):
    """A host that posts batch after batch, each until it is acknowledged."""

    def __init__(self, server, name):
        super().__init__()
        self.server, self.name_of, self.acknowledged, self.over = server, name, 0, threading.Event()

    def run(self):
        while not self.over.is_set():
            body = batch(self.acknowledged + 1, point(a=self.acknowledged))
            try:
                status, _ = self.server.ask("PUT", "/test/good/peer/%s/metrics" % self.name_of, body)
            except (OSError, http.client.HTTPException):
                continue  # closed after it stood still for too long; asked again
            self.acknowledged += status == 200


def metrics(server):
    return dict(line.rsplit(" ", 1) for line in server.ask("GET", "/metrics")[1].decode().splitlines() if line[0] != "#")


def held(server):
    numbers = metrics(server)
    return int(numbers["flatline_results_connections"]), int(numbers["flatline_results_requests_waiting"])


def answers(server, requests):
    """The status and word of the first answer to each; None: closed without one."""
    found = {}
    for name, request in requests.items():
        with Raw(server.port, ATTACKER) as raw:
            raw.send(request)
            answer = raw.answer()
            found[name] = (answer.status, answer.error()) if answer else None
    return found


def smuggling(server):
    """Behind framing that can be read in two ways, an order to finish the test."""
    heads = ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
             "Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
             "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
             "Content-Length: +2\r\n\r\n{}")
    for head in heads:
        with Raw(server.port, ATTACKER) as raw:
            raw.send(HEAD % ("PUT", "/test/good/start") + head + FINISH)
            raw.closed()


def names(server):
    """Ids that could be more than ids."""
    bad = ("..", ".hidden", "%2e%2e", "..%2fresults.db", "%00", "a%00", "a%0ab", "-", "a%20b", "caf%c3%a9", "a" * 65,
           "%ff")
    paths = {path: put(path, '{"started": true}').replace("PUT", "POST", 1) for path in ["/test/" + name for name in bad]}
    paths.update({path: put(path, '{"sequence": 1, "points": []}') for path in [
        "/test/good/peer/%s/metrics" % name for name in bad]})
    paths.update({path: get(path) for path in ("/web/results.db", "/web/..%2f..%2fresults.db", "/web/../results.db",
                                               "/test/../results.db", "/test/%2e%2e/run.db", "/results.db")})
    found = answers(server, paths)
    check("names that are none: 400 or 404", all(one and one[0] in (400, 404) for one in found.values()), found)
    check("nothing is made of them", [t["id"] for t in server.ask("GET", "/test")[1]] == ["good"] and set(
        os.listdir(server.store)) <= {"results.db", "results.db-wal", "results.db-shm", "results.lock"},
          os.listdir(server.store))


def bombs(server):
    """Bodies that grow when they are read."""
    many = {"lists": "[]", "objects": "{}", "numbers": "1"}
    bodies = {name: '{"sequence": 1, "points": [' + ",".join([one] * (8000000 // (len(one) + 1))) + "]}"
              for name, one in many.items()}
    bodies["a deep one"] = "[" * 8000000
    found = answers(server, {name: put("/test/good/peer/bomb/metrics", body) for name, body in bodies.items()})
    check("bodies that would fill the memory: 400", set(found.values()) <= {(400, "wrong-value"), (400, "bad-json")}, found)
    # As much as is allowed, all at once: read beside the others' requests.
    most = '{"sequence": 1, "points": [' + ",".join(["{}"] * 490000) + "]}"
    raws = [Raw(server.port, ATTACKER) for _ in range(8)]
    for raw in raws:
        raw.send(put("/test/good/peer/bomb/metrics", most))
    statuses = [raw.answer().status for raw in raws]
    check("large bodies, many at a time: each is refused in the end", set(statuses) == {400}, statuses)
    for raw in raws:
        raw.socket.close()


def crowd(server):
    """Connections that say nothing, too little, or do not listen."""
    beginnings = ("", "GET /stat", "PUT /test/good/start HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ",
                  HEAD % ("PUT", "/test/good/finish") + "Content-Length: 19\r\n\r\n" + '{"verdict": "fai',
                  HEAD % ("PUT", "/test/good/finish") + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"ver",
                  get("/test/good/events"), get("/events"), get("/test/good?dataPoints=true") * 30,
                  get("/test/good?wait=finished&timeout=60s"), get("/web/uPlot.iife.min.js") * 50, "\0" * 100,
                 "\r\n" * 5000)
    raws = []
    for i in range(25 * len(beginnings)):
        raw = Raw(server.port, ATTACKER, receive=4096)
        raw.send(beginnings[i % len(beginnings)])
        raws.append(raw)
    wait_until(lambda: held(server)[0] > 5 * len(beginnings))
    for raw in raws[::2]:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # leave by a reset
    for raw in raws[len(raws) // 2:]:
        raw.socket.close()
    # Half of the others are streams and long polls that may stay; the rest has to go by itself.
    wait_until(lambda: int(metrics(server)["flatline_results_timed_out_total"]) >= len(raws) // 4)
    for raw in raws:
        raw.socket.close()


def main():
    with Results("--io-timeout", "%ds" % IO_TIMEOUT) as server:
        server.ask("POST", "/test/good", {"started": True})
        peers = [Peer(server, "p%d" % i) for i in range(3)]
        for peer in peers:
            peer.start()
        for attack in (smuggling, names, bombs, crowd):
            with attacked_by(server, attack.__name__, get("/status"), IO_TIMEOUT):
                attack(server)
        for peer in peers:
            peer.over.set()
            peer.join()
        check("nothing of them is held", wait_until(lambda: held(server) == (1, 1)), held(server))
        shown = server.ask("GET", "/test/good")[1]
        check("the test runs on", shown["state"] == "started" and "verdict" not in shown, shown)
        kept = {peer["name"]: peer["batches"] for peer in shown["peers"]}
        told = {peer.name_of: peer.acknowledged for peer in peers}
        check("all that was acknowledged is kept, and nothing else", min(told.values()) > 5 and all(
            told[name] <= kept.get(name, 0) <= told[name] + 1 for name in told) and set(kept) == set(told), kept, told)
        with open("/proc/%d/status" % server.process.pid) as file:
            peak = int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1))
        with open(RESULTS, "rb") as file:
            check("its memory stayed within bounds", b"__asan" in file.read() or peak < 600000, "%d KB at most" % peak)
        check("it ends with 0", server.stop() == 0, server.said())
    tap.done()


main()
