"""What stress-server holds at rest does not depend on what it went through: after rounds of clients
that finish and clients that are killed in the midst of every kind of call, its live bytes and its
descriptors are the same as after the first round."""

import os
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from program import CLIENT, SERVER, Child, wait_until
from tap import Tap

ROUNDS = 4
KILLS = 5  # times that all endless clients are killed, per round

FINITE = [
    "--num-connections 50 --num-calls 1 --non-streaming",
    "--num-calls 300 --non-streaming",
    "--num-calls 30 --client-streaming 10 --server-streaming 10 --bidi-streaming 10",
    "--concurrent --num-connections 50 --num-calls 2 --bidi-streaming 20",
]
ENDLESS = [
    "--num-connections 0 --non-streaming",
    "--num-calls 0 --non-streaming",
    "--client-streaming 0",
    "--bidi-streaming 0",
    "--concurrent --num-connections 10 --server-streaming 0",
]

tap = Tap()


def start(port, options, work):
    return subprocess.Popen(
        [CLIENT, "--port", port, *options, *work.split()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_all(clients):
    for client in clients:
        client.kill()
        client.wait()


def one_round(child, port, options):
    """The statuses of the clients that end by themselves."""
    finite = [start(port, options, work) for work in FINITE]
    for _ in range(KILLS - 1):
        endless = [start(port, options, work) for work in ENDLESS]
        time.sleep(random.uniform(0.05, 0.3))
        kill_all(endless)
    statuses = [client.wait(300) for client in finite]
    # The last ones in the midst of their calls for certain: nobody else has any.
    endless = [start(port, options, work) for work in ENDLESS]
    wait_until(lambda: child.metrics()["streams"] > len(ENDLESS))
    kill_all(endless)
    return statuses


def descriptors(child):
    """Of the program under page_run, its only child."""
    pid = child.process.pid
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return len(os.listdir("/proc/%d/fd" % int(file.read())))


def at_rest(child):
    """What the server holds without a connection."""
    wait_until(lambda: child.metrics()["connections"] == 0)
    metrics = child.metrics()
    metrics["fds"] = descriptors(child)
    return metrics


def check(how, first, last):
    for name in ("live_app", "live_nghttp2", "fds", "streams"):
        both = "%d, then %d" % (first[name], last[name])
        tap.check("%s: %s are the same: %s" % (how, name, both), first[name] == last[name])
    grown = last["live_openssl"] - first["live_openssl"]
    tap.check("%s: live_openssl is the same to 1 KB" % how, abs(grown) < 1024, grown)
    # libev's arrays follow the largest number of events that ever came at once.
    tap.check("%s: live_ev is bounded" % how, last["live_ev"] < 64 * 1024, last["live_ev"])
    calls = last["calls_done"] - first["calls_done"]
    cut = last["calls_failed"] - first["calls_failed"]
    tap.check("%s: calls were made (%d) and cut (%d)" % (how, calls, cut), calls > 300 and cut > 0)
    tap.check("%s: none of it is an error" % how, last["errors"] == 0, last["errors"])


def test(how, server_options, client_options):
    with Child(SERVER, "--port", "0", *server_options) as child:
        port = child.wait_said(r"listening on \S+:(\d+)").group(1)
        statuses = one_round(child, port, client_options)
        first = at_rest(child)
        for _ in range(ROUNDS - 1):
            statuses += one_round(child, port, client_options)
        check(how, first, at_rest(child))
        tap.check("%s: the finite clients passed" % how, not any(statuses), statuses)


with tempfile.TemporaryDirectory() as tls:
    subprocess.run([SERVER, "--make-cert", tls], check=True)
    cert, key = os.path.join(tls, "cert.pem"), os.path.join(tls, "key.pem")
    planted = os.environ.get("SERVER_LEAK", "").split()  # to see this test fail
    test("cleartext", planted, [])
    test(
        "TLS",
        ["--secure", "--tls-pub", cert, "--tls-priv", key, *planted],
        ["--secure", "--cert-store-from-path", cert],
    )
tap.done()
