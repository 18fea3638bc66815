"""stress-client against servers that hang, drip or flood: what it makes of each, within its deadlines. Servers whose
answers are wrong are in tests/interop/client_errors.py, certificates that are none in tests/e2e/client_traffic.sh."""

import concurrent.futures
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import h2raw as h2
from program import CLIENT, Program
from tap import Tap

BODY = h2.message(b"\x0a\xc8\x01" + os.urandom(200))
HEADERS = [(":status", "200"), ("content-type", "application/grpc")]
REPLY = h2.headers(1, h2.block(HEADERS)) + h2.data(1, BODY)
TRAILERS = h2.headers(1, h2.block([("grpc-status", "0")]), h2.END_STREAM)
ACK = h2.frame(h2.SETTINGS, h2.ACK, 0)
HANG = 0.5  # seconds that the client is given
LATE = h2.LIMIT
DEADLINE = r"ended with status 4 DEADLINE_EXCEEDED: deadline exceeded"
CALM = r"protocol error: .*"
tap = Tap()


def until_closed(peer):
    """Whether the client has closed."""
    peer.frames(lambda one: False)
    return peer.over


def silent(listener):
    """Accepts, and says nothing."""
    with h2.Connection.accept(listener, preface=b"") as peer:
        return until_closed(peer)


def deaf(listener):
    """Does not even accept."""
    client, _ = listener.accept()
    with client:
        client.settimeout(LATE)
        while True:
            try:
                if not client.recv(65536):
                    return True
            except ConnectionError:
                return True


def answering(octets, preface=h2.settings()):
    def answer(listener):
        with h2.Connection.accept(listener, preface=preface) as peer:
            peer.frames(lambda one: one.kind == h2.HEADERS)
            peer.send(ACK + octets)
            return until_closed(peer)

    return answer


def dripping(listener):
    """A reply in frames of one byte, far too slowly."""
    with h2.Connection.accept(listener) as peer:
        peer.frames(lambda one: one.kind == h2.HEADERS)
        peer.send(ACK + h2.headers(1, h2.block(HEADERS)))
        for byte in BODY:
            time.sleep(4 * HANG / len(BODY))
            peer.send(h2.data(1, bytes([byte])))
        return until_closed(peer)


def bomb():
    """A field of 4 KB that seven frames of one byte each repeat: a list of 400 MB."""
    indexed = b"\x40" + h2.text("x-bomb") + h2.text("b" * 3900)
    return (h2.frame(h2.HEADERS, 0, 1, h2.block(HEADERS) + indexed)
            + h2.frame(h2.CONTINUATION, 0, 1, b"\xbe" * 16384) * 6
            + h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1, b"\xbe" * 16384))


CALL = ("--call-timeout", "%dms" % (HANG * 1000))
SHUT = h2.settings((h2.INITIAL_WINDOW, 0))
# What, the server, the client's options, its line, how long it must wait at least.
CASES = (
    ("accepts, then silence", silent, ("--connect-timeout", "500ms"), "timed out before the connection was usable", HANG),
    ("the same over TLS", deaf, ("--secure", "--no-server-validation", "--connect-timeout", "500ms"),
     "timed out before the connection was usable", HANG),
    ("no answer to the call", answering(b""), CALL, DEADLINE, HANG),
    ("headers, then silence", answering(h2.headers(1, h2.block(HEADERS))), CALL, DEADLINE, HANG),
    ("a reply, then silence", answering(REPLY), CALL, DEADLINE, HANG),
    ("half a reply, then silence", answering(REPLY[:-100]), CALL, DEADLINE, HANG),
    ("a window that never opens", answering(b"", preface=SHUT), CALL, DEADLINE, HANG),
    ("a reply byte by byte", dripping, CALL, DEADLINE, HANG),
    ("GOAWAY in mid-stream, then silence", answering(h2.frame(h2.GOAWAY, 0, 0, b"\0\0\0\1" + bytes(4)) + REPLY), CALL,
     DEADLINE, HANG),
    ("a good reply in time", answering(REPLY + TRAILERS), CALL, None, 0),
    ("a flood of SETTINGS", answering(h2.settings() * 20000), (), CALM, 0),
    ("a flood of empty DATA", answering(h2.headers(1, h2.block(HEADERS)) + h2.data(1) * 20000), (), CALM, 0),
    ("a flood of CONTINUATION", answering(h2.frame(h2.HEADERS, 0, 1, h2.block(HEADERS))
                                          + h2.frame(h2.CONTINUATION, 0, 1) * 20000), (), CALM, 0),
    ("an HPACK bomb", answering(bomb()), (), "RESOURCE_EXHAUSTED: header list larger than the limit", 0),
)


def play(case):
    """Whether the client closed, its exit status and words, and how long it took."""
    _, serve, options, _, _ = case
    with h2.listen() as listener:
        begun = time.monotonic()
        with Program(CLIENT, "--port", str(listener.getsockname()[1]), *options, "--non-streaming") as client:
            closed = serve(listener)
            return closed, client.process.wait(LATE), client.said(), time.monotonic() - begun


with concurrent.futures.ThreadPoolExecutor(4) as pool:
    for (what, _, _, expected, least), (closed, status, said, took) in zip(CASES, pool.map(play, CASES)):
        line = re.search(r"^stress-client: \S+: connection 1: (.*)$", said, re.MULTILINE)
        if expected is None:
            right = status == 0 and line is None
        else:
            right = status == 1 and line is not None and re.search(expected, line.group(1)) is not None
        tap.check("%s: %s" % (what, expected or "passes"), right and closed, status, closed, said)
        if least:
            tap.check("... not before its time", took >= least, took)

for words in (("--probe",), ("--service", "interop", "--non-streaming")):
    with Program(CLIENT, "--port", "1", "--call-timeout", "1s", *words) as client:
        status, said = client.process.wait(LATE), client.said()
    tap.check("%s takes no --call-timeout: exit 2" % words[0], status == 2 and "--call-timeout" in said, status, said)
tap.done()
