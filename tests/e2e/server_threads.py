"""stress-server --threads N: connections spread over N event loops on one port, telemetry is the sum of what
all of them did, leaks planted in all of them are counted, and a drain reaches every loop."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from program import CLIENT, SERVER, Child, Program, wait_until
from tap import Tap

CONNECTIONS = 60  # of each client: that one of four loops gets none of 120 has a chance of 4e-15
CLIENTS = [
    "--concurrent --num-connections 60 --num-calls 400 --non-streaming",
    "--concurrent --num-connections 60 --num-calls 4 --client-streaming 10 --server-streaming 10 --bidi-streaming 10",
]
LEAK, LEAK_SIZE = "call:1024", 1024

tap = Tap()


def client(port, options, work):
    return [CLIENT, "--port", port, *options, *work.split()]


def pid_of(child):
    """Of the program under page_run, its only child."""
    pid = child.process.pid
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return int(file.read())


def thread_ticks(pid):
    """CPU of each thread, in clock ticks."""
    ticks = {}
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/stat" % (pid, task)) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        ticks[task] = int(fields[11]) + int(fields[12])
    return ticks


def at_rest(child):
    wait_until(lambda: child.metrics()["connections"] == 0)
    return child.metrics()


def check_sums(how, server, summaries):
    def total(name):
        return sum(s[name] for s in summaries)

    calls = sum(s["calls"]["done"] for s in summaries)
    for metric, expected in (
        ("connections_total", total("connections")),
        ("calls_started", calls),
        ("calls_done", calls),
        ("calls_failed", 0),
        ("messages_received", total("messages_sent")),
        ("messages_sent", total("messages_received")),
        ("streams", 0),
        ("errors", 0),
    ):
        got = server[metric]
        tap.check("%s: %s is %d" % (how, metric, expected), got == expected, got)
    return calls


def traffic(how, child, port, options):
    before = thread_ticks(pid_of(child))
    clients = [
        subprocess.Popen(client(port, [*options, "--json"], work), stdout=subprocess.PIPE)
        for work in CLIENTS
    ]
    summaries = [json.loads(c.communicate(timeout=300)[0]) for c in clients]
    tap.check("%s: the clients pass" % how, not any(c.returncode for c in clients), summaries)
    metrics = at_rest(child)
    after = thread_ticks(pid_of(child))
    used = {task: after[task] - before.get(task, 0) for task in after}
    tap.check("%s: every loop worked (%s ticks)" % (how, sorted(used.values())), min(used.values()) > 0)
    return check_sums(how, metrics, summaries), metrics


def drain(how, child, port, options):
    """Endless streams on every loop are cut, and that is a clean end."""
    work = "--concurrent --num-connections %d --bidi-streaming 0" % CONNECTIONS
    with Program(*client(port, options, work)):
        child.until(lambda page: page["metrics"]["streams"] == CONNECTIONS)
        child.ask("signal 15")
        tap.check("%s: a drain ends with 0" % how, child.ask("wait")["exit"] == 0, child.said())
    page = child.ask("read")
    tap.check("%s: ... drained to the last connection" % how, page["metrics"]["connections"] == 0, page)
    tap.check("%s: ... and stream" % how, page["metrics"]["streams"] == 0, page)


def hurry(how, child, port, options):
    """The second signal does not wait for the drain."""
    work = "--concurrent --num-connections %d --bidi-streaming 0" % CONNECTIONS
    with Program(*client(port, options, work)):
        child.until(lambda page: page["metrics"]["streams"] == CONNECTIONS)
        child.ask("signal 15")
        child.until(lambda page: page["state"] == "draining")
        child.ask("signal 15")
        tap.check("%s: the second signal ends it with 0" % how, child.ask("wait")["exit"] == 0, child.said())


def start(threads, *options):
    return Child(SERVER, "--port", "0", "--threads", str(threads), *options)


def port_of(child):
    return child.wait_said(r"listening on \S+:(\d+)").group(1)


def test(threads, server_options, client_options, how):
    with start(threads, *server_options) as child:
        port = port_of(child)
        count = len(thread_ticks(pid_of(child)))
        live = child.metrics()["live"]
        tap.check("%s: has %d threads" % (how, threads), count == threads, count)
        taken = subprocess.run(
            [SERVER, "--port", port, "--threads", "2"], capture_output=True, text=True, timeout=20
        )
        tap.check(
            "%s: its port is busy for another server" % how,
            taken.returncode == 3 and "Address already in use" in taken.stderr,
            taken,
        )
        after = traffic(how, child, port, client_options)[1]["live"]
        kept = (after - live) / threads  # OpenSSL keeps a little for each thread, libev some for each descriptor
        tap.check("%s: all that the calls took is given back" % how, -1024 < kept < 32768, (live, after))
        drain(how, child, port, client_options)


def live_when_ready(threads):
    with start(threads) as child:
        child.until(lambda page: page["state"] == "ready")
        metrics = child.metrics()
        return metrics["live"], metrics.get("allocated")


def memory_is_counted():
    """Live bytes are of all threads, exactly: each loop adds its own, and the allocator says the same."""
    (one, allocated_one), (four, allocated_four) = live_when_ready(1), live_when_ready(4)
    each = (four - one) / 3
    tap.check("each further loop adds its memory (%d bytes)" % each, 100000 < each < 300000, (one, four))
    if allocated_one is not None:
        told = (allocated_four - allocated_one) / 3
        tap.check("... as the allocator has it (%d bytes)" % told, each <= told < 1.5 * each, (each, told))


memory_is_counted()
with tempfile.TemporaryDirectory() as tls:
    subprocess.run([SERVER, "--make-cert", tls], check=True)
    cert, key = os.path.join(tls, "cert.pem"), os.path.join(tls, "key.pem")
    test(2, [], [], "2 loops")
    test(
        4,
        ["--secure", "--tls-pub", cert, "--tls-priv", key],
        ["--secure", "--cert-store-from-path", cert],
        "4 loops, TLS",
    )

with start(4, "--inject-leak", LEAK, "--drain", "60s") as child:
    port = port_of(child)
    calls, metrics = traffic("planted leak", child, port, [])
    leaked = metrics["live_app"] / (calls * LEAK_SIZE)
    tap.check("planted leak: counted once per call of any loop", 1 <= leaked < 1.5, leaked)
    hurry("planted leak", child, port, [])
tap.done()
