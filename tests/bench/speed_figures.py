"""What is measured: one row of FIGURES each, and how.

A figure's `measure(bench, figure)` yields once a round a dict from name to value; the rounds of all who are
compared are interleaved, so that whatever else the machine does befalls all of them. A goal is what ours is to
cost at most: as a ratio to another, or (OURS) by itself.
"""

import collections
import contextlib
import os
import re
import sys
import time

import speed_raw
from speed_peers import CPP, EXAMPLES, H2LOAD, JS, NGHTTPD, OURS, SERVERS, anonymous, run_us

MEMORY_ROUNDS = 2

Goal = collections.namedtuple("Goal", "of at_most")


class Figure:
    def __init__(self, name, title, unit, measure, goals=(), **how):
        self.name, self.title, self.unit, self.measure, self.how = name, title, unit, measure, how
        self.needs = {H2LOAD} if measure == server_calls else set()
        self.goals = [Goal(*goal) for goal in goals]


class Bench(contextlib.ExitStack):
    """How long, with whom, where; and the servers, which serve one figure after the other."""

    def __init__(self, place, missing, rounds, seconds, quiet, connections):
        super().__init__()
        self.place, self.missing, self.rounds, self.seconds = place, missing, rounds, seconds
        self.quiet, self.connections = quiet, connections
        self.started = {}

    def here(self, names):
        return [name for name in names if name not in self.missing]

    def serving(self, names, tls=False):
        for name in self.here(names):
            if (name, tls) not in self.started:
                self.started[name, tls] = self.enter_context(self.place.start(name, tls))
        return {name: self.started[name, tls] for name in self.here(names)}

    def stop_all(self):
        self.close()
        self.started = {}

    def slopes(self, few, works):
        """By name, what each of many costs beyond what a few cost, connections and start with them, round after
        round. A work is given a count, does so many and returns what all of it cost."""
        many = {name: self.enough(few, work) for name, work in works.items()}
        for _ in range(self.rounds):
            yield {name: (work(many[name]) - work(few)) / (many[name] - few) for name, work in works.items()}

    def enough(self, few, work):
        """So many more than a few that they take the time of a round, whatever start and connections take of it and
        however the machine stumbled."""
        took, longer = timed(lambda: work(few)), timed(lambda: work(4 * few))
        return few * (4 + int(3 * self.seconds / max(longer - took, longer / 4, 1e-3)))


def h2load(bench, server, connections, streams, calls):
    argv = server.h2load(bench.place, connections, streams, calls)
    cost, said = run_us(argv)
    done = re.search(r"(\d+) succeeded", said)
    taken = re.search(r"\((\d+)\) data\n", said)
    if not done or int(done.group(1)) != calls or int(taken.group(1)) < 128 * calls:
        sys.exit("bench: not all calls went well: %s\n%s" % (" ".join(argv), said))
    return cost


def timed(work):
    began = time.monotonic()
    work()
    return time.monotonic() - began


def spent(server, work):
    before = server.cpu()
    work()
    return server.cpu() - before


def server_calls(bench, figure):
    """The server's CPU for each call of h2load."""
    connections, streams = figure.how["connections"], figure.how["streams"]
    servers = bench.serving(SERVERS, figure.how.get("tls", False))
    return bench.slopes(max(100, connections * streams), {
        name: lambda calls, server=server: spent(server, lambda: h2load(bench, server, connections, streams, calls))
        for name, server in servers.items()})


def client_command(server, place, name, work):
    connections, streams, calls = work
    if name == H2LOAD:
        return server.h2load(place, connections, streams, calls)
    return server.client("--concurrent", "--num-connections", str(connections), "--calls-at-once", str(streams),
                         "--num-calls", str(calls // connections), "--non-streaming")


def client_calls(bench, figure):
    """The client's CPU for each call, of one and the same server."""
    connections, streams = figure.how["connections"], figure.how["streams"]
    server = bench.serving([OURS])[OURS]
    command = lambda name, calls: client_command(server, bench.place, name, (connections, streams, calls))
    return bench.slopes(max(100, connections * streams), {
        name: lambda calls, name=name: run_us(command(name, calls))[0] for name in bench.here([OURS, H2LOAD])})


def connections_made(bench, figure):
    """The server's CPU for a connection with one call, made and closed, one after the other."""
    servers = bench.serving(SERVERS, figure.how.get("tls", False))
    count = max(10, bench.connections // 4)
    context = {name: speed_raw.trust(server.cert) for name, server in servers.items()}
    session = dict.fromkeys(servers)
    if figure.how.get("resumed", False):
        session = {name: speed_raw.ticket(server.port, context[name]) for name, server in servers.items()}
        servers = {name: server for name, server in servers.items() if session[name] is not None}
    for _ in range(bench.rounds):
        yield {name: spent(server, lambda server=server, name=name: speed_raw.connect_call_close(
            server.port, context[name], count, session[name])) / count for name, server in servers.items()}


def stream_command(server, name, figure, messages):
    option, connections = figure.how["option"], figure.how.get("connections", 1)
    if name == CPP:
        return [os.path.join(EXAMPLES, "cpp_client"), "--server", "127.0.0.1:%d" % server.port, option, str(messages)]
    return server.client("--concurrent", "--num-connections", str(connections), option, str(messages // connections))


def server_messages(bench, figure):
    """The server's CPU for each message of long calls of our client, one on each connection."""
    servers = bench.serving([OURS, CPP, JS])
    return bench.slopes(figure.how["few"] * bench.connections, {
        name: lambda messages, server=server: spent(
            server, lambda: run_us(stream_command(server, OURS, figure, messages)))
        for name, server in servers.items()})


def client_messages(bench, figure):
    """The client's CPU for each message of long calls to our server."""
    server = bench.serving([OURS])[OURS]
    return bench.slopes(figure.how["few"] * bench.connections, {
        name: lambda messages, name=name: run_us(stream_command(server, name, figure, messages))[0]
        for name in bench.here([OURS, CPP] if figure.how.get("connections", 1) == 1 else [OURS])})


def memory(bench, figure):
    """What the server holds for each of many at rest, beyond what a few cost. It hardly varies."""
    for _ in range(min(bench.rounds, MEMORY_ROUNDS)):
        bench.stop_all()
        servers = bench.serving(SERVERS, figure.how.get("tls", False))
        with contextlib.ExitStack() as stack:
            grow = {name: figure.how["grow"](bench, server, stack) for name, server in servers.items()}
            counts = {name: next(one) for name, one in grow.items()}
            before = at_rest(bench, servers)
            counts = {name: next(one) - counts[name] for name, one in grow.items()}
            after = at_rest(bench, servers)
            yield {name: (after[name] - before[name]) / counts[name] for name in servers}


def at_rest(bench, servers):
    time.sleep(bench.quiet)
    return {name: anonymous(server.pid) for name, server in servers.items()}


def more_connections(bench, server, stack):
    """A few connections that have each had a call, then many."""
    context = speed_raw.trust(server.cert)
    for count in (bench.connections // 10, bench.connections):
        for _ in range(count):
            stack.enter_context(speed_raw.Peer(server.port, context)).call()
        yield count if count < bench.connections else count + bench.connections // 10


STREAMS = 100  # of a connection


def more_streams(bench, server, stack):
    """A few open streams on each of some connections, then as many as fit."""
    peers = [stack.enter_context(speed_raw.Peer(server.port, None)) for _ in range(max(1, bench.connections // 100))]
    for count in (STREAMS // 10, STREAMS - STREAMS // 10):
        for peer in peers:
            peer.open_streams(count)
        yield len(peers) * (count if count < STREAMS // 2 else STREAMS)


US, BYTES = "us", "B"

FIGURES = (
    Figure("server-1x1", "server: a call, 1 x 1", US, server_calls, [(NGHTTPD, 0.83)],
           connections=1, streams=1),
    Figure("server-1x100", "server: a call, 1 x 100", US, server_calls, [(NGHTTPD, 0.53), (CPP, 0.12)],
           connections=1, streams=100),
    Figure("server-50x10", "server: a call, 50 x 10", US, server_calls, [(NGHTTPD, 0.59), (CPP, 0.12)],
           connections=50, streams=10),
    Figure("server-tls-1x100", "server: a call, TLS 1 x 100", US, server_calls, [(NGHTTPD, 0.58), (CPP, 0.12)],
           connections=1, streams=100, tls=True),
    Figure("server-tls-50x10", "server: a call, TLS 50 x 10", US, server_calls, [(NGHTTPD, 0.69), (CPP, 0.12)],
           connections=50, streams=10, tls=True),
    Figure("client-1x1", "client: a call, 1 x 1", US, client_calls, connections=1, streams=1),
    Figure("client-1x100", "client: a call, 1 x 100", US, client_calls, [(H2LOAD, 0.6)],
           connections=1, streams=100),
    Figure("client-50x10", "client: a call, 50 x 10", US, client_calls, [(H2LOAD, 0.6)],
           connections=50, streams=10),
    Figure("connect", "server: connect, call, close", US, connections_made),
    Figure("connect-tls", "server: ... TLS, full handshake", US, connections_made, [(NGHTTPD, 0.78)], tls=True),
    Figure("connect-tls-resumed", "server: ... TLS, resumed", US, connections_made, tls=True, resumed=True),
    Figure("stream-server", "server: a streamed message", US, server_messages, [(OURS, 0.3)],
           option="--server-streaming", few=20),
    Figure("stream-client", "client: a streamed message", US, client_messages, [(OURS, 0.3)],
           option="--server-streaming", few=20),
    Figure("bidi-server", "server: a ping-pong, 50 at once", US, server_messages, [(OURS, 7.6)],
           option="--bidi-streaming", few=5, connections=50),
    Figure("bidi-client", "client: a ping-pong, 50 at once", US, client_messages, [(OURS, 7.6)],
           option="--bidi-streaming", few=5, connections=50),
    Figure("bidi-server-1", "server: a ping-pong, 1 stream", US, server_messages, option="--bidi-streaming",
           few=1),
    Figure("bidi-client-1", "client: a ping-pong, 1 stream", US, client_messages, option="--bidi-streaming",
           few=1),
    Figure("memory-connection", "memory: a connection at rest", BYTES, memory, [(OURS, 10000)],
           grow=more_connections),
    Figure("memory-connection-tls", "memory: ... TLS", BYTES, memory, [(OURS, 24000)],
           grow=more_connections, tls=True),
    Figure("memory-stream", "memory: an open stream", BYTES, memory, [(OURS, 600)], grow=more_streams),
)
