"""A host of the results server's transport (tests/fixtures/http_host), and what its tests ask of it.

    with Host("--token", FILE) as host:
        with attacked(host, "flood"):       # checks that others are served meanwhile, and nothing is held then
            ask(host, get("/now")).status
"""

import contextlib
import os
import ssl
import subprocess
import threading
import time
import warnings

from httpraw import Raw
from program import BUILD, SERVER, Program, wait_until
from tap import Tap

HOST = os.path.join(BUILD, "tests", "fixtures", "http_host")
LIMIT = 1 << 20  # of a body
PER_ADDRESS = 200
ATTACKER = "127.0.0.2"  # the good come from 127.0.0.1
HEAD = "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"

tap = Tap()
elsewhere = threading.local()  # `found`: checks of a thread, or of a repetition, to be told later


def check(description, passed, *why):
    found = getattr(elsewhere, "found", None)
    if found is None:
        tap.check(description, passed, *why)
    else:
        found.append((description, passed, *why))


class Aside(threading.Thread):
    """Attacks on hosts of their own that take their time, beside all others."""

    def __init__(self, *attacks):
        super().__init__()
        self.attacks, self.found = attacks, []

    def run(self):
        elsewhere.found = self.found
        for attack in self.attacks:
            attack()
        self.attacks = ()

    def tell(self):
        self.join()
        for one in self.found:
            check(*one)
        check("the slow attacks came to their end", not self.attacks)


class Host(Program):
    def __init__(self, *options, io_timeout=60, **more):
        super().__init__(HOST, "--io-timeout", "%ds" % io_timeout, "--body-limit", str(LIMIT), "--queue", "65536",
                         "--per-address", str(PER_ADDRESS), "--file", __file__, *options, **more)
        self.io_timeout = io_timeout
        self.port = int(self.wait_said(r"https?://\S+:(\d+)").group(1))

    def counts(self):
        with Raw(self.port) as raw:
            raw.send(get("/counts"))
            return raw.answer().json()

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def resident(self):
        with open("/proc/%d/statm" % self.process.pid) as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def until_quiet(self):
        """Nothing of anybody is held: one connection, and one request, are those that ask."""
        return wait_until(lambda: [c for c in [self.counts()] if c["connections"] == 1 and c["waiting"] == 1
                                   and c["body_bytes"] == 0 and c["held"] == 0])


def waited(process):
    """Seconds that its threads were ready to run and had no processor."""
    folder = "/proc/%d/task" % process.pid
    total = 0
    for task in os.listdir(folder):
        with contextlib.suppress(OSError):  # a thread that has just ended
            with open(os.path.join(folder, task, "schedstat")) as file:
                total += int(file.read().split()[1])
    return total / 1e9


class Naps(threading.Thread):
    """A machine that stands still delays whoever is on it: for how long in all, short naps tell."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over, self.overslept = threading.Event(), 0.0

    def run(self):
        while not self.over.is_set():
            begin = time.monotonic()
            time.sleep(0.01)
            self.overslept += max(0.0, time.monotonic() - begin - 0.02)


class Visitor(threading.Thread):
    """Somebody else, who asks all the time."""

    def __init__(self, host, request, io_timeout):
        super().__init__(daemon=True)
        self.host, self.request, self.io_timeout = host, request, io_timeout
        self.naps, self.waited = Naps(), waited(host.process)
        self.worst, self.served, self.failed = 0.0, 0, 0

    def run(self):
        self.naps.start()
        last = False
        while not last:  # one more at the end: some attacks are over sooner than a thread has begun
            last = self.naps.over.is_set()
            self.ask()
            time.sleep(0.02)

    def ask(self):
        begin = time.monotonic()
        answer = None
        with contextlib.suppress(OSError):
            answer = ask(self.host, self.request)
        took = time.monotonic() - begin
        self.worst = max(self.worst, took)
        if answer is not None and answer.status == 200:
            self.served += 1
        elif took < self.io_timeout / 2:  # else the machine stood still while it was asked
            self.failed += 1

    def end(self):
        self.naps.over.set()
        self.join()
        self.waited = waited(self.host.process) - self.waited

    def fine(self):
        return self.served > 0 and self.failed == 0 and self.worst < 1 + self.waited + self.naps.overslept

    def __str__(self):
        return "%d served, %d not, the slowest took %.3f s; the host waited %.3f s for a processor, we overslept %.3f s" % (
            self.served, self.failed, self.worst, self.waited, self.naps.overslept)


@contextlib.contextmanager
def attacked_by(host, name, request, io_timeout):
    """Others, who send the request, are served meanwhile."""
    visitor = Visitor(host, request, io_timeout)
    visitor.start()
    yield
    visitor.end()
    check("%s: others are served within a second" % name, visitor.fine(), visitor)


@contextlib.contextmanager
def attacked(host, name):
    """The same, and afterwards all is as before."""
    descriptors = host.descriptors()
    with attacked_by(host, name, get("/now"), host.io_timeout):
        yield
    host.until_quiet()
    check("%s: nothing of it is held" % name, wait_until(lambda: host.descriptors() <= descriptors))


def get(path, more=""):
    return HEAD % ("GET", path) + more + "\r\n"


def put(path, body, more=""):
    return HEAD % ("PUT", path) + "Content-Length: %d\r\n%s\r\n" % (len(body), more) + body


def ask(host, request, **more):
    with Raw(host.port, **more) as raw:
        raw.send(request)
        return raw.answer()


def status(host, request, **more):
    """Of the first answer; 0: closed without one."""
    answer = ask(host, request, **more)
    return answer.status if answer else 0


def ask_head(host, request):
    with Raw(host.port) as raw:
        raw.send(request)
        return raw.answer(head_only=True)


def make_certificate(folder):
    os.makedirs(folder, exist_ok=True)
    subprocess.run([SERVER, "--make-cert", folder], check=True, stdout=subprocess.DEVNULL)
    return os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")


def context(least, most):
    warnings.simplefilter("ignore", DeprecationWarning)  # it is old versions that are refused
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.minimum_version, made.maximum_version = least, most
    return made
