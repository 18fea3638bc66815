"""A neutral client of few words, made of tests/lib/h2raw.py: what it does is the same to every server."""

import os
import socket
import ssl
import sys

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import h2raw
from speed_peers import MESSAGE, PATH

ACK = h2raw.frame(h2raw.SETTINGS, h2raw.ACK, 0)
SILENT = "/flatline.v1.Stress/ClientStreaming"  # is not answered before its request has ended


def trust(cert):
    """None for cleartext."""
    if cert is None:
        return None
    context = ssl.create_default_context(cafile=cert)
    context.set_alpn_protocols(["h2"])
    return context


def request(path, scheme):
    return h2raw.block(h2raw.request(path, scheme=scheme))


class Peer(h2raw.Connection):
    """One connection. `session`: of an earlier one, to be resumed."""

    def __init__(self, port, context=None, session=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=h2raw.LIMIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.scheme = "http" if context is None else "https"
        self.next_stream = 1
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost", session=session)
        self._begin(h2raw.PREFACE + h2raw.settings() + ACK)

    def call(self):
        """One call with one message each way, to its end."""
        stream = self.take_stream()
        self.send(h2raw.headers(stream, request(PATH, self.scheme)) + h2raw.data(stream, MESSAGE, h2raw.END_STREAM))
        got = self.frames(until=lambda one: one.ends(stream))
        if not got or got[-1].kind == h2raw.RST_STREAM or not got[-1].ends(stream):
            sys.exit("bench: a call got no answer: %s" % got[-2:])

    def open_streams(self, count):
        """Calls whose requests have begun and do not end."""
        for _ in range(count):
            stream = self.take_stream()
            self.send(h2raw.headers(stream, request(SILENT, self.scheme)) + h2raw.data(stream, MESSAGE))
        self.send(h2raw.ping())  # one only: servers count them
        got = self.frames(until=lambda one: one.kind == h2raw.PING and one.flags & h2raw.ACK)
        if self.over or any(one.kind in (h2raw.RST_STREAM, h2raw.GOAWAY) for one in got):
            sys.exit("bench: an open stream was refused: %s" % got[-2:])

    def take_stream(self):
        self.next_stream += 2
        return self.next_stream - 2

    def leave(self):
        self.send(h2raw.frame(h2raw.GOAWAY, 0, 0, bytes(8)))
        self.socket.close()


def connect_call_close(port, context, count, session=None):
    """So many times, one after the other; how many of them resumed the session."""
    resumed = 0
    for _ in range(count):
        with Peer(port, context, session) as peer:
            peer.call()
            resumed += session is not None and peer.socket.session_reused
            peer.leave()
    return resumed


def ticket(port, context):
    """A session that can be resumed; None if the server gives none."""
    for _ in range(10):
        with Peer(port, context) as peer:
            peer.call()
            session = peer.socket.session
            peer.leave()
            if session.has_ticket and connect_call_close(port, context, 3, session) == 3:
                return session
    return None
