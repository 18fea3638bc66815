"""flatline.v1.Relay with a stock client: every subscriber gets every event, once and in order; what
befalls slow subscribers is what --slow-subscriber says, is counted, and leaves nothing behind."""

import os
import re
import signal
import sys
import threading

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import grpc
import stubs
from program import SERVER, Child, wait_until
from tap import Tap

tap = Tap()
pb = stubs.load("relay")
LIMIT = 200.0  # seconds for any one call
LARGE = 16384  # bytes of an event that fills windows and queues


class Peer:
    """A connection of its own."""

    def __init__(self, port):
        self.channel = grpc.insecure_channel(
            "127.0.0.1:%s" % port,
            # Without the probe windows stay at 64 KiB, and who does not read is soon behind.
            options=[("grpc.use_local_subchannel_pool", 1), ("grpc.http2.bdp_probe", 0)],
        )

        def method(name, kind, request, reply):
            return stubs.method(self.channel, "/flatline.v1.Relay/" + name, kind, request, reply)

        self.publish = method("Publish", "unary_unary", pb.Event, pb.Receipt)
        self.publish_stream = method("PublishStream", "stream_unary", pb.Event, pb.Receipt)
        self.subscribe = method("Subscribe", "unary_stream", pb.Subscription, pb.Event)

    def listen(self, topic):
        """Subscribed when it returns."""
        call = self.subscribe(pb.Subscription(topic=topic), timeout=LIMIT)
        call.initial_metadata()
        return call

    def close(self):
        self.channel.close()


def event(sequence, topic="t", author=1, body=b"b" * 100):
    return pb.Event(topic=topic, author=author, sequence=sequence, sent_ns=sequence * 3, body=body)


def start(*options):
    child = Child(SERVER, "--port", "0", *options)
    child.port = child.wait_said(r"listening on \S+:(\d+)").group(1)
    return child


def at_rest(child):
    wait_until(lambda: child.metrics()["connections"] == 0)
    return child.metrics()["live_app"]


def counts(child):
    """Of its last words, after SIGTERM."""
    pid = child.process.pid
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        os.kill(int(file.read()), signal.SIGTERM)
    line = child.wait_said(r"events: .*").group(0)
    return {name: int(number) for number, name in re.findall(r"(\d+) (\w+)", line)}


def status_of(call):
    try:
        return [each.sequence for each in call], None
    except grpc.RpcError as error:
        return [], error.code()


def test_fan_out(*options):
    how = " ".join(options) or "one loop"
    with start(*options) as child:
        authors = [Peer(child.port) for _ in range(3)]
        peers = [Peer(child.port) for _ in range(8)]
        calls = [peer.listen("t") for peer in peers]
        other = Peer(child.port)
        silent = other.listen("elsewhere")

        def write(number, author):
            if number == 0:
                for i in range(1, 101):
                    author.publish(event(i, author=number), timeout=LIMIT)
            else:
                events = (event(i, author=number) for i in range(1, 101))
                receipts.append(author.publish_stream(events, timeout=LIMIT).count)

        receipts = []
        threads = [threading.Thread(target=write, args=each) for each in enumerate(authors)]
        for thread in threads:
            thread.start()
        got = [[next(call) for _ in range(300)] for call in calls]
        for thread in threads:
            thread.join()
        orders = [
            [[e.sequence for e in each if e.author == author] for author in range(3)]
            for each in got
        ]
        right = [list(range(1, 101))] * 3
        tap.check("%s: all events of all authors, in order" % how, orders == [right] * 8, orders)
        tap.check("%s: unchanged" % how, got[0][5] == event(got[0][5].sequence, "t", got[0][5].author))
        tap.check("%s: receipts count" % how, receipts == [100, 100], receipts)
        silent.cancel()
        for peer in authors + peers + [other]:
            peer.close()
        seen = counts(child)
        tap.check(
            "%s: counted" % how,
            (seen["accepted"], seen["offered"], seen["delivered"]) == (300, 2400, 2400),
            seen,
        )


def test_slow(policy):
    """One subscriber reads, one never does: after the first event both have, what the second may
    lose depends on the policy. Twice, and the server at rest is the same to the byte."""
    with start("--slow-subscriber", policy, "--relay-queue", "20") as child:
        rest, held, boot = [], [], at_rest(child)
        for _ in range(2):
            author, reader, sleeper = Peer(child.port), Peer(child.port), Peer(child.port)
            awake, asleep = reader.listen("t"), sleeper.listen("t")
            for i in range(1, 301):
                author.publish(event(i, body=b"x" * LARGE), timeout=LIMIT)
                if next(awake).sequence != i:
                    raise AssertionError("out of order")
            child.ask("publish")
            held.append(child.ask("read")["metrics"]["live_app"] - boot)
            got, code = status_of_late(asleep, policy)
            for peer in (author, reader, sleeper):
                peer.close()
            rest.append(at_rest(child))
        if policy == "drop-oldest":
            tap.check(
                "%s: a slow subscriber loses the oldest and has the last" % policy,
                got[0] == 1 and got[-1] == 300 and len(got) < 300 and got == sorted(got),
                got,
            )
        else:
            tap.check("%s: RESOURCE_EXHAUSTED" % policy, code == grpc.StatusCode.RESOURCE_EXHAUSTED, code)
        seen = counts(child)
        # The queue, what is being sent, connections; 4.8 MB were published.
        tap.check("%s: meanwhile it held little: %d, %d" % (policy, *held), max(held) < 30 * LARGE)
        tap.check("%s: at rest as before: %d, %d" % (policy, *rest), rest[0] == rest[1])
        tap.check(
            "%s: nothing is lost uncounted" % policy,
            seen["accepted"] == 600
            and seen["offered"] == seen["delivered"] + seen["dropped"] + seen["undelivered"]
            and seen["dropped"] > 0
            and seen["disconnected"] == (2 if policy == "disconnect" else 0),
            seen,
        )


def status_of_late(call, policy):
    """What the sleeper gets, once it reads."""
    if policy == "disconnect":
        return status_of(call)
    got = [next(call).sequence]
    while got[-1] < 300:
        got.append(next(call).sequence)
    return got, None


def test_block():
    """The publishers wait for the slowest; when it reads again, or goes, they go on."""
    with start("--slow-subscriber", "block", "--relay-queue", "20") as child:
        author, streamer, reader, sleeper = [Peer(child.port) for _ in range(4)]
        awake, asleep = reader.listen("t"), sleeper.listen("t")
        sent = []

        def write_each():
            for i in range(1, 301):
                author.publish(event(i, body=b"x" * LARGE), timeout=LIMIT)
                sent.append(i)

        streamed = streamer.publish_stream.future(
            (event(i, author=2, body=b"y" * LARGE) for i in range(1, 301)), timeout=LIMIT
        )
        thread = threading.Thread(target=write_each)
        thread.start()
        drain = threading.Thread(target=lambda: [next(awake) for _ in range(600)])
        drain.start()
        got = [next(asleep) for _ in range(600)]
        thread.join()
        drain.join()
        tap.check("block: the stream was taken whole", streamed.result().count == 300)
        orders = [[e.sequence for e in got if e.author == author] for author in (1, 2)]
        tap.check("block: nothing is lost", orders == [list(range(1, 301))] * 2, orders)

        waits = child.metrics()["events_blocked"]
        # And when the slow one dies instead.
        stuck = streamer.publish_stream.future(
            (event(i, author=2, body=b"y" * LARGE) for i in range(1, 301)), timeout=LIMIT
        )
        rest = []
        drain = threading.Thread(target=lambda: rest.extend(next(awake) for _ in range(300)))
        drain.start()
        child.until(lambda page: page["metrics"].get("events_blocked", 0) > waits)
        sleeper.close()
        drain.join()
        tap.check("block: its end lets them go on", len(rest) == 300 and stuck.result().count == 300)
        for peer in (author, streamer, reader):
            peer.close()
        at_rest(child)
        seen = counts(child)
        tap.check("block: waits were counted, nothing dropped", seen["blocked"] > 0 and seen["dropped"] == 0, seen)


def refusal(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


def test_refusals():
    with start() as child:
        peer = Peer(child.port)
        raw = peer.channel.unary_unary("/flatline.v1.Relay/Publish")
        for what, code, call in (
            ("no topic", "INVALID_ARGUMENT", lambda: peer.publish(pb.Event(), timeout=LIMIT)),
            ("a long topic", "INVALID_ARGUMENT", lambda: peer.publish(event(1, "x" * 256), timeout=LIMIT)),
            ("a large event", "RESOURCE_EXHAUSTED",
             lambda: peer.publish(event(1, body=b"x" * 65536), timeout=LIMIT)),
            ("no subscription's topic", "INVALID_ARGUMENT",
             lambda: next(peer.subscribe(pb.Subscription(), timeout=LIMIT))),
            ("bytes that are no Event", "INTERNAL", lambda: raw(b"\x0a\x05x", timeout=LIMIT)),
            ("nobody listens", "OK", lambda: peer.publish(event(1), timeout=LIMIT)),
        ):
            got = refusal(call)
            tap.check("%s: %s" % (what, code), got == code, got)
        peer.close()


test_fan_out()
test_fan_out("--threads", "4")
test_slow("drop-oldest")
test_slow("disconnect")
test_block()
test_refusals()
tap.done()
