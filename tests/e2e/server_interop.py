"""Debian's python3-grpcio plays the official interoperability cases against stress-server, cleartext
and TLS, and what a hostile client might ask for."""

import os
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import grpc
import stubs
from program import SERVER, Child, Server
from tap import Tap

pb = stubs.load("messages")
empty = stubs.load("empty")
tap = Tap()
LIMIT = 200.0  # seconds for any one call
SIZES = [31415, 9, 2653, 58979]
REQUEST_SIZES = [27182, 8, 1828, 45904]
MIB = 1 << 20


def outcome(call):
    try:
        call()
        return "OK", ""
    except grpc.RpcError as error:
        return error.code().name, error.details()


def payload(size):
    return pb.Payload(body=bytes(size))


def simple(size, **more):
    return pb.SimpleRequest(response_size=size, **more)


def output(*sizes, **more):
    parameters = [pb.ResponseParameters(size=size) for size in sizes]
    return pb.StreamingOutputCallRequest(response_parameters=parameters, **more)


def lengths(replies):
    return [len(reply.payload.body) for reply in replies]


class Service:
    def __init__(self, channel):
        def of(name, kind, request, reply):
            return stubs.method(channel, stubs.TEST + name, kind, request, reply)

        streams = (pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse)
        self.empty = of("EmptyCall", "unary_unary", empty.Empty, empty.Empty)
        self.unary = of("UnaryCall", "unary_unary", pb.SimpleRequest, pb.SimpleResponse)
        self.cacheable = of("CacheableUnaryCall", "unary_unary", pb.SimpleRequest, pb.SimpleResponse)
        self.input = of(
            "StreamingInputCall",
            "stream_unary",
            pb.StreamingInputCallRequest,
            pb.StreamingInputCallResponse,
        )
        self.output = of("StreamingOutputCall", "unary_stream", *streams)
        self.full = of("FullDuplexCall", "stream_stream", *streams)
        self.half = of("HalfDuplexCall", "stream_stream", *streams)
        self.unimplemented = of("UnimplementedCall", "unary_unary", empty.Empty, empty.Empty)
        self.nobody = stubs.method(
            channel,
            "/grpc.testing.UnimplementedService/UnimplementedCall",
            "unary_unary",
            empty.Empty,
            empty.Empty,
        )
        self.raw = lambda name: channel.unary_unary(stubs.TEST + name)


def test_unary(service, how):
    reply = service.empty(empty.Empty(), timeout=LIMIT)
    tap.check("%s: empty_unary" % how, reply.ByteSize() == 0)
    reply = service.unary(simple(314159, payload=payload(271828)), timeout=LIMIT)
    tap.check("%s: large_unary" % how, reply.payload.body == bytes(314159))
    first, _ = service.cacheable.with_call(simple(0), timeout=LIMIT)
    second, call = service.cacheable.with_call(simple(0), timeout=LIMIT)
    times = [int(reply.payload.body) for reply in (first, second)]
    cached = dict(call.initial_metadata()).get("cache-control")
    tap.check("%s: cacheable_unary tells the time" % how, times[0] < times[1], times)
    tap.check("%s: ... and may be cached" % how, cached == "max-age=60, public", cached)
    reply = service.unary(simple(0), timeout=LIMIT)
    tap.check("%s: a reply of no bytes has a payload" % how, reply.HasField("payload"))


def test_streams(service, how):
    requests = (pb.StreamingInputCallRequest(payload=payload(size)) for size in REQUEST_SIZES)
    reply = service.input(requests, timeout=LIMIT)
    tap.check("%s: client_streaming" % how, reply.aggregated_payload_size == 74922, reply)
    replies = lengths(service.output(output(*SIZES), timeout=LIMIT))
    tap.check("%s: server_streaming" % how, replies == SIZES, replies)
    tap.check(
        "%s: empty_stream" % how,
        lengths(service.full(iter([]), timeout=LIMIT)) == []
        and service.input(iter([]), timeout=LIMIT).aggregated_payload_size == 0,
    )
    requests = [output(*SIZES), output(), output(*SIZES[:2])]
    replies = lengths(service.half(iter(requests), timeout=LIMIT))
    tap.check("%s: half duplex" % how, replies == SIZES + SIZES[:2], replies)


def test_ping_pong(service, how):
    got = []

    def requests():
        for index, size in enumerate(SIZES):
            while len(got) < index:
                time.sleep(0.005)
            yield output(size, payload=payload(REQUEST_SIZES[index]))

    for reply in service.full(requests(), timeout=LIMIT):
        got.append(len(reply.payload.body))
    tap.check("%s: ping_pong" % how, got == SIZES, got)


def test_metadata(service, how):
    initial, trailing = "test_initial_metadata_value", b"\xab\xab\xab"
    metadata = (
        ("x-grpc-test-echo-initial", initial),
        ("x-grpc-test-echo-trailing-bin", trailing),
        ("x-other", "not echoed"),
    )
    _, unary = service.unary.with_call(simple(9), metadata=metadata, timeout=LIMIT)
    duplex = service.full(iter([output(9)]), metadata=metadata, timeout=LIMIT)
    list(duplex)
    for what, call in (("unary", unary), ("full duplex", duplex)):
        first, last = dict(call.initial_metadata()), dict(call.trailing_metadata())
        tap.check(
            "%s: custom_metadata, %s" % (how, what),
            first.get("x-grpc-test-echo-initial") == initial
            and last.get("x-grpc-test-echo-trailing-bin") == trailing
            and "x-other" not in first,
            first,
            last,
        )


def test_statuses(service, how):
    text = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
    for name, message in (("status_code", "test status message"), ("special_status", text)):
        status = pb.EchoStatus(code=2, message=message)
        found = outcome(lambda: service.unary(simple(0, response_status=status), timeout=LIMIT))
        tap.check("%s: %s_message, unary" % (how, name), found == ("UNKNOWN", message), found)
        request = pb.StreamingOutputCallRequest(response_status=status)
        found = outcome(lambda: list(service.full(iter([request]), timeout=LIMIT)))
        tap.check("%s: %s_message, duplex" % (how, name), found == ("UNKNOWN", message), found)
    stream = service.full(iter([output(5, 6), request]), timeout=LIMIT)
    first = lengths([next(stream), next(stream)])
    found = outcome(lambda: next(stream))
    tap.check("%s: earlier replies go before the status" % how, first == [5, 6], first)
    tap.check("%s: ... which follows" % how, found[0] == "UNKNOWN", found)
    for method in (service.half, service.full):
        for on in (False, True):
            sizes = []
            listed = output(5, 60000, 7)
            listed.response_parameters[1].compressed.value = on
            requests = iter([listed, request])
            found = outcome(
                lambda: sizes.extend(
                    len(reply.payload.body) for reply in method(requests, timeout=LIMIT)
                )
            )
            good = sizes == [5, 60000, 7] and found[0] == "UNKNOWN"
            tap.check("%s: replies, then the status, compressed %s" % (how, on), good, sizes, found)
    code, _ = outcome(lambda: service.unimplemented(empty.Empty(), timeout=LIMIT))
    tap.check("%s: unimplemented_method" % how, code == "UNIMPLEMENTED", code)
    code, _ = outcome(lambda: service.nobody(empty.Empty(), timeout=LIMIT))
    tap.check("%s: unimplemented_service" % how, code == "UNIMPLEMENTED", code)


def test_refusals(service, how):
    cases = [
        ("a negative size", lambda: service.unary(simple(-1)), "INVALID_ARGUMENT"),
        ("a reply over 4 MiB", lambda: service.unary(simple(4 * MIB)), "RESOURCE_EXHAUSTED"),
        ("such a stream", lambda: list(service.output(output(1, 1 << 30))), "RESOURCE_EXHAUSTED"),
        ("garbage", lambda: service.raw("UnaryCall")(b"\x08"), "INTERNAL"),
        ("a field cut short", lambda: service.raw("UnaryCall")(b"\x1a\x05x"), "INTERNAL"),
        (
            "no compression where it is expected",
            lambda: service.unary(simple(1, expect_compressed=pb.BoolValue(value=True))),
            "INVALID_ARGUMENT",
        ),
    ]
    for what, call, expected in cases:
        code, text = outcome(call)
        tap.check("%s: %s is %s" % (how, what, expected), code == expected, code, text)
    reply = service.unary(simple(4 * MIB - 32), timeout=LIMIT)
    tap.check("%s: the largest reply" % how, len(reply.payload.body) == 4 * MIB - 32)


def test_time(service, how):
    parameters = [pb.ResponseParameters(size=i, interval_us=100000) for i in range(4)]
    request = pb.StreamingOutputCallRequest(response_parameters=parameters)
    arrivals = []
    started = time.monotonic()
    for _ in service.output(request, timeout=LIMIT):
        arrivals.append(time.monotonic() - started)
    kept = all(at >= 0.095 * (i + 1) for i, at in enumerate(arrivals))
    tap.check("%s: intervals are kept" % how, len(arrivals) == 4 and kept, arrivals)
    slow = [pb.ResponseParameters(size=31415, interval_us=10000000)]
    request = pb.StreamingOutputCallRequest(response_parameters=slow)
    code, _ = outcome(lambda: list(service.full(iter([request]), timeout=0.2)))
    tap.check("%s: timeout_on_sleeping_server" % how, code == "DEADLINE_EXCEEDED", code)
    stream = service.full(iter([request]), timeout=LIMIT)
    stream.cancel()
    code, _ = outcome(lambda: list(stream))
    tap.check("%s: cancel_after_begin" % how, code == "CANCELLED", code)
    stream = service.full(iter([output(31415, 5), request]), timeout=LIMIT)
    next(stream)
    stream.cancel()
    code, _ = outcome(lambda: list(stream))
    tap.check("%s: cancel_after_first_response" % how, code == "CANCELLED", code)


def test_compression(service, how):
    expect = pb.BoolValue(value=True)
    for algorithm in (grpc.Compression.Gzip, grpc.Compression.Deflate):
        request = simple(314159, payload=payload(271828), expect_compressed=expect)
        reply = service.unary(request, compression=algorithm, timeout=LIMIT)
        tap.check(
            "%s: client_compressed_unary by %s" % (how, algorithm.name),
            len(reply.payload.body) == 314159,
        )
    requests = (
        pb.StreamingInputCallRequest(payload=payload(size), expect_compressed=expect)
        for size in (27182, 45904)
    )
    reply = service.input(requests, compression=grpc.Compression.Gzip, timeout=LIMIT)
    total = reply.aggregated_payload_size
    tap.check("%s: client_compressed_streaming" % how, total == 73086, total)
    request = simple(314159, response_compressed=pb.BoolValue(value=True))
    reply, _ = service.unary.with_call(request, timeout=LIMIT)
    tap.check("%s: server_compressed_unary" % how, len(reply.payload.body) == 314159)
    parameters = [
        pb.ResponseParameters(size=size, compressed=pb.BoolValue(value=on))
        for size, on in ((31415, True), (92653, False), (7, True))
    ]
    request = pb.StreamingOutputCallRequest(response_parameters=parameters)
    replies = lengths(service.output(request, timeout=LIMIT))
    tap.check("%s: server_compressed_streaming" % how, replies == [31415, 92653, 7], replies)


def channel_to(port, cert=None):
    if cert is None:
        return grpc.insecure_channel("127.0.0.1:%d" % port)
    with open(cert, "rb") as file:
        return grpc.secure_channel(
            "localhost:%d" % port, grpc.ssl_channel_credentials(file.read())
        )


def test_memory():
    """Replies are counted, not queued; compression by the wire, not by belief."""
    with Child(SERVER, "--port", "0") as child:
        port = int(child.wait_said(r"listening on \S+:(\d+)").group(1))
        with channel_to(port) as channel:
            service = Service(channel)

            def sent_and_live():
                child.ask("publish")
                metrics = child.ask("read")["metrics"]
                return metrics["bytes_sent"], metrics["live_app"]

            before, _ = sent_and_live()
            service.unary(simple(MIB, response_compressed=pb.BoolValue(value=True)), timeout=LIMIT)
            after, _ = sent_and_live()
            tap.check("a compressed reply is small", 0 < after - before < MIB / 100, after - before)
            _, empty_live = sent_and_live()
            stream = service.output(output(*[100] * 400000), timeout=LIMIT)
            next(stream)
            _, live = sent_and_live()
            grown = live - empty_live
            tap.check("400,000 replies that are due need no memory", grown < 65536, grown)
            count = 1 + sum(1 for _ in zip(range(9999), stream))
            tap.check("... and they come", count == 10000, count)
            stream.cancel()
            sizes = list(range(20000))
            random.Random(1).shuffle(sizes)
            code, text = outcome(lambda: list(service.output(output(*sizes), timeout=LIMIT)))
            tap.check("too many different replies are refused", code == "RESOURCE_EXHAUSTED", text)


def test_all(options, cert, how):
    with Server(*options) as server:
        with channel_to(server.port, cert) as channel:
            service = Service(channel)
            test_unary(service, how)
            test_streams(service, how)
            test_ping_pong(service, how)
            test_metadata(service, how)
            test_statuses(service, how)
            test_refusals(service, how)
            test_time(service, how)
            test_compression(service, how)
        tap.check("%s: the server ends with 0" % how, server.stop() == 0, server.said())


with tempfile.TemporaryDirectory() as tls:
    subprocess.run([SERVER, "--make-cert", tls], check=True)
    cert = os.path.join(tls, "cert.pem")
    test_all([], None, "cleartext")
    key = os.path.join(tls, "key.pem")
    test_all(["--secure", "--tls-pub", cert, "--tls-priv", key], cert, "TLS")
test_memory()
tap.done()
