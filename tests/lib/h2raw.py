"""HTTP/2 frames and HPACK header blocks made by hand (RFC 9113, RFC 7541), right or wrong, and a
connection that sends them as they are.

    with Connection(port, cert) as peer:     # cert: None for cleartext; Connection.accept: as the server
        peer.send(headers(1, block(request("/flatline.v1.Stress/NonStreaming")), END_STREAM))
        for frame in peer.frames(until=lambda frame: frame.ends(1)): ...
"""

import collections
import ctypes
import socket
import ssl
import struct
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LIMIT = 120.0  # seconds for any one answer

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = range(5)
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(5, 10)

ACK = END_STREAM = 0x01
END_HEADERS, PADDED, PRIORITIZED = 0x04, 0x08, 0x20

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_STREAMS, INITIAL_WINDOW, MAX_FRAME, MAX_LIST = range(1, 7)

ERRORS = (
    "NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED"
    " FRAME_SIZE_ERROR REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM"
    " INADEQUATE_SECURITY HTTP_1_1_REQUIRED"
).split()


def error_name(code):
    return ERRORS[code] if code < len(ERRORS) else "error %d" % code


# Frames.


def frame(kind, flags, stream, payload=b"", length=None):
    """length: a false one."""
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def data(stream, payload=b"", flags=0):
    return frame(DATA, flags, stream, payload)


def headers(stream, fragment, flags=0):
    return frame(HEADERS, flags | END_HEADERS, stream, fragment)


def dependency(stream, weight=16, exclusive=False):
    return struct.pack(">IB", stream | (0x80000000 if exclusive else 0), weight - 1)


def priority(stream, on, **more):
    return frame(PRIORITY, 0, stream, dependency(on, **more))


def reset(stream, code=8):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def ping(payload=b"flatline", flags=0):
    return frame(PING, flags, 0, payload)


def window(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


# HPACK.


def integer(value, prefix, first=0):
    """An integer whose first byte has `prefix` bits for it, below the bits of `first`."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes([first | value])
    out = [first | most]
    value -= most
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + [value])


def text(value):
    if isinstance(value, str):
        value = value.encode()
    return integer(len(value), 7) + value


def literal(name, value):
    """Without indexing, both as plain text: what is sent is what is written here."""
    return b"\0" + text(name) + text(value)


def block(pairs):
    return b"".join(literal(name, value) for name, value in pairs)


def request(path, *more, **changed):
    """A gRPC request's headers; changed: method=, scheme=, path=, te=, content_type=, None leaves one
    out; more: further pairs at the end."""
    pairs = {
        ":method": changed.pop("method", "POST"),
        ":scheme": changed.pop("scheme", "http"),
        ":path": path,
        ":authority": "localhost",
        "content-type": changed.pop("content_type", "application/grpc"),
        "te": changed.pop("te", "trailers"),
    }
    assert not changed, changed
    return [(name, value) for name, value in pairs.items() if value is not None] + list(more)


def varint(value):
    """Protobuf's."""
    more, low = value >> 7, value & 127
    return bytes([low | 128]) + varint(more) if more else bytes([low])


def message(payload, flag=0):
    """gRPC's length-prefixed message."""
    return struct.pack(">BI", flag, len(payload)) + payload


class Frame(collections.namedtuple("Frame", "kind flags stream payload")):
    def ends(self, stream):
        return self.stream == stream and (
            self.kind == RST_STREAM
            or (self.kind in (DATA, HEADERS) and bool(self.flags & END_STREAM))
        )

    def code(self):
        """Of RST_STREAM and GOAWAY."""
        return error_name(struct.unpack_from(">I", self.payload, 4 * (self.kind == GOAWAY))[0])


def listen():
    """A socket for Connection.accept, at a port of its own choice."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(LIMIT)
    return listener


class Connection:
    """Frames both ways. `over` is True once the peer has closed."""

    def __init__(self, port, cert=None, preface=PREFACE + settings()):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if cert is not None:
            context = ssl.create_default_context(cafile=cert)
            context.set_alpn_protocols(["h2"])
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self._begin(preface)

    def _begin(self, preface):
        self.buffer = b""
        self.over = False
        self.send(preface)

    @classmethod
    def accept(cls, listener, preface=settings()):
        """The server's end of the next connection to a listening socket."""
        peer = cls.__new__(cls)
        peer.socket, _ = listener.accept()
        peer.socket.settimeout(LIMIT)
        peer._begin(preface)
        if peer._fill(len(PREFACE)):
            assert peer.buffer.startswith(PREFACE), peer.buffer
            peer.buffer = peer.buffer[len(PREFACE) :]
        return peer

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.socket.close()

    def send(self, octets):
        try:
            self.socket.sendall(octets)
        except (ConnectionError, ssl.SSLError):
            pass  # what the peer had to say about it is still to be read

    def vanish(self):
        """From now on the peer hears no more of us, not even what TCP itself would answer: a socket filter drops all
        that comes."""
        nothing = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF_RET, 0 bytes
        program = struct.pack("HL", 1, ctypes.addressof(nothing))
        self.socket.setsockopt(socket.SOL_SOCKET, 26, program)  # SO_ATTACH_FILTER

    def _fill(self, size):
        while len(self.buffer) < size and not self.over:
            try:
                more = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLError):
                more = b""
            self.over = not more
            self.buffer += more
        return len(self.buffer) >= size

    def read(self):
        """The next frame; None once the peer has closed."""
        if not self._fill(9):
            return None
        size = int.from_bytes(self.buffer[:3], "big")
        kind, flags, stream = struct.unpack_from(">BBI", self.buffer, 3)
        if not self._fill(9 + size):
            return None
        payload = self.buffer[9 : 9 + size]
        self.buffer = self.buffer[9 + size :]
        return Frame(kind, flags, stream & 0x7FFFFFFF, payload)

    def frames(self, until):
        """All frames up to and with the first for which until(frame); fewer if the peer closes."""
        got = []
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            one = self.read()
            if one is None:
                return got
            got.append(one)
            if until(one):
                return got
        raise AssertionError("no such frame within %.0f s; the last ones: %s" % (LIMIT, got[-5:]))

    def settle(self):
        """All frames that the peer sends because of what was sent so far: two PINGs are answered in
        turn, so the answer to anything before the first is out before the second's."""
        got = []
        for mark in (b"settle-1", b"settle-2"):
            self.send(ping(mark))
            got += self.frames(lambda one: one.kind == PING and one.payload == mark)
        return [one for one in got if not one.payload.startswith(b"settle-")]
