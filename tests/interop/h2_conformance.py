"""stress-server against frames that no HTTP/2 library would send: RFC 9113 section by section, and
HPACK's errors (RFC 7541), cleartext and TLS. Where the RFC leaves a choice, each answer that it allows
passes: the stream's reset or the connection's end. The bare end of the connection, without GOAWAY,
passes wherever a connection error does (section 5.4.1: GOAWAY is a SHOULD).

With --nghttpd the same against nghttpd (package nghttp2-server), for comparison and by hand: docs/interop.md. It gives
files for answers: what a case says of gRPC, and of our limits, it cannot do."""

import os
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "interop"))
import h2raw as h2
from h2_cases import ALL, BIDI, CASES, COLLECT, STREAM, UNARY, WAIT, Alive, Answered, Broken, Seen
from program import SERVER, Program, Server, wait_until
from tap import Tap

tap = Tap()


def data_size(got):
    return sum(len(one.payload) for one in got if one.kind == h2.DATA)


def await_data(peer, got, size):
    while data_size(got) < size and not peer.over:
        got += peer.frames(lambda one: True)


def play(peer, steps):
    """Sends the steps, waits where one says so. Returns the frames that came."""
    got = []
    for step in steps:
        if isinstance(step, WAIT):
            got += peer.frames(lambda one: one.ends(step.stream) or one.kind == h2.GOAWAY)
        elif isinstance(step, ALL):
            await_data(peer, got, step.size)
        else:
            peer.send(step)
    return got


def errors_among(got, stream):
    """Codes of GOAWAYs, and of resets of that stream (None: of any)."""
    gone = [one.code() for one in got if one.kind == h2.GOAWAY]
    resets = [
        one.code()
        for one in got
        if one.kind == h2.RST_STREAM and stream in (None, one.stream) and one.code() != "NO_ERROR"
    ]
    return gone, resets


def judge_broken(peer, got, expected):
    got += peer.settle()
    gone, resets = errors_among(got, expected.stream)
    if gone:
        # After GOAWAY with an error the connection ends.
        got += peer.frames(lambda one: False)
        return gone[0] in expected.codes and peer.over
    if peer.over:
        return True
    return expected.stream is not None and bool(resets) and resets[0] in expected.codes


def judge_answered(peer, got, expected):
    """The stream got a whole answer, and the connection lives on."""
    if not any(one.ends(expected.stream) for one in got):
        got += peer.frames(lambda one: one.ends(expected.stream) or one.kind == h2.GOAWAY)
    body = b"".join(o.payload for o in got if o.kind == h2.DATA and o.stream == expected.stream)
    answered = any(o.kind == h2.HEADERS and o.stream == expected.stream for o in got)
    enough = len(body) > 128 if expected.body else not body
    return answered and enough and judge_alive(peer, got, expected.stream)


def judge_alive(peer, got, stream=None):
    got += peer.settle()
    gone, resets = errors_among(got, stream)
    return not gone and not resets and not peer.over


def judge(peer, got, expected):
    if isinstance(expected, Broken):
        return judge_broken(peer, got, expected)
    if isinstance(expected, Answered):
        return judge_answered(peer, got, expected)
    if isinstance(expected, Alive):
        return judge_alive(peer, got)
    assert isinstance(expected, Seen), expected
    got += peer.settle()
    return expected.predicate(got)


def told(one):
    code = one.code() if one.kind in (h2.RST_STREAM, h2.GOAWAY) else "%d bytes" % len(one.payload)
    return "frame type %d flags %#x stream %d: %s" % (one.kind, one.flags, one.stream, code)


def run_case(server, cert, how, case):
    peer_preface = case.preface if case.preface is not None else h2.PREFACE + h2.settings()
    with h2.Connection(server.port, cert, peer_preface) as peer:
        got = []
        try:
            got += play(peer, case.steps)
            passed = judge(peer, got, case.expected)
        except (AssertionError, TimeoutError) as error:
            passed = False
            got = [str(error)]
    lines = [told(one) if isinstance(one, h2.Frame) else one for one in got[-20:]]
    tap.check("%s: %s %s" % (how, case.section, case.title), passed, *lines)


class Nghttpd(Program):
    """A file for each method; that of the endless stream has more than any window."""

    def __init__(self, *options):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.files = tempfile.TemporaryDirectory()
        for path, size in ((UNARY, 205), (COLLECT, 205), (BIDI, 205), (STREAM, 1 << 22)):
            os.makedirs(self.files.name + os.path.dirname(path), exist_ok=True)
            with open(self.files.name + path, "wb") as file:
                file.write(bytes(size))
        how = [*options[4:5], *options[2:3]] or ["--no-tls"]  # KEY CERT, from --secure --tls-pub CERT --tls-priv KEY
        super().__init__("nghttpd", "-m256", "-a", "127.0.0.1", "-d", self.files.name, str(self.port), *how)
        wait_until(self.listens)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __exit__(self, *what):
        super().__exit__(*what)
        self.files.cleanup()


def test_all(options, cert, how):
    with (Nghttpd if THEIRS else Server)(*options) as server:
        for case in CASES:
            run_case(server, cert, how, case)
        alive = server.process.poll() is None and (THEIRS or server.stop() == 0)
        tap.check("%s: the server lived through it" % how, alive, server.said())


THEIRS = sys.argv[1:] == ["--nghttpd"]
if THEIRS:
    h2.LIMIT = 5.0  # it leaves some without any answer
test_all([], None, "cleartext")
with tempfile.TemporaryDirectory() as tls:
    subprocess.run([SERVER, "--make-cert", tls], check=True, stderr=subprocess.DEVNULL)
    pub, priv = os.path.join(tls, "cert.pem"), os.path.join(tls, "key.pem")
    test_all(["--secure", "--tls-pub", pub, "--tls-priv", priv], pub, "TLS")
tap.done()
