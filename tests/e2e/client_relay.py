"""Author, broker and subscriber: every event once at every subscriber and in the order of its author, by all
ways to publish, over TLS and over several loops; what dies, ends or has a full disk in the midst of it is
told by exit statuses and databases that do not claim more than they hold."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from program import CLIENT, SERVER, Child, Program, Server, wait_until
from tap import Tap

tap = Tap()
LIMIT = 120  # seconds for any one program
BLOCK = ("--slow-subscriber", "block")


def author(port, *options):
    return Program(CLIENT, "--port", str(port), "--publish", "t", *options)


def subscriber(port, *options):
    """Subscribed when this returns."""
    program = Program(CLIENT, "--port", str(port), "--subscribe", "t", *options)
    program.wait_said("subscribed", LIMIT)
    return program


def wait(program):
    return program.process.wait(LIMIT)


def rows(path):
    """(subscriber, author, sequence) in the order of arrival, and the meta table. Not read-only: what SIGKILL
    left half written is taken back by who looks first."""
    with sqlite3.connect("file:%s?mode=rw" % path, uri=True, timeout=LIMIT) as db:
        events = list(db.execute("SELECT subscriber, author, sequence FROM event ORDER BY rowid"))
        return events, dict(db.execute("SELECT key, value FROM meta"))


def in_order(events, subscribers, shares):
    """Whether each subscriber got each author's events, 1 to its share, once and in order."""
    return all(
        [s for who, a, s in events if who == each and a == number] == list(range(1, share + 1))
        for each in subscribers
        for number, share in enumerate(shares, 1)
    )


def read_log(path):
    with open(path) as file:
        return [line.split() for line in file if not line.startswith("#")]


def run(folder, how, server, publish, events, authors, subscribers, secure=()):
    base = os.path.join(folder, how.replace(" ", "_"))
    files = [base + end for end in (".broker.db", ".subscriber.db", ".author.log")]
    with Server("--event-db", files[0], *BLOCK, *server) as broker:
        with subscriber(
            broker.port, *secure, "--subscribers", str(subscribers), "--expect", str(events),
            "--event-db", files[1],
        ) as readers, author(
            broker.port, *secure, "--events", str(events), "--authors", str(authors),
            "--event-log", files[2], *publish,
        ) as writers:
            statuses = [wait(writers), wait(readers)]
            said = writers.said() + readers.said()
        statuses.append(broker.stop())
        said += broker.said()
    shares = [events // authors + (i < events % authors) for i in range(authors)]
    taken, broker_meta = rows(files[0])
    got, reader_meta = rows(files[1])
    log = read_log(files[2])
    tap.check("%s: all ended well" % how, statuses == [0, 0, 0], statuses, said)
    tap.check("%s: the broker has each event once" % how, len(taken) == events and in_order(taken, [0], shares))
    tap.check(
        "%s: each subscriber has each event once, in order" % how,
        len(got) == events * subscribers and in_order(got, range(1, subscribers + 1), shares),
    )
    tap.check(
        "%s: the log has a line for each event" % how,
        sorted((int(a), int(s)) for a, s, *_ in log) == sorted((a, s) for _, a, s in taken)
        and all(int(sent) < int(acked) and status == "OK" for _, _, sent, acked, status in log),
    )
    tap.check(
        "%s: the counts agree" % how,
        broker_meta["events"] == broker_meta["accepted"] == events
        and broker_meta["delivered"] == reader_meta["received"] == events * subscribers
        and broker_meta["complete"] == reader_meta["complete"] == 1,
        broker_meta,
        reader_meta,
    )


def test_killed_subscriber(folder):
    """SIGKILL, or standing still: with a bounded queue neither holds up the others."""
    with Server("--slow-subscriber", "drop-oldest", "--relay-queue", "5000") as broker:
        with subscriber(broker.port) as victim, subscriber(broker.port) as frozen, subscriber(
            broker.port, "--expect", "3000"
        ) as healthy:
            frozen.process.send_signal(signal.SIGSTOP)
            with author(broker.port, "--events", "3000", "--authors", "3") as writers:
                victim.process.kill()
                statuses = [wait(writers), wait(healthy)]
            tap.check("killed and frozen subscribers: the others are served", statuses == [0, 0], statuses)


def test_at_rest():
    """64 subscribers on one topic, some of which are killed with events due to them: what the broker holds
    once all have gone is the same every time."""
    with Child(SERVER, "--port", "0", "--relay-queue", "8", *BLOCK) as broker:
        port = broker.wait_said(r"listening on \S+:(\d+)").group(1)
        rest, statuses = [], []

        def quiet(page):
            broker.ask("publish")
            page.update(broker.ask("read"))
            return page["metrics"]["connections"] == 0

        for _ in range(3):
            with subscriber(port, "--subscribers", "64", "--expect", "200") as readers, subscriber(
                port, "--subscribers", "16"
            ) as victims:
                victims.process.send_signal(signal.SIGSTOP)
                with author(port, "--events", "200", "--authors", "4", "--event-size", "16K") as writers:
                    victims.process.kill()
                    statuses += [wait(writers), wait(readers)]
            rest.append(broker.until(quiet, LIMIT)["metrics"]["live_app"])
        tap.check("64 subscribers and 16 that die: all is well", not any(statuses), statuses)
        tap.check("the broker at rest: %d, %d, %d bytes" % tuple(rest), len(set(rest)) == 1)


def test_stopped_broker(folder):
    """SIGTERM in the midst of the stream: what the broker acknowledged is in its database."""
    path, log = os.path.join(folder, "stopped.db"), os.path.join(folder, "stopped.log")
    with Server("--event-db", path) as broker:
        with subscriber(broker.port, "--expect", "1000000") as readers, author(
            broker.port, "--events", "1000000", "--authors", "4", "--event-log", log
        ) as writers:
            wait_until(lambda: os.path.exists(path) and rows(path)[0])
            status = broker.stop()
            statuses = [status, wait(writers), wait(readers)]
    events, meta = rows(path)
    acked = {(0, int(a), int(s)) for a, s, _, _, status in read_log(log) if status == "OK"}
    tap.check("SIGTERM of the broker: it ends well, the clients fail", statuses == [0, 1, 1], statuses)
    tap.check("SIGTERM of the broker: its database is complete", meta.get("complete") == 1, meta)
    tap.check("SIGTERM of the broker: what was acknowledged is there", acked and acked <= set(events))
    tap.check("SIGTERM of the broker: once", len(events) == len(set(events)) == meta["accepted"])


def test_killed_broker(folder):
    path = os.path.join(folder, "killed.db")
    with Server("--event-db", path) as broker:
        with subscriber(broker.port, "--event-db", path + ".sub") as readers, author(
            broker.port, "--events", "1000000"
        ) as writers:
            wait_until(lambda: rows(path)[0])
            broker.stop(signal.SIGKILL)
            statuses = [wait(writers), wait(readers)]
    tap.check("SIGKILL of the broker: the clients fail", statuses == [1, 1], statuses)
    tap.check("SIGKILL of the broker: its database does not say that it is complete",
              "complete" not in rows(path)[1])
    tap.check("SIGKILL of the broker: the subscriber's does", rows(path + ".sub")[1]["complete"] == 1)


def small_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))


def test_lost_connections(folder):
    """The broker resets all connections: with --retry subscribers come back and have what they expect, and
    authors go on behind the event that was under way."""
    log = os.path.join(folder, "reset.log")
    with Child(SERVER, "--port", "0") as broker:
        port = broker.wait_said(r"listening on \S+:(\d+)").group(1)
        with subscriber(port, "--subscribers", "3", "--expect", "5000", "--retry", "1000") as readers, author(
            port, "--events", "1000000", "--authors", "2", "--retry", "1000", "--event-log", log
        ) as writers:
            broker.until(lambda page: page["metrics"].get("events_accepted", 0) > 500, LIMIT)
            broker.ask("reset")
            status, said = wait(readers), readers.said()
            stopped = writers.stop(), writers.said()
    tap.check("--retry: the subscribers come back", status == 0 and "reconnects 3" in said, status, said)
    tap.check("--retry: the authors too, and say what they lost",
              stopped[0] == 1 and "reconnects 2" in stopped[1], *stopped)
    lines = read_log(log)
    order = [[int(s) for a, s, *_ in lines if a == each] for each in ("1", "2")]
    lost = [line for line in lines if line[4] != "OK"]
    tap.check("--retry: the log has all events in order, and those that were lost",
              all(each == list(range(1, len(each) + 1)) and len(each) > 1 for each in order)
              and 1 <= len(lost) <= 4, lost[:9])


def test_full_disk(folder):
    """A limit on a file's size does what a full disk does."""
    path = os.path.join(folder, "full")
    with Server("--event-db", path + ".broker", preexec_fn=small_files) as broker:
        with author(broker.port, "--events", "1000000") as writers:
            statuses = [broker.process.wait(LIMIT), wait(writers)]
        said = broker.said()
        tap.check("full disk: the broker ends with 3", statuses == [3, 1], statuses, said)
        tap.check("full disk: it says what is missing",
                  "events are not in it" in said and path in said and "accepted" in said, said)
    with Server(*BLOCK) as broker:
        with Program(
            CLIENT, "--port", str(broker.port), "--subscribe", "t", "--expect", "20000",
            "--event-db", path + ".subscriber", preexec_fn=small_files,
        ) as readers:
            readers.wait_said("subscribed", LIMIT)
            with author(broker.port, "--events", "20000") as writers:
                statuses = [wait(readers), wait(writers)]
            said = readers.said()
        tap.check("full disk: so does the subscriber", statuses == [3, 0] and "events are not in it" in said,
                  statuses, said)
        with Program(
            CLIENT, "--port", str(broker.port), "--publish", "t", "--events", "5000",
            "--event-log", path + ".author", preexec_fn=small_files,
        ) as writers:
            status = wait(writers)
            said = writers.said()
        tap.check("full disk: and the author", status == 3 and path in said, status, said)
    taken = subprocess.run([SERVER, "--port", "0", "--event-db", path + ".broker"], capture_output=True, text=True)
    tap.check("a database is not written over", taken.returncode == 3 and "exists already" in taken.stderr,
              taken.stderr)


def test_ends():
    with Server() as broker:
        with subscriber(broker.port, "--idle-timeout", "200ms") as readers:
            tap.check("an idle subscriber that expects nothing ends well", wait(readers) == 0, readers.said())
        with subscriber(broker.port, "--idle-timeout", "200ms", "--expect", "1") as readers:
            tap.check("one that does fails", wait(readers) == 1, readers.said())
        with subscriber(broker.port) as readers:
            tap.check("SIGTERM ends it well", readers.stop() == 0, readers.said())
        with subscriber(broker.port) as readers:
            tap.check("SIGINT interrupts it", readers.stop(signal.SIGINT) == 130, readers.said())
    with subscriber_of_nobody() as readers:
        tap.check("nobody to subscribe to", wait(readers) == 1 and "refused" in readers.said(), readers.said())


def subscriber_of_nobody():
    with Server() as broker:
        port = broker.port
    return Program(CLIENT, "--port", str(port), "--subscribe", "t")


def test_usage():
    for options, word in (
        (["--publish", "t"], "--events"),
        (["--publish", "x" * 256, "--events", "1"], "topic"),
        (["--publish", "t", "--events", "1", "--authors", "2"], "--authors"),
        (["--publish", "t", "--events", "1", "--event-size", "64K"], "--event-size"),
        (["--publish", "t", "--events", "1", "--publish-stream", "--connection-per-event"], "contradicts"),
        (["--publish", "t", "--events", "1", "--subscribe", "t"], "contradicts"),
        (["--publish", "t", "--events", "1", "--non-streaming"], "no calls"),
        (["--subscribe", "t", "--expect", "0"], "--expect"),
        (["--subscribe", "t", "--subscribers", "0"], "--subscribers"),
        (["--events", "5", "--non-streaming"], "--publish"),
        (["--event-db", "x", "--non-streaming"], "--subscribe"),
    ):
        done = subprocess.run([CLIENT, "--port", "1", *options], capture_output=True, text=True)
        tap.check("usage: " + " ".join(options)[:70], done.returncode == 2 and word in done.stderr, done.stderr)


with tempfile.TemporaryDirectory() as work:
    subprocess.run([SERVER, "--make-cert", work], check=True)
    cert, key = os.path.join(work, "cert.pem"), os.path.join(work, "key.pem")
    run(work, "calls", [], [], 2003, 4, 5)
    run(work, "a stream each", [], ["--publish-stream"], 4000, 3, 4)
    run(work, "a connection per event", [], ["--connection-per-event"], 300, 4, 2)
    run(work, "large events", ["--relay-queue", "4"], ["--publish-stream", "--event-size", "60K"], 300, 3, 3)
    run(
        work, "TLS and three loops",
        ["--threads", "3", "--relay-queue", "16", "--secure", "--tls-pub", cert, "--tls-priv", key],
        ["--publish-stream"], 1500, 6, 8, ["--secure", "--cert-store-from-path", cert],
    )
    test_killed_subscriber(work)
    test_at_rest()
    test_stopped_broker(work)
    test_killed_broker(work)
    test_lost_connections(work)
    test_full_disk(work)
    test_ends()
    test_usage()
tap.done()
