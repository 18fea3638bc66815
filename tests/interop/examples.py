#!/usr/bin/env python3
"""The servers of examples/: each serves the four kinds and its health, cleartext and TLS; DROP_EVERY is seen."""

import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from program import BUILD, CLIENT, SERVER, Program
from tap import Tap

SRC = os.path.abspath(os.environ["top_srcdir"])
EXAMPLES = os.path.join(SRC, "examples")
MODULES = os.environ.get("NODE_PATH") or os.path.join(SRC, "tests", "interop", "js", "node_modules")
CPP = os.path.join(BUILD, "examples", "cpp_server")
CALLS = 20
KINDS = "--non-streaming --client-streaming 50 --server-streaming 50 --bidi-streaming 50".split()
SERVERS = {
    "grpcio": (["/usr/bin/python3", os.path.join(EXAMPLES, "grpcio_server.py")],
               lambda: subprocess.run(["/usr/bin/python3", "-c", "import grpc"], capture_output=True).returncode == 0),
    "libgrpc++": ([CPP], lambda: os.path.exists(CPP)),
    "grpc-js": (["node", os.path.join(EXAMPLES, "js_server.js")],
                lambda: os.path.isdir(os.path.join(MODULES, "@grpc", "grpc-js"))),
}


def run(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    return done.returncode, done.stdout


def serve(argv, *options, **switches):
    return Program(*argv, "--port", "0", *options, env=dict(os.environ, NODE_PATH=MODULES, **switches))


def check(tap, how, argv, options, trust):
    with serve(argv, *options) as server:
        port = server.wait_said(r"listening on 127\.0\.0\.1:(\d+)").group(1)
        status, said = run(CLIENT, "--port", port, *trust, "--num-calls", str(CALLS), *KINDS)
        tap.check("%s: the four kinds" % how, status == 0 and "  %d done " % (4 * CALLS) in said, said)
        tap.check("%s: its health" % how, run(CLIENT, "--port", port, *trust, "--probe") == (0, ""))
        tap.check("%s: it ends with 0" % how, server.stop() == 0, server.said())


def check_drop(tap, how, argv):
    with serve(argv, DROP_EVERY="0.5") as server:
        port = server.wait_said(r"listening on 127\.0\.0\.1:(\d+)").group(1)
        with Program(CLIENT, "--port", port, "--bidi-streaming", "0") as client:
            client.process.wait(300)
            tap.check("%s: DROP_EVERY ends a connection" % how, client.process.returncode == 1, client.said())


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as tls:
        subprocess.run([SERVER, "--make-cert", tls], check=True, stderr=subprocess.DEVNULL)
        cert, key = os.path.join(tls, "cert.pem"), os.path.join(tls, "key.pem")
        for name, (argv, is_there) in SERVERS.items():
            if not is_there():
                tap.skip("%s is not there" % name)
                continue
            check(tap, name + ", cleartext", argv, [], [])
            check(tap, name + ", TLS", argv, ["--cert", cert, "--key", key],
                  ["--secure", "--cert-store-from-path", cert])
            check_drop(tap, name, argv)
    tap.done()


main()
