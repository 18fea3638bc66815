"""Debian's python3-grpcio calls the five methods of the official benchmark service."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import grpc
import stubs
from program import SERVER, Child
from tap import Tap

pb = stubs.load("messages")
tap = Tap()
LIMIT = 200.0  # seconds for any one call


def request(size):
    return pb.SimpleRequest(response_size=size, payload=pb.Payload(body=bytes(100)))


def sizes(replies):
    return [len(reply.payload.body) for reply in replies]


def take(stream, count):
    got = sizes(next(stream) for _ in range(count))
    stream.cancel()
    return got


def test_methods(of):
    reply = of("UnaryCall", "unary_unary")(request(1000), timeout=LIMIT)
    tap.check("UnaryCall", sizes([reply]) == [1000])
    asked = [i % 7 for i in range(1000)]
    got = sizes(of("StreamingCall", "stream_stream")(map(request, asked), timeout=LIMIT))
    tap.check("StreamingCall: a reply for each request, of its size", got == asked, len(got))
    reply = of("StreamingFromClient", "stream_unary")(map(request, range(50)), timeout=LIMIT)
    tap.check("StreamingFromClient: of the last size", sizes([reply]) == [49], sizes([reply]))
    got = take(of("StreamingFromServer", "unary_stream")(request(3333)), 2000)
    tap.check("StreamingFromServer: until cancelled", got == [3333] * 2000)
    enough = []

    def until_enough():
        yield request(10000)
        while not enough:
            time.sleep(0.005)
            yield request(10000)

    stream = of("StreamingBothWays", "stream_stream")(until_enough(), timeout=LIMIT)
    got = sizes(next(stream) for _ in range(500))
    enough.append(True)
    rest = sizes(stream)
    tap.check("StreamingBothWays: more replies than requests", got == [10000] * 500)
    ended = set(rest) <= {10000} and stream.code() == grpc.StatusCode.OK
    tap.check("... until the client has ended", ended)


def test_refusals(of):
    cases = [
        ("UnaryCall", "unary_unary", lambda call: call(request(-1), timeout=LIMIT)),
        ("StreamingCall", "stream_stream", lambda call: list(call(iter([request(-1)])))),
        ("StreamingFromServer", "unary_stream", lambda call: list(call(request(-1)))),
    ]
    for name, kind, ask in cases:
        try:
            ask(of(name, kind))
            code = "OK"
        except grpc.RpcError as error:
            code = error.code().name
        tap.check("%s: a negative size is INVALID_ARGUMENT" % name, code == "INVALID_ARGUMENT", code)


with Child(SERVER, "--port", "0") as child:
    port = int(child.wait_said(r"listening on \S+:(\d+)").group(1))
    with grpc.insecure_channel("127.0.0.1:%d" % port) as channel:

        def of(name, kind):
            path = stubs.BENCHMARK + name
            return stubs.method(channel, path, kind, pb.SimpleRequest, pb.SimpleResponse)

        test_methods(of)
        test_refusals(of)
        child.until(lambda page: page["metrics"]["streams"] == 0)
        tap.check("no call is left", True)
    child.until(lambda page: page["metrics"]["connections"] == 0)
tap.done()
