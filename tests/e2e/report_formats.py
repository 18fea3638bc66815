#!/usr/bin/env python3
"""`driver report` on runs that never were, in every format, read by parsers that are not ours and held
against run.db and against one another; and what it says of wrong words, foreign files and full disks."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

SRC = os.environ["top_srcdir"]
BUILD = os.environ["top_builddir"]
sys.path.insert(0, os.path.join(SRC, "tests", "lib"))
import jsonschema  # noqa: E402
from tap import Tap  # noqa: E402

DRIVER = os.path.join(BUILD, "driver/driver")
MAKE = os.path.join(BUILD, "tests/fixtures/make_run")
SHAPES = ("healthy", "leak", "interrupted", "early", "strange")

tap = Tap()
root = tempfile.mkdtemp(prefix="flatline-test-report-")


def make(shape):
    run = os.path.join(root, shape)
    subprocess.run([MAKE, run, "40s", "500ms"] + [shape][shape == "healthy":], check=True, timeout=60)
    return run


def driver(*argv, **more):
    return subprocess.run([DRIVER, *argv], capture_output=True, timeout=60, **more)


def report(run, *argv):
    """What it writes; a report is written of any run, so every other status is a failure."""
    done = driver("report", run, *argv)
    if done.returncode != 0:
        raise AssertionError("exit %d: %s" % (done.returncode, done.stderr.decode()))
    return done.stdout.decode("utf-8")


def query(run, sql):
    with sqlite3.connect("file:%s/run.db?mode=ro" % run, uri=True) as db:
        db.text_factory = lambda b: b.decode("utf-8", "replace")
        return db.execute(sql).fetchall()


def check_json(shape, run, outcome):
    with open(os.path.join(SRC, "docs/summary.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    summary = json.loads(report(run, "--format", "json"))
    wrong = [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(summary)]
    tap.check("%s: json follows its schema" % shape, not wrong, *wrong[:5])
    got = summary["verdict"]["outcome"]
    tap.check("%s: json says %s" % (shape, outcome), got == outcome, got)
    components = query(run, "SELECT name FROM component ORDER BY id")
    ascii_only = [name for name, in components if name.isascii()]
    named = [c["name"] for c in summary["components"]]
    tap.check("%s: json has every component" % shape,
              len(named) == len(components) and set(ascii_only) <= set(named))
    judged = {tuple(v["rule"] for v in c["verdicts"]) for c in summary["components"]}
    tap.check("%s: and the same rules for each" % shape, len(judged) == 1 and len(min(judged)) > 5, judged)
    return summary


def check_json_numbers(run, summary):
    for name, peak, cap in query(run, """SELECT name, max(live), heap_cap FROM component JOIN incarnation
            ON component = component.id JOIN sample ON incarnation = incarnation.id GROUP BY name LIMIT 3"""):
        memory = [c["memory"] for c in summary["components"] if c["name"] == name][0]
        tap.check("json: memory of %s" % name,
                  (memory["live_peak_bytes"], memory["heap_cap_bytes"]) == (peak, cap), memory, peak, cap)
    seeds = query(run, "SELECT value FROM meta WHERE key = 'seed'")
    tap.check("json: how to repeat it", summary["run"]["repeat"] ==
              "driver --gen-charts --duration 60s --seed %d" % seeds[0][0], summary["run"]["repeat"])


def check_output(run):
    path = os.path.join(root, "saved")
    for text in ("old", "new"):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        report(run, "--format", "json", "--output", path)
    with open(path, encoding="utf-8") as file:
        tap.check("--output: the same as on standard output", file.read() == report(run, "--format", "json"))
    tap.check("--output: nothing else is left", not [f for f in os.listdir(root) if f.endswith(".part")])
    tap.check("the run folder is as it was", os.listdir(run) == ["run.db"], os.listdir(run))


def refused(what, status, says, *argv, **more):
    done = driver(*argv, **more)
    lines = done.stderr.decode().splitlines()
    tap.check(what, done.returncode == status and len(lines) == 1 and says in lines[0],
              "exit %d" % done.returncode, *lines)


def check_refusals(run):
    refused("an unknown format is answered by the list", 2, "there are terminal, json",
            "report", run, "--format", "jsn")
    refused("no run", 2, "give it RUN", "report")
    refused("no such folder", 3, "No such file or directory", "report", run + "-not")
    refused("a full disk", 3, "disk full", "report", run, "--format", "json", "--output", "/dev/full")
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([DRIVER, "report", run], stdout=full, stderr=subprocess.PIPE, timeout=60)
    tap.check("a full standard output", done.returncode == 3 and b"disk full" in done.stderr, done.stderr)
    refused("a folder that is not there", 3, "cannot write /nowhere/x",
            "report", run, "--output", "/nowhere/x")
    cut = os.path.join(root, "cut")
    os.mkdir(cut)
    with open(os.path.join(run, "run.db"), "rb") as file:
        head = file.read(20480)
    with open(os.path.join(cut, "run.db"), "wb") as file:
        file.write(head)
    refused("a truncated run", 3, "run.db", "report", cut, "--format", "json")
    with open(os.path.join(cut, "run.db"), "wb") as file:
        file.write(b"no database " * 100)
    refused("a foreign file", 3, "not a database", "report", cut, "--format", "json")


def main():
    outcomes = {}
    runs = {shape: make(shape) for shape in SHAPES}
    for shape, run in runs.items():
        gate = driver("gate", run)
        outcomes[shape] = {0: "pass", 1: "fail", 4: "inconclusive"}[gate.returncode]
        summary = check_json(shape, run, outcomes[shape])
        if shape == "healthy":
            check_json_numbers(run, summary)
    tap.check("the leak fails", outcomes["leak"] == "fail", outcomes)
    tap.check("what broke off does not pass", outcomes["interrupted"] != "pass", outcomes)
    check_output(runs["healthy"])
    check_refusals(runs["healthy"])
    tap.done()


try:
    main()
finally:
    shutil.rmtree(root)
