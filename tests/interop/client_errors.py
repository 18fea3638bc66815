"""Servers that are wrong by hand over a socket: what stress-client makes of each answer. The statuses are those of
gRPC's http-grpc-status-mapping.md, of "Errors" in PROTOCOL-HTTP2.md, and of statuscodes.md."""

import concurrent.futures
import contextlib
import os
import re
import struct
import sys

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import h2raw as h2
from program import CLIENT, Program
from tap import Tap

BODY = h2.message(b"\x0a\xc8\x01" + os.urandom(200))
HEADERS = [(":status", "200"), ("content-type", "application/grpc")]
PASSED = None  # instead of an error: exit 0
tap = Tap()


def headers(pairs, flags=0, stream=1):
    return h2.headers(stream, h2.block(pairs), flags)


def ends(*pairs, stream=1):
    """A header block that ends the stream: trailers, or nothing but them."""
    return headers(list(pairs), h2.END_STREAM, stream)


def http(status):
    return ends((":status", str(status)), ("content-type", "text/html"))


def reply(body, *more, status="0", stream=1):
    head = headers(HEADERS + list(more), stream=stream)
    return head + h2.data(stream, body) + ends(("grpc-status", status), stream=stream)


def told(code, name, text=""):
    """What a call's status looks like in the client's one line."""
    return r"non-streaming call ended with status %d %s%s" % (code, name, ": .*" + text if text else "")


INTERNAL, UNKNOWN = told(13, "INTERNAL"), told(2, "UNKNOWN")
UNAVAILABLE, UNIMPLEMENTED = told(14, "UNAVAILABLE"), "unsupported: " + told(12, "UNIMPLEMENTED")
PROTOCOL = "protocol error: PROTOCOL_ERROR"

# What, the frames that answer the first call, the client's line.
CASES = [
    ("a good reply", reply(BODY), PASSED),
    ("an interim response before it", headers([(":status", "103")]) + reply(BODY), PASSED),
    ("metadata and reserved names that nobody knows", reply(BODY, ("x-a-bin", "?!"), ("grpc-new", "1")), PASSED),
    ("content-type application/grpc+proto",
     headers([(":status", "200"), ("content-type", "application/grpc+proto")]) + h2.data(1, BODY)
     + ends(("grpc-status", "0")), PASSED),
    # http-grpc-status-mapping.md
    ("HTTP 400", http(400), INTERNAL),
    ("HTTP 401", http(401), told(16, "UNAUTHENTICATED")),
    ("HTTP 403", http(403), told(7, "PERMISSION_DENIED")),
    ("HTTP 404", http(404), UNIMPLEMENTED),
    ("HTTP 429", http(429), UNAVAILABLE),
    ("HTTP 502", http(502), UNAVAILABLE),
    ("HTTP 503", http(503), UNAVAILABLE),
    ("HTTP 504", http(504), UNAVAILABLE),
    ("HTTP 500", http(500), UNKNOWN),
    ("HTTP 200 of text/html", http(200), UNKNOWN),
    ("HTTP 200 without content-type", ends((":status", "200")), UNKNOWN),
    # Statuses.
    ("only trailers", ends(*HEADERS, ("grpc-status", "5"), ("grpc-message", "not here")),
     told(5, "NOT_FOUND", "not here")),
    ("a percent-encoded message", ends(*HEADERS, ("grpc-status", "9"), ("grpc-message", "a%25b%20%E2%98%BA")),
     told(9, "FAILED_PRECONDITION", "a%b \u263a")),
    ("a message with broken escapes", ends(*HEADERS, ("grpc-status", "9"), ("grpc-message", "50% of %zz%4")),
     told(9, "FAILED_PRECONDITION", "50% of %zz%4")),
    ("a status that is no number", ends(*HEADERS, ("grpc-status", "abc")), UNKNOWN),
    ("a status that nobody knows", ends(*HEADERS, ("grpc-status", "99")), UNKNOWN),
    ("no status in the trailers", headers(HEADERS) + h2.data(1, BODY) + ends(("x-a", "1")), UNKNOWN),
    ("no trailers", headers(HEADERS) + h2.data(1, BODY, h2.END_STREAM), UNKNOWN),
    ("an error after the reply", reply(BODY, status="10"), told(10, "ABORTED")),
    # Messages.
    ("OK without a reply", ends(*HEADERS, ("grpc-status", "0")), "wrong payload: .* after 0 of 1 replies"),
    ("two replies to a unary call", reply(BODY * 2), "wrong payload: a non-streaming reply too many, after 1"),
    ("a cut prefix", reply(BODY[:3]), INTERNAL),
    ("a cut message", reply(BODY[:-1]), INTERNAL),
    ("an unknown flag", reply(b"\2" + BODY[1:]), INTERNAL),
    ("a compressed message without grpc-encoding", reply(b"\1" + BODY[1:]), INTERNAL),
    ("gzip that is none", reply(b"\1" + BODY[1:], ("grpc-encoding", "gzip")), INTERNAL),
    ("an encoding that was not offered", reply(BODY, ("grpc-encoding", "snappy")), INTERNAL),
    ("a length of 4 GiB", reply(b"\0" + b"\xff" * 4 + BODY), told(8, "RESOURCE_EXHAUSTED")),
    # RST_STREAM.
    ("reset: NO_ERROR", h2.reset(1, 0), INTERNAL),
    ("reset: PROTOCOL_ERROR", h2.reset(1, 1), INTERNAL),
    ("reset: INTERNAL_ERROR", h2.reset(1, 2), INTERNAL),
    ("reset: FLOW_CONTROL_ERROR", h2.reset(1, 3), INTERNAL),
    ("reset: FRAME_SIZE_ERROR", h2.reset(1, 6), INTERNAL),
    ("reset: REFUSED_STREAM", h2.reset(1, 7), UNAVAILABLE),
    ("reset: CANCEL", h2.reset(1, 8), told(1, "CANCELLED")),
    ("reset: COMPRESSION_ERROR", h2.reset(1, 9), INTERNAL),
    ("reset: CONNECT_ERROR", h2.reset(1, 10), INTERNAL),
    ("reset: ENHANCE_YOUR_CALM", h2.reset(1, 11), told(8, "RESOURCE_EXHAUSTED")),
    ("reset: INADEQUATE_SECURITY", h2.reset(1, 12), told(7, "PERMISSION_DENIED")),
    ("reset after the reply, before the status", headers(HEADERS) + h2.data(1, BODY) + h2.reset(1, 2), INTERNAL),
    # HTTP/2.
    ("an uppercase header", reply(BODY, ("X-Test", "1")), INTERNAL),
    ("DATA before HEADERS", h2.data(1, BODY), PROTOCOL),
    ("a pushed stream", h2.frame(h2.PUSH_PROMISE, h2.END_HEADERS, 1, b"\0\0\0\2" + h2.block(HEADERS)),
     PROTOCOL),
    ("HPACK that is none", h2.headers(1, b"\xff" * 9), "protocol error: COMPRESSION_ERROR"),
    ("a header list over the limit", reply(BODY, ("x-fill", "x" * 16300)), told(8, "RESOURCE_EXHAUSTED")),
    ("trailers over the limit", headers(HEADERS) + h2.data(1, BODY) + ends(("x-fill", "x" * 16350), ("grpc-status", "0")),
     told(8, "RESOURCE_EXHAUSTED")),
]


def serve(listener, answer):
    """One connection, with one call or more; until the client closes."""
    with h2.Connection.accept(listener) as peer:
        peer.frames(until=lambda frame: frame.ends(1))
        peer.send(h2.frame(h2.SETTINGS, h2.ACK, 0) + answer)
        peer.frames(until=lambda frame: False)


@contextlib.contextmanager
def called(*options):
    """A listening socket that a client calls, and the client."""
    with h2.listen() as listener:
        with Program(CLIENT, "--port", str(listener.getsockname()[1]), *options, "--non-streaming") as client:
            yield listener, client


def play(case):
    """The client's exit status and words."""
    with called() as (listener, client):
        serve(listener, case[1])
        return client.process.wait(h2.LIMIT), client.said()


def test_answers():
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for (what, _, expected), (status, said) in zip(CASES, pool.map(play, CASES)):
            if expected is PASSED:
                tap.check("%s: passes" % what, status == 0, said)
                continue
            line = re.search(r"^stress-client: \S+: connection 1: (.*)$", said, re.MULTILINE)
            found = line is not None and re.search(expected, line.group(1)) is not None
            tap.check("%s: exit 1 and '%s'" % (what, expected), status == 1 and found, said)


def test_stream_limit():
    with called("--num-calls", "2") as (listener, client), h2.Connection.accept(listener) as peer:
        peer.frames(until=lambda frame: frame.ends(1))
        peer.send(h2.frame(h2.SETTINGS, h2.ACK, 0) + h2.settings((h2.MAX_STREAMS, 0)) + reply(BODY))
        early = [frame for frame in peer.settle() if frame.kind == h2.HEADERS]
        tap.check("no call is sent while MAX_CONCURRENT_STREAMS is 0", early == [], early)
        peer.send(h2.settings((h2.MAX_STREAMS, 1)))
        peer.frames(until=lambda frame: frame.ends(3))
        peer.send(reply(BODY, stream=3))
        peer.frames(until=lambda frame: False)
        status, said = client.process.wait(h2.LIMIT), client.said()
        tap.check("... but it is once that is 1", status == 0 and "  2 done " in said, said)


def goaway(last):
    return h2.frame(h2.GOAWAY, 0, 0, struct.pack(">II", last, 0))


def test_goaway():
    for what, answer, rest in (
        ("a call that GOAWAY spares is finished", goaway(1) + reply(BODY), 1),
        ("a call that GOAWAY refuses is made anew", goaway(0), 2),
    ):
        with called("--num-calls", "2", "--retry", "1") as (listener, client):
            serve(listener, answer)
            with h2.Connection.accept(listener) as peer:
                for stream in range(1, 2 * rest, 2):
                    peer.frames(until=lambda frame: frame.ends(stream))
                    peer.send(reply(BODY, stream=stream))
                peer.frames(until=lambda frame: False)
            status, said = client.process.wait(h2.LIMIT), client.said()
        passed = status == 0 and "  2 done " in said and "(loss-goaway 1)" in said
        tap.check("%s, on another connection" % what if rest == 2 else what, passed, said)


test_answers()
test_stream_limit()
test_goaway()
tap.done()
