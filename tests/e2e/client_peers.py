"""The peers of a routine: exact counts of a bounded run; a broker that stands still is charged to latency from
when events were due, and what could not be sent in time expires; what comes twice is counted so; a broker that
is killed and comes back; the same bytes at rest after an hour's worth of events as after a minute's; SIGTERM."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import ports
from program import CLIENT, SERVER, Child, Program, Server
from tap import Tap

tap = Tap()
LIMIT = 120  # seconds for any one program
SECOND = 1000000000
# But for libev's, whose arrays hold as many events as ever came at once: at most one for each descriptor.
ZONES = ("live_app", "live_nghttp2", "live_openssl", "live_zlib")


def routine(folder, name, text):
    path = os.path.join(folder, name + ".yaml")
    with open(path, "w") as file:
        file.write("start-jitter: 0s\nkinds:\n" + text)
    return path


def peers(port, path, *options):
    return [CLIENT, "--port", str(port), "--routine", path, *options]


def run(port, path, *options):
    done = subprocess.run(peers(port, path, "--json", *options), capture_output=True, text=True, timeout=LIMIT)
    return done.returncode, json.loads(done.stdout), done.stderr


def count(summary, what, kind=None):
    routine = summary["routine"]
    return (routine["total"] if kind is None else routine["kinds"][kind])[what]["count"]


def child(port, path, *options):
    """Under a page; its summary is the JSON in what it said."""
    return Child(*peers(port, path, "--json", *options))


def summary_of(said):
    return json.loads(said[said.index("{\n"):said.rindex("\n}") + 2])


def end(program, with_signal=signal.SIGTERM):
    program.ask("signal %d" % with_signal)
    status = program.ask("wait")["exit"]
    return status, summary_of(program.said()), program.said()


def received(program, least):
    program.until(lambda page: page["state"] == "ready" and page["metrics"]["messages_received"] >= least, LIMIT)


def test_bounded(folder):
    """Each peer sends what its schedule holds, and each other one of its room has it, once."""
    path = routine(folder, "bounded", "  - {name: often, every: 20ms, jitter: 20ms, size: [0, 100]}\n"
                                      "  - {name: burst, every: 500ms, burst: 7, size: 3K}\n"
                                      "  - {name: big, every: 300ms, size: 60K}\n")
    with Server("--slow-subscriber", "block") as broker:
        status, summary, said = run(broker.port, path, "--peers", "10", "--room-size", "4", "--duration", "1s",
                                    "--start-jitter", "200ms")
        text = subprocess.run(peers(broker.port, path, "--peers", "2", "--duration", "20ms"),
                              capture_output=True, text=True, timeout=LIMIT)
        broker.stop()
        told = broker.said()
    listeners = 4 * 3 + 4 * 3 + 2 * 1
    for kind, each, size in (("often", 50, None), ("burst", 14, 3072), ("big", 4, 60 << 10)):
        counts = [count(summary, what, kind) for what in ("sent", "relayed", "received", "duplicate", "expired")]
        tap.check("bounded, %s: the counts are exact" % kind,
                  counts == [10 * each, 10 * each, listeners * each, 0, 0], counts)
        bytes_sent = summary["routine"]["kinds"][kind]["sent"]["bytes"]
        tap.check("bounded, %s: the bytes too" % kind,
                  bytes_sent == 10 * each * size if size else 0 < bytes_sent < 10 * each * 100, bytes_sent)
    tap.check("bounded: it passes, and says who joined", status == 0 and "10 peers have joined 3 rooms" in said, said)
    tap.check("bounded: all others are known", summary["routine"]["known"] == 10
              and summary["routine"]["connected_most"] <= 10, summary["routine"]["known"])
    latency = summary["routine"]["total"]["latency"]
    tap.check("bounded: each delivery has a latency", latency["count"] == listeners * 68
              and 0 < latency["p50_ns"] <= latency["p99_ns"] <= latency["max_ns"], latency)
    tap.check("bounded: the broker took them all", "%d accepted" % (680 + 2 * 9) in told, told)
    tap.check("bounded: the table says the same", text.returncode == 0 and "often" in text.stdout
              and "Latency: of what was received" in text.stdout, text.stdout)


def test_stalled(folder):
    """A broker that stands still for 1.5 s of a schedule of 3 s: nothing is skipped, and the small events show
    all of the stall, although they left in time; of the large ones a few fill the window, and the rest waits and
    expires."""
    path = routine(folder, "stalled", "  - {name: small, every: 10ms, size: 16}\n")
    large = routine(folder, "large", "  - {name: large, every: 20ms, size: 16K, expires: 300ms}\n")
    options = ("--peers", "2", "--duration", "3s", "--room")
    with Server() as broker, child(broker.port, path, *options, "a") as small, child(
        broker.port, large, *options, "b"
    ) as big:
        for each in (small, big):
            each.ask("pause")
            each.wait_said("2 peers have joined", LIMIT)
        broker.process.send_signal(signal.SIGSTOP)
        for each in (small, big):
            each.ask("resume")
        time.sleep(1.5)
        broker.process.send_signal(signal.SIGCONT)
        statuses = [each.ask("wait")["exit"] for each in (small, big)]
        summary = [summary_of(each.said()) for each in (small, big)]
    latency = summary[0]["routine"]["total"]["latency"]
    tap.check("stalled: both end well", statuses == [0, 0], statuses)
    tap.check("stalled: nothing is skipped", [count(summary[0], what) for what in ("sent", "received", "expired")]
              == [600, 600, 0], summary[0]["routine"]["total"])
    tap.check("stalled: the longest latency is the stall", latency["max_ns"] > 1.4 * SECOND, latency)
    tap.check("stalled: those after it are charged, too", latency["p90_ns"] > 0.8 * SECOND, latency)
    sent, late = count(summary[1], "sent"), count(summary[1], "expired")
    tap.check("stalled: what falls due is sent or expires", sent + late == 300 and late >= 40, sent, late)
    tap.check("stalled: what was sent came", count(summary[1], "received") == sent, summary[1]["routine"]["total"])


def test_twice(folder):
    """Somebody sends the same numbers twice; and peers that bear a name come back, with new numbers."""
    path = routine(folder, "quiet", "  - {name: once, every: 24h, size: 10}\n")
    with Server() as broker:
        with child(broker.port, path, "--peers", "3", "--room", "r") as program:
            received(program, 9)
            for _ in range(2):
                subprocess.run([CLIENT, "--port", str(broker.port), "--publish", "r", "--events", "20",
                                "--event-size", "5"], check=True, capture_output=True, timeout=LIMIT)
            received(program, 9 + 3 + 3 * 40)  # deliveries, receipts, deliveries
            for _ in range(2):
                run(broker.port, path, "--peers", "2", "--room", "r", "--peer", "again", "--duration", "20ms")
            received(program, 9 + 3 + 3 * 40 + 3 * 4)
            status, summary, said = end(program)
    counts = [count(summary, what, "other") for what in ("received", "duplicate", "sent")]
    tap.check("twice: the second time is a duplicate", counts == [60, 60, 0] and status == 0, counts, said)
    tap.check("twice: its bytes are counted",
              summary["routine"]["kinds"]["other"]["duplicate"]["bytes"] == 300, said)
    tap.check("twice: the peers' own are not", [count(summary, what, "once") for what in ("received", "duplicate")]
              == [6 + 3 * 4, 0], summary["routine"]["kinds"]["once"])
    tap.check("twice: who spoke is known, and who came back is no other", summary["routine"]["known"] == 3 + 1 + 2,
              summary["routine"])


def test_restarted(folder):
    """The broker is killed, and another takes its place."""
    path = routine(folder, "steady", "  - {name: beat, every: 20ms, size: 10, expires: 100ms}\n")
    port = ports.port()
    with Server("--port", str(port)) as broker, child(port, path, "--peers", "5") as program:
        received(program, 50)
        broker.process.send_signal(signal.SIGSTOP)
        sent = program.metrics()["messages_sent"]
        program.until(lambda page: page["metrics"]["messages_sent"] > sent, LIMIT)  # there is no receipt for that
        broker.stop(signal.SIGKILL)
        lost = program.until(lambda page: page["metrics"]["losses"] >= 10, LIMIT)["metrics"]
        with Server("--port", str(port)):
            program.until(lambda page: page["metrics"]["reconnects"] == 5
                          and page["metrics"]["messages_received"] >= lost["messages_received"] + 50, LIMIT)
            status, summary, said = end(program)
    tap.check("restarted: the peers are back and end well", status == 0 and summary["reconnects"] == 5, said)
    tap.check("restarted: the losses are counted", summary["losses"]["total"] >= 10
              and summary["errors"]["total"] == 0, summary["losses"])
    sent, relayed, late = (count(summary, what) for what in ("sent", "relayed", "expired"))
    tap.check("restarted: what has no receipt is not called relayed", 0 < relayed < sent, relayed, sent)
    tap.check("restarted: what nobody could take expired", late > 0, late)
    tap.check("restarted: nothing comes twice", count(summary, "duplicate") == 0, said)


def test_at_rest(folder):
    """4 peers that send in 4 s what the built-in ones do in an hour: live bytes at rest of the client, and of the
    broker, are those after a minute's worth. Then SIGTERM in full flow."""
    path = routine(folder, "flood", "  - {name: flood, every: 10ms, burst: 100, size: [16, 256]}\n")
    minute, hour = 4 * 666, 4 * 39960

    def quiet(_):
        """Each event came to both of its room, with a receipt for each stream; only subscriptions are left."""
        now, there = program.metrics(), broker.metrics()
        return (now["streams"] == there["streams"] == 4 and there["messages_received"] == now["messages_sent"]
                and now["messages_received"] == 2 * (now["messages_sent"] - 4) + now["calls_done"])

    def at_rest(events):
        program.until(lambda page: page["metrics"]["messages_sent"] >= events, LIMIT)
        program.ask("pause")
        program.until(quiet, LIMIT)
        rest = [{zone: each.metrics()[zone] for zone in ZONES} for each in (program, broker)]
        program.ask("resume")
        return rest

    with Child(SERVER, "--port", "0", "--slow-subscriber", "block") as broker:
        port = broker.wait_said(r"listening on \S+:(\d+)").group(1)
        with child(port, path, "--peers", "4", "--room-size", "2") as program:
            rest = [at_rest(minute), at_rest(hour)]
            resumed = program.metrics()["messages_sent"]
            program.until(lambda page: page["metrics"]["messages_sent"] > resumed + 1000, LIMIT)
            status, summary, said = end(program)
    for who, before, after in zip(("client", "broker"), *rest):
        tap.check("at rest, %s: %s after a minute's worth as after an hour's" % (who, before), before == after, after)
    sent, relayed = count(summary, "sent"), count(summary, "relayed")
    tap.check("SIGTERM: it ends well, and counts", status == 0 and sent >= relayed >= hour, sent, relayed, said)


def test_ends(folder):
    path = routine(folder, "quiet", "  - {name: once, every: 24h, size: 10}\n")
    with Server() as broker:
        with child(broker.port, path) as program:
            received(program, 1)
            status, _, said = end(program, signal.SIGINT)
            tap.check("SIGINT interrupts", status == 130, said)
        port = broker.port
    with Program(*peers(port, path)) as program:
        tap.check("nobody there: it fails", program.process.wait(LIMIT) == 1 and "refused" in program.said(),
                  program.said())
    for options, word in (
        (["pear"], "built-in"), (["peer", "--peers", "60001"], "--peers"),
        (["peer", "--publish", "t", "--events", "1"], "takes no calls"),
        (["peer", "--room", ""], "--room"), (["peer", "--report-to", "http://127.0.0.1:1"], "--test"),
        (["peer", "--test", "t"], "--report-to"), (["peer", "--gzip"], "goes with none"),
        ([os.path.join(folder, "none.yaml")], "No such file"),
    ):
        done = subprocess.run(peers(1, *options[:1], *options[1:]), capture_output=True, text=True, timeout=LIMIT)
        tap.check("usage: " + " ".join(options)[-60:], done.returncode == 2 and word in done.stderr, done.stderr)
    done = subprocess.run([CLIENT, "--port", "1", "--peers", "3"], capture_output=True, text=True, timeout=LIMIT)
    tap.check("usage: --peers without a routine", done.returncode == 2 and "need --routine" in done.stderr,
              done.stderr)


with tempfile.TemporaryDirectory() as work:
    test_bounded(work)
    test_stalled(work)
    test_twice(work)
    test_restarted(work)
    test_at_rest(work)
    test_ends(work)
tap.done()
