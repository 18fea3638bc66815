"""The table of server_attacked.py: who attacks an HTTP/2 server, and what must come of it. Each attack gets a
Target; what it returns is a list of complaints. Those that are one wrong frame or one wrong call are in
tests/interop (h2_cases.py, grpc_errors.py)."""

import collections
import contextlib
import functools
import socket
import ssl
import struct
import zlib

import h2raw as h2

Attack = collections.namedtuple("Attack", "name source run served")
ATTACKS = []

UNARY = "/flatline.v1.Stress/NonStreaming"
COLLECT = "/flatline.v1.Stress/ClientStreaming"
BENCHMARK = "/grpc.testing.BenchmarkService/UnaryCall"
STREAM = "/flatline.v1.Stress/ServerStreaming"
BIDI = "/flatline.v1.Stress/BidiStreaming"
HEAD = {path: h2.block(h2.request(path)) for path in (UNARY, COLLECT, STREAM, BIDI, BENCHMARK)}
WIDE = h2.PREFACE + h2.settings((h2.INITIAL_WINDOW, (1 << 31) - 1)) + h2.window(0, (1 << 31) - 65536)
ENDLESS = h2.message(b"")  # a StreamRequest without count
STREAMS = 256  # SETTINGS_MAX_CONCURRENT_STREAMS
ANGRY = {"ENHANCE_YOUR_CALM", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "COMPRESSION_ERROR"}


SERVED = 1.0  # seconds of the server's work that a good client may have to wait for


def attack(name, source, served=SERVED):
    def add(run):
        ATTACKS.append(Attack(name, source, run, served))
        return run

    return add


class Target:
    """scale: 1 in CI, more in the long form; capped: its heap is."""

    def __init__(self, port, cert, scale, capped):
        self.port, self.cert, self.scale, self.capped = port, cert, scale, capped

    def dial(self, **more):
        return h2.Connection(self.port, self.cert, **more)

    def times(self, count):
        return range(count * self.scale)

    def raw(self):
        """A socket below TLS, too."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=h2.LIMIT)


def ids(count, first=1):
    return range(first, first + 2 * count, 2)


def ended(peer, codes=ANGRY):
    """What is wrong with how the server ended the connection; it must have."""
    try:
        gone = [one.code() for one in peer.frames(lambda one: False) if one.kind == h2.GOAWAY]
    except (AssertionError, TimeoutError):
        return ["the connection is still open"]
    wrong = [code for code in gone if code not in codes | {"NO_ERROR"}]
    return ["GOAWAY %s" % code for code in wrong]


def ended_for(target, octets, times, codes=ANGRY, **how):
    """On several connections, one after the other: each sends that, and must be ended."""
    wrong = []
    for _ in target.times(times):
        with target.dial(**how) as peer:
            peer.send(octets)
            wrong += ended(peer, codes)
    return wrong


def abandoned(target, octets, times, **how):
    """Never reads a byte, and goes away with RST once the server has taken, or refused, what was sent."""
    with contextlib.ExitStack() as stack:
        for _ in target.times(times):
            peer = stack.enter_context(target.dial(**how))
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.send(octets)
        with target.dial() as other:
            other.settle()
    return []


def head(stream, path=UNARY, flags=0):
    return h2.headers(stream, HEAD[path], flags)


# Floods of streams.


@attack("rapid reset", "CVE-2023-44487")
def rapid_reset(target):
    storm = b"".join(head(i) + h2.reset(i) for i in ids(3000))
    return ended_for(target, storm, 8)


@attack("rapid reset of endless replies, nothing read", "CVE-2023-44487")
def rapid_reset_unread(target):
    one = h2.data(1, ENDLESS, h2.END_STREAM)
    storm = b"".join(head(i, STREAM) + one[:5] + struct.pack(">I", i) + one[9:] + h2.reset(i) for i in ids(2000))
    return abandoned(target, storm, 8)


def provoked(count):
    """Streams that the server itself has to reset: more DATA than content-length says."""
    opening = HEAD[BIDI] + h2.literal("content-length", "1")
    return b"".join(h2.headers(i, opening) + h2.data(i, bytes(2)) for i in ids(count))


@attack("made you reset", "CVE-2025-8671; RFC 9113, 6.9")
def made_you_reset(target):
    return ended_for(target, provoked(6000), 4)


@attack("made you reset, nothing read", "CVE-2025-8671")
def made_you_reset_unread(target):
    return abandoned(target, provoked(6000), 8)


@attack("requests that are refused, nothing read", "CVE-2019-9514")
def refused_unread(target):
    # The server's SETTINGS are never acknowledged, so that its limit of streams does not hold yet.
    storm = b"".join(head(i, BIDI) for i in ids(12000))
    return abandoned(target, storm, 4)


@attack("streams over the limit", "RFC 9113, 5.1.2")
def streams_over_limit(target):
    wrong = []
    for _ in target.times(4):
        with target.dial() as peer:
            peer.send(h2.frame(h2.SETTINGS, h2.ACK, 0))
            peer.settle()
            peer.send(b"".join(head(i, BIDI) for i in ids(STREAMS + 1)))
            wrong += ended(peer)
    return wrong


# Floods of frames that are no work.


@attack("SETTINGS flood", "CVE-2019-9515")
def settings_flood(target):
    return ended_for(target, h2.settings() * 20000, 2)


@attack("SETTINGS flood, nothing read", "CVE-2019-9515")
def settings_flood_unread(target):
    return abandoned(target, h2.settings((h2.INITIAL_WINDOW, 65535)) * 20000, 4)


@attack("PING flood", "CVE-2019-9512")
def ping_flood(target):
    return ended_for(target, h2.ping() * 20000, 2)


@attack("empty DATA flood", "CVE-2019-9518")
def empty_data_flood(target):
    return ended_for(target, head(1, COLLECT) + h2.data(1) * 50000, 2)


@attack("PRIORITY flood", "CVE-2019-9513")
def priority_flood(target):
    shuffle = b"".join(h2.priority(i, (i + 4) % 200 | 1) for i in list(ids(100)) * 200)
    return ended_for(target, shuffle, 2)


@attack("a flood of frames of unknown type", "RFC 9113, 5.5")
def unknown_flood(target):
    for _ in target.times(2):
        with target.dial() as peer:
            peer.send(h2.frame(0x42, 0, 0) * 50000)
            peer.settle()
            if peer.over:
                return ["ended for frames that have to be ignored"]
    return []


@attack("CONTINUATION flood", "CVE-2024-27316")
def continuation_flood(target):
    start = h2.frame(h2.HEADERS, 0, 1, HEAD[UNARY])
    more = h2.frame(h2.CONTINUATION, 0, 1, h2.literal("x-fill", "x" * 1000))
    return ended_for(target, start + more * 2000, 4)


@attack("a flood of empty CONTINUATION", "CVE-2024-27316")
def continuation_flood_empty(target):
    start = h2.frame(h2.HEADERS, 0, 1, HEAD[UNARY])
    return ended_for(target, start + h2.frame(h2.CONTINUATION, 0, 1) * 20000, 2)


# Header lists.


def bomb(stream, fields=HEAD[UNARY]):
    """A field of 4 KB that 16 KB and eight CONTINUATIONs of one byte each repeat: 600 MB as a list."""
    indexed = b"\x40" + h2.text("x-bomb") + h2.text("b" * 3900)
    repeat = b"\xbe" * 16384
    frames = h2.frame(h2.HEADERS, h2.END_STREAM, stream, fields + indexed)
    frames += h2.frame(h2.CONTINUATION, 0, stream, repeat) * 7
    return frames + h2.frame(h2.CONTINUATION, h2.END_HEADERS, stream, repeat)


@attack("HPACK bomb", "RFC 9113, 10.5.1")
def hpack_bomb(target):
    return ended_for(target, bomb(1), 8)


@attack("HPACK bombs, many on a connection", "RFC 9113, 10.5.1")
def hpack_bombs(target):
    return ended_for(target, b"".join(bomb(i) for i in ids(8)), 2)


@attack("an HPACK bomb as trailers", "RFC 9113, 10.5.1")
def hpack_bomb_trailers(target):
    return ended_for(target, head(1, COLLECT) + bomb(1, b""), 4)


@attack("a header list over the limit", "RFC 9113, 10.5.1")
def header_list(target):
    wrong = []
    fields = b"".join(h2.literal("x-%d" % i, "v" * 80) for i in range(150))
    for _ in target.times(4):
        with target.dial() as peer:
            for stream in ids(50):
                peer.send(h2.headers(stream, HEAD[UNARY] + fields, h2.END_STREAM))
                got = peer.frames(lambda one: one.ends(stream) or one.kind == h2.GOAWAY)
                if any(one.kind == h2.DATA and one.stream == stream for one in got):
                    wrong.append("stream %d was served" % stream)
    return wrong


# Messages.


GOOD = h2.message(b"\x0a\xc8\x01" + bytes(200))
WRONG = [(h2.block(fields), body) for fields, body in (
    (h2.request(UNARY), h2.message(b"\xff" * 200)),
    (h2.request(UNARY), GOOD * 2),
    (h2.request(UNARY), b""),
    (h2.request(UNARY), GOOD[:-1]),
    (h2.request(UNARY), b"\0" + b"\xff" * 4),
    (h2.request(UNARY, ("grpc-encoding", "gzip")), h2.message(b"no gzip", 1)),
    (h2.request(UNARY, ("grpc-encoding", "snappy")), h2.message(b"x", 1)),
    (h2.request(UNARY, te=None), GOOD),
    (h2.request(UNARY, method="GET"), GOOD),
    (h2.request(UNARY, content_type="text/html"), GOOD),
    (h2.request("/flatline.v1.Stress/Nothing"), GOOD),
)]


@attack("wrong calls: protobuf, count, length, encoding, te, method, type, path", "gRPC statuscodes.md, PROTOCOL-HTTP2.md")
def wrong_calls(target):
    """Each is answered, and the connection outlives it; what each answer is: tests/interop/grpc_errors.py."""
    with target.dial() as peer:
        for turn in target.times(60):
            left = set(ids(len(WRONG), 1 + 2 * len(WRONG) * turn))
            peer.send(b"".join(h2.headers(stream, fields) + h2.data(stream, body, h2.END_STREAM)
                               for stream, (fields, body) in zip(sorted(left), WRONG)))
            while left and not peer.over:
                got = peer.frames(lambda one: one.kind == h2.GOAWAY or one.ends(one.stream))
                left -= {one.stream for one in got if one.kind == h2.HEADERS and one.ends(one.stream)}
                if got and (got[-1].kind == h2.GOAWAY or got[-1].kind == h2.RST_STREAM):
                    return ["turn %d: %s" % (turn, got[-1].code())]
        return ["ended"] if peer.over else []


@functools.lru_cache
def gzipped(message):
    packer = zlib.compressobj(9, wbits=31)
    return packer.compress(message) + packer.flush()


def packed(stream, message, *more):
    """A call whose message is compressed."""
    body = h2.message(gzipped(message), 1)
    fields = HEAD[UNARY] + h2.block([("grpc-encoding", "gzip"), *more])
    return h2.headers(stream, fields) + h2.data(stream, body, h2.END_STREAM)


@attack("zip bombs just below the limit of a message, on many connections", "gRPC compression.md", 0.4)
def zip_bombs(target):
    """Some of them leave while they wait for their turn, some have not the time."""
    zeros = bytes((4 << 20) - 64)
    storm = b"".join(packed(i, zeros) for i in ids(14))
    hasty = b"".join(packed(i, zeros, ("grpc-timeout", "30m")) for i in ids(14))
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(target.dial()) for _ in target.times(14)]
        for number, peer in enumerate(peers):
            peer.send(hasty if number % 5 == 4 else storm)
        abandoned(target, storm, 3)
        for peer in peers:
            answered = sum(one.kind == h2.HEADERS and bool(one.flags & h2.END_STREAM) for one in peer.settle())
            if answered != 14:
                return ["%d answers to 14 messages that it has to look at" % answered]
    return []


@attack("large replies that have to be compressed, on many connections", "gRPC compression.md", 0.4)
def large_compressed(target):
    """A SimpleRequest of 2 MiB, response_compressed."""
    path = h2.request("/grpc.testing.TestService/UnaryCall", ("grpc-accept-encoding", "gzip"))
    wanted = h2.message(b"\x10" + h2.varint(2 << 20) + b"\x32\x02\x08\x01")
    storm = b"".join(h2.headers(i, h2.block(path)) + h2.data(i, wanted, h2.END_STREAM) for i in ids(8))
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(target.dial()) for _ in target.times(9)]
        for peer in peers:
            peer.send(storm)
        abandoned(target, storm, 2)
        for peer in peers:
            got = []
            while sum(one.kind == h2.HEADERS and bool(one.flags & h2.END_STREAM) for one in got) < 8:
                got += peer.frames(lambda one: one.kind in (h2.HEADERS, h2.GOAWAY))
                if peer.over or got[-1].kind == h2.GOAWAY:
                    return ["ended for calls that it has to answer"]
    return []


def nearly(peer, stream, size):
    """A call whose message lacks its last byte; False: the server has ended it before."""
    peer.send(h2.headers(stream, HEAD[BENCHMARK]) + h2.data(stream, b"\0" + struct.pack(">I", size)[:4]))
    step = h2.data(stream, bytes(16384))
    for _ in range(size // 32768 - 1):
        peer.send(step * 2)
        got = peer.frames(lambda one: one.ends(stream) or (one.kind, one.stream) == (h2.WINDOW_UPDATE, 0))
        if not got or got[-1].kind != h2.WINDOW_UPDATE:
            peer.settle()  # the window that was opened last is not the next stream's
            return False
    return True


@attack("large messages that are never whole", "RFC 9113, 10.5")
def never_whole(target):
    with target.dial() as peer:
        taken = sum(nearly(peer, stream, 4 << 20) for stream in ids(20))
        most = 19 if target.capped else 20  # without a heap cap there is room for more
        return [] if 0 < taken <= most and not peer.over else ["%d of 20 are kept, ended: %s" % (taken, peer.over)]


# Windows.


@attack("thousands of streams whose windows stay shut", "RFC 9113, 10.5; CVE-2019-9517")
def stalled_windows(target):
    shut = h2.PREFACE + h2.settings((h2.INITIAL_WINDOW, 0))
    start = b"".join(head(i, STREAM) + h2.data(i, ENDLESS, h2.END_STREAM) for i in ids(STREAMS))
    with contextlib.ExitStack() as stack:
        for _ in target.times(16):
            peer = stack.enter_context(target.dial(preface=shut))
            peer.send(start)
            peer.settle()
    return []


@attack("wide windows and replies that nobody reads", "CVE-2019-9517")
def unread_replies(target):
    start = b"".join(head(i, STREAM) + h2.data(i, ENDLESS, h2.END_STREAM) for i in ids(50))
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(target.dial(preface=WIDE)) for _ in target.times(16)]
        for peer in peers:
            peer.send(start)
        with target.dial() as other:
            other.settle()
    return []


@attack("windows opened byte by byte", "CVE-2019-9511")
def windows_byte_by_byte(target):
    shut = h2.PREFACE + h2.settings((h2.INITIAL_WINDOW, 0))
    one = h2.message(b"\x0a\xc8\x01" + bytes(200))
    with target.dial(preface=shut) as peer:
        peer.send(head(1) + h2.data(1, one, h2.END_STREAM) + h2.window(1, 1) * 128)
        got = peer.settle()
    sent = sum(len(o.payload) for o in got if o.kind == h2.DATA)
    return [] if sent <= 128 else ["%d bytes through a window of 128" % sent]


# Connections.


@attack("half a preface, half a frame, then nothing, or RST", "RFC 9113, 3.4")
def torn(target):
    parts = (b"", h2.PREFACE[:10], h2.PREFACE, h2.PREFACE + h2.settings() + head(1)[:30],
             h2.PREFACE + h2.settings() + head(1, BIDI) + h2.data(1, bytes(5))[:11])
    for number in target.times(60):
        for part in parts:
            with target.dial(preface=part) as peer:
                if number % 2:
                    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return []


@attack("garbage", "RFC 9113, 3.4")
def garbage(target):
    wrong = []
    for number in target.times(20):
        noise = bytes((number * 37 + i * i) & 255 for i in range(4096))
        with target.dial(preface=noise) as peer:
            while not peer.over:
                peer._fill(len(peer.buffer) + 1)
    return wrong


@attack("the other protocol: TLS to cleartext, cleartext to TLS", "RFC 9113, 3.2")
def other_protocol(target):
    for _ in target.times(10):
        with target.raw() as peer:
            if target.cert is not None:
                peer.sendall(h2.PREFACE + h2.settings())
                while peer.recv(4096):
                    pass
                continue
            context = ssl._create_unverified_context()
            try:
                context.wrap_socket(peer).close()
                return ["a TLS handshake with a cleartext server succeeded"]
            except OSError:  # ssl.SSLError is one
                pass
    return []


def handshake(target, context):
    """None, or what was negotiated."""
    with target.raw() as peer:
        try:
            with context.wrap_socket(peer, server_hostname="localhost") as secure:
                # In TLS 1.3 the alert comes behind the client's end of the handshake.
                return secure.version() if secure.recv(1) else None
        except OSError:
            return None


@attack("no ALPN, a wrong one, an old TLS", "RFC 9113, 3.2, 9.2")
def bad_tls(target):
    wrong = []
    for protocols, most in (((), None), (("http/1.1",), None), (("h2",), ssl.TLSVersion.TLSv1_1)):
        context = ssl.create_default_context(cafile=target.cert)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        if most is not None:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, most
        if target.cert is not None and protocols and handshake(target, context) is not None:
            wrong.append("served with ALPN %s, at most %s" % (protocols, most))
    return wrong
