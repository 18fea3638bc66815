"""driver capacity: up and really down again, with figures for every client; a search that ends at a limit and names
it; and what can befall it: Ctrl-C and --resume, bad arguments, a full disk."""

import csv
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from program import BUILD, SERVER, wait_until
from tap import Tap

DRIVER = os.path.join(BUILD, "driver", "driver")
DESCRIPTORS = 40
CLIENTS = 30
tap = Tap()
folder = tempfile.mkdtemp(prefix="flatline-capacity.")


def place(name):
    return os.path.join(folder, name)


def capacity(*options, **more):
    done = subprocess.run([DRIVER, "capacity", *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=600, **more)
    return done.returncode, done.stdout


def summary(out):
    with open(os.path.join(out, "summary.json")) as file:
        return json.load(file)


def left_behind():
    """Processes that write their logs below this test's folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink("/proc/%s/fd/1" % pid).startswith(folder + os.sep):
                found.append(pid)
        except OSError:  # gone meanwhile, or a kernel thread
            pass
    return found


def climb():
    out = place("climb")
    status, said = capacity("--clients", str(CLIENTS), "--messages", "1:10", "--hold", "--rate", "45", "--secure",
                            "--reply-timeout", "60s", "--server-threads", "1,2", "--out", out)
    tap.check("a climb with one thread and with two", status == 0, said)
    runs = summary(out)["runs"]
    tap.check("all were served", [run["result"]["clients"] for run in runs] == [CLIENTS] * 2, runs)
    run = os.path.join(out, "2threads", "run1")
    with open(os.path.join(run, "analysis.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    clients = [(row["phase"], int(row["client"]), int(row["open_connections"])) for row in rows]
    up = [("up", i, i) for i in range(1, CLIENTS + 1)]
    down = [("down", i, i) for i in range(CLIENTS, 0, -1)]
    tap.check("up, and really descending", clients == up + down, clients)
    tap.check("each with its times", all(
        0 < float(row["handshake_us"]) < float(row["connect_us"]) < float(row["first_reply_us"])
        and 0 < float(row["rtt_median_us"]) <= float(row["rtt_p99_us"]) and row["messages"] == row["replies"]
        for row in rows), rows)
    memory = runs[1]["result"]["memory"]
    # Measured: 55 KB with TLS, 31 KB without.
    tap.check("a connection's bytes are told", 20e3 < memory.get("bytes_per_client", 0) < 200e3, memory)
    tap.check("... and that they are given back", abs(memory["after_bytes"] - memory["before_bytes"])
              < (memory["top_bytes"] - memory["before_bytes"]) / 4, memory)
    path = os.path.join(run, "run.db")
    with sqlite3.connect("file:%s?immutable=1" % path, uri=True) as db:
        turns = db.execute("SELECT count(*) FROM turn WHERE replies = messages").fetchone()[0]
        samples = db.execute("SELECT count(*) FROM sample JOIN incarnation i ON i.id = incarnation "
                             "JOIN component c ON c.id = i.component "
                             "WHERE c.name = 'server' AND live > 0").fetchone()[0]
    tap.check("run.db has them, too", turns == 2 * CLIENTS and samples > 3, turns, samples)
    gate = subprocess.run([DRIVER, "gate", run], capture_output=True, text=True)
    tap.check("... and the gate reads it", gate.returncode in (0, 4) and "server" in gate.stdout, gate.stdout)
    texts = xml.etree.ElementTree.parse(os.path.join(run, "capacity.svg")).getroot().itertext()
    with open(os.path.join(run, "capacity.pdf"), "rb") as file:
        pdf = file.read()
    tap.check("it is drawn", "%d of %d clients served, up and back" % (CLIENTS, CLIENTS) in list(texts)
              and pdf.startswith(b"%PDF"))
    return out


def search():
    out = place("search")
    status, said = capacity("--find", "clients", "--server-fds", str(DESCRIPTORS), "--reply-timeout", "10s",
                            "--rtt-bound", "60s", "--out", out)
    result = summary(out)["runs"][0]["result"]
    # All but what a server needs for itself: standard streams, its page, its loop, its socket.
    tap.check("a search ends at the limit", status == 0 and DESCRIPTORS - 16 < result["holds"] < DESCRIPTORS - 4,
              said, result)
    tap.check("... and names it", result["ended_by"] == "server-descriptors"
              and "client %d was" % (result["holds"] + 1) in result["text"]
              and "ulimit -n %d" % DESCRIPTORS in result["text"], result)
    with open(os.path.join(out, "1threads", "run1", "search.csv"), newline="") as file:
        tried = list(csv.DictReader(file))
    tap.check("... which was tried on both sides", [int(row["tried"]) for row in tried if row["held"] == "yes"][-1]
              == result["holds"] and any(row["held"] == "no" for row in tried), tried)


def messages():
    out = place("messages")
    status, said = capacity("--find", "messages", "--clients", "3", "--up-to", "4", "--rtt-bound", "60s",
                            "--reply-timeout", "60s", "--out", out)
    result = summary(out)["runs"][0]["result"]
    tap.check("a search for messages stops where it is told", status == 0 and result["holds"] == 4
              and result["ended_by"] == "none" and "were not tried" in said, said, result)
    status, said = capacity("--find", "clients", "--up-to", "1", "--rtt-bound", "1ns", "--out", place("bound"))
    result = summary(place("bound"))["runs"][0]["result"]
    tap.check("a bound on round trips is one, too", status == 0 and result["holds"] == 0
              and result["ended_by"] == "rtt" and "--rtt-bound" in result["text"], said, result)


def foreign():
    """Somebody else's server, which is ours without its page, and a fault of it."""
    out = place("foreign")
    command = SERVER + " --host {host} --port {port}"
    status, said = capacity("--clients", "10", "--hold", "--rate", "0", "--server", command, "--out", out)
    result = summary(out)["runs"][0]["result"]
    memory = result["memory"]
    tap.check("somebody else's server is measured by its RSS", status == 0 and result["clients"] == 10
              and memory["kind"] == "rss" and memory["top_bytes"] > memory["before_bytes"] > 1e6, said, result)
    status, said = capacity("--clients", "10", "--server", "/nonexistent/server {port}", "--out", place("none"))
    tap.check("one that is not there is said", status == 3 and "/nonexistent/server" in said, said)
    status, said = capacity("--find", "messages", "--up-to", "40", "--server-heap", "1", "--out", place("heap"))
    tap.check("one that cannot start is said", status == 3 and "server" in said, said)


def interrupted():
    out = place("interrupted")
    words = ["--clients", "4", "--rate", "0", "--runs", "40", "--out", out]
    with open(place("log"), "w+") as log:
        driver = subprocess.Popen([DRIVER, "capacity", *words], stdout=log, stderr=log)
        first = os.path.join(out, "1threads", "run1", "manifest.json")
        wait_until(lambda: os.path.exists(first) or driver.poll() is not None)
        driver.send_signal(signal.SIGINT)
        status = driver.wait(300)
        log.seek(0)
        said = log.read()
    tap.check("Ctrl-C ends it with 130, and says how to go on", status == 130 and "--resume" in said, status, said)
    tap.check("... and leaves no process", wait_until(lambda: not left_behind()))
    runs = os.listdir(os.path.join(out, "1threads"))
    tap.check("... and no half run", runs and all(os.path.exists(os.path.join(out, "1threads", run, "manifest.json"))
                                                  for run in runs if not run.endswith(".partial")), runs)
    made = os.stat(first).st_mtime_ns
    status, said = capacity("--clients", "5", *words[2:], "--resume")
    tap.check("--resume with another question is refused", status == 2 and "clients" in said, said)
    status, said = capacity(*words)
    tap.check("so is the same folder without --resume", status == 2 and "--resume" in said, said)
    # Only a few in all, so that it is short: what differs is the number of runs, which is no setting.
    words[words.index("40")] = str(max(2, len(runs)))
    status, said = capacity(*words, "--resume")
    tap.check("--resume goes on, and keeps what was done", status == 0 and os.stat(first).st_mtime_ns == made
              and len(summary(out)["runs"]) == max(2, len(runs)), said)


def wrong():
    for bad, why in (((), "--out is missing"), (("--clients", "0"), "not a number of clients"),
                     (("--messages", "1:x"), "FROM:TO"), (("--find", "luck"), "none of"),
                     (("--up-to", "9"), "need --find"), (("--find", "clients", "--hold"), "are of a climb"),
                     (("--server", "true"), "{port}"), (("--server-threads", "0"), "number of threads")):
        words = [*bad] if not bad else [*bad, "--out", place("wrong")]
        status, said = capacity(*words)
        tap.check("%s is refused" % " ".join(words[:2] or ["no word"]), status == 2 and why in said, status, said)
    tap.check("... and nothing was made", not os.path.exists(place("wrong")))


def full_disk():
    small = place("small")
    os.mkdir(small)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], capture_output=True).returncode:
        tap.skip("no file system can be mounted here")
        return
    try:
        status, said = capacity("--clients", "10", "--rate", "0", "--out", os.path.join(small, "out"))
        tap.check("a full disk is said", status == 3 and ("full" in said or "No space" in said), status, said)
        tap.check("... and nothing passes for a run", not os.path.exists(os.path.join(small, "out", "1threads/run1")))
    finally:
        subprocess.run(["umount", small], check=True)


try:
    climb()
    search()
    messages()
    foreign()
    interrupted()
    wrong()
    full_disk()
    tap.check("no process is left", wait_until(lambda: not left_behind()))
finally:
    shutil.rmtree(folder)
tap.done()
