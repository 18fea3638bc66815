#!/usr/bin/env python3
"""driver flame: what it takes, what it leaves, frames by name, differences, its table, and how it is stopped."""

import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from program import BUILD, DRIVER, SERVER, wait_until
from tap import Tap

SRC = os.path.abspath(os.environ["top_srcdir"])
MODULES = os.environ.get("NODE_PATH") or os.path.join(SRC, "tests", "interop", "js", "node_modules")
PAGES = os.path.exists(os.path.join(BUILD, "charts", "d3-flamegraph.min.js"))
JEMALLOC = "jemalloc" in subprocess.run([SERVER, "--version"], capture_output=True, text=True, check=True).stdout
SIZES = ["--streams", "2", "--per-stream", "16M", "--per-packet", "1K"]
MESSAGES = 2 * 16 * 1024
SCENARIO = """name: js
servers:
  - name: node
    command: [node, %s, --host, "{host}", --port, "{port}"]
    env: ["NODE_PATH=%s"]
    ready: tcp
clients:
  - {name: plain, server: node, pattern: bidi-stream}
"""
# Functions that any sampling meets one of. Not main alone: the part of a stack that perf keeps, 8 KB, is less than
# sanitizers make of it.
OURS = {"main", "ev_run", "ev_invoke_pending", "on_readable", "plain_read", "plain_write", "read_session", "write_some"}
USAGE = {
    "": "--out is missing",
    "--out x": "--impl is missing",
    "--out x --impl ours": "are needed",
    "--out x --impl ours,ours": "twice",
    "--out x --impl a/b": "cannot be the name of a folder",
    "--out x --impl ours --streams 1 --per-stream 10M --per-packet 3K": "is no multiple of --per-packet 3K",
    "--out x --impl ours --streams 1 --per-stream 8M --per-packet 8M": "more than 4194288 bytes",
    "--out x --impl nobody --streams 1 --per-stream 1K --per-packet 1K": "'nobody' is none of ours, grpc-cpp",
    "--out x --impl a,b --scenario y --streams 1 --per-stream 1K --per-packet 1K": "give it one --impl",
    "--out x --impl ours --only both": "neither cpu nor heap",
    "--out x --impl ours --call-graph lbr": "neither fp nor dwarf",
    "--diff A --out x": "give it two results",
    "--diff A B": "--out is missing",
    "--diff A B --out x --observer": "takes nothing of what records",
    "--table x --out y": "--out is not for it",
    "--out x --impl ours stray": "unexpected argument 'stray'",
}

tap = Tap()
root = tempfile.mkdtemp(prefix="flatline-test-flame-command-")


def flame(*arguments, **changes):
    return subprocess.run([DRIVER, "flame", *arguments], cwd=root, env=dict(os.environ, **changes), timeout=300,
                          capture_output=True, text=True)


def left_over():
    """The command lines of processes that carry our folder there, or in their environment."""
    mine = []
    for folder in glob.glob("/proc/[0-9]*"):
        try:
            words, environment = [open(os.path.join(folder, name), "rb").read() for name in ("cmdline", "environ")]
        except OSError:
            continue
        if root.encode() in words + environment and int(folder.split("/")[2]) != os.getpid():
            mine.append(words.replace(b"\0", b" "))
    return mine


def js_maps():
    """Of our server's code, left by processes that are no more."""
    found = set()
    for path in glob.glob("/tmp/perf-*.map"):
        try:
            if os.path.exists("/proc/" + re.sub(r"\D", "", path)):
                continue
            with open(path, errors="replace") as file:
                found |= {path} if os.path.join(SRC, "examples") in file.read() else set()
        except OSError:
            pass
    return found


def only_result(impl):
    found = glob.glob(os.path.join(root, "out", impl, "*"))
    return found[0] if len(found) == 1 else "none of %s" % found


def tree_of(page):
    with open(page, encoding="utf-8") as file:
        return json.loads(re.search(r'id="stacks">(.*?)</script>', file.read(), re.DOTALL)[1])


def frames_of(node):
    return {node["n"]}.union(*map(frames_of, node["c"]))


def total_of(node, name="v"):
    return node.get(name, 0) + sum(total_of(callee, name) for callee in node["c"])


def check_usage():
    for arguments, text in USAGE.items():
        done = flame(*arguments.split())
        tap.check("usage, %s: exit 2 and one line" % arguments,
                  done.returncode == 2 and text in done.stderr and done.stderr.count("\n") == 1, done.stderr)
    tap.check("nothing was made", os.listdir(root) == [], os.listdir(root))
    done = flame("--table", "nowhere")
    tap.check("a table of nothing: exit 3", done.returncode == 3 and "no result" in done.stderr, done.stderr)
    done = flame("--diff", "nowhere", "nothing", "--out", "x")
    tap.check("a difference of nothing: exit 3", done.returncode == 3 and "no result" in done.stderr, done.stderr)
    done = flame("--impl", "ours", *SIZES, "--out", "bare", PATH="/nowhere")
    tap.check("without perf: exit 3, and what to install",
              done.returncode == 3 and "apt-get install linux-perf" in done.stderr, done.stderr)


def check_ours():
    done = flame("--impl", "ours", *SIZES, "--observer", "--out", "out")
    folder = only_result("ours")
    tap.check("ours is recorded", done.returncode == 0, done.stderr)
    tap.check("the folder's name tells what it is of",
              re.search(r"/\d{8}T\d{6}Z-\d[\w.]*-2_16M_1K-debug_off$", folder), folder)
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    again = flame("--impl", "ours", *SIZES, "--observer", "--out", "out", "--resume")
    tap.check("--resume: what is finished is not made again", again.returncode == 0 and
              "is there already" in again.stderr and only_result("ours") == folder, again.stderr)
    result = manifest["result"]
    tap.check("the manifest tells the traffic",
              manifest["finished"] and result["messages"] == MESSAGES and result["client_cpu_s"] > 0
              and result["server_cpu_s"] > 0 and manifest["settings"]["observer"], manifest)
    tap.check("and the memory of all three", sorted(result["peak_rss_bytes"]) == ["c1", "o1", "s1"], result)
    with open(os.path.join(folder, "duration"), encoding="utf-8") as file:
        tap.check("and how long it took", re.fullmatch(r"wall \d+\.\d+ s\ncpu \d+\.\d+ s\n", file.read()))
    names = set(os.listdir(folder))
    wanted = {role + suffix for role in ("c1", "o1", "s1") for suffix in (".folded",) + ((".html",) if PAGES else ())}
    if JEMALLOC:
        wanted |= {"c1-heap.folded", "s1-heap.folded"} | ({"c1-heap.html", "s1-heap.html"} if PAGES else set())
    tap.check("stacks and pages of all three", wanted <= names, sorted(wanted - names))
    tap.check("and no drafts", not [name for name in names if name.endswith((".data", ".raw", ".control", ".heap"))],
              sorted(names))
    tap.check("samples are counted", total_of({"v": 0, "c": [
        {"v": int(line.rsplit(" ", 1)[1]), "c": []} for line in open(os.path.join(folder, "s1.folded"))]}) ==
              result["samples"]["s1"] > 0, result)
    if PAGES:
        for role in ("c1", "s1"):
            frames = frames_of(tree_of(os.path.join(folder, role + ".html")))
            tap.check("%s: frames have names, the kernel's too" % role,
                      OURS & frames and any(name.endswith("_[k]") for name in frames), sorted(frames))
    if PAGES and JEMALLOC:
        frames = frames_of(tree_of(os.path.join(folder, "c1-heap.html")))
        tap.check("and those of the heap", "main" in frames and "work_run" in frames, sorted(frames))
    return folder


def check_js(ours):
    if not os.path.isdir(os.path.join(MODULES, "@grpc", "grpc-js")):
        tap.skip("grpc-js is not there")
        return
    with open(os.path.join(root, "js.yaml"), "w", encoding="utf-8") as file:
        file.write(SCENARIO % (os.path.join(SRC, "examples", "js_server.js"), MODULES))
    before = js_maps()
    done = flame("--impl", "grpc-js", "--scenario", "js.yaml", "--streams", "2", "--per-stream", "8M", "--per-packet",
                 "1K", "--only", "cpu", "--out", "out")
    theirs = only_result("grpc-js")
    tap.check("grpc-js is recorded", done.returncode == 0, done.stderr)
    tap.check("the folder names its version and the runtime's", re.search(r"Z-\d[\d.]+-node-\d+\.\d", theirs), theirs)
    tap.check("no observer, no o1", "c1.folded" in os.listdir(theirs) and "o1.html" not in os.listdir(theirs))
    with open(os.path.join(theirs, "s1.folded"), encoding="utf-8") as file:
        stacks = file.read()
    tap.check("functions in JavaScript have names", re.search(r";JS:[^;]+:\d+:\d+", stacks), stacks[:2000])
    tap.check("what node wrote for perf is gone", js_maps() <= before, js_maps() - before)
    done = flame("--table", "out")
    tap.check("the table has both", done.returncode == 0 and len(done.stdout.splitlines()) == 3 and
              re.search(r"^grpc-js .*\n^ours ", done.stdout, re.MULTILINE), done.stdout)
    if not PAGES:
        return
    done = flame("--diff", ours, theirs, "--out", "difference")
    tap.check("a difference is drawn", done.returncode == 0, done.stderr)
    tree = tree_of(os.path.join(root, "difference", "s1.html"))
    tap.check("it is one of shares", 990000 < total_of(tree) < 1010000 and abs(total_of(tree, "d")) < 10000,
              total_of(tree), total_of(tree, "d"))
    tap.check("of both", OURS & frames_of(tree) and any(name.startswith("JS:") for name in frames_of(tree)))


def check_interrupt():
    out = os.path.join(root, "stopped")
    driver = subprocess.Popen([DRIVER, "flame", "--impl", "ours", "--streams", "100000", "--per-stream", "100M",
                               "--per-packet", "1M", "--only", "heap", "--out", out], stderr=subprocess.PIPE, text=True)
    wait_until(lambda: [line for line in left_over() if b"--client-streaming" in line and b"/bin/sh" not in line])
    driver.send_signal(signal.SIGINT)
    said = driver.communicate(timeout=300)[1]
    tap.check("Ctrl-C: exit 130", driver.returncode == 130 and "interrupted" in said, driver.returncode, said)
    tap.check("Ctrl-C: it says how to go on", "--resume" in said, said)
    tap.check("what was not finished is gone", os.listdir(os.path.join(out, "ours")) == [])
    tap.check("and so are the processes", not left_over(), left_over())


def check_full_disk():
    small = os.path.join(root, "small")
    os.mkdir(small)
    script = 'mount -t tmpfs -o size=64k tmpfs "$1" && exec "$2" flame --impl ours %s --only heap --out "$1/x"'
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        tap.skip("no mount namespace of our own")
        return
    done = subprocess.run(["unshare", "-m", "sh", "-c", script % " ".join(SIZES), "sh", small, DRIVER], timeout=300,
                          capture_output=True, text=True)
    tap.check("a full disk: exit 3, and it says so", done.returncode == 3 and "No space left on device" in done.stderr,
              done.returncode, done.stderr)


def may_record():
    done = subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-o", "/dev/null", "true"], capture_output=True)
    return done.returncode == 0


check_usage()
if shutil.which("perf") is None or not may_record():
    tap.skip("perf is not there, or may not record")
else:
    check_js(check_ours())
check_interrupt()
if JEMALLOC:
    check_full_disk()
tap.check("nothing is left", not left_over(), left_over())
shutil.rmtree(root)
tap.done()
