#!/usr/bin/env python3
"""Seeds of the session targets and of the messages on them, made where they are used: `seeds.py DIR` fills
DIR/server_session, DIR/client_session and DIR/message. What is an input, and what the orders do, say frames.h and
the targets themselves. The frames of tests/interop/h2_cases.py are among them: a new case there is a new seed here."""

import os
import struct
import sys
import zlib

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "lib"))
sys.path.insert(0, os.path.join(here, "..", "interop"))
os.urandom = lambda size: bytes(i * 7 % 251 for i in range(size))  # the same seeds each time
import h2raw as h2
from h2_cases import ALL, CASES, WAIT

LONGEST = 17000  # what is longer costs more than it finds

ORDERS = ["turn", "raw", "cut", "deaf", "wait", "slow", "shut"]
SERVER = ORDERS + ["hold", "pause", "abort", "turn_away", "drain", "again"]
CLIENT = ORDERS + ["call", "cancel", "half_close", "say", "hold", "close", "abort"]


def order(names, name, argument=0, payload=b""):
    return h2.frame(0xFF, names.index(name), argument, payload)


TURN = order(ORDERS, "turn", 3)


# ---- a server is told ----

def tell(name, argument=0):
    return order(SERVER, name, argument)


def case_seed(case):
    """A case of h2_cases.py."""
    steps = [TURN if isinstance(step, (WAIT, ALL)) else step for step in case.steps]
    preface = h2.settings()
    if case.preface is not None:
        preface = case.preface.removeprefix(h2.PREFACE)
        if preface == case.preface:
            preface = order(ORDERS, "raw", 0, preface)
    return preface + b"".join(steps)


def field(number, value):
    """Of a protobuf message: an integer, or bytes."""
    if isinstance(value, int):
        return bytes([number << 3]) + varint(value)
    return bytes([number << 3 | 2]) + varint(len(value)) + value


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


PAYLOAD = field(1, bytes(200))
PARAMETERS = field(2, field(1, 40)) + field(2, field(1, 3) + field(2, 1))
BLOB = field(3, field(2, bytes(30)))
EVENT = field(1, b"topic") + field(2, 7) + field(3, 1) + b"\x21" + bytes(8) + field(5, b"content")
TEST, BENCHMARK = "/grpc.testing.TestService/", "/grpc.testing.BenchmarkService/"

# Method, its messages, and whether the client ends the stream.
CALLS = [
    ("/flatline.v1.Stress/NonStreaming", [PAYLOAD], True),
    ("/flatline.v1.Stress/ClientStreaming", [PAYLOAD] * 3, True),
    ("/flatline.v1.Stress/ServerStreaming", [field(1, 3)], True),
    ("/flatline.v1.Stress/ServerStreaming", [b""], True),
    ("/flatline.v1.Stress/BidiStreaming", [PAYLOAD] * 2, False),
    ("/flatline.v1.Relay/Publish", [EVENT], True),
    ("/flatline.v1.Relay/PublishStream", [EVENT] * 3, True),
    ("/flatline.v1.Relay/Subscribe", [field(1, b"topic")], True),
    ("/grpc.health.v1.Health/Check", [field(1, b"flatline.v1.Stress")], True),
    ("/grpc.health.v1.Health/Watch", [b""], True),
    (TEST + "EmptyCall", [b""], True),
    (TEST + "UnaryCall", [field(2, 100) + BLOB], True),
    (TEST + "UnaryCall", [field(2, 8) + BLOB + field(7, field(1, 5) + field(2, b"sorry"))], True),
    (TEST + "CacheableUnaryCall", [field(2, 10)], True),
    (TEST + "StreamingInputCall", [field(1, field(2, b"abc"))] * 2, True),
    (TEST + "StreamingOutputCall", [PARAMETERS], True),
    (TEST + "FullDuplexCall", [PARAMETERS, PARAMETERS + BLOB], False),
    (TEST + "HalfDuplexCall", [PARAMETERS] * 2, True),
    (BENCHMARK + "UnaryCall", [field(2, 20) + BLOB], True),
    (BENCHMARK + "StreamingCall", [field(2, 20)] * 2, False),
    (BENCHMARK + "StreamingFromClient", [field(2, 20)] * 2, True),
    (BENCHMARK + "StreamingFromServer", [field(2, 20)], True),
    (BENCHMARK + "StreamingBothWays", [field(2, 20)], False),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", [field(7, b"")], True),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
     [field(4, b"grpc.health.v1.Health"), field(3, b"flatline.proto"), field(5, field(1, b"a") + field(2, 1)),
      field(6, b"a")], False),
    ("/none.None/None", [b""], True),
]


def call(stream, path, messages, ends, *more, pack=None):
    framed = [h2.message(one) if pack is None else h2.message(pack(one), 1) for one in messages]
    frames = [h2.data(stream, one) for one in framed]
    if ends:
        frames[-1] = h2.data(stream, framed[-1], h2.END_STREAM)
    return h2.headers(stream, h2.block(h2.request(path, *more))) + b"".join(frames)


def gzip(data):
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush()


def server_seeds():
    yield from (case_seed(case) for case in CASES)
    begin = h2.settings()
    for one in CALLS:
        whole = call(1, *one)
        yield begin + whole
        yield begin + order(ORDERS, "cut", 7) + whole + TURN + h2.reset(1)
        yield begin + h2.headers(1, h2.block(h2.request(one[0]))) + h2.data(1, h2.message(PAYLOAD)[:-3]) + TURN
        yield begin + call(1, *one, ("grpc-encoding", "gzip"), ("grpc-accept-encoding", "gzip,deflate"), pack=gzip)
    yield begin + b"".join(call(1 + 2 * i, *one) for i, one in enumerate(CALLS))
    stream = call(1, "/flatline.v1.Stress/ServerStreaming", [b""], True)
    wide = h2.window(0, 1 << 30) + h2.settings((h2.INITIAL_WINDOW, 1 << 30))
    yield begin + wide + stream + order(ORDERS, "turn", 9)
    yield begin + wide + order(ORDERS, "deaf", 1) + stream + order(ORDERS, "turn", 9) + order(ORDERS, "deaf") + TURN
    yield begin + call(1, *CALLS[0], ("grpc-timeout", "1m")) + TURN
    yield begin + call(1, *CALLS[4], ("grpc-timeout", "1n")) + TURN
    yield begin + call(1, *CALLS[11], ("x-grpc-test-echo-initial", "a"), ("x-grpc-test-echo-trailing-bin", "qw"))
    yield begin + call(1, *CALLS[0], ("grpc-encoding", "deflate"), pack=zlib.compress)
    yield begin + call(1, *CALLS[0], ("grpc-encoding", "gzip"), pack=lambda data: gzip(bytes(5 << 20))[:8000])
    bombs = call(1, TEST + "StreamingInputCall", [bytes(900000)] * 3, True, ("grpc-encoding", "gzip"), pack=gzip)
    yield begin + order(ORDERS, "slow", 20000) + bombs + TURN + h2.reset(1) + TURN
    yield begin + order(ORDERS, "slow", 20000) + order(ORDERS, "cut", 100) + bombs + TURN
    for name in ("hold", "pause", "abort", "turn_away", "drain", "again"):
        yield begin + stream + TURN + tell(name, 1) + TURN + call(3, *CALLS[0]) + tell(name, 0) + TURN
    yield begin + h2.ping() * 5 + order(ORDERS, "wait", 400000) + h2.ping() + order(ORDERS, "shut") + TURN
    indexed = b"\x40" + h2.text("x-bomb") + h2.text("b" * 3900)
    yield begin + h2.headers(1, h2.block(h2.request(TEST + "EmptyCall")) + indexed + b"\xbe" * 40)
    yield begin * 1010
    yield begin + b"".join(call(i, *CALLS[4]) + h2.reset(i) for i in range(1, 40, 2))
    subscribe = call(1, *CALLS[7])
    yield begin + subscribe + TURN + call(3, *CALLS[6]) + TURN + h2.reset(1)
    yield begin + h2.frame(h2.GOAWAY, 0, 0, bytes(8)) + call(1, *CALLS[0])
    yield order(ORDERS, "raw", 0, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03") + TURN
    yield order(ORDERS, "raw", 0, b"GET / HTTP/1.1\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n") + TURN


# ---- a client is told ----

def order_client(name, argument=0):
    return order(CLIENT, name, argument)


HEAD = [(":status", "200"), ("content-type", "application/grpc")]
BODY = h2.message(bytes(range(200)))
TRAILERS = [("grpc-status", "0")]


def answer(stream, body=BODY, head=HEAD, trailers=TRAILERS, flag=0):
    out = h2.headers(stream, h2.block(head)) + h2.data(stream, body, flag)
    return out if trailers is None else out + h2.headers(stream, h2.block(trailers), h2.END_STREAM)


def client_answers():
    """What answers stream 1."""
    yield answer(1)
    yield answer(1, BODY * 3)
    yield answer(1, head=[(":status", "103")]) + answer(1)
    yield h2.headers(1, h2.block([(":status", "103")])) + answer(1)
    yield answer(1, head=HEAD + [("x-a", "1"), ("x-b-bin", "AAE"), ("x-b-bin", "?")],
                 trailers=TRAILERS + [("x-c", "2"), ("x-d-bin", "AAE=")])
    for status in (400, 401, 403, 404, 429, 500, 502, 503, 504):
        yield h2.headers(1, h2.block([(":status", str(status))]), h2.END_STREAM)
    yield h2.headers(1, h2.block(HEAD + [("grpc-status", "5"), ("grpc-message", "a%25b%20%E2%98%BA%zz%4")]), h2.END_STREAM)
    yield answer(1, head=[(":status", "200"), ("content-type", "text/html")])
    yield answer(1, trailers=[("grpc-status", "abc"), ("grpc-message", "x" * 300)])
    yield answer(1, trailers=None, flag=h2.END_STREAM)
    yield answer(1, BODY[:3])
    yield answer(1, BODY[:-1])
    yield answer(1, b"\2" + BODY[1:])
    yield answer(1, b"\1" + BODY[1:])
    yield answer(1, h2.message(gzip(BODY), 1), HEAD + [("grpc-encoding", "gzip")])
    yield answer(1, h2.message(zlib.compress(BODY), 1), HEAD + [("grpc-encoding", "deflate")])
    yield answer(1, h2.message(gzip(bytes(1 << 20)), 1), HEAD + [("grpc-encoding", "gzip")])
    yield answer(1, BODY, HEAD + [("grpc-encoding", "snappy")])
    yield answer(1, b"\0\xff\xff\xff\xff" + BODY)
    yield answer(1, h2.message(b"!" + bytes(30)))
    yield b"".join(h2.data(1, BODY[i : i + 1]) for i in range(30))
    yield answer(1, head=HEAD + [("x-%d" % i, "y" * 400) for i in range(30)])
    yield h2.headers(1, h2.block(HEAD) + b"\x40" + h2.text("x-bomb") + h2.text("b" * 3900) + b"\xbe" * 40)
    yield h2.headers(1, h2.block(HEAD)) + h2.reset(1, 8)
    yield h2.headers(1, h2.block(HEAD)) + h2.data(1, BODY) + h2.reset(1, 0)
    yield h2.reset(1, 7)
    yield h2.window(1, 1000) + h2.window(0, 1 << 20) + answer(1)
    yield h2.settings((h2.INITIAL_WINDOW, 5), (h2.MAX_STREAMS, 1), (h2.HEADER_TABLE_SIZE, 0)) + answer(1)
    yield h2.frame(h2.GOAWAY, 0, 0, struct.pack(">II", 1, 0)) + answer(1)
    yield h2.frame(h2.GOAWAY, 0, 0, struct.pack(">II", 0, 11) + b"too_many_pings")
    yield h2.frame(h2.PUSH_PROMISE, h2.END_HEADERS, 1, b"\0\0\0\2" + h2.block(HEAD))
    yield h2.ping() + h2.ping(flags=h2.ACK) + answer(1) + answer(2) + answer(3)
    yield h2.headers(1, h2.block(HEAD)[:-3])
    yield h2.frame(h2.HEADERS, 0, 1, h2.block(HEAD)) + h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1)
    yield h2.priority(1, 1) + answer(1)


def client_seeds():
    begin, answers = h2.settings(), list(client_answers())
    for how in (0, 1, 2, 3, 4, 8, 18, 0xC1):
        calls = order_client("call", how) + TURN
        for one in answers:
            yield begin + calls + order_client("half_close") + one + TURN
    four = b"".join(order_client("call", how) for how in range(4)) + TURN
    for i, one in enumerate(answers):
        yield begin + four + order(ORDERS, "cut", 5 + i) + one + answer(3) + TURN + answer(5) + answer(7)
    packed = answer(1, h2.message(gzip(BODY), 1) * 3, HEAD + [("grpc-encoding", "gzip")])
    yield begin + order(ORDERS, "slow", 20000) + four + packed + order_client("cancel") + TURN
    for deed in ("cancel", "half_close", "say", "hold", "close", "abort"):
        yield begin + four + order_client(deed, 1) + TURN + answer(3) + order_client(deed, 0) + answer(1) + TURN
    for first in (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", b"\x15\x03\x01\0\x02\x02\x46", b""):
        yield order_client("call") + TURN + order(ORDERS, "raw", 0, first) + TURN
    yield begin * 1010
    yield begin + h2.settings((h2.INITIAL_WINDOW, 0)) + four + order(ORDERS, "deaf", 1) + order_client("say", 2) + TURN


# ---- messages ----

def message_seeds():
    for how in range(6):
        for body in (PAYLOAD, EVENT, b"", bytes(600)):
            framed = h2.message(body) + (h2.message(gzip(body), 1) if how < 4 else h2.message(zlib.compress(body), 1))
            yield bytes([0, 5, how]) + framed * 2
            yield bytes([0, 9, how]) + framed[:-2]
    yield bytes([0, 1, 2]) + h2.message(gzip(bytes(1 << 20)), 1)
    yield bytes([0, 1, 0]) + b"\0\xff\xff\xff\xff"
    yield b"\1" + bytes(range(256)) * 3
    for text in (b"5S", b"99999999H", b"a%25b%20%E2%98%BA%zz%4", b"16", b"application/grpc+proto;a=b", b"gzip", b"AAE=,AQ"):
        yield b"\2" + text
    for kind in range(3, 3 + 26):
        for _, messages, _ in CALLS:
            yield bytes([kind]) + messages[0]


def write(folder, seeds):
    os.makedirs(folder, exist_ok=True)
    count = 0
    for number, seed in enumerate(seeds):
        if len(seed) <= LONGEST:
            count += 1
            with open(os.path.join(folder, "seed-%03d" % number), "wb") as out:
                out.write(seed)
    assert count > 100, count


if __name__ == "__main__":
    write(os.path.join(sys.argv[1], "server_session"), server_seeds())
    write(os.path.join(sys.argv[1], "client_session"), client_seeds())
    write(os.path.join(sys.argv[1], "message"), message_seeds())
