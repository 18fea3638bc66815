"""`driver delay` between two sockets: the distance is the one that was asked for, nothing is reordered, lost or
cut off, the ends of connections arrive as they were sent, memory is bounded and flat.

A loaded machine delays more, never less. So no try may be too short, and one of those made in LIMIT seconds
has to be short enough. What a round trip takes without the line, some tens of us, is not taken off."""

import contextlib
import hashlib
import os
import random
import selectors
import signal
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from program import DRIVER, Child, Program, wait_until
from tap import Tap

LIMIT = 120.0
RST = struct.pack("ii", 1, 0)
tap = Tap()


def listen():
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.settimeout(LIMIT)
    return listener


def connect(port):
    sock = socket.create_connection(("127.0.0.1", port), LIMIT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def read_exactly(sock, length):
    data = b""
    while len(data) < length:
        piece = sock.recv(length - len(data))
        if not piece:
            break
        data += piece
    return data


class Line(Program):
    def __init__(self, to, *options):
        super().__init__(DRIVER, "delay", "--listen", "0", "--to", "127.0.0.1:%d" % to, *options)
        self.port = int(self.wait_said(r"listening on 127\.0\.0\.1:(\d+)\n").group(1))


class Echo:
    """Answers everybody with what they said, from one thread."""

    def __enter__(self):
        self.listener = listen()
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.wake, waker = socket.socketpair()
        self.selector.register(waker, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.run, args=(waker,))
        self.thread.start()
        return self

    def run(self, waker):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is waker:
                    return
                if key.fileobj is self.listener:
                    with contextlib.suppress(BlockingIOError):
                        self.selector.register(self.listener.accept()[0], selectors.EVENT_READ)
                    continue
                with contextlib.suppress(OSError):
                    data = key.fileobj.recv(4096)
                    if data:
                        key.fileobj.sendall(data)
                        continue
                self.selector.unregister(key.fileobj)
                key.fileobj.close()

    def __exit__(self, *what):
        self.wake.send(b"x")
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.wake.close()


@contextlib.contextmanager
def pair(*options):
    """Both ends of a connection through a line."""
    with listen() as listener, Line(listener.getsockname()[1], *options) as line, connect(line.port) as near:
        far = listener.accept()[0]
        with far:
            far.settimeout(LIMIT)
            yield near, far


def round_trip(sock):
    begun = time.monotonic()
    sock.sendall(b"x")
    assert sock.recv(1) == b"x"
    return time.monotonic() - begun


# ---- time ----


def best_of(attempt, most):
    """The shortest that attempt measured (seconds), until one is no longer than `most` or LIMIT is over."""
    end, best = time.monotonic() + LIMIT, attempt()
    while best > most and time.monotonic() < end:
        best = min(best, attempt())
    return best


def first_answer(port):
    begun = time.monotonic()
    with connect(port) as sock:
        round_trip(sock)
        return time.monotonic() - begun


def measure(port, added, into):
    """The round trip through a line, and the first of a connection."""
    most = added * 1.05 + 0.001
    with connect(port) as sock:
        round_trip(sock)
        into["rest"] = best_of(lambda: min(round_trip(sock) for _ in range(3)), most)
    into["first"] = best_of(lambda: first_answer(port), 2 * most)


def test_distance():
    """At the same time, each by a line of its own."""
    cases = ((0, ()), (20, ()), (100, ()), (500, ()), (60, ("--up", "50ms", "--down", "10ms")))
    with Echo() as echo, contextlib.ExitStack() as stack:
        threads, figures = [], []
        for ms, options in cases:
            line = stack.enter_context(Line(echo.port, *(options or ("--rtt", "%dms" % ms))))
            figures.append({})
            threads.append(threading.Thread(target=measure, args=(line.port, ms / 1e3, figures[-1])))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for (ms, options), figure in zip(cases, figures):
        rest, first = figure["rest"] * 1e3, figure["first"] * 1e3
        what = " ".join(options) or "--rtt %dms" % ms
        tap.check("%s: the round trip is longer by that" % what, ms - 0.1 <= rest <= ms * 1.05 + 1, figure)
        tap.check("... and the first, with the handshake, by twice that",
                  2 * ms - 0.2 <= first <= 2.1 * ms + 2, figure)
        print("# %s: %.2f ms, the first %.2f ms" % (what, rest, first))


def send_512k():
    with pair("--rtt", "20ms", "--bandwidth", "1M/s") as (near, far):
        begun = time.monotonic()
        sender = threading.Thread(target=near.sendall, args=(bytes(512 << 10),))
        sender.start()
        got = len(read_exactly(far, 512 << 10))
        took = time.monotonic() - begun
        sender.join()
    return took if got == 512 << 10 else 0


def test_rate():
    took = best_of(send_512k, 0.56)
    tap.check("512 KB at 1 MB/s take half a second", 0.5 <= took <= 0.56, took)


# ---- bytes ----


def send_pieces(sock, data, seed):
    rng, at = random.Random(seed), 0
    while at < len(data):
        n = rng.choice((1, 100, 5000, 200000))
        sock.sendall(data[at : at + n])
        at += n
    sock.shutdown(socket.SHUT_WR)


def read_digest(sock):
    digest, length = hashlib.sha256(), 0
    while True:
        piece = sock.recv(1 << 16)
        if not piece:
            return digest.digest(), length
        digest.update(piece)
        length += len(piece)


def test_content():
    """More than fits into a line, both ways at once, by a jittering link."""
    data = [random.Random(seed).randbytes(12 << 20) for seed in (1, 2)]
    with pair("--rtt", "30ms", "--jitter", "15ms") as (near, far):
        threads = [threading.Thread(target=send_pieces, args=args) for args in ((near, data[0], 3), (far, data[1], 4))]
        got = {}
        threads.append(threading.Thread(target=lambda: got.update(near=read_digest(near))))
        for thread in threads:
            thread.start()
        got["far"] = read_digest(far)
        for thread in threads:
            thread.join()
    for name, sent in (("far", data[0]), ("near", data[1])):
        tap.check("the %s end gets what the other sent" % name,
                  got[name] == (hashlib.sha256(sent).digest(), len(sent)), got[name][1])


# ---- ends ----


def test_half_close():
    with pair("--rtt", "20ms") as (near, far):
        near.sendall(b"question")
        near.shutdown(socket.SHUT_WR)
        asked = read_exactly(far, 100)
        far.sendall(b"answer")
        far.close()
        answered = read_exactly(near, 100)
    tap.check("who has said all still hears the answer", (asked, answered) == (b"question", b"answer"), asked, answered)


def is_reset(sock):
    try:
        while sock.recv(4096):
            pass
    except ConnectionResetError:
        return True
    return False


def test_reset():
    for one in (0, 1):
        with pair("--rtt", "40ms") as ends:
            ends[one].sendall(b"last words")
            words = read_exactly(ends[1 - one], 10)
            begun = time.monotonic()
            ends[one].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
            ends[one].close()
            reset = is_reset(ends[1 - one])
            took = time.monotonic() - begun
        tap.check("a reset of the %s end arrives as one, in time" % ("near", "far")[one],
                  words == b"last words" and reset and took >= 0.02, words, reset, took)


def test_refused():
    with listen() as listener:
        port = listener.getsockname()[1]
    with Line(port, "--rtt", "100ms") as line:
        begun = time.monotonic()
        with connect(line.port) as sock:
            reset = is_reset(sock)
        took = time.monotonic() - begun
    tap.check("where nobody listens the connection is reset a round trip later", reset and took >= 0.1, reset, took)


# ---- commands and memory ----


def live(child):
    return child.metrics()["live_app"]


def open_now(child):
    return child.metrics()["connections"]


@contextlib.contextmanager
def commanded(to):
    with Child(DRIVER, "delay", "--listen", "0", "--to", "127.0.0.1:%d" % to) as child:
        port = int(child.wait_said(r"listening on \S+:(\d+)").group(1))
        child.until(lambda page: page["state"] == "ready")
        yield child, port


def test_commands():
    with Echo() as echo, commanded(echo.port) as (child, port), connect(port) as first:
        before = min(round_trip(first) for _ in range(20))
        done = child.ask("delay 80000000")["result"]
        during = min(round_trip(first) for _ in range(4))
        child.ask("delay 0")
        after = min(round_trip(first) for _ in range(20))
        tap.check("the distance follows a command", done == "done" and before < 0.08 <= during and after < 0.08,
                  done, before, during, after)
        child.ask("mute")
        first.sendall(b"anybody?")
        with connect(port) as second:
            round_trip(second)  # which was sent later
            first.setblocking(False)
            try:
                heard = first.recv(10)
            except BlockingIOError:
                heard = None
            tap.check("what was open falls silent, without an end", heard is None, heard)
            tap.check("... and new ones are served", open_now(child) >= 1)
        tap.check("what it cannot do", child.ask("goaway")["result"] == "unsupported")


def test_mute_ends():
    """A silent connection is kept until both ends have given up."""
    with listen() as listener, commanded(listener.getsockname()[1]) as (child, port):
        near = connect(port)
        far = listener.accept()[0]
        with near, far:
            child.ask("mute")
            near.close()
            far.settimeout(0.3)
            try:
                heard = far.recv(1)
            except socket.timeout:
                heard = None
            tap.check("the other end does not hear that one has gone", heard is None, heard)
            kept = open_now(child)
            far.close()
            child.until(lambda page: page["metrics"]["connections"] == 0)
            tap.check("when both have gone it is forgotten", kept == 1, kept)


def test_bounded():
    """Nobody reads at the far end."""
    with listen() as listener, commanded(listener.getsockname()[1]) as (child, port), connect(port) as near:
        with listener.accept()[0]:
            near.setblocking(False)
            sent, quiet_since = 0, time.monotonic()
            end = quiet_since + LIMIT
            while time.monotonic() < quiet_since + 0.5 or (live(child) < 4 << 20 and time.monotonic() < end):
                try:
                    sent += near.send(bytes(1 << 16))
                    quiet_since = time.monotonic()
                except BlockingIOError:
                    time.sleep(0.01)
            held = live(child)
            tap.check("a line that nobody empties is read from no more", 4 << 20 <= held <= (4 << 20) + (1 << 18),
                      sent, held)
    print("# sent %d, held %d" % (sent, held))


def memory(process):
    with open("/proc/%d/statm" % process.pid) as statm:
        return int(statm.read().split()[5]) * 4096  # data and stack


def ask_and_go(port, count):
    """So many connections, a hundred at a time."""
    for _ in range(count // 100):
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(connect(port)) for _ in range(100)]
            for sock in socks:
                sock.sendall(b"x")
            for sock in socks:
                sock.recv(1)


def test_flat():
    with Echo() as echo, Line(echo.port) as line:
        ask_and_go(line.port, 1000)
        before = memory(line.process)
        ask_and_go(line.port, 9000)
        wait_until(lambda: len(os.listdir("/proc/%d/fd" % line.process.pid)) < 20)
        after = memory(line.process)
    print("# %d, %d" % (before, after))
    if before > 1 << 40:
        tap.skip("AddressSanitizer keeps what was freed")
    else:
        tap.check("10,000 connections leave nothing behind", after <= before + (64 << 10), before, after)


# ---- the command ----


def test_usage():
    for text, *words in (
        ("--listen is missing", "--to", "127.0.0.1:1"),
        ("--to is missing", "--listen", "0"),
        ("'1' is not HOST:PORT", "--listen", "0", "--to", "1"),
        ("'x:y' is not [HOST:]PORT", "--listen", "x:y", "--to", "127.0.0.1:1"),
        ("give either --rtt, or --up and --down", "--listen", "0", "--to", "127.0.0.1:1", "--rtt", "1s", "--up", "1s"),
        ("--jitter must not be longer", "--listen", "0", "--to", "127.0.0.1:1", "--rtt", "10ms", "--jitter", "6ms"),
        ("'10M' is not bytes per second", "--listen", "0", "--to", "127.0.0.1:1", "--bandwidth", "10M"),
        ("'2h' is longer than an hour", "--listen", "0", "--to", "127.0.0.1:1", "--rtt", "2h"),
    ):
        with Program(DRIVER, "delay", *words) as program:
            status, said = program.process.wait(LIMIT), program.said()
        tap.check("%s: exit 2" % " ".join(words), status == 2 and text in said, status, said)
    with listen() as busy:
        at = "127.0.0.1:%d" % busy.getsockname()[1]
        with Program(DRIVER, "delay", "--listen", at, "--to", at) as program:
            status, said = program.process.wait(LIMIT), program.said()
    tap.check("a busy port: exit 3", status == 3 and "cannot listen on %s: Address already in use" % at in said, said)
    for number in (signal.SIGTERM, signal.SIGINT):
        with Line(1) as line:
            status, said = line.stop(number), line.said()
        tap.check("signal %d ends it: exit 0" % number, status == 0, status, said)


test_distance()
test_rate()
test_content()
test_half_close()
test_reset()
test_refused()
test_commands()
test_mute_ends()
test_bounded()
test_flat()
test_usage()
tap.done()
