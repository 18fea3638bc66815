"""What stress-server answers to calls that are wrong as gRPC, sent by hand: the statuses that gRPC's
documents name (PROTOCOL-HTTP2.md, compression.md, statuscodes.md, http-grpc-status-mapping.md)."""

import os
import sys
import zlib

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import h2raw as h2
from program import Server
from tap import Tap

tap = Tap()
try:
    import hpack
except ImportError:
    tap.skip("python3-hpack is not installed")
    tap.done()
    sys.exit(0)

UNARY = "/flatline.v1.Stress/NonStreaming"
COLLECT = "/flatline.v1.Stress/ClientStreaming"
STREAM = "/flatline.v1.Stress/ServerStreaming"
BIDI = "/flatline.v1.Stress/BidiStreaming"
HEALTH = "/grpc.health.v1.Health/Check"

OK, CANCELLED, INVALID_ARGUMENT, DEADLINE_EXCEEDED = "0", "1", "3", "4"
NOT_FOUND, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL = "5", "8", "12", "13"

PAYLOAD = b"\x0a\xc8\x01" + os.urandom(200)
BODY = h2.message(PAYLOAD)
SHORT = b"\x0a\x7f" + os.urandom(127)
GZIP = zlib.compressobj(wbits=31)
PACKED = GZIP.compress(PAYLOAD) + GZIP.flush()
BOMB = zlib.compress(bytes(64 << 20), 9)


class Answer:
    """Of one stream: its header blocks as dictionaries, its bytes, whether it was reset."""

    def __init__(self, frames, decoder, stream):
        self.blocks, self.body, self.reset = [], b"", None
        for frame in frames:
            if frame.kind == h2.HEADERS:
                pairs = dict(decoder.decode(frame.payload))
                if frame.stream == stream:
                    self.blocks.append(pairs)
            elif frame.kind == h2.DATA and frame.stream == stream:
                self.body += frame.payload
            elif frame.kind == h2.RST_STREAM and frame.stream == stream:
                self.reset = frame.code()

    def http(self):
        return self.blocks[0].get(":status") if self.blocks else None

    def status(self):
        return self.blocks[-1].get("grpc-status") if self.blocks else None

    def __str__(self):
        return "headers %s, %d bytes, reset %s" % (self.blocks, len(self.body), self.reset)


def call(peer, decoder, stream, pairs, body):
    """None as body: END_STREAM comes with the headers."""
    block, flags = h2.block(pairs), h2.END_STREAM if body is None else 0
    peer.send(h2.frame(h2.HEADERS, flags, stream, block[:16384]))
    peer.send(h2.frame(h2.CONTINUATION, h2.END_HEADERS, stream, block[16384:]))
    for start in range(0, len(body or b""), 16384):
        peer.send(h2.data(stream, body[start : start + 16384]))
    if body is not None:
        peer.send(h2.data(stream, b"", h2.END_STREAM))
    return Answer(peer.frames(lambda one: one.ends(stream)), decoder, stream)


# What, path, changes to the headers, body, grpc-status.
STATUSES = [
    # Message count: statuscodes.md, "Request cardinality violation".
    ("no message on a unary call", UNARY, {}, b"", UNIMPLEMENTED),
    ("no message, END_STREAM with the headers", UNARY, {}, None, UNIMPLEMENTED),
    ("two messages on a unary call", UNARY, {}, BODY * 2, UNIMPLEMENTED),
    ("two messages on a server stream", STREAM, {}, h2.message(b"\x08\x01") * 2, UNIMPLEMENTED),
    ("two messages on a health check", HEALTH, {}, h2.message(b"") * 2, UNIMPLEMENTED),
    ("no message on a client stream is well", COLLECT, {}, b"", OK),
    # Length-Prefixed-Message.
    ("a cut prefix", UNARY, {}, BODY[:3], INTERNAL),
    ("a cut message", UNARY, {}, BODY[:-1], INTERNAL),
    ("a cut second message", COLLECT, {}, BODY + BODY[:7], INTERNAL),
    ("an unknown flag", UNARY, {}, h2.message(PAYLOAD, 2), INTERNAL),
    ("a length over the limit", UNARY, {}, b"\0" + (5 << 20).to_bytes(4, "big"), RESOURCE_EXHAUSTED),
    ("a length of 4 GiB", UNARY, {}, b"\0" + b"\xff" * 4, RESOURCE_EXHAUSTED),
    # Compression.
    ("a compressed message without grpc-encoding", UNARY, {}, h2.message(PACKED, 1), INTERNAL),
    ("a compressed message, identity", UNARY, {"grpc-encoding": "identity"}, h2.message(PACKED, 1), INTERNAL),
    ("an unknown grpc-encoding", UNARY, {"grpc-encoding": "snappy"}, BODY, UNIMPLEMENTED),
    ("an unknown grpc-encoding on a stream", BIDI, {"grpc-encoding": "br"}, BODY, UNIMPLEMENTED),
    ("gzip that is none", UNARY, {"grpc-encoding": "gzip"}, h2.message(PAYLOAD, 1), INTERNAL),
    ("gzip that is cut", UNARY, {"grpc-encoding": "gzip"}, h2.message(PACKED[:-9], 1), INTERNAL),
    ("gzip that is deflate's", UNARY, {"grpc-encoding": "gzip"}, h2.message(zlib.compress(PAYLOAD), 1), INTERNAL),
    ("64 MiB in 64 KB", UNARY, {"grpc-encoding": "deflate"}, h2.message(BOMB, 1), RESOURCE_EXHAUSTED),
    ("gzip", UNARY, {"grpc-encoding": "gzip"}, h2.message(PACKED, 1), OK),
    ("a plain message on a gzip call", UNARY, {"grpc-encoding": "gzip"}, BODY, OK),
    # Protobuf: statuscodes.md, "Error parsing request proto".
    ("a StreamRequest that is none", STREAM, {}, h2.message(b"\x08\xff"), INTERNAL),
    ("a Payload that is none", UNARY, {}, h2.message(b"\xff" * 200), INTERNAL),
    ("a HealthCheckRequest that is none", HEALTH, {}, h2.message(b"\x0a\x7f"), INTERNAL),
    ("a Payload with too short a body", UNARY, {}, h2.message(SHORT), INVALID_ARGUMENT),
    ("the health of an unknown service", HEALTH, {}, h2.message(b"\x0a\x01x"), NOT_FOUND),
    # Path.
    ("an unknown method", "/flatline.v1.Stress/Nothing", {}, BODY, UNIMPLEMENTED),
    ("an unknown service", "/flatline.v2.Stress/NonStreaming", {}, BODY, UNIMPLEMENTED),
    ("a path without method", "/flatline.v1.Stress", {}, BODY, UNIMPLEMENTED),
    ("a path with something behind", UNARY + "/x", {}, BODY, UNIMPLEMENTED),
    ("a path in wrong case", UNARY.lower(), {}, BODY, UNIMPLEMENTED),
    ("the path /", "/", {}, BODY, UNIMPLEMENTED),
    # te and content-type.
    ("no te", UNARY, {"te": None}, BODY, INTERNAL),
    ("content-type application/grpc+proto", UNARY, {"content-type": "application/grpc+proto"}, BODY, OK),
    ("content-type with a parameter", UNARY, {"content-type": "application/grpc;x=y"}, BODY, OK),
    # Metadata.
    ("-bin metadata that is not base64", UNARY, {"x-test-bin": "?!"}, BODY, OK),
    ("a reserved name that nobody knows", UNARY, {"grpc-unheard-of": "1"}, BODY, OK),
    ("a header list over the limit", UNARY, {"x-fill": "x" * 16300}, BODY, RESOURCE_EXHAUSTED),
] + [
    ("grpc-timeout '%s'" % text, UNARY, {"grpc-timeout": text}, BODY, INTERNAL)
    for text in ("", "1", "S", "1x", "1s", "-1S", "1.5S", "1 S", "123456789S", "0x1S")
] + [
    ("grpc-timeout '%s'" % text, UNARY, {"grpc-timeout": text}, BODY, OK)
    for text in ("1H", "99999999H", "10M", "30S", "30000m", "30000000u", "99999999S")
] + [
    ("grpc-timeout '%s' passes" % text, COLLECT, {"grpc-timeout": text}, False, DEADLINE_EXCEEDED)
    for text in ("1n", "50m")
]

# What, changes to the headers, HTTP status: http-grpc-status-mapping.md is for clients that get these.
HTTP = [
    ("GET", {":method": "GET"}, "405"),
    ("PUT", {":method": "PUT"}, "405"),
    ("no content-type", {"content-type": None}, "415"),
    ("content-type text/html", {"content-type": "text/html"}, "415"),
    ("content-type application/grpcx", {"content-type": "application/grpcx"}, "415"),
    ("content-type application/json", {"content-type": "application/json"}, "415"),
]


def changed(path, changes):
    pairs = dict(h2.request(path))
    pairs.update(changes)
    return [(name, value) for name, value in pairs.items() if value is not None]


def open_ended(peer, decoder, stream, pairs):
    """A call that the client does not end."""
    peer.send(h2.headers(stream, h2.block(pairs)))
    return Answer(peer.frames(lambda one: one.ends(stream)), decoder, stream)


def test_statuses(peer, decoder, streams):
    for what, path, changes, body, expected in STATUSES:
        stream = next(streams)
        pairs = changed(path, changes)
        if body is False:
            answer = open_ended(peer, decoder, stream, pairs)
        else:
            answer = call(peer, decoder, stream, pairs, body)
        passed = answer.http() == "200" and answer.status() == expected
        passed = passed and answer.blocks[0].get("content-type", "").startswith("application/grpc")
        tap.check("%s: grpc-status %s" % (what, expected), passed, answer)
        if expected == UNIMPLEMENTED and "grpc-encoding" in changes:
            accepted = answer.blocks[-1].get("grpc-accept-encoding", "").replace(" ", "").split(",")
            tap.check("%s: told what is taken" % what, {"gzip", "deflate"} <= set(accepted), answer)


def test_http(peer, decoder, streams):
    for what, changes, expected in HTTP:
        answer = call(peer, decoder, next(streams), changed(UNARY, changes), BODY)
        passed = answer.http() == expected and not answer.body
        tap.check("%s: HTTP status %s" % (what, expected), passed, answer)


def test_uppercase(peer, decoder, streams):
    answer = call(peer, decoder, next(streams), changed(UNARY, {"X-Test": "1"}), BODY)
    tap.check("an uppercase header: the stream is reset", answer.reset == "PROTOCOL_ERROR", answer)


def test_still_well(peer, decoder, streams):
    answer = call(peer, decoder, next(streams), changed(UNARY, {}), BODY)
    well = answer.status() == OK and len(answer.body) >= 128
    tap.check("the connection outlives all of it", well, answer)


with Server() as server:
    with h2.Connection(server.port) as peer:
        # One decoder for the connection: its table follows every block in turn. Windows never shut.
        state = hpack.Decoder()
        peer.send(h2.window(0, 1 << 24))
        ids = iter(range(1, 1 << 20, 2))
        for test in (test_statuses, test_http, test_uppercase, test_still_well):
            test(peer, state, ids)
    tap.check("the server ends with 0", server.stop() == 0, server.said())
tap.done()
