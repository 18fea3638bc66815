"""A stock gRPC implementation as the other end of our programs, cleartext and TLS. `argv` starts the peer:

    argv client PORT [CERT]     calls us; prints "ok WHAT" or "not ok WHAT: WHY" for each case
    argv server [CERT KEY]      prints "listening on 127.0.0.1:PORT" and serves until SIGTERM;
                                COMPRESS=gzip or deflate asks it to compress its replies
"""

import contextlib
import os
import re
import signal
import subprocess
import tempfile

from program import CLIENT, SERVER, Child, Program, Server

LIMIT = 300.0  # seconds for all that one process does
CALLS = 20
INTEROP_CASES = 21
KINDS = "--non-streaming --client-streaming 50 --server-streaming 50 --bidi-streaming 50".split()


def run(argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT)
    return done.returncode, done.stdout


def call_us(tap, argv, cases, how, options, cert):
    """The peer's client on stress-server; `cases` says how many it has, so that none gets lost."""
    with Server(*options) as server:
        status, said = run([*argv, "client", str(server.port), *cert])
        results = [line for line in said.splitlines() if line.startswith(("ok ", "not ok "))]
        for line in results:
            tap.check("%s: it calls us: %s" % (how, line.split("ok ", 1)[1]), line.startswith("ok "), said)
        tap.check("%s: all of its %d cases ran" % (how, cases), (status, len(results)) == (0, cases), said)
        tap.check("%s: our server ends with 0" % how, server.stop() == 0, server.said())


def interop(tap, to_it, lacking, how):
    """The official cases on the peer's TestService. Those of `lacking` ask for what the peer cannot do, and
    must say so; all others pass."""
    status, said = run([*to_it, "--interop-case", "all", "--soak-max-latency", "20s"])
    results = dict(re.findall(r"^([a-z_]+): ((?:passed|FAILED|unsupported).*)", said, re.MULTILINE))
    all_ran = (status, len(results)) == (1 if lacking else 0, INTEROP_CASES)
    tap.check("%s: the official cases run" % how, all_ran and set(lacking) < set(results), said)
    for name, result in results.items():
        expected = "FAILED: " if name in lacking else "passed"
        what = "fails, as it must" if name in lacking else "passes"
        tap.check("%s: %s %s" % (how, name, what), result.startswith(expected), result)


@contextlib.contextmanager
def served(argv, options, pair, compress=""):
    """The peer's server, and the command line of a client to it."""
    with Program(*argv, "server", *pair, env=dict(os.environ, COMPRESS=compress)) as peer:
        port = peer.wait_said(r"listening on 127\.0\.0\.1:(\d+)").group(1)
        yield peer, [CLIENT, "--port", port, *options]


def insist(tap, argv, can, how, options, pair):
    """Our client insists on compressed replies: of a peer that can compress, and of one that does not."""
    for name in ("gzip", "deflate"):
        if can:
            with served(argv, options, pair, compress=name) as (_, to_it):
                status, said = run([*to_it, "--" + name, "--num-calls", str(CALLS), *KINDS])
                passed = status == 0 and "  %d done " % (4 * CALLS) in said
                tap.check("%s: --%s insists, and it compresses the four kinds" % (how, name), passed, said)
        with served(argv, options, pair) as (_, to_it):
            for kind in (["--non-streaming"], ["--server-streaming", "3"]):
                status, said = run([*to_it, "--" + name, *kind])
                told = "%s reply 1 is not compressed, --%s insists on it" % (kind[0].lstrip("-"), name)
                what = "%s: --%s %s insists in vain on a plain reply" % (how, name, kind[0])
                tap.check(what, status == 1 and told in said, said)


def services(tap, to_it, how):
    """The four kinds over its TestService; it has no BenchmarkService, which is no pass."""
    status, said = run([*to_it, "--service", "interop", "--num-calls", str(CALLS), *KINDS])
    passed = status == 0 and "  %d done " % (4 * CALLS) in said
    tap.check("%s: the four kinds over its TestService" % how, passed, said)
    status, said = run([*to_it, "--service", "benchmark", "--non-streaming"])
    told = "unsupported: non-streaming call ended with status 12 UNIMPLEMENTED"
    tap.check("%s: a service that it lacks is unsupported, exit 1" % how, status == 1 and told in said, said)


def call_it(tap, argv, lacking, how, options, pair):
    """stress-client on the peer's server; lacking None: it has no TestService."""
    with served(argv, options, pair) as (peer, to_it):
        status, said = run([*to_it, "--num-calls", str(CALLS), *KINDS])
        tap.check("%s: we call it: the four kinds" % how, status == 0, said)
        tap.check("%s: ... each %d times" % (how, CALLS), "  %d done " % (4 * CALLS) in said, said)
        messages = "%d sent, %d received" % (CALLS * (1 + 50 + 1 + 50), CALLS * (1 + 1 + 50 + 50))
        tap.check("%s: ... with all their messages" % how, messages in said, said)
        status, said = run([*to_it, "--probe"])
        tap.check("%s: its health is asked" % how, (status, said) == (0, ""), said)
        if lacking is not None:
            interop(tap, to_it, lacking, how)
            services(tap, to_it, how)
        for kind in ("--client-streaming", "--server-streaming", "--bidi-streaming"):
            cancel(tap, to_it, how, kind)
        tap.check("%s: it ends with 0" % how, peer.stop() == 0, peer.said())
        tap.check("%s: it had nothing to complain of" % how, "not ok" not in peer.said(), peer.said())


def cancel(tap, to_it, how, kind):
    """An endless stream, until we are told to stop."""
    with Child(*to_it, kind, "0") as client:
        client.until(lambda page: page["metrics"]["messages_sent"] + page["metrics"]["messages_received"] > 100)
        client.ask("signal %d" % signal.SIGTERM)
        status = client.ask("wait")["exit"]
        tap.check("%s: an endless %s is ended by SIGTERM" % (how, kind), status == 0, client.said())


def test_both(tap, argv, cases, compresses, lacking=None):
    with tempfile.TemporaryDirectory() as tls:
        subprocess.run([SERVER, "--make-cert", tls], check=True, stderr=subprocess.DEVNULL)
        pub, priv = os.path.join(tls, "cert.pem"), os.path.join(tls, "key.pem")
        call_us(tap, argv, cases, "cleartext", [], [])
        call_us(tap, argv, cases, "TLS", ["--secure", "--tls-pub", pub, "--tls-priv", priv], [pub])
        secure = ["--secure", "--cert-store-from-path", pub]
        call_it(tap, argv, lacking, "cleartext", [], [])
        call_it(tap, argv, lacking, "TLS", secure, [pub, priv])
        insist(tap, argv, compresses, "cleartext", [], [])
        insist(tap, argv, compresses, "TLS", secure, [pub, priv])
