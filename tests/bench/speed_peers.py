"""Whose cost is compared: ours, and who else does the same, each on a core of its own.

A server is started by `start(name, tls)`; a name whose program is not here is in `missing` with the reason. What
a process has cost is the kernel's exact account of all its threads, those that ended included.
"""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import ports
from program import CLIENT, SERVER, Program, wait_until

SRC = os.path.abspath(os.environ["top_srcdir"])
EXAMPLES = os.path.join(os.environ["top_builddir"], "examples")
MODULES = os.environ.get("NODE_PATH") or os.path.join(SRC, "tests", "interop", "js", "node_modules")
PATH = "/flatline.v1.Stress/NonStreaming"
BODY = 200  # bytes of a message; ours sends just so many, the examples 128 to 256
MESSAGE = b"\0\0\0\0\xcb\x0a\xc8\x01" + bytes(BODY)  # one Payload behind its prefix

OURS, NGHTTPD, H2LOAD, CPP, JS = "ours", "nghttpd", "h2load", "grpc C++", "grpc-js"
SERVERS = (OURS, NGHTTPD, CPP, JS)

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]  # the same one, if there is but one

PR_SET_PDEATHSIG = 1  # sys/prctl.h
_libc = ctypes.CDLL(None, use_errno=True)


def cpu_us(pid):
    """Microseconds of CPU of a process."""
    clock = ctypes.c_int()
    failed = _libc.clock_getcpuclockid(pid, ctypes.byref(clock))
    if failed:
        raise OSError(failed, os.strerror(failed))
    return time.clock_gettime_ns(clock.value) / 1e3


def run_us(argv, core=CLIENT_CORE):
    """What a whole process has cost, in microseconds of CPU, and what it said."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, preexec_fn=pin(core)
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    if process.returncode != 0:
        sys.exit("bench: status %d: %s\n%s" % (process.returncode, " ".join(argv), text))
    return (usage.ru_utime + usage.ru_stime) * 1e6, text


def pin(core):
    """What a child does before it becomes the program: to its core, and not to outlive us."""
    def prepare():
        os.sched_setaffinity(0, {core})
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    return prepare


def anonymous(pid):
    """Bytes of PSS that no file backs: a library's share changes with whoever else on the machine uses it."""
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as file:
        return 1024 * int(re.search(r"^Pss_Anon: +(\d+) kB", file.read(), re.MULTILINE).group(1))


def first_line(argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=with_modules())
    return done.stdout.splitlines()[0] if done.stdout else "?"


def with_modules():
    return dict(os.environ, NODE_PATH=MODULES)


def find_missing():
    """Who is not here, and why; what is said of it in the table's last lines."""
    missing = {}
    for name in (NGHTTPD, H2LOAD):
        if shutil.which(name) is None:
            missing[name] = "no such program (Debian: nghttp2-server, nghttp2-client)"
    if not os.access(os.path.join(EXAMPLES, "cpp_server"), os.X_OK):
        missing[CPP] = "make examples/cpp_server examples/cpp_client (libgrpc++) in the build folder"
    if shutil.which("node") is None or not os.path.isdir(os.path.join(MODULES, "@grpc", "grpc-js")):
        missing[JS] = "node and npm ci --prefix tests/interop/js"
    return missing


def versions(missing):
    asked = {
        OURS: [SERVER, "--version"],
        NGHTTPD: ["nghttpd", "--version"],
        H2LOAD: ["h2load", "--version"],
        CPP: [os.path.join(EXAMPLES, "cpp_server"), "--version"],
        JS: ["node", os.path.join(SRC, "examples", "js_server.js"), "--version"],
    }
    return {name: first_line(argv) for name, argv in asked.items() if name not in missing}


class Place:
    """Where a bench keeps its files: the body, the certificate, what nghttpd serves."""

    def __init__(self):
        self.ports = {}
        self.folder = tempfile.TemporaryDirectory(prefix="flatline-bench.")
        self.body, self.root, self.tls = (os.path.join(self.folder.name, name) for name in ("body", "root", "tls"))
        file = self.root + PATH
        os.makedirs(os.path.dirname(file))
        os.makedirs(self.tls)
        for path in (self.body, file):
            with open(path, "wb") as out:
                out.write(MESSAGE)
        subprocess.run([SERVER, "--make-cert", self.tls], check=True, stderr=subprocess.DEVNULL)
        self.cert, self.key = os.path.join(self.tls, "cert.pem"), os.path.join(self.tls, "key.pem")

    def port_of(self, name, tls):
        if name != NGHTTPD:
            return None
        if tls not in self.ports:
            self.ports[tls] = ports.port()
        return self.ports[tls]

    def argv(self, name, tls):
        """The server's command line, and the port if it is ours to choose."""
        port = self.port_of(name, tls)
        pair = ["--cert", self.cert, "--key", self.key] if tls else []
        if name == OURS:
            ours = ["--secure", "--tls-pub", self.cert, "--tls-priv", self.key] if tls else []
            return [SERVER, "--port", "0", "--message-size", str(BODY), *ours], port
        if name == NGHTTPD:
            nghttpd = [NGHTTPD, "-a", "127.0.0.1", "-d", self.root, "--trailer=grpc-status: 0"]
            return nghttpd + ([str(port), self.key, self.cert] if tls else ["--no-tls", str(port)]), port
        if name == CPP:
            return [os.path.join(EXAMPLES, "cpp_server"), "--port", "0", *pair], port
        return ["node", os.path.join(SRC, "examples", "js_server.js"), "--port", "0", *pair], port

    def start(self, name, tls=False):
        argv, port = self.argv(name, tls)
        return Served(argv, port, self.cert if tls else None)


class Served(Program):
    """A server that listens."""

    def __init__(self, argv, port, cert):
        super().__init__(*argv, env=with_modules(), preexec_fn=pin(SERVER_CORE))
        self.cert = cert
        self.pid = self.process.pid
        self.port = port
        wait_until(self.listens)

    def listens(self):
        """nghttpd is the one that cannot choose a port, and does not say when it listens."""
        if self.process.poll() is not None:
            sys.exit("bench: a server ended: %s" % self.said())
        if self.port is None:
            told = re.search(r"listening on \S+:(\d+)", self.said())
            self.port = told and int(told.group(1))
            return told
        with open("/proc/net/tcp", encoding="ascii") as file:
            return "0100007F:%04X 00000000:0000 0A" % self.port in file.read()

    def cpu(self):
        return cpu_us(self.pid)

    def client(self, *work):
        """The command line of our client to it."""
        trust = ["--secure", "--cert-store-from-path", self.cert] if self.cert else []
        return [CLIENT, "--port", str(self.port), "--message-size", str(BODY), *trust, *work]

    def h2load(self, place, connections, streams, calls):
        scheme = "https" if self.cert else "http"
        return [H2LOAD, "-n", str(calls), "-c", str(connections), "-m", str(streams), "-d", place.body,
                "-H", "content-type: application/grpc", "-H", "te: trailers",
                "%s://127.0.0.1:%d%s" % (scheme, self.port, PATH)]
