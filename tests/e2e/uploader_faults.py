#!/usr/bin/env python3
"""The uploader against a server that answers wrongly, late or not at all: nothing is lost or counted twice that
can be delivered, and what cannot is told, with an exit status, in time."""

import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))

import ports
from fake_results import FakeResults
from program import BUILD, wait_until
from tap import Tap
from uploading import UPLOADER, Uploader

MAKE_RUN = os.path.join(BUILD, "tests", "fixtures", "make_run")


def rows(batches):
    return sum(len(part["rows"]) for batch in batches.values() for part in batch["tables"].values())


def test_faults(tap, run):
    """Every batch meets one of them."""
    with FakeResults() as server, Uploader(server.url, "--run", run) as uploader:
        uploader.begin()
        server.faults += [500, "lose", "close", "slow", 503, "lose"] * 2
        uploader.order("done 4 inconclusive too short")
        uploader.close()
        tap.check("faults: it exits with 0 even so", uploader.wait() == 0, uploader.said())
        test = server.test("night")
        batches = test.batches["n1"]
        tap.check("faults: all rows are there", rows(batches) > 1000, rows(batches))
        tap.check("faults: lost answers were asked for again, and counted once", test.repeats > 0
                  and sorted(batches) == list(range(1, len(batches) + 1)), test.repeats, sorted(batches))
        tap.check("faults: the results came last, and count the batches",
                  test.results["n1"] == {"sequence_last": len(batches), "status": 4, "verdict": "inconclusive",
                                         "reason": "too short"}, test.results)
        return rows(batches)


def test_clock(tap, run):
    with FakeResults() as server, Uploader(server.url, "--run", run) as uploader:
        topology, start = uploader.begin()
        host = topology["hosts"][0]
        off = abs(host["offset_ns"] - server.ahead_ns)
        tap.check("the offset of the clock is within its error", off <= host["offset_error_ns"], host)
        moment = server.test("night").started_ns + 10**9 - server.ahead_ns
        tap.check("the start is by our clock", abs(start - moment) <= host["offset_error_ns"] + 10**6, start, moment)


def test_heartbeat(tap, folder):
    with FakeResults() as server, Uploader(server.url, "--run", folder) as uploader:
        uploader.begin()
        wait_until(lambda: server.test("night").beats.get("n1", 0) >= 2)
        tap.check("without data there are heartbeats, which are no batches", not server.test("night").batches["n1"])
        server.test("night").lost = ["n1", "n2"]
        tap.check("who is lost is said, but not ourselves", uploader.hears("lost") == "n2", uploader.heard)


def test_refused(tap, folder):
    token = os.path.join(folder, "token")
    for content, word in (("wrong\n", "the token is wrong"), ("a b\n", "is no token"), ("\n", "is no token")):
        with open(token, "w") as file:
            file.write(content)
        with FakeResults(token="right") as server, \
                Uploader(server.url, "--run", folder, "--token", token) as uploader:
            why = uploader.hears("error")
            tap.check("a token that is %r: exit 3" % content, uploader.wait() == 3, uploader.said())
            tap.check("and a line that says so", word in (why or uploader.said()), why, uploader.said())
    with open(token, "w") as file:
        file.write("right\n")
    with FakeResults(token="right") as server, \
            Uploader(server.url, "--run", folder, "--token", token) as uploader:
        tap.check("the right token", uploader.begin() is not None)


def test_away(tap, folder):
    url = "http://127.0.0.1:%d" % ports.port()
    with Uploader(url, "--run", folder, "--barrier-timeout", "500ms") as uploader:
        why = uploader.hears("error")
        tap.check("a server that is not there: exit 3", uploader.wait() == 3, uploader.said())
        tap.check("and a line that names it", why and url in why, why)
    with FakeResults() as server, Uploader(server.url, "--run", folder, "--drain-timeout", "500ms") as uploader:
        uploader.begin()
        server.faults += [503] * 1000
        uploader.order("done 0 pass")
        why = uploader.hears("error")
        tap.check("a server that is away in the end: exit 3", uploader.wait() == 3, uploader.said())
        tap.check("and what is not delivered is told", why and "not all that was measured" in why, why)


def test_missing(tap, folder):
    options = ("--run", folder, "--rank", "1", "--size", "4", "--barrier-timeout", "500ms")
    with FakeResults() as server, Uploader(server.url, *options) as uploader:
        uploader.order("host {}")
        why = uploader.hears("error")
        tap.check("the ranks that do not come are named", why and "ranks 0, 2, 3 of 4 did not come within 500 ms" in why,
                  why)
        tap.check("and it exits with 3", uploader.wait() == 3)
        result = server.test("night").results["n1"]
        tap.check("those who wait are told", result["verdict"] == "error" and "ranks 0, 2, 3" in result["reason"], result)
        with Uploader(server.url, "--run", folder, "--size", "4", peer="n0") as late:
            late.order("host {}")
            why = late.hears("error")
            tap.check("who comes later does not wait for them",
                      "came to its end before this host began: n1 (error: " in (why or ""), why)
    options = ("--run", folder, "--rank", "1", "--size", "2", "--barrier-timeout", "500ms")
    with FakeResults() as server, Uploader(server.url, *options) as uploader:
        wait_until(lambda: "night" in server.tests)
        server.test("night").hosts[0] = {"rank": 0, "name": "n0"}
        uploader.order("host {}")
        uploader.order("ready")
        why = uploader.hears("error")
        tap.check("and those that are not ready", why and "ranks 0 of 2 were not ready" in why, why, uploader.said())


def test_gone(tap, run):
    """A driver that is killed: its pipe closes, and the signal of its death arrives."""
    program = ("import subprocess, sys; p = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, text=True); "
               "p.stdin.write('host {}\\nready\\n'); p.stdin.flush(); p.wait()")
    with FakeResults() as server:
        driver = subprocess.Popen([sys.executable, "-c", program, UPLOADER, "--to", server.url, "--test", "night",
                                   "--peer", "n1", "--run", run], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: "night" in server.tests and server.test("night").beats.get("n1"))
        driver.kill()
        driver.wait()
        wait_until(lambda: "n1" in server.test("night").results)
        result = server.test("night").results["n1"]
        tap.check("a driver that is gone: told, with what it had measured",
                  (result["status"], result["verdict"], result["reason"]) == (3, "error", "the driver is gone")
                  and rows(server.test("night").batches["n1"]) > 1000, result)


def test_finished(tap, folder):
    with FakeResults() as server, Uploader(server.url, "--run", folder) as uploader:
        uploader.begin()
        server.route("PUT", "/test/night/finish", {"verdict": "interrupted"})
        tap.check("a test that is finished by hand ends the run", uploader.hears("end") == "the test is finished",
                  uploader.heard)
        uploader.order("done 130 interrupted")
        why = uploader.hears("error")
        tap.check("and what could not be delivered is told", uploader.wait() == 3 and "was finished before" in why, why)


def test_whole(tap, folder):
    whole = os.path.join(folder, "whole")
    os.mkdir(whole)
    with FakeResults() as server, Uploader(server.url, "--run", folder) as uploader:
        uploader.begin()
        server.whole = os.urandom(3 << 20)
        server.faults_at = "run.db"
        server.faults += ["close", 503, "lose", "close"]
        uploader.order("done 0 pass")
        uploader.order("whole " + whole)
        answer = uploader.hears("whole")
        tap.check("the whole is fetched, however often", answer == "ok " + whole and not server.faults, answer)
        with open(os.path.join(whole, "run.db"), "rb") as file:
            tap.check("and is what the server has", file.read() == server.whole and os.listdir(whole) == ["run.db"])
        uploader.order("whole " + os.path.join(whole, "nowhere"))
        answer = uploader.hears("whole")
        tap.check("a folder that is not there", (answer or "").startswith("failed No such file"), answer)
        server.faults += [404]
        uploader.order("whole " + whole)
        answer = uploader.hears("whole")
        tap.check("a whole that is refused", answer == "failed ordered by the test"
                  and os.listdir(whole) == ["run.db"], answer)
        uploader.order("finish fail")
        tap.check("the verdict is told even so", uploader.hears("finished") == "" and uploader.wait() == 0)
        tap.check("and known", server.test("night").finish == {"verdict": "fail"}, server.test("night").finish)


def test_usage(tap, folder):
    good = {"--to": "http://127.0.0.1:1", "--test": "a", "--peer": "b", "--run": folder}
    wrong = [("--to", "127.0.0.1:9904"), ("--to", "ftp://a"), ("--to", "http://a/b"), ("--to", "http://a?b"),
             ("--test", "a/b"), ("--test", "../a"), ("--peer", ""), ("--peer", "-a"), ("--size", "0"), ("--rank", "1"),
             ("--place", "somewhere"), ("--lines", None), ("--run", None), ("--drain-timeout", "0")]
    for option, value in wrong:
        words = dict(good, **{option: value})
        argv = [word for name, given in words.items() if given is not None for word in (name, given)]
        argv += ["--lines"] if option == "--lines" else []
        done = subprocess.run([UPLOADER, *argv], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        tap.check("usage: %s %s" % (option, value), done.returncode == 2 and done.stderr.count("\n") == 1
                  and option in done.stderr, done)
    with FakeResults() as server, Uploader(server.url + "/", "--run", folder) as uploader:
        tap.check("usage: a slash at the end of the URL", uploader.begin() is not None)


def point(number):
    return json.dumps({"time_ns": number, "source": "desk", "values": {"sent.count": number, "rate": 0.5}})


def test_lines(tap):
    with FakeResults() as server, Uploader(server.url, "--lines", "--buffer", "20K", peer="desk") as uploader:
        for number in range(1000):
            uploader.order(point(number))
        uploader.order('{"time_ns": 1, "source": "no id!", "values": {}}')
        uploader.order('{"time_ns": 1, "source": "desk", "values": {"a": "text"}}')
        uploader.order("no JSON")
        uploader.wait_said("(?s)(no point.*){3}")
        server.route("POST", "/test/night", {"started": True})
        uploader.hears("start")
        uploader.order(point(1000))
        uploader.order('{"result": {"status": 1, "verdict": "fail", "reason": "late", "summary": {"sent": 1001}}}')
        tap.check("lines: what was dropped makes it exit with 1", uploader_end(uploader) == 1, uploader.said())
        test = server.test("night")
        times = [p["time_ns"] for _, b in sorted(test.batches["desk"].items()) for p in b["points"]]
        dropped = 1001 - len(times)
        tap.check("lines: the oldest were dropped, and counted",
                  times == list(range(dropped, 1001)) and "%d points were dropped" % dropped in uploader.said(),
                  len(times), times[:1], uploader.said())
        tap.check("lines: so were those that are none", "3 of 1005 lines were no points" in uploader.said(),
                  uploader.said())
        tap.check("lines: the result is told", test.results["desk"] == {
            "sequence_last": len(test.batches["desk"]), "status": 1, "verdict": "fail", "reason": "late",
            "summary": {"sent": 1001}}, test.results)
    with FakeResults() as server:
        server.route("POST", "/test/night", {"started": True})
        done = subprocess.run([UPLOADER, "--to", server.url, "--test", "night", "--peer", "desk", "--lines"],
                              input="\n".join(point(n) for n in range(12000)), text=True, capture_output=True)
        batches = server.test("night").batches["desk"]
        tap.check("lines: a file, and no result", done.returncode == 0
                  and server.test("night").results["desk"]["verdict"] == "error", done)
        tap.check("lines: large ones go in more than one batch", len(batches) > 2
                  and sum(len(b["points"]) for b in batches.values()) == 12000, len(batches))
    with FakeResults() as server, Uploader(server.url, "--lines", "--barrier-timeout", "500ms") as uploader:
        why = uploader.hears("error")
        tap.check("lines: a test that nobody makes: exit 3", uploader.wait() == 3 and "POST /test" in (why or ""), why)


def uploader_end(uploader):
    uploader.close()
    return uploader.wait()


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        run, empty = os.path.join(folder, "run"), os.path.join(folder, "empty")
        subprocess.run([MAKE_RUN, run, "20s", "100ms"], check=True)
        os.mkdir(empty)
        test_usage(tap, empty)
        test_faults(tap, run)
        test_clock(tap, empty)
        test_heartbeat(tap, empty)
        test_refused(tap, empty)
        test_away(tap, empty)
        test_missing(tap, empty)
        test_gone(tap, run)
        test_finished(tap, empty)
        test_whole(tap, empty)
        test_lines(tap)
    tap.done()


main()
