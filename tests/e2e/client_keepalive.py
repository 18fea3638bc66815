"""stress-client and stress-server --keepalive: PINGs come in time, a peer that leaves them unanswered is lost, a
peer that says too_many_pings gets fewer of them. The peers are a socket that speaks only as much HTTP/2 as it is told
to, our server, and grpcio where there is one."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

TOP = os.environ["top_srcdir"]
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
import h2raw
from program import CLIENT, SERVER, Child, Program, Server, wait_until
from tap import Tap

EVERY = 0.1  # seconds
tap = Tap()


class Peer:
    """A server that answers no call: a thread reads its frames until the client closes."""

    def __init__(self, listener, answers):
        self.connection = h2raw.Connection.accept(listener)
        self.answers = answers
        self.pings = []  # when they came
        self.thread = threading.Thread(target=self.read_all)
        self.thread.start()

    def read_all(self):
        for frame in iter(self.connection.read, None):
            if frame.flags & h2raw.ACK:
                continue
            if frame.kind == h2raw.SETTINGS:
                self.connection.send(h2raw.frame(h2raw.SETTINGS, h2raw.ACK, 0))
            if frame.kind == h2raw.PING:
                self.pings.append(time.monotonic())
                if self.answers:
                    self.connection.send(h2raw.ping(frame.payload, h2raw.ACK))

    def __enter__(self):
        return self

    def __exit__(self, *what):
        with contextlib.suppress(OSError):
            self.connection.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.connection.socket.close()


def client(port, *options):
    return Program(CLIENT, "--port", str(port), *options, "--client-streaming", "0")


@contextlib.contextmanager
def listening():
    with h2raw.listen() as listener:
        yield listener, listener.getsockname()[1]


def wait_for(predicate):
    """Its first true answer, or None."""
    try:
        return wait_until(predicate)
    except AssertionError:
        return None


def test_answered():
    with listening() as (listener, port), client(port, "--keepalive", "100ms") as program:
        begun = time.monotonic()
        with Peer(listener, answers=True) as peer:
            tap.check("PINGs come", wait_for(lambda: len(peer.pings) >= 5), peer.pings)
            # The last PING may have been sent a little before it was seen.
            took = peer.pings[4] - begun
            tap.check("... no more often than asked for", took > 5 * EVERY * 0.9, took)
            running = program.process.poll() is None
            tap.check("a peer that answers them is kept", running, program.said())
            status = program.stop()
            tap.check("... and no loss", status == 0 and "losses       0\n" in program.said(), program.said())


def test_unasked():
    with listening() as (listener, port), client(port) as program, Peer(listener, False) as peer:
        time.sleep(4 * EVERY)
        tap.check("without --keepalive there is no PING", peer.pings == [], peer.pings)
        running = program.process.poll() is None
        tap.check("... and a silent peer is waited for", running, program.said())


def test_silent():
    ask = ("--keepalive", "100ms", "--keepalive-timeout", "300ms")
    with listening() as (listener, port), client(port, *ask) as program:
        with Peer(listener, answers=False) as peer:
            status, said = program.process.wait(h2raw.LIMIT), program.said()
            peer.thread.join(h2raw.LIMIT)  # it reads on to the end of what was sent
        lost = "connection 1: keepalive: a PING was not answered in time; --retry N would try again"
        tap.check("a silent peer is lost: exit 1", status == 1 and len(peer.pings) == 1, status, peer.pings)
        tap.check("... one line says so", lost in said, said)
        tap.check("... and it is counted", "losses       1 (loss-timeout 1)" in said, said)
    with listening() as (listener, port), client(port, *ask, "--retry", "1") as program:
        with Peer(listener, False), Peer(listener, True) as second:
            tap.check("with --retry it is called again", wait_for(lambda: second.pings), program.said())
            program.stop()


def survives_a_stop():
    """Whether an answer counts that comes while the client stands still, past its time. None: the machine
    stood still itself, and the client was stopped too late to tell."""
    ask = ("--keepalive", "100ms", "--keepalive-timeout", "2s")
    begun = time.monotonic()  # no PING is sent before
    with listening() as (listener, port), client(port, *ask) as program, Peer(listener, False) as peer:
        wait_for(lambda: peer.pings)
        program.process.send_signal(signal.SIGSTOP)
        peer.connection.send(h2raw.ping(bytes(8), h2raw.ACK))
        late = time.monotonic() - begun > 2
        time.sleep(2.5)
        program.process.send_signal(signal.SIGCONT)
        wait_for(lambda: len(peer.pings) > 1 or program.process.poll() is not None)
        if len(peer.pings) > 1:
            return True
        return None if late else False


def test_stopped():
    # Whether it stands still within a wait or between two is chance.
    for _ in range(20):
        survived = [survives_a_stop() for _ in range(2)]
        if None not in survived:
            break
    tap.check("a client that stood still reads before it judges", survived == [True, True], survived)


def too_many(port, what):
    """A server that wants no PINGs while it sends nothing, by its own rules."""
    with client(port, "--keepalive", "20ms") as program:
        status, said = program.process.wait(h2raw.LIMIT), program.said()
    gone = "the server sent GOAWAY: too_many_pings; --retry N would try again"
    tap.check("%s says too_many_pings: exit 1" % what, status == 1 and gone in said, said)
    with client(port, "--keepalive", "20ms", "--retry", "1000") as program:
        for every in ("40", "80", "160"):
            program.wait_said(r"says too_many_pings; from now on one every %s(\.\d+)? ?ms\n" % every)
        status, said = program.stop(), program.said()
    tap.check("%s: each time the interval doubles" % what, status == 0, said)
    counted = re.search(r"losses +([3-9]|\d\d) \(loss-goaway \1\)", said) is not None
    tap.check("%s: the losses are counted as GOAWAYs" % what, counted, said)


def test_grpcio():
    python = "/usr/bin/python3"
    if subprocess.run([python, "-c", "import grpc"], stderr=subprocess.DEVNULL).returncode != 0:
        tap.skip("python3-grpcio is not installed")
        return
    fixture = os.path.join(TOP, "tests", "fixtures", "grpcio_server.py")
    with Program(python, fixture, "--misbehave", "idle") as peer:
        too_many(int(peer.wait_said(r"listening on \S+:(\d+)").group(1)), "grpcio")


def test_server():
    """The other way round: clients that answer, and one that is gone without a word."""
    ask = ("--keepalive", "100ms", "--keepalive-timeout", "1s")
    with Server(*ask) as server:
        # Who stands still for a second himself is given up rightly, and tries again.
        answered = wait_for(lambda: answers_five(server))
        tap.check("a server's PINGs come, no more often than asked for",
                  answered is not None and answered > 5 * EVERY * 0.9, answered)
        with h2raw.Connection(server.port) as connection:
            begun = time.monotonic()
            while connection.read() is not None:
                pass  # none is answered
            took = time.monotonic() - begun
        tap.check("a client that is silent is given up, not before its time", took > 0.9, took)
        kept = wait_for(lambda: stays(server.port, 1.5))
        tap.check("ours answers, and is kept", kept)


def answers_five(server):
    """How long it took to be sent five PINGs and to answer them; None: the server gave up before."""
    with h2raw.Connection(server.port) as connection:
        pings = 0
        begun = time.monotonic()
        while pings < 5:
            frame = connection.read()
            if frame is None:
                return None
            if frame.kind == h2raw.PING and not frame.flags & h2raw.ACK:
                pings += 1
                connection.send(h2raw.ping(frame.payload, h2raw.ACK))
        return time.monotonic() - begun


def stays(port, seconds, *options):
    """Whether a client with a call under way is kept for so long."""
    with Child(CLIENT, "--port", str(port), *options, "--client-streaming", "0") as child:
        child.until(lambda page: page["metrics"]["messages_sent"] > 0)
        time.sleep(seconds)
        child.ask("signal %d" % signal.SIGTERM)
        return child.ask("wait")["exit"] == 0 and child.metrics()["losses"] == 0


def test_permitted():
    with Server("--permit-keepalive", "10ms") as server:
        tap.check("a server may permit more PINGs", stays(server.port, 0.5, "--keepalive", "20ms"), server.said())


def test_usage():
    for text, *words in (
        ("--keepalive-timeout needs --keepalive", "--keepalive-timeout", "1s"),
        ("must be longer than 0", "--keepalive", "0s"),
        ("must be longer than 0", "--permit-keepalive", "0"),
    ):
        with Program(SERVER, "--port", "0", *words) as program:
            status, said = program.process.wait(h2raw.LIMIT), program.said()
        tap.check("server %s: exit 2" % " ".join(words), status == 2 and text in said, said)
    for text, *words in (
        ("--keepalive-timeout needs --keepalive", "--keepalive-timeout", "1s"),
        ("must be longer than 0", "--keepalive", "0s"),
        ("must be longer than 0", "--keepalive", "1s", "--keepalive-timeout", "0s"),
    ):
        with client(1, *words) as program:
            status, said = program.process.wait(h2raw.LIMIT), program.said()
        tap.check("%s: exit 2" % " ".join(words), status == 2 and text in said, said)


test_answered()
test_unasked()
test_silent()
test_stopped()
with Server() as server:
    too_many(server.port, "our server")
test_grpcio()
test_server()
test_permitted()
test_usage()
tap.done()
