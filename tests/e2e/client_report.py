"""Peers that report: the client executes the uploader, begins when that says so, tells it the counts every 2 s and
how it ended, and does not grow by it; one that dies is said, and ends the client with 3, not its traffic."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from program import CLIENT, Child, Program, Server, wait_until
from results import Results
from tap import Tap

tap = Tap()
LIMIT = 120
# Says "start" once the file `go` is there, keeps what it is told in `lines` and its arguments in `arguments`, and
# ends as the file `end` says: a status, at the end of its input; or at once, when there is a file `die`.
UPLOADER = r"""
import os, select, sys, time
here = os.path.dirname(os.path.abspath(__file__))
path = lambda name: os.path.join(here, name)
with open(path("arguments"), "w") as file:
    file.write("\n".join(sys.argv[1:]))
lines, started, data = open(path("lines"), "ab", 0), False, True
while data:
    if not started and os.path.exists(path("go")):
        print("noise\nstart %d" % time.clock_gettime_ns(time.CLOCK_MONOTONIC), flush=True)
        started = True
    if os.path.exists(path("die")):
        os._exit(9)
    if os.path.exists(path("deaf")) or not select.select([0], [], [], 0.02)[0]:
        time.sleep(0.01)
        continue
    data = os.read(0, 1 << 16)
    lines.write(data)
    if os.path.exists(path("over")):
        print("end the test is over", flush=True)
        os.remove(path("over"))
sys.exit(int(open(path("end")).read()) if os.path.exists(path("end")) else 0)
"""


class House:
    """A client, and a fake in the place where it looks for the uploader."""

    def __init__(self, folder, name):
        self.uploader = os.path.join(folder, name, "results-server", "uploader")
        self.client = os.path.join(folder, name, "stress-client", "stress-client")
        os.makedirs(self.uploader)
        os.makedirs(os.path.dirname(self.client))
        shutil.copy(CLIENT, self.client)
        self.routine = os.path.join(folder, name, "routine.yaml")
        with open(self.routine, "w") as file:
            file.write("start-jitter: 0s\nkinds: [{name: beat, every: 20ms, size: 10}]\n")
        with open(self.path("uploader"), "w") as file:
            file.write("#!%s\n%s" % (sys.executable, UPLOADER))
        os.chmod(self.path("uploader"), 0o755)

    def path(self, name):
        return os.path.join(self.uploader, name)

    def put(self, name, text=""):
        with open(self.path(name), "w") as file:
            file.write(text)

    def argv(self, port, *options):
        return [self.client, "--port", str(port), "--routine", self.routine, "--peers", "4", "--peer", "p1",
                "--report-to", "http://127.0.0.1:9", "--test", "t1", *options]

    def lines(self):
        if not os.path.exists(self.path("lines")):
            return []
        with open(self.path("lines"), "rb") as file:
            return [json.loads(line) for line in file.read().decode().split("\n")[:-1]]


def at_rest(program):
    """Paused, when each event came to all four, and a receipt for each stream."""
    def quiet(_):
        now = program.metrics()
        return now["streams"] == 4 and now["messages_received"] == 4 * (now["messages_sent"] - 4) + now["calls_done"]

    program.ask("pause")
    program.until(quiet, LIMIT)
    return program.metrics()["live_app"]


def test_reported(port, house):
    house.put("token", "secret")
    with Child(*house.argv(port, "--report-token", house.path("token"))) as program:
        program.wait_said("4 peers have joined", LIMIT)
        time.sleep(0.2)  # in which a client that does not wait would have sent ten times
        quiet = program.metrics()["messages_sent"]
        house.put("go")
        wait_until(lambda: len(house.lines()) >= 1, LIMIT)
        first = at_rest(program)
        program.ask("resume")
        wait_until(lambda: len(house.lines()) >= 2, LIMIT)
        last = at_rest(program)
        program.ask("signal %d" % signal.SIGTERM)
        status, said = program.ask("wait")["exit"], program.said()
    with open(house.path("arguments")) as file:
        arguments = file.read().split("\n")
    lines = house.lines()
    points, result = lines[:-1], lines[-1].get("result")
    tap.check("nothing is sent before the start", quiet == 4, quiet)  # the subscriptions
    tap.check("the uploader is told where to", arguments[:7] == [
        "--lines", "--to", "http://127.0.0.1:9", "--test", "t1", "--peer", "p1"]
        and arguments[-2:] == ["--token", house.path("token")], arguments)
    values = [point["values"] for point in points]
    counts = [each["beat.sent.count"] for each in values]
    tap.check("a point every 2 s: its counts only grow", len(points) >= 2 and counts == sorted(counts)
              and counts[0] > 0 and all(point["source"] == "p1" for point in points), points)
    tap.check("a point has what is promised", all(
        "%s%s.%s" % (kind, what, form) in values[0] for kind in ("", "beat.")
        for what in ("sent", "received", "relayed", "duplicate", "expired") for form in ("count", "per_s", "bytes"))
        and {"latency.p50", "latency.p90", "latency.p99", "latency.max", "beat.latency.p50"} < set(values[0])
        and values[0]["peers.known"] == 4 and 0 <= values[0]["peers.connected"] <= 4, values[0])
    tap.check("the client does not grow by them", first == last, first, last)
    tap.check("the end is told, with a summary", status == 0 and (result["status"], result["verdict"]) == (0, "pass")
              and result["summary"]["routine"]["total"]["sent"]["count"] == values[-1]["sent.count"], result, said)


def test_dies(port, house):
    house.put("go")
    with Child(*house.argv(port, "--json")) as program:
        program.until(lambda page: page["metrics"]["messages_received"] > 10, LIMIT)
        house.put("die")
        program.wait_said("the uploader has ended", LIMIT)
        before = program.metrics()["messages_received"]
        program.until(lambda page: page["metrics"]["messages_received"] > before + 10, LIMIT)
        program.ask("signal %d" % signal.SIGTERM)
        status, said = program.ask("wait")["exit"], program.said()
    tap.check("an uploader that dies: traffic goes on, exit 3", status == 3 and '"result": "passed"' in said,
              status, said)
    tap.check("... and it is said once, with its status", said.count("the uploader has ended") == 1
              and "ended with status 9" in said, said)


def test_ends(port, house):
    """By the test, by the uploader's own failure, before the start, and without an uploader."""
    house.put("go")
    house.put("over")
    with Program(*house.argv(port)) as program:
        status, said = program.process.wait(LIMIT), program.said()
    tap.check("the end of the test ends the client", status == 0 and "the test is over" in said, said)
    house.put("end", "1")
    done = subprocess.run(house.argv(port, "--duration", "20ms"), capture_output=True, text=True, timeout=LIMIT)
    tap.check("what the uploader could not deliver: exit 3", done.returncode == 3
              and "uploader ended with status 1" in done.stderr, done.stderr)
    os.remove(house.path("go"))
    with Program(*house.argv(port)) as program:
        program.wait_said("have joined", LIMIT)
        house.put("die")
        status, said = program.process.wait(LIMIT), program.said()
    tap.check("an uploader that dies before the start ends it", status == 3 and "uploader has ended" in said, said)
    os.remove(house.path("uploader"))
    done = subprocess.run(house.argv(port), capture_output=True, text=True, timeout=LIMIT)
    tap.check("no uploader: exit 3", done.returncode == 3 and "needs the uploader" in done.stderr, done.stderr)


def test_slow(port, house):
    """One that takes nothing for a while: lines wait in the pipe, then are left out, and the client goes on."""
    house.put("go")
    house.put("deaf")
    with Program(*house.argv(port, "--duration", "100ms")) as program:
        program.wait_said("4 peers have joined", LIMIT)
        os.remove(house.path("deaf"))
        status, said = program.process.wait(LIMIT), program.said()
    lines = house.lines()
    tap.check("one that takes its time gets all in the end", status == 0 and "result" in lines[-1]
              and lines[-2]["values"]["sent.count"] == 20, status, said, lines)


def test_real(port, house):
    """The uploader and the results server themselves: two clients begin when the test is started, and it has the
    points and the ends of both."""
    with Results() as server:
        url = "http://127.0.0.1:%d" % server.port
        argv = [CLIENT, "--port", str(port), "--routine", house.routine, "--peers", "4", "--room", "real", "--duration",
                "1s", "--report-to", url, "--test", "t", "--peer"]
        server.ask("POST", "/test/t", {"started": False})
        with Child(*argv, "p1", "--json") as first, Child(*argv, "p2", "--json") as second:
            for each in (first, second):
                each.wait_said("4 peers have joined", LIMIT)
            quiet = [each.metrics()["messages_sent"] for each in (first, second)]
            server.ask("PUT", "/test/t/start", {})
            status = [each.ask("wait")["exit"] for each in (first, second)]
            said = first.said() + second.said()
        _, test = server.ask("GET", "/test/t?dataPoints=true")
    tap.check("really: nobody begins before the test", quiet == [4, 4], quiet)
    tap.check("really: all end well", status == [0, 0], status, said)
    ends = {peer["name"]: peer["result"]["verdict"] for peer in test["peers"]}
    tap.check("really: the test knows both, and how they ended", ends == {"p1": "pass", "p2": "pass"}, test["peers"])
    last = {}
    for posted in test["dataPoints"]:
        for each in posted["batch"].get("points", []):
            last[each["source"]] = each["values"]["beat.sent.count"]
    tap.check("really: it has their counts", last == {"p1": 200, "p2": 200}, last)


with tempfile.TemporaryDirectory() as work, Server() as broker:
    test_reported(broker.port, House(work, "reported"))
    test_dies(broker.port, House(work, "dies"))
    test_ends(broker.port, House(work, "ends"))
    test_slow(broker.port, House(work, "slow"))
    test_real(broker.port, House(work, "real"))
tap.done()
