#!/usr/bin/env python3
"""results-server export, and GET /test/ID/run.db: recorded runs posted as their host would get the verdicts that they
had, number for number; of two hosts one may die, and the finding is that host, after kill -9 of the server, too."""

import json
import lzma
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))

import jsonschema

from program import BUILD, PATIENCE
from results import RESULTS, Results, batch, host, point
from run_batches import run_batches
from tap import Tap

RUNS = os.path.join(os.environ["top_srcdir"], "tests", "fixtures", "runs")
DRIVER = os.path.join(BUILD, "driver", "driver")
HOUR = 3600 * 10 ** 9
BATCHES = 5


def run(*argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


def recorded(name, root):
    """A folder with that run, as the driver left it."""
    folder = os.path.join(root, name)
    os.makedirs(folder)
    with lzma.open(os.path.join(RUNS, name + ".db.xz")) as file, open(os.path.join(folder, "run.db"), "wb") as to:
        shutil.copyfileobj(file, to)
    return folder


def summary(folder):
    return json.loads(run(DRIVER, "report", folder, "--format", "json")[1])


def plain(name):
    """Of a merged run: without the host."""
    return re.sub(r"^n\d+\.", "", name)


def verdicts(report):
    """Every number of every verdict, by component; not where a log lies, nor how many hosts there were."""
    every = [("", v) for v in report["verdicts"] if v["rule"] != "hosts"]
    every += [(plain(c["name"]), v) for c in report["components"] for v in c["verdicts"]]
    return sorted((name, v["rule"], json.dumps({k: x for k, x in v.items() if k != "text" or "logs/" not in x}))
                  for name, v in every)


def numbers(report):
    return {plain(c["name"]): (c["memory"], c["traffic"], c["rtt"], c["connect"]) for c in report["components"]}


def must(reply, status=200):
    if reply[0] != status:
        raise RuntimeError("not %d: %r" % (status, reply))
    return reply[1]


def post(server, test, name, folder, sent=BATCHES):
    for body in list(run_batches(os.path.join(folder, "run.db"), BATCHES))[:sent]:
        must(server.ask("PUT", "/test/%s/peer/%s/metrics" % (test, name), body))


def make(server, test, hosts):
    must(server.ask("POST", "/test/" + test, {"started": False, "size": len(hosts)}), 201)
    for rank, entry in enumerate(hosts):
        must(server.ask("PUT", "/test/%s/topology" % test, host(rank, len(hosts), ready=True, **entry)))
    must(server.ask("PUT", "/test/%s/start" % test, {}))


def finish(server, test, names):
    for name in names:
        result = {"sequence_last": BATCHES, "status": 0, "verdict": "pass"}
        must(server.ask("PUT", "/test/%s/peer/%s/results" % (test, name), result))


def export(store, test, out):
    return run(RESULTS, "export", test, "--store", store, "--out", out)


def same_as_recorded(tap, server, root, name):
    """One host, whose clock is hours ahead of the server's."""
    source = recorded(name, root)
    make(server, name, [{"offset_ns": 5 * HOUR}])
    post(server, name, "n1", source)
    finish(server, name, ["n1"])
    must(server.ask("PUT", "/test/%s/finish" % name, {"verdict": "pass"}))
    out = os.path.join(root, name + "-out")
    status, _, said = export(server.store, name, out)
    tap.check("%s: exported while the server runs" % name, status == 0 and said.count("\n") == 1, status, said)
    before, after = summary(source), summary(out)
    tap.check("%s: every number of every verdict is as it was" % name, verdicts(before) == verdicts(after),
              *sorted(set(verdicts(before)) ^ set(verdicts(after)))[:6])
    tap.check("%s: so are memory, traffic, round trips" % name, numbers(before) == numbers(after))
    tap.check("%s: and the exit status of the gate" % name,
              run(DRIVER, "gate", source)[0] == run(DRIVER, "gate", out)[0])
    with open(os.path.join(out, "test.json"), encoding="utf-8") as file:
        told = json.load(file)
    asked = must(server.ask("GET", "/test/%s?dataPoints=true" % name))
    tap.check("%s: test.json is what the server says, batches included" % name,
              told == asked and len(told["dataPoints"]) == BATCHES)
    _, fetched = server.ask("GET", "/test/%s/run.db" % name)
    with open(os.path.join(out, "run.db"), "rb") as file:
        tap.check("%s: GET run.db is the same run" % name, file.read() == fetched)
    tap.check("%s: nothing is left in the store's folder" % name,
              not [entry for entry in os.listdir(server.store) if entry.startswith("merge-")])


def cut_off(db):
    """The host died at the end of its second batch: no process of it was seen to end after that."""
    db.execute("UPDATE incarnation SET exit_ns = NULL, exit_code = NULL, exit_signal = NULL, reason = NULL,"
               " ordered_ns = NULL WHERE exit_ns > (SELECT min(time_ns) + (max(time_ns) - min(time_ns)) * 2 / 5"
               " FROM sample)")
    db.execute("DELETE FROM meta WHERE key IN ('stop_ns', 'end_ns')")


def one_of_two_dies(tap, server, root):
    source, dead = recorded("version2", os.path.join(root, "two")), recorded("version2", os.path.join(root, "dead"))
    with sqlite3.connect(os.path.join(dead, "run.db")) as db:
        cut_off(db)
    db.close()
    make(server, "two", [{"place": "replicate"}, {"place": "replicate"}])
    post(server, "two", "n1", source)
    post(server, "two", "n2", dead, sent=2)
    finish(server, "two", ["n1"])
    server.stop(signal.SIGKILL)
    out = os.path.join(root, "two-out")
    status, _, said = export(server.store, "two", out)
    tap.check("two hosts: exported from what kill -9 left", status == 0 and "is not finished" in said and
              "1 of 2 hosts have posted no results, and count as lost" in said, status, said)
    status, told, _ = run(DRIVER, "gate", out)
    tap.check("two hosts: the one that died is the verdict",
              status == 1 and re.search(r"^FAIL: .*hosts: host n2 was lost at .* s \(heard last then; 6 processes\)",
                                        told, re.M), status, told)
    report = summary(out)
    failed = [v for v in report["verdicts"] if v["outcome"] == "fail"]
    failed += [v for c in report["components"] for v in c["verdicts"] if v["outcome"] == "fail"]
    tap.check("two hosts: and the only one that fails", len(failed) == 1, failed)
    mine = [c for c in report["components"] if c["name"].startswith("n1.")]
    theirs = [c for c in report["components"] if c["name"].startswith("n2.")]
    tap.check("two hosts: each has its processes", len(mine) == len(theirs) == 6, [c["name"] for c in mine + theirs])
    tap.check("two hosts: nobody on the other is in doubt",
              all(c["outcome"] == "pass" for c in mine), [(c["name"], c["outcome"]) for c in mine])
    with open(os.path.join(os.environ["top_srcdir"], "docs", "summary.schema.json"), encoding="utf-8") as file:
        jsonschema.validate(report, json.load(file))
    tap.check("two hosts: each is in the summary",
              [(h["name"], h["lost"], h["components"], h["status"]) for h in report["hosts"]] ==
              [("n1", False, 6, 0), ("n2", True, 6, None)] and mine[0]["host"] == "n1", report["hosts"])
    told = run(DRIVER, "report", out)[1]
    tap.check("two hosts: the table is by host", re.search(r"^n1, 127\.0\.0\.1: 6 processes, heard to its end\n(\S+ .*\n)+"
                                                          r"n2, 127\.0\.0\.1: 6 processes, lost at", told, re.M), told)
    for form in "terminal json junit markdown csv ndjson openmetrics".split():
        status, told, said = run(DRIVER, "report", out, "--format", form)
        tap.check("two hosts: a report as %s" % form, status == 0 and "n2" in told and not said, status, said)
    status, _, said = run(DRIVER, "charts", out)
    tap.check("two hosts: charts", status == 0, said)
    with open(os.path.join(out, "index.html"), encoding="utf-8") as file:
        page = file.read()
    tap.check("two hosts: the page has a table of them, and their charts apart",
              re.search(r'id="hosts">.*<th scope="row">n1</th><td class="pass">heard to its end.*'
                        r'<th scope="row">n2</th><td class="fail">lost at ', page, re.S)
              and re.search(r'<h3>n1</h3>.*charts/n1\..*<h3>n2: <span class="fail">lost at .*charts/n2\.', page, re.S))
    drawn = {}
    for name in ("n1.steady", "n2.steady"):
        with open(os.path.join(out, "charts", name + ".svg"), encoding="utf-8") as file:
            drawn[name] = file.read()
    tap.check("two hosts: whose host was lost says so on its chart",
              "flat until lost" in drawn["n2.steady"] and "the dashed line" in drawn["n2.steady"]
              and "lost" not in drawn["n1.steady"])


def swept(tap, store):
    """What a server was merging when it was killed."""
    left = os.path.join(store, "merge-abcdef")
    os.makedirs(left)
    with open(os.path.join(left, "run.db"), "wb") as file:
        file.write(b"half")
    with Results(store=store):
        tap.check("a server sweeps up what one that was killed was merging", not os.path.exists(left))


def trouble(tap, server, root):
    must(server.ask("POST", "/test/peers", {"started": True}), 201)
    must(server.ask("PUT", "/test/peers/peer/p/metrics", batch(1, point(sent=3), point(2, sent=4))))
    must(server.ask("PUT", "/test/peers/finish", {"verdict": "pass"}))
    status, body = server.ask("GET", "/test/peers/run.db")
    tap.check("no hosts: no run.db to get", status == 404 and body["error"] == "no-run", status, body)
    status, body = server.ask("GET", "/test/nothing/run.db")
    tap.check("no test: no run.db to get", status == 404 and body["error"] == "test-not-found", status, body)
    out = os.path.join(root, "peers")
    status, _, said = export(server.store, "peers", out)
    tap.check("no hosts: test.json alone, and it says so",
              status == 0 and os.listdir(out) == ["test.json"] and "no run.db" in said, status, said)
    status, _, said = export(server.store, "peers", out)
    tap.check("a file in the way: exit 3, one line",
              status == 3 and said.count("\n") == 1 and "is there already" in said, status, said)
    status, _, said = export(server.store, "nothing", os.path.join(root, "nothing"))
    tap.check("no such test: exit 2, one line, no folder", status == 2 and said.count("\n") == 1 and
              "no test 'nothing'" in said and not os.path.exists(os.path.join(root, "nothing")), status, said)
    status, _, said = export(root, "peers", os.path.join(root, "other"))
    tap.check("no store: exit 3, one line", status == 3 and said.count("\n") == 1 and "no store" in said, status, said)
    for argv in (["--store", "x"], ["a", "b", "--store", "x"], ["a"]):
        status, _, said = run(RESULTS, "export", *argv)
        tap.check("export %s: exit 2, one line" % argv, status == 2 and said.count("\n") == 1, status, said)


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as root, Results() as server:
        for name in ("version2", "leaky"):
            same_as_recorded(tap, server, root, name)
        trouble(tap, server, root)
        one_of_two_dies(tap, server, root)
        swept(tap, server.store)
    tap.done()


main()
