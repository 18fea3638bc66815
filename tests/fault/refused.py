#!/usr/bin/env python3
"""A machine that says no: each program with one call refused, or all from one on (tests/fixtures/refuse.c), at
places drawn with a seed. Whatever it was: no hang, no crash, an exit status of the table, a line that says why
when it fails; what was acknowledged is there afterwards, and no verdict is another than the run's own.

    REFUSE_SEED, REFUSE_CASES   another sample, a larger one (per program); REFUSE_CASES=all: every place, which takes hours
    REFUSE_ONLY=NAME/malloc:17+ that case alone"""

import concurrent.futures
import contextlib
import glob
import http.client
import itertools
import json
import lzma
import os
import queue
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import ports
from program import BUILD, CLIENT, DRIVER, PATIENCE, SERVER, Program, Server, wait_until
from results import RESULTS, Results, batch, point, talk
from tap import Tap

UPLOADER = os.path.join(BUILD, "results-server", "uploader", "uploader")
SHIM = os.path.join(BUILD, "tests", "fixtures", "refuse.so")
KINDS = ("malloc write open accept fork mmap socket pipe epoll pwrite fsync rename pread send recv thread").split()
SEED = int(os.environ.get("REFUSE_SEED", "7"))
CASES = os.environ.get("REFUSE_CASES", "16")
ONLY = os.environ.get("REFUSE_ONLY")
THREADS = 4
STATUSES = {0, 1, 2, 3, 4, 251}
# As short as may be, and nothing in it that a slow machine could fail by.
SCENARIO = """
duration: 500ms
sample-interval: 50ms
checkpoints: 0
limits: {recovery: 60s, stall: 60s, coverage: 0.01}
servers: [{name: server, ready: {by: page, timeout: 60s}}]
clients: [{name: client, server: server, pattern: bidi-stream, ready: {by: page, timeout: 60s}}]
"""
tap = Tap()


numbers = itertools.count(1)


class Wrong(Exception):
    pass


class Case:
    """A program with one refusal, or none: counted only."""

    def __init__(self, folder, refusal=None):
        self.folder = folder
        self.refusal = refusal
        self.counts_path = os.path.join(folder, "counts")

    def environment(self):
        more = {"REFUSE": self.refusal} if self.refusal else {}
        return dict(os.environ, LD_PRELOAD=SHIM, REFUSE_COUNTS=self.counts_path, **more)

    def counts(self):
        with open(self.counts_path, "rb") as file:
            return dict(zip(KINDS, struct.unpack("%dQ" % len(KINDS), file.read())))

    def number(self):
        return int(self.refusal.rstrip("+").split(":")[1])

    def was_refused(self):
        return self.counts()[self.refusal.split(":")[0]] >= self.number()

    def run(self, *argv, given=""):
        """To its end: status and what it said; a hang or a crash is wrong."""
        try:
            done = subprocess.run(argv, env=self.environment(), input=given, capture_output=True, text=True,
                                  timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise Wrong("hangs") from None
        return self.judged(done.returncode, done.stdout, done.stderr)

    def judged(self, status, out, err):
        if status not in STATUSES:
            raise Wrong("exit status %d: %s" % (status, err[-300:]))
        # Only who may not write cannot say so.
        if status not in (0, 1) and not err.strip() and not (self.refusal or "").startswith("write"):
            raise Wrong("exit status %d without a word" % status)
        return status, out, err


def unpacked_run():
    folder = tempfile.mkdtemp(dir=scratch)
    with lzma.open(os.path.join(os.environ["top_srcdir"], "tests/fixtures/runs/clean.db.xz")) as packed:
        with open(os.path.join(folder, "run.db"), "wb") as file:
            file.write(packed.read())
    return folder


def judges(verb, runs=1):
    """A verdict on a recorded run is the same, or there is none."""

    def run(case):
        status, out, _ = case.run(DRIVER, verb, *runs * [recorded])
        if case.refusal is None:
            expected[verb] = status, out
        elif status not in (2, 3) and (status, out) != expected[verb]:
            raise Wrong("exit status %d, with another verdict than the run's: %s" % (status, out[-300:]))

    return run


def charts(case):
    """All that is drawn of a run, or a word."""
    folder = os.path.join(case.folder, "run")
    shutil.copytree(recorded, folder)
    status, _, _ = case.run(DRIVER, "charts", folder)
    drawn = sorted(os.listdir(folder) + os.listdir(os.path.join(folder, "charts")) if status == 0 else [])
    if case.refusal is None:
        expected["charts"] = drawn
    elif status == 0 and drawn != expected["charts"]:
        raise Wrong("exit status 0, and drawn is only " + " ".join(drawn))


def left_behind(case):
    """Processes that a run of the driver has started: they inherit what only it was given."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open("/proc/%s/environ" % pid, "rb") as file:
            if case.counts_path.encode() in file.read():
                found.append(pid)
    return found


def fleet(case):
    """A run that passes has all of its record, whoever looks again; nothing outlives any."""
    port = free_ports.get()
    status, out, err = case.run(DRIVER, "--scenario", scenario, "--working-dir", os.path.join(case.folder, "runs"),
                                "--base-port", str(port))
    free_ports.put(port)
    try:
        wait_until(lambda: not left_behind(case))
    except AssertionError:
        raise Wrong("leaves processes behind: " + " ".join(left_behind(case))) from None
    if status == 0:
        (folder,) = glob.glob(os.path.join(case.folder, "runs", "*seed*"))
        again = subprocess.run([DRIVER, "gate", folder], capture_output=True, text=True, timeout=PATIENCE)
        if again.returncode != 0 or again.stdout != out:
            raise Wrong("exit status 0, but judged again %d: %s" % (again.returncode, again.stdout + again.stderr))
    if case.refusal is None and status not in (0, 4):
        raise Wrong("without a refusal: exit status %d: %s%s" % (status, out, err))
    # The fleet is healthy: whatever fails is the machine's fault. One that stands still lets no traffic flow.
    if status == 1 and "no-traffic" not in out:
        raise Wrong("fails a healthy fleet: " + out[-600:] + err[-600:])


def delay(case):
    """What it does for a connection may fail; its client gets an answer or an end."""
    with listening(case, DRIVER, "delay", "--listen", "0", "--to", "127.0.0.1:%d" % peer.port,
                   "--rtt", "1ms") as (_, port):
        for _ in range(2 if port and not mute(case) else 0):
            try:
                subprocess.run([CLIENT, "--port", str(port), "--connect-timeout", "1s", "--call-timeout", "2s",
                                "--num-calls", "3"], capture_output=True, timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                raise Wrong("lets a client wait for ever") from None


def client(case):
    status, out, _ = case.run(CLIENT, "--port", str(peer.port), "--json", "--connect-timeout", "1s",
                              "--num-connections", "3", "--num-calls", "5", "--bidi-streaming", "4")
    if status == 0 and json.loads(out)["calls"]["started"] != 15:
        raise Wrong("exit status 0 after less than it was told: " + out)


def ended(program, case):
    """SIGTERM, if it is still there, and what came of it."""
    program.process.send_signal(signal.SIGTERM)
    try:
        status = program.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        raise Wrong("does not end on SIGTERM: " + program.said()[-300:]) from None
    return case.judged(status, "", program.said())


@contextlib.contextmanager
def listening(case, *argv):
    """A server under refusals: its port, or None if it could not begin."""
    with Program(*argv, env=case.environment()) as program:
        end = time.monotonic() + PATIENCE
        found = None
        while found is None and program.process.poll() is None:
            found = re.search(r"listening on \S+:(\d+)", program.said())
            if time.monotonic() > end:
                raise Wrong("neither listens nor ends: " + program.said()[-300:])
            time.sleep(0.01)
        yield program, int(found.group(1)) if found else None
        ended(program, case)


def mute(case):
    return re.match(r"accept:\d+\+", case.refusal or "")


def is_told_of(case, program, port):
    """Who accepts nobody lets clients wait, but its log says so."""
    with contextlib.ExitStack() as clients:
        for _ in range(case.number()):
            clients.enter_context(socket.create_connection(("127.0.0.1", port)))
        program.wait_said("cannot accept: Too many open files")


def server(case):
    """What it does for a client may fail; the client gets an answer or an end."""
    with listening(case, SERVER, "--port", "0", "--drain", "100ms") as (program, port):
        if port and mute(case):
            is_told_of(case, program, port)
        for _ in range(2 if port and not mute(case) else 0):
            try:
                subprocess.run([CLIENT, "--port", str(port), "--connect-timeout", "1s", "--num-calls", "3",
                                "--server-streaming", "3"], capture_output=True, timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                raise Wrong("lets a client wait for ever") from None


def results(case):
    """What it acknowledged it has, after a start without refusals."""
    store = os.path.join(case.folder, "store")
    kept = []
    with listening(case, RESULTS, "--store", store, "--listen", "127.0.0.1:0", "--io-timeout", "2s") as (program, port):
        if port and mute(case):
            is_told_of(case, program, port)
        for number in range(1, 6 if port and not mute(case) else 0):
            post(port, number, kept)
    with Results(store=store) as server:
        for number in kept:
            status, body = server.ask("GET", "/test/t%d" % number)
            if status != 200:
                raise Wrong("lost test t%d, which it acknowledged: %s" % (number, body))


def post(port, number, kept):
    """A test of its own; noted in kept once acknowledged."""
    try:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
            status, _, _ = talk(connection, "POST", "/test/t%d" % number, {"started": True})
            if status in (200, 201):
                kept.append(number)
            talk(connection, "GET", "/test/t%d" % number)
    except socket.timeout:
        raise Wrong("lets a client wait for ever") from None
    except (OSError, http.client.HTTPException, ValueError):
        pass


def uploader(case):
    """0: the server has all of them; 1: it said that it dropped some."""
    name = "u%d" % next(numbers)
    store.ask("POST", "/test/" + name, {"started": True})
    lines = "".join(json.dumps(point(n)) + "\n" for n in range(1, 41))
    status, _, err = case.run(UPLOADER, "--to", "http://127.0.0.1:%d" % store.port, "--test", name, "--peer", "p",
                              "--lines", "--drain-timeout", "1s", "--barrier-timeout", "1s", given=lines)
    told = store.ask("GET", "/test/%s?dataPoints=true" % name)[1]["dataPoints"]
    there = sum(len(posted["batch"]["points"]) for posted in told)
    if status == 0 and there != 40:
        raise Wrong("exit status 0, and %d points of 40 are there" % there)
    if status == 1 and not re.search("dropped|no points", err) and not case.refusal.startswith("write"):
        raise Wrong("exit status 1 without a cause: " + err)
    # What is refused is no fault of the command line or of the points.
    if re.search("is not http://|expected", err):
        raise Wrong("another cause: " + err)


PROGRAMS = {"driver": fleet, "driver delay": delay, "driver gate": judges("gate"), "driver report": judges("report"),
            "driver compare": judges("compare", 2), "driver charts": charts, "stress-client": client,
            "stress-server": server, "results-server": results, "uploader": uploader}


def sample(counts, draw):
    """Of every kind that the program calls: the first, and more at random, alone or with all after it."""
    used = [kind for kind in KINDS if counts[kind] > 0]
    if CASES == "all":
        return ["%s:%d%s" % (kind, number, after) for kind in used for number in range(1, counts[kind] + 1)
                for after in ("", "+")]
    cases = ["%s:1%s" % (kind, draw.choice(["", "+"])) for kind in used]
    while len(cases) < int(CASES):
        kind = draw.choice(used + ["malloc"])
        cases.append("%s:%d%s" % (kind, draw.randint(1, counts[kind]), draw.choice(["", "+"])))
    return cases


def one(run, refusal):
    """What was wrong, or None; whether it was refused anything."""
    case = Case(tempfile.mkdtemp(dir=scratch), refusal)
    try:
        run(case)
    except Wrong as wrong:
        return "%s: %s" % (refusal, wrong), True
    return None, case.was_refused()


def check(name, run, pool):
    counted = Case(tempfile.mkdtemp(dir=scratch))
    run(counted)
    cases = sample(counted.counts(), random.Random("%d %s" % (SEED, name)))
    if ONLY:
        cases = [ONLY.split("/")[1]] if ONLY.startswith(name + "/") else []
    begun = time.monotonic()
    answers = list(pool.map(lambda refusal: one(run, refusal), cases))
    met = sum(met for _, met in answers)
    print("# %s: %d refusals of %d met, %.1f s" % (name, met, len(cases), time.monotonic() - begun))
    wrong = [text for text, _ in answers if text]
    tap.check("%s: whatever is refused, it ends well" % name, not wrong, *wrong)
    tap.check("%s: most of it was met" % name, ONLY or met > len(cases) / 2)


with open(SERVER, "rb") as binary:
    if b"__asan" in binary.read():
        print("1..0 # SKIP sanitizers come before any other preload")
        sys.exit(0)
expected = {}
free_ports = queue.Queue()
for _ in range(THREADS):
    free_ports.put(ports.port())
with tempfile.TemporaryDirectory() as scratch, Server() as peer, Results() as store, \
        concurrent.futures.ThreadPoolExecutor(THREADS) as threads:
    recorded = unpacked_run()
    scenario = os.path.join(scratch, "scenario.yaml")
    with open(scenario, "w", encoding="ascii") as text:
        text.write(SCENARIO)
    for program_name, program_run in PROGRAMS.items():
        check(program_name, program_run, threads)
tap.done()
