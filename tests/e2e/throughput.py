#!/usr/bin/env python3
"""`driver throughput`: a small sweep whose summary an arithmetic of its own confirms; --resume; what a signal,
a full disk and wrong words lead to."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.dom.minidom

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from program import DRIVER, Program, wait_until
from tap import Tap
from throughput_recompute import ROLES, compare

LIMIT = 300  # seconds for what takes a few on a quiet machine
SMALL = ("--events", "100", "--latency", "0ms,20ms", "--clients", "1,8", "--runs", "2")
tap = Tap()
root = tempfile.mkdtemp(prefix="flatline-test-throughput-")
events = os.path.join(root, "events")
os.mkdir(events)


def command(name, *options):
    return [DRIVER, "throughput", "--out", os.path.join(root, name), "--event-dir", events, *options]


def run(name, *options):
    done = subprocess.run(command(name, *options), capture_output=True, text=True, timeout=LIMIT, check=False)
    return done.returncode, done.stdout, done.stderr


def load(*path):
    with open(os.path.join(root, *path), encoding="utf-8") as file:
        return json.load(file)


def runs_of(name):
    """Folder of each run: when its manifest was written."""
    found = {}
    for folder, _, files in os.walk(os.path.join(root, name)):
        if re.match(r"run\d+", os.path.basename(folder)):
            path = os.path.join(folder, "manifest.json")
            found[os.path.relpath(folder, os.path.join(root, name))] = (
                os.stat(path).st_mtime_ns if "manifest.json" in files else None)
    return found


def processes():
    """Those that this test's folder is named to."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open("/proc/%s/cmdline" % pid, "rb") as file:
            words = file.read().decode(errors="replace")
            if root in words and int(pid) != os.getpid():
                found.append(words.replace("\0", " "))
    return found


def check_clean(what):
    tap.check(what + ": nothing is left in --event-dir", not os.listdir(events), os.listdir(events))
    tap.check(what + ": no process is left", not processes(), *processes())


def check_arithmetic(name):
    found = compare(os.path.join(root, name))
    tap.check(name + ": the summary is what the databases and logs say", not found, *found)


def check_summary(name):
    check_arithmetic(name)
    missing = [(latency, clients, cell["missing"]) for latency, row in load(name, "summary.json").items()
               for clients, cell in row.items() if any(any(runs) for runs in cell["missing"].values())]
    tap.check(name + ": nothing is missing", not missing, *missing)


def check_latency(manifest):
    """A loaded machine delays more, never less; and if the line is wrong, the run says so."""
    said = manifest["latency"]
    wanted = int(manifest["cell"]["latency"][:-2])
    added = [said["measured_ms"]["added_" + role] for role in ("author", "subscriber")]
    right = all(abs(ms - wanted) <= 0.05 * wanted + 1 for ms in added)
    if wanted == 0:
        return said["means"] == "none" and added == [0, 0]
    return said["means"] == "delay line" and min(added) > 0.5 * wanted and said["verified"] == right


def test_small():
    status, out, err = run("small", *SMALL)
    tap.check("small: passes", status == 0, out, err)
    tap.check("small: says before how long it will take", re.match(
        r"driver throughput: 8 runs, predicted to take \d+ s\n", err), err)
    made = runs_of("small")
    tap.check("small: the tree is as announced",
              sorted(made) == ["%s/%s/run%d" % (latency, clients, n) for latency in ("0ms", "20ms")
                               for clients in ("1c", "8c") for n in (1, 2)], sorted(made))
    manifests = [load("small", folder, "manifest.json") for folder in made]
    tap.check("small: every run is finished, with versions, argv and host",
              all(m["finished"] and m["versions"]["flatline"] and "nghttp2" in m["versions"]["stress-server"] and
                  m["argv"][0] == "throughput" and
                  m["host"]["cpus"] and m["missing"] == dict.fromkeys(ROLES, 0) for m in manifests), manifests[:1])
    tap.check("small: every run says what latency it had", all(map(check_latency, manifests)),
              [m["latency"] for m in manifests])
    times = load("small", "summary.json")
    tap.check("small: no event is faster than the light",
              times["20ms"]["1"]["author"]["min"] > 18 and times["20ms"]["8"]["subscriber"]["min"] > 18 and
              times["20ms"]["1"]["broker"]["min"] > 9, json.dumps(times["20ms"]))
    check_summary("small")
    for name in ("throughput.svg", "latency.svg"):
        path = os.path.join(root, "small", name)
        text = " ".join(node.firstChild.data for node in
                        xml.dom.minidom.parse(path).getElementsByTagName("text") if node.firstChild)
        tap.check(name + " names its lines and axis", os.path.getsize(path) < 200000 and
                  all(word in text for word in ("0 ms", "20 ms", "clients", "100 events")), text)
    check_clean("small")


def test_again():
    """What is finished is not made again, and not with anything else."""
    before = runs_of("small")
    status, _, err = run("small", *SMALL)
    tap.check("again without --resume: refused", status == 2 and "--resume" in err, status, err)
    status, _, err = run("small", *SMALL, "--resume")
    tap.check("again with --resume: nothing is made anew",
              status == 0 and "8 of 8 runs are there already" in err and runs_of("small") == before, status, err)
    status, _, err = run("small", *SMALL[2:], "--events", "101", "--resume")
    tap.check("other options: refused, and named",
              status == 2 and "--events was 100 and is now 101" in err and runs_of("small") == before, status, err)
    os.unlink(os.path.join(root, "small/0ms/8c/run2/manifest.json"))
    status, _, err = run("small", *SMALL, "--resume")
    after = runs_of("small")
    remade = [folder for folder in after if after[folder] != before[folder]]
    tap.check("a run that is not known to be finished: made anew, it alone",
              status == 0 and remade == ["0ms/8c/run2"] and sorted(after) == sorted(before), status, remade, err)
    check_summary("small")


def test_other_ways():
    status, out, err = run("secure", "--secure", "--connection-per-event", "--subscribers", "2", "--events", "40",
                           "--clients", "4", "--latency", "10ms", "--runs", "1")
    tap.check("secure, a connection for each event, 2 subscribers: passes", status == 0, out, err)
    check_summary("secure")
    tap.check("secure: latency is measured, too",
              check_latency(load("secure", "10ms/4c/run1/manifest.json")), err)
    status, out, err = run("stream", "--publish-stream", "--events", "200", "--clients", "4", "--latency", "0",
                           "--runs", "1", "--slow-subscriber", "block", "--relay-queue", "8")
    tap.check("streamed through a short queue that blocks: passes", status == 0, out, err)
    check_summary("stream")
    status, out, err = run("lossy", "--publish-stream", "--events", "5000", "--clients", "64", "--latency", "0",
                           "--runs", "1", "--slow-subscriber", "disconnect", "--relay-queue", "1")
    missing = load("lossy", "summary.json")["0ms"]["64"]["missing"]
    tap.check("through a queue that is too short: what is missing is counted, where it is missing",
              status == 0 and missing["author"] == missing["broker"] == [0] and missing["subscriber"][0] > 0,
              status, out, err, missing)
    check_arithmetic("lossy")
    check_clean("other ways")


def test_netem():
    """All but the delays themselves needs no more than namespaces; those need a kernel that few test machines have."""
    options = ("--latency-by", "netem", "--clients", "4", "--runs", "1", "--events", "40")
    status, out, err = run("netem", *options, "--latency", "0", "--secure")
    if status == 3 and "netem cannot be used here" in err:
        tap.skip("netem, the pair alone: " + err.splitlines()[-1])
    else:
        tap.check("netem, the pair alone: passes", status == 0, out, err)
        check_summary("netem")
        said = load("netem", "0ms/4c/run1/manifest.json")["latency"]
        tap.check("netem: the manifest says so, and how long the way is", said["means"] == "netem" and
                  said["measured_ms"]["direct"] is None and said["measured_ms"]["added_author"] > 0, said)
    status, out, err = run("netem-20", *options, "--latency", "20ms")
    if status == 0:
        said = load("netem-20", "20ms/4c/run1/manifest.json")["latency"]
        tap.check("netem with a delay: it is measured", said["measured_ms"]["added_subscriber"] > 18, said)
    else:
        tap.check("netem with a delay, where the kernel has none: said, ends with 3", status == 3 and
                  "netem cannot be used here" in err, status, err)
    check_clean("netem")


def interrupt(how, *options):
    """A sweep whose second run takes longer than any patience, and is ended within it."""
    partial = os.path.join(root, "interrupted/300ms/1c/run1.partial/logs/author.log")
    with Program(*command("interrupted", "--events", "1000", "--latency", "0ms,300ms", "--clients", "1",
                          "--runs", "1", *options)) as program:
        wait_until(lambda: os.path.exists(partial) or program.process.poll() is not None)
        return program.stop(how), program.said()


def test_interrupted():
    status, said = interrupt(signal.SIGINT)
    made = runs_of("interrupted")
    tap.check("Ctrl-C: ends with 130 and says how to go on", status == 130 and "--resume" in said, status, said)
    tap.check("Ctrl-C: what was finished is kept, what was not is gone", list(made) == ["0ms/1c/run1"], made)
    tap.check("Ctrl-C: there is no summary yet",
              not os.path.exists(os.path.join(root, "interrupted", "summary.json")))
    check_clean("Ctrl-C")
    status, said = interrupt(signal.SIGINT, "--resume")
    tap.check("--resume: goes on with what is not there yet",
              status == 130 and "1 of 2 runs are there already" in said and runs_of("interrupted") == made,
              status, said)
    interrupt(signal.SIGKILL, "--resume")
    wait_until(lambda: not processes())
    left = os.listdir(events)
    status, _, err = run("small", *SMALL, "--resume")
    tap.check("SIGKILL: no process is left, and the next one removes what is in --event-dir",
              status == 0 and left and not os.listdir(events), left, os.listdir(events), err)


def test_wrong_words():
    for options, said in (
            ((), "give it --out DIR"),
            (("--out", "x", "--clients", "1,,2"), "has an empty part"),
            (("--out", "x", "--clients", "0"), "'0' is not a number of clients"),
            (("--out", "x", "--clients", "2,2"), "has 2 twice"),
            (("--out", "x", "--clients", "8,64", "--events", "50"), "64 authors have not an event each"),
            (("--out", "x", "--latency", "1.5ms"), "'1.5ms' is not a latency"),
            (("--out", "x", "--latency", "20ms,0.02s"), "has 0.02s twice"),
            (("--out", "x", "--latency-by", "magic"), "none of delay, netem"),
            (("--out", "x", "--runs", "0"), "--runs: 1 to"),
            (("--out", "x", "--slow-subscriber", "wait"), "none of drop-oldest"),
            (("--out", "x", "--publish-stream", "--connection-per-event"), "contradicts"),
            (("--out", "x", "more"), "unexpected argument 'more'")):
        done = subprocess.run([DRIVER, "throughput", *options], capture_output=True, text=True, timeout=LIMIT,
                              check=False, cwd=root)
        tap.check("wrong: %s" % " ".join(options), done.returncode == 2 and said in done.stderr and
                  done.stderr.count("\n") == 1 and not os.path.exists(os.path.join(root, "x")), done.stderr)


@contextlib.contextmanager
def small_disk(name, size):
    path = os.path.join(root, name)
    os.mkdir(path)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", path],
                             capture_output=True, check=False).returncode == 0
    try:
        yield path if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", path], check=False)


def fill(path):
    with open(os.path.join(path, "ballast"), "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


def test_full_disk():
    status, _, err = run("large", "--events", "100000000", "--subscribers", "10000")
    tap.check("no room in --event-dir: said before anything starts",
              status == 3 and "choose another --event-dir" in err and not os.path.exists(os.path.join(root, "large")),
              status, err)
    options = ("--clients", "1", "--runs", "1")
    with small_disk("full-out", "40k") as path:
        if path is None:
            tap.skip("needs the right to mount")
            return
        status, _, err = run("full-out/sweep", *options, "--events", "100", "--latency", "0")
        tap.check("results on a full disk: said, ends with 3",
                  status == 3 and re.search("disk full|No space left", err), status, err)
        tap.check("results on a full disk: no run counts", not [run for run in runs_of("full-out/sweep") if
                                                                run.endswith("run1")], runs_of("full-out/sweep"))
    with small_disk("full-events", "600k") as path:
        late = command("full-events-sweep", *options, "--events", "1000", "--latency", "300ms",
                       "--event-dir", path)
        with Program(*late) as program:
            wait_until(lambda: os.path.exists(os.path.join(root, "full-events-sweep/300ms/1c/run1.partial/logs",
                                                           "author.log")) or program.process.poll() is not None)
            fill(path)
            status = program.process.wait(LIMIT)
            said = program.said()
        named = "the (author|broker|subscriber) ended: exit status 3; it said: .*(disk full|No space left)"
        tap.check("event databases on a full disk: said, ends with 3",
                  status == 3 and re.search(named, said), status, said)
        tap.check("event databases on a full disk: no run counts",
                  not os.path.exists(os.path.join(root, "full-events-sweep/300ms/1c/run1")))
    check_clean("full disk")


try:
    test_small()
    test_again()
    test_other_ways()
    test_netem()
    test_interrupted()
    test_wrong_words()
    test_full_disk()
    tap.done()
finally:
    shutil.rmtree(root, ignore_errors=True)
