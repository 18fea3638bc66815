"""PAUSE on the telemetry page of stress-server: streams without end stand still, everything that a client asks
for is answered, connections and streams stay; with the clients paused too no byte moves on either side, and
after RESUME all goes on. With one event loop and with several."""

import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from program import CLIENT, SERVER, Child, wait_until
from tap import Tap

STREAMS = 8  # of each client that has several
FLOODED = [  # the server sends on its own account
    "--concurrent --num-connections 8 --server-streaming 0",
    "--gzip --server-streaming 0",
    "--service benchmark --server-streaming 0",
]
ASKING = [  # every reply is asked for
    "--num-calls 0 --non-streaming",
    "--num-calls 0 --server-streaming 10",
    "--bidi-streaming 0",
    "--service benchmark --bidi-streaming 0",
    "--client-streaming 0",
]
MOVING = ("messages_sent", "messages_received", "bytes_sent", "bytes_received")

tap = Tap()


def look(children, *names):
    """As of the last publications."""
    pages = [child.ask("read")["metrics"] for child in children]
    return [sum(page[name] for name in names) for page in pages]


def silent(probe):
    """Whether the answer stays the same over several publications."""
    first = probe()
    for _ in range(3):
        time.sleep(0.15)
        if probe() != first:
            return False
    return True


def grow(probe):
    """Whether all the numbers of the answer grow, however slow the machine."""
    first = probe()
    try:
        return wait_until(lambda: all(now > then + 20 for now, then in zip(probe(), first)))
    except AssertionError:
        return False


def goes_quiet(probe):
    """Whether the answer comes to rest; what is under way may take a while on a loaded machine."""
    try:
        return wait_until(lambda: silent(probe))
    except AssertionError:
        return False


def order(child, command):
    return child.ask(command)["result"]


class Fleet:
    """A server and clients of every kind on it, all with pages."""

    def __init__(self, stack, threads, server_options, client_options):
        self.server = stack.enter(Child(SERVER, "--port", "0", "--threads", str(threads), *server_options))
        self.port = self.server.wait_said(r"listening on \S+:(\d+)").group(1)
        self.options = client_options
        self.stack = stack
        self.flooded = [self.client(work) for work in FLOODED]
        self.asking = [self.client(work) for work in ASKING]
        self.clients = self.flooded + self.asking
        for child in self.clients:
            child.until(lambda page: page["metrics"]["messages_sent"] + page["metrics"]["messages_received"] > 100)
        self.flooded[0].until(lambda page: page["metrics"]["streams"] == STREAMS)

    def client(self, work):
        return self.stack.enter(Child(CLIENT, "--port", self.port, *self.options, *work.split()))


class Stack:
    """Ends all children, the newest first."""

    def __init__(self):
        self.children = []

    def enter(self, child):
        self.children.append(child.__enter__())
        return child

    def __enter__(self):
        return self

    def __exit__(self, *what):
        for child in reversed(self.children):
            child.__exit__(*what)


def server_alone(how, fleet):
    server = fleet.server
    tap.check("%s: the server pauses" % how, order(server, "pause") == "done")
    tap.check("%s: ... and says so" % how, server.ask("read")["state"] == "paused")
    held = fleet.flooded
    tap.check("%s: what it sends unasked is held back" % how, goes_quiet(lambda: look(held, "messages_received")))
    tap.check("%s: who asks is answered" % how, grow(lambda: look(fleet.asking, "messages_sent")))
    late = fleet.client("--server-streaming 0")
    late.until(lambda page: page["metrics"]["streams"] == 1)
    tap.check("%s: held back: who comes later" % how, silent(lambda: look([late], "messages_received")), late.ask("read"))
    fleet.clients.append(late)
    held = look(fleet.flooded, "streams")
    tap.check("%s: the streams held back are open" % how, held == [STREAMS, 1, 1], held)


def all_quiet(how, fleet):
    for child in fleet.clients:
        if order(child, "pause") != "done":
            tap.check("%s: a client pauses" % how, False, child.said())
    everybody = [fleet.server] + fleet.clients
    tap.check("%s: no byte moves on any side" % how, goes_quiet(lambda: look(everybody, *MOVING)))
    return [(m["connections"], m["streams"]) for m in map(Child.metrics, everybody)], fleet.server.metrics()["live"]


def resume(how, fleet):
    for child in [fleet.server] + fleet.clients:
        if order(child, "resume") != "done":
            tap.check("%s: resumes" % how, False, child.said())
    tap.check("%s: the server is ready again" % how, fleet.server.ask("read")["state"] == "ready")
    tap.check("%s: everybody goes on" % how, grow(lambda: look(fleet.clients, *MOVING[:2])))


def finish(how, fleet):
    for child in fleet.clients:
        child.ask("signal %d" % signal.SIGTERM)
    ends = [child.ask("wait")["exit"] for child in fleet.clients]
    faults = [event for child in fleet.clients for event in child.ask("events")]
    tap.check("%s: the clients saw nothing wrong" % how, not any(ends) and not faults, (ends, faults))
    fleet.server.until(lambda page: page["metrics"]["connections"] == 0)
    fleet.server.ask("signal %d" % signal.SIGTERM)
    tap.check("%s: the server ends with 0" % how, fleet.server.ask("wait")["exit"] == 0)


def test(how, threads, server_options, client_options):
    with Stack() as stack:
        fleet = Fleet(stack, threads, server_options, client_options)
        server_alone(how, fleet)
        states, rests = [], []
        for _ in range(2):
            state, live = all_quiet(how, fleet)
            states.append(state)
            rests.append(live)
            resume(how, fleet)
            order(fleet.server, "pause")
        order(fleet.server, "resume")
        held = states[0][0]
        tap.check("%s: connections and streams stay (%d, %d)" % (how, *held), states.count(states[0]) == 2, states)
        print("# %s: live bytes at rest %s" % (how, rests))
        finish(how, fleet)


def while_draining():
    """Who drains does not pause: the streams must end."""
    with Child(SERVER, "--port", "0", "--drain", "60s") as server:
        port = server.wait_said(r"listening on \S+:(\d+)").group(1)
        with Child(CLIENT, "--port", port, "--server-streaming", "0") as client:
            client.until(lambda page: page["metrics"]["messages_received"] > 0)
            server.ask("signal %d" % signal.SIGTERM)
            server.until(lambda page: page["state"] == "draining")
            tap.check("no pause while draining", order(server, "pause") == "failed")


def drained_in_a_pause(threads):
    """A pause does not hold up the end."""
    with Child(SERVER, "--port", "0", "--threads", str(threads), "--drain", "100ms") as server:
        port = server.wait_said(r"listening on \S+:(\d+)").group(1)
        work = "--concurrent --num-connections %d --server-streaming 0" % STREAMS
        with Child(CLIENT, "--port", port, *work.split()) as client:
            client.until(lambda page: page["metrics"]["streams"] == STREAMS)
            order(server, "pause")
            server.ask("signal %d" % signal.SIGTERM)
            tap.check("%d loops: SIGTERM in a pause ends it with 0" % threads, server.ask("wait")["exit"] == 0)


test("1 loop", 1, [], [])
with tempfile.TemporaryDirectory() as tls:
    subprocess.run([SERVER, "--make-cert", tls], check=True)
    cert, key = os.path.join(tls, "cert.pem"), os.path.join(tls, "key.pem")
    test(
        "3 loops, TLS",
        3,
        ["--secure", "--tls-pub", cert, "--tls-priv", key],
        ["--secure", "--cert-store-from-path", cert],
    )
while_draining()
drained_in_a_pause(1)
drained_in_a_pause(3)
tap.done()
