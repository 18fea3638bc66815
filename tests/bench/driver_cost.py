#!/usr/bin/env python3
"""What the driver itself costs, and what is made of a run folder afterwards.

    driver_cost.py OUT.json [--fleets 60,250,1000] [--idle] [--windows N] [--seconds S] [--rounds N]
                            [--gate DURATION] [--charts DURATION]

Fleets of so many sleeping children (tests/fixtures/fake_child, which publish all that a stress program does) are
sampled ten times a second. CPU is that of all threads of the driver, by schedstat, in windows of S seconds of which
the median counts; memory is its PSS at the end of them; bytes are those of run.db, by all that it holds. System
calls of the first fleet are counted by strace, after its windows. Unless --idle, the built-in fleet at work comes
next, with its kills. Then the charts and the gate over run folders that tests/fixtures/make_run wrote: 60 processes,
with their kills, at 10 Hz and at 1 Hz. `make bench-driver` calls it, on a machine with nothing else to do: beside each
fleet stands what the least of system calls took, which tells how busy it was with other things. What the figures mean
is in docs/driver-cost.md.
"""
import argparse
import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import ports
from program import BUILD, DRIVER, PATIENCE, Program, wait_until

FAKE = os.path.join(BUILD, "tests", "fixtures", "fake_child")
MAKE_RUN = os.path.join(BUILD, "tests", "fixtures", "make_run")
RATE = 10  # samples a second of each process
PUBLISH_MS = 200
BUILT_IN = 60  # processes of a driver that is given no scenario
ENTRY_MOST = 500  # components that one entry of a scenario makes
# name, unit, and the goal of each fleet that has one
GOALS = {"cpu_percent": {60: 1.0, 1000: 12.0}, "pss_mb": {60: 16.0}}
CHARTS_S, GATE_S, GATE_MB = 3.0, 10.0, 100.0
CHARTS_RATE = "100ms"


def house(folder):
    """A driver whose programs are fake ones: it looks for them beside itself."""
    home = os.path.join(folder, "bin")
    os.mkdir(home)
    shutil.copy(DRIVER, os.path.join(home, "driver"))
    for name in ("stress-server", "stress-client"):
        os.symlink(os.path.abspath(FAKE), os.path.join(home, name))
    return os.path.join(home, "driver")


def scenario(path, count):
    arguments = "[--publish-every, %d, --all-metrics]" % PUBLISH_MS
    clients = [min(ENTRY_MOST, count - 1 - first) for first in range(0, count - 1, ENTRY_MOST)]
    with open(path, "w", encoding="utf-8") as out:
        out.write("servers:\n  - {name: server, arguments: %s}\nclients:\n" % arguments)
        for i, n in enumerate(clients):
            out.write("  - {name: sleeper%d, count: %d, server: server, arguments: %s, cap: none}\n" % (
                i, n, arguments))


def cpu_of(pid):
    """Seconds of all threads, in the kernel too."""
    nanoseconds = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, task)) as file:
            nanoseconds += int(file.read().split()[0])
    return nanoseconds / 1e9


def pss_of(pid):
    with open("/proc/%d/smaps_rollup" % pid) as file:
        return int(re.search(r"^Pss: +(\d+) kB", file.read(), re.MULTILINE).group(1)) / 1024


def system_call_us():
    """CPU of a system call that does nothing, from here: twice as much on a machine with other things to do."""
    calls = 20000
    began = time.thread_time()
    for _ in range(calls):
        os.getppid()
    return (time.thread_time() - began) * 1e6 / calls


def windows_of(pid, windows, seconds):
    shares = []
    before, since = cpu_of(pid), time.monotonic()
    for _ in range(windows):
        time.sleep(seconds)
        now, at = cpu_of(pid), time.monotonic()
        shares.append(100 * (now - before) / (at - since))
        before, since = now, at
    return shares


def calls_of(pid, seconds, samples):
    """System calls by name, of each sample; None without strace, or the right to use it."""
    if shutil.which("strace") is None:
        return None
    with tempfile.NamedTemporaryFile("r") as out:
        tracer = subprocess.Popen(["strace", "-c", "-f", "-q", "-o", out.name, "-p", str(pid)],
                                  stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        tracer.send_signal(signal.SIGINT)
        if tracer.wait(PATIENCE) not in (0, -signal.SIGINT, 128 + signal.SIGINT):
            return None
        rows = [line.split() for line in out.read().splitlines()]
    counts = {row[-1]: int(row[3]) for row in rows if len(row) >= 5 and row[3].isdigit() and row[-1] != "total"}
    return {name: count / samples for name, count in sorted(counts.items(), key=lambda item: -item[1])} or None


def stored(folder, last_s=None):
    """Samples in run.db, its bytes, and the 99th percentile of how late those of the last seconds were, ms."""
    path = os.path.join(folder, "run.db")
    db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    count, newest = db.execute("SELECT count(*), max(time_ns) FROM sample").fetchone()
    if not count:
        sys.exit("bench: %s has no sample" % path)
    late = [row[0] for row in db.execute("SELECT lateness FROM sample WHERE time_ns > ? ORDER BY 1",
                                         (newest - last_s * 1e9,))] if last_s else []
    db.close()
    return count, os.path.getsize(path), late[len(late) * 99 // 100] / 1e6 if late else None


def fleet(driver, count, options, trace):
    """One fleet of so many, from its start to its end; the built-in one with the real driver."""
    folder = tempfile.mkdtemp(dir=options.folder)
    orders = []
    if driver != DRIVER:
        orders = ["--scenario", os.path.join(folder, "fleet.yaml"), "--checkpoints", "0"]
        scenario(orders[1], count)
    traced = min(options.seconds, 3.0) if trace else 0
    with Program(driver, *orders, "--working-dir", folder, "--base-port", str(ports.port()), "--evidence", "off",
                 "--duration", "1h", "--seed", "1", "--sample-interval", "%dms" % (1000 // RATE)) as program:
        if wait_until(lambda: program.process.poll() is not None or "processes are up" in program.said(),
                      5 * PATIENCE) and program.process.poll() is not None:
            sys.exit("bench: the driver ended at once:\n" + program.said())
        time.sleep(options.seconds)  # what a start leaves to do
        shares, idle_us = windows_of(program.process.pid, options.windows, options.seconds), system_call_us()
        pss = pss_of(program.process.pid)
        calls = calls_of(program.process.pid, traced, count * RATE * traced) if trace else None
        if program.stop(signal.SIGINT, 5 * PATIENCE) != 130:
            sys.exit("bench: the driver did not end as one that is interrupted:\n" + program.said())
    samples, size, late = stored(os.path.join(folder, "latest"), options.windows * options.seconds + traced)
    shutil.rmtree(folder)
    share = statistics.median(shares)
    return {"processes": count, "at_work": driver == DRIVER, "system_call_us": idle_us, "cpu_percent": share,
            "cpu_windows": shares, "cpu_us_per_sample": share * 1e4 / (count * RATE), "pss_mb": pss, "samples": samples,
            "run_db_bytes_per_sample": size / samples, "late_p99_ms": late, "system_calls_per_sample": calls}


def peak_of(pid):
    """The most memory that it has had, MB; 0 when it has gone."""
    try:
        with open("/proc/%d/status" % pid) as file:
            return int((re.search(r"^VmHWM:\s+(\d+) kB", file.read(), re.MULTILINE) or [0, 0])[1]) / 1024
    except (FileNotFoundError, ProcessLookupError):
        return 0


def spent(command, statuses):
    """What a command took: seconds, those of CPU with whatever it started, and the most memory of itself, MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    memory = 0
    with Program(*command) as program:
        while program.process.poll() is None:
            memory = max(memory, peak_of(program.process.pid))  # wait4 would count this script's before the exec
            time.sleep(0.005)
        took = time.monotonic() - began
        if program.process.returncode not in statuses:
            sys.exit("bench: status %d of %s:\n%s" % (program.process.returncode, " ".join(command), program.said()))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": took, "cpu_seconds": cpu, "memory_mb": memory}


def recorded(folder, name, duration, interval, rounds, statuses, *verb):
    """The median round of a verb over a run folder that never was."""
    run = os.path.join(folder, name)
    subprocess.run([MAKE_RUN, run, duration, interval, "full"], check=True)
    samples, size, _ = stored(run)
    seen = [spent([DRIVER, verb[0], run, *verb[1:]], statuses) for _ in range(rounds)]
    shutil.rmtree(run)
    middle = sorted(seen, key=lambda one: one["seconds"])[len(seen) // 2]
    return {"run": "%s at %s" % (duration, interval), "samples": samples, "run_db_bytes_per_sample": size / samples,
            **middle, "rounds": seen}


def verdict(value, goal):
    return "" if goal is None else "goal %g: %s" % (goal, "met" if value <= goal else "MISSED")


def line(what, name, value, goal=None):
    print("%-34s %-24s %10.2f  %s" % (what, name, value, verdict(value, goal)), flush=True)


def show_fleet(row):
    what = "%d processes at %d Hz%s" % (row["processes"], RATE, ", at work" if row["at_work"] else "")
    for name in ("cpu_percent", "cpu_us_per_sample", "pss_mb", "run_db_bytes_per_sample", "late_p99_ms",
                 "system_call_us"):
        line(what, name, row[name], GOALS.get(name, {}).get(row["processes"]))
    for name, count in list((row["system_calls_per_sample"] or {}).items())[:8]:
        line(what, "calls of " + name, count)


def show_recorded(what, row, seconds, memory):
    for name, goal in (("seconds", seconds), ("cpu_seconds", None), ("memory_mb", memory)):
        line("%s of %s" % (what, row["run"]), name, row[name], goal)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--fleets", default="60,250,1000")
    parser.add_argument("--idle", action="store_true")
    parser.add_argument("--windows", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gate", default="24h")
    parser.add_argument("--charts", default="60s")
    options = parser.parse_args()
    table = {"rate": RATE, "windows": options.windows, "seconds": options.seconds,
             "cores": len(os.sched_getaffinity(0)), "fleets": []}
    with tempfile.TemporaryDirectory() as folder:
        driver = house(folder)
        options.folder = folder
        for i, count in enumerate(int(word) for word in options.fleets.split(",") if word):
            table["fleets"].append(fleet(driver, count, options, i == 0))
            show_fleet(table["fleets"][-1])
        if not options.idle:
            table["fleets"].append(fleet(DRIVER, BUILT_IN, options, False))
            show_fleet(table["fleets"][-1])
        table["charts"] = recorded(folder, "charts", options.charts, CHARTS_RATE, options.rounds, (0,), "charts")
        show_recorded("charts", table["charts"], CHARTS_S, None)
        # What a made-up run is found guilty of does not matter.
        table["gate"] = recorded(folder, "gate", options.gate, "1s", options.rounds, (0, 1, 4), "gate")
        show_recorded("gate", table["gate"], GATE_S, GATE_MB)
    with open(options.out, "w", encoding="utf-8") as out:
        json.dump(table, out, indent=1)


if __name__ == "__main__":
    main()
