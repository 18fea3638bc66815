"""Author and subscriber of events with somebody else's broker: flatline.v1.Relay on grpcio. (Our broker with a
stock client: tests/e2e/server_relay.py.)"""

import concurrent.futures
import json
import os
import queue
import sqlite3
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import grpc
import stubs
from program import CLIENT, Program
from tap import Tap

tap = Tap()
pb = stubs.load("relay")
LIMIT = 120  # seconds for any one program


class Broker:
    """Every subscriber has a queue of its own, without end."""

    def __init__(self):
        self.lock = threading.Lock()
        self.queues = []
        self.subscribers = []
        self.events = []
        handlers = {
            "Publish": self.handler("unary_unary", self.publish, pb.Event, pb.Receipt),
            "PublishStream": self.handler("stream_unary", self.publish_all, pb.Event, pb.Receipt),
            "Subscribe": self.handler("unary_stream", self.subscribe, pb.Subscription, pb.Event),
        }
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=16))
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("flatline.v1.Relay", handlers),)
        )
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    @staticmethod
    def handler(kind, function, request, reply):
        return getattr(grpc, kind + "_rpc_method_handler")(
            function,
            request_deserializer=request.FromString,
            response_serializer=reply.SerializeToString,
        )

    def publish(self, event, context):
        return self.publish_all([event], context)

    def publish_all(self, events, context):
        count = 0
        for event in events:
            count += 1
            with self.lock:
                self.events.append(event)
                for each in self.queues:
                    each.put(event)
        return pb.Receipt(count=count)

    def subscribe(self, request, context):
        mine = queue.SimpleQueue()
        with self.lock:
            self.queues.append(mine)
            self.subscribers.append(request.subscriber)
        context.add_callback(lambda: mine.put(None))
        context.send_initial_metadata(())
        yield from iter(mine.get, None)


def run(broker, folder, how, *options):
    path = os.path.join(folder, how.replace(" ", "_"))
    client = (CLIENT, "--port", str(broker.port))
    with Program(
        *client, "--subscribe", "t", "--subscribers", "3", "--expect", "300", "--event-db", path
    ) as readers:
        readers.wait_said("subscribed", LIMIT)
        with Program(*client, "--publish", "t", "--events", "300", "--authors", "3", *options) as writers:
            statuses = [writers.process.wait(LIMIT), readers.process.wait(LIMIT)]
            said = writers.said() + readers.said()
    with sqlite3.connect(path) as db:
        events = list(db.execute("SELECT subscriber, author, sequence FROM event ORDER BY rowid"))
    right = [list(range(1, 101))] * 9
    got = [
        [s for who, a, s in events if (who, a) == (subscriber, author)]
        for subscriber in (1, 2, 3)
        for author in (1, 2, 3)
    ]
    tap.check("%s: both pass" % how, statuses == [0, 0], statuses, said)
    tap.check("%s: each event once at each subscriber, in order" % how, got == right, got)


def run_peers(broker):
    """What the events of a routine carry, as a stock implementation reads it, and that theirs are understood."""
    before = len(broker.events)
    done = subprocess.run(
        [CLIENT, "--port", str(broker.port), "--routine", "peer", "--peers", "3", "--duration", "500ms",
         "--start-jitter", "0s", "--json"], capture_output=True, text=True, timeout=LIMIT)
    counts = {what: amount["count"] for what, amount in json.loads(done.stdout)["routine"]["total"].items()}
    sent = counts["sent"]  # on a machine that stood still some may have expired
    tap.check("peers: each event at both others, and confirmed", done.returncode == 0 and sent + counts["expired"] == 21
              and [counts[what] for what in ("relayed", "received", "duplicate")] == [sent, 2 * sent, 0],
              done.stderr, counts)
    events = broker.events[before:]
    sizes = {(event.kind, len(event.body)) for event in events if event.kind != "chat"}
    tap.check("peers: their events say their kind", len(events) == sent and sizes <= {("position", 48), ("profile", 512)}
              and sum(event.kind == "chat" for event in events) == 3, sizes)
    tap.check("peers: and when they were due", all(0 < event.due_ns <= event.sent_ns for event in events))


with tempfile.TemporaryDirectory() as work:
    broker = Broker()
    run(broker, work, "calls")
    run(broker, work, "streams", "--publish-stream")
    run(broker, work, "a connection per event", "--connection-per-event")
    tap.check("subscribers say who they are", sorted(broker.subscribers) == [1, 1, 1, 2, 2, 2, 3, 3, 3])
    run_peers(broker)
    broker.server.stop(0).wait()
tap.done()
