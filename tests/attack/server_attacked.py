"""stress-server under attack, under the driver's cap of 64 MiB: what each attack must come to, two well-behaved
clients served meanwhile, and afterwards as many live bytes as before, to the byte.

A server that an attack keeps busy lets others wait; a machine that others keep busy does so, too. So what is bounded
is the processor time that the server spends between a good client's call and its answer: on a machine of its own it
is the delay. A server that does not answer at all fails by h2raw.LIMIT."""

import contextlib
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "attack"))
import h2raw as h2
from attacks import ATTACKS, ENDLESS, HEAD, STREAM, UNARY, WIDE, Target, packed
from program import BUILD, SERVER, Child, Server, wait_until
from tap import Tap

CAP = 64 << 20
BACK = 8 << 20  # resident, above what it was before
SCALE = int(os.environ.get("ATTACK_SCALE", "1"))
GOOD = 2  # clients
LIMITED = 10  # connections at least that go beyond a limit of our own, of those that nghttp2 leaves to us
PAYLOAD = b"\x0a\xc8\x01" + bytes(200)
SETUP = 10  # seconds from accept(2) to the client's SETTINGS
with open(os.path.join(BUILD, "config.h")) as file:
    SANITIZED = "#define FL_SANITIZED 1" in file.read()
# Not libev's: its arrays grow with the most events that were ever pending at once.
ZONES = ("live_app", "live_nghttp2", "live_openssl", "live_zlib")
tap = Tap()


def live(metrics):
    return sum(metrics[zone] for zone in ZONES)


def cap_data():
    resource.setrlimit(resource.RLIMIT_DATA, (CAP, CAP))


def work_of(pid):
    with open("/proc/%d/schedstat" % pid) as file:
        return int(file.read().split()[0])


def resident(pid):
    with open("/proc/%d/statm" % pid) as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def call(peer, stream):
    """One good call; its frames."""
    body = h2.message(PAYLOAD)
    peer.send(h2.headers(stream, HEAD[UNARY]) + h2.data(stream, body, h2.END_STREAM))
    return peer.frames(lambda one: one.ends(stream) or one.kind == h2.GOAWAY)


def be_good(pipe, pid, port, cert):
    """Calls every 20 ms, from one word on the pipe to the next; answers with (calls, worst, complaint)."""
    stream = 1
    with h2.Connection(port, cert) as peer:
        call(peer, stream)
        pipe.send("ready")
        while pipe.recv() == "go":
            calls, worst, complaint = 0, 0, None
            while complaint is None and (calls == 0 or not pipe.poll(0.02)):
                stream += 2
                before = work_of(pid)
                got = call(peer, stream)
                worst = max(worst, work_of(pid) - before)
                size = sum(len(one.payload) for one in got if one.kind == h2.DATA)
                calls += 1
                if size < 128 or peer.over:
                    complaint = "call %d: %s" % (calls, got)
                peer.send(h2.window(0, max(size, 1)))
            pipe.recv()
            pipe.send((calls, worst, complaint))


class Good:
    """A well-behaved client, in a process of its own."""

    def __init__(self, pid, port, cert):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=be_good, args=(theirs, pid, port, cert), daemon=True)
        self.process.start()
        theirs.close()
        self.pipe.recv()

    def go(self):
        self.pipe.send("go")

    def stop(self):
        self.pipe.send("stop")
        return self.pipe.recv()

    def leave(self):
        self.pipe.send("leave")
        self.process.join()


class Subject:
    """The server, its good clients, and what it is like at rest."""

    def __init__(self, child, cert):
        self.child, self.cert = child, cert
        self.port = int(child.wait_said(r"listening on \S+:(\d+)").group(1))
        runner = child.process.pid
        with open("/proc/%d/task/%d/children" % (runner, runner)) as file:
            self.pid = int(file.read())
        self.good = [Good(self.pid, self.port, cert) for _ in range(GOOD)]

    def at_rest(self):
        metrics = self.child.metrics()
        return metrics if metrics["connections"] == GOOD and metrics["streams"] == 0 else None

    def settle(self):
        # What is kept to unpack and to pack is made for the first that needs it, and the loop has one of it.
        with h2.Connection(self.port, self.cert) as peer:
            peer.send(packed(1, bytes(1 << 20)) + packed(3, PAYLOAD, ("grpc-accept-encoding", "gzip")))
            peer.frames(lambda one: one.ends(3))
        self.live = live(wait_until(self.at_rest))
        self.resident = resident(self.pid)

    def rests_as_before(self):
        """Within h2raw.LIMIT; else by how many bytes not."""
        try:
            wait_until(lambda: self.at_rest() and live(self.child.metrics()) == self.live, h2.LIMIT)
            return None
        except AssertionError:
            metrics = self.child.metrics()
            return "%d bytes more, %s" % (live(metrics) - self.live, metrics)

    def shrinks(self):
        """jemalloc gives back within 10 s."""
        try:
            return wait_until(lambda: resident(self.pid) <= self.resident + BACK, h2.LIMIT)
        except AssertionError:
            return False


def play(how, subject, attack):
    for good in subject.good:
        good.go()
    begun, worked = time.monotonic(), work_of(subject.pid)
    wrong = attack.run(Target(subject.port, subject.cert, SCALE, not SANITIZED))
    took, worked = time.monotonic() - begun, work_of(subject.pid) - worked
    most = resident(subject.pid)
    served = [good.stop() for good in subject.good]
    worst = max(one[1] for one in served)
    name = "%s: %s" % (how, attack.name)
    print("# %s: %.2f s, the server's work %.3f s, a good client waited for %.3f s of it; %.1f MB"
          % (name, took, worked / 1e9, worst / 1e9, most / 1e6), flush=True)
    tap.check("%s (%s)" % (name, attack.source), not wrong, *wrong[:5])
    complaints = [one[2] for one in served if one[2] is not None]
    tap.check("... good clients are served", not complaints and worst < attack.served * 1e9, served)
    left = subject.rests_as_before()
    tap.check("... and nothing is left of it", left is None, left)


def watched_by_kernel(port, peer):
    """Whether the server's end of a connection has its keepalive timer running, and how many seconds it has left."""
    ends = "%04X" % port, "%04X" % peer.socket.getsockname()[1]
    with open("/proc/net/tcp") as file:
        for words in map(str.split, file):
            if tuple(end.rpartition(":")[2] for end in words[1:3]) == ends:
                timer, _, left = words[5].partition(":")
                return timer == "02" and int(left, 16) <= 60 * os.sysconf("SC_CLK_TCK")
    return False


def test_abandoned(how, subject):
    with h2.Connection(subject.port, subject.cert) as peer:
        peer.settle()
        armed = wait_until(lambda: watched_by_kernel(subject.port, peer))
    tap.check("%s: who is silent for a minute is asked whether he is there" % how, armed)


def test_all(how, cert, *options):
    with Child(SERVER, "--port", "0", *options, preexec_fn=None if SANITIZED else cap_data) as child:
        subject = Subject(child, cert)
        subject.settle()
        for attack in ATTACKS:
            play(how, subject, attack)
        test_abandoned(how, subject)
        shrunk = SANITIZED or subject.shrinks()
        tap.check("%s: memory is back to within %d MB" % (how, BACK >> 20), shrunk, resident(subject.pid))
        limited = child.metrics()["limited"]
        tap.check("%s: connections ended at a limit are counted" % how, limited >= LIMITED * SCALE, limited)
        for good in subject.good:
            good.leave()
        child.ask("signal 15")
        status = child.ask("wait")["exit"]
        tap.check("%s: the server lived through it" % how, status == 0, status, child.said())


def is_refused(port):
    try:
        with h2.Connection(port) as peer:
            return peer.read() is None
    except ConnectionError:  # before connect(2) was back
        return True


def test_admission():
    with Child(SERVER, "--port", "0", "--max-connections", "3", "--threads", "2") as child:
        port = int(child.wait_said(r"listening on \S+:(\d+)").group(1))
        with h2.Connection(port) as first, h2.Connection(port) as second:
            with h2.Connection(port) as third:
                for peer in (first, second, third):
                    peer.settle()
                tap.check("--max-connections 3: a fourth is refused", all(is_refused(port) for _ in range(20)))
                tap.check("... and the three are served", all(call(peer, 1)[-1].ends(1) for peer in (first, second, third)))
            wait_until(lambda: not is_refused(port))
        tap.check("... and who comes when one has gone is taken", True)
        refused = child.metrics()["connections_refused"]
        lines = child.said().count("as many as --max-connections allows")
        tap.check("... refused ones are counted, and named in the log", refused >= 20 and lines >= 1, refused, child.said())


@contextlib.contextmanager
def slow(how, cert, *options):
    """Beside all else, for it takes its time: connections that never come to the end of their preface."""
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    parts = (b"", h2.PREFACE[:10], h2.PREFACE) if cert is None else (b"", hello[:3], hello)
    with Server(*options) as server, contextlib.ExitStack() as stack:
        peers = [stack.enter_context(h2.Connection(server.port, preface=part)) for part in parts * 50]
        begun = time.monotonic()
        yield
        for peer in peers:
            peer.frames(lambda one: False)
        took = time.monotonic() - begun
        ended = all(peer.over for peer in peers)
        tap.check("%s: a slow preface has its time, and then ends" % how, ended and took > SETUP - 1, took)
        with h2.Connection(server.port, cert) as peer:
            served = any(one.ends(1) and one.kind == h2.HEADERS for one in call(peer, 1))
        tap.check("... and others are served", served)


@contextlib.contextmanager
def vanished(how, least, *options):
    """Beside all else, too: one who is gone without a word, one who is so while an endless reply is sent to him."""
    with Child(SERVER, "--port", "0", *options) as child, contextlib.ExitStack() as stack:
        port = int(child.wait_said(r"listening on \S+:(\d+)").group(1))
        idle, busy = [stack.enter_context(h2.Connection(port, preface=one)) for one in (h2.PREFACE + h2.settings(), WIDE)]
        idle.settle()
        busy.send(h2.headers(1, HEAD[STREAM]) + h2.data(1, ENDLESS, h2.END_STREAM))
        busy.frames(lambda one: one.kind == h2.DATA)
        idle.vanish()
        busy.vanish()
        begun = time.monotonic()
        there = child.metrics()["connections"]
        yield
        wait_until(lambda: child.metrics()["connections"] == 0, 2 * h2.LIMIT)
        took = time.monotonic() - begun
        tap.check("%s: peers that are gone without a word are given up" % how, there == 2 and took > least, there, took)


with tempfile.TemporaryDirectory() as tls:
    subprocess.run([SERVER, "--make-cert", tls], check=True, stderr=subprocess.DEVNULL)
    pub, priv = os.path.join(tls, "cert.pem"), os.path.join(tls, "key.pem")
    secure = ("--secure", "--tls-pub", pub, "--tls-priv", priv)
    test_admission()
    patient = vanished("by TCP itself", 60) if SCALE > 1 else contextlib.nullcontext()
    with slow("cleartext", None), slow("TLS", pub, *secure), vanished(
            "--keepalive", 1, "--keepalive", "1s", "--keepalive-timeout", "1s"), patient:
        test_all("cleartext", None)
        test_all("TLS", pub, *secure)
tap.done()
