#!/usr/bin/env python3
"""Runs recorded by the driver, kept in tests/fixtures/runs: judged again they get the verdicts that they got live, and
every report can be made of them. Then the same runs truncated, damaged, foreign and too new: one clear line each.

A fixture is NAME.db.xz, the run.db of a run, and NAME.verdicts: its exit status and what failed or was inconclusive,
as the driver that recorded it said. `recorded_runs.py --record NAME RUN STATUS` makes both of a run folder. "version1"
is of a driver from before checkpoints, which wrote version 1 and no summary.json; it had passed. "version2" is of one
from before many hosts, with nemeses. "hosts" is the whole of two, servers and clients apart, of which one was lost."""

import json
import lzma
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

SRC = os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(SRC, "tests", "lib"))
from tap import Tap  # noqa: E402

RUNS = os.path.join(SRC, "tests", "fixtures", "runs")
DRIVER = os.path.join(os.environ.get("top_builddir", "build"), "driver", "driver")
FORMATS = "terminal json junit markdown csv ndjson openmetrics".split()
PAGE = 4096


def verdicts_of(summary):
    """Lines of what did not pass."""
    every = [("the run", v) for v in summary["verdicts"]]
    every += [(c["name"], v) for c in summary["components"] for v in c["verdicts"]]
    return sorted("%s %s %s" % (v["outcome"], v["rule"], name) for name, v in every if v["outcome"] != "pass")


def record(name, run, status):
    """The paths of where it was recorded are cut off."""
    with tempfile.TemporaryDirectory() as folder:
        path = shutil.copy(os.path.join(run, "run.db"), folder)
        with sqlite3.connect(path) as db:
            db.create_function("cut", 1, lambda text: re.sub(r"(?<![\w.:/])/[^\s'\"]*/", "", text))
            db.execute("UPDATE component SET command = cut(command)")
            db.execute("UPDATE meta SET value = cut(value) WHERE key IN ('argv', 'scenario')")
        db.execute("VACUUM")
        db.close()
        with open(path, "rb") as file, lzma.open(os.path.join(RUNS, name + ".db.xz"), "wb") as to:
            to.write(file.read())
    lines = []
    if status != "0":
        with open(os.path.join(run, "summary.json"), encoding="utf-8") as file:
            lines = verdicts_of(json.load(file))
    with open(os.path.join(RUNS, name + ".verdicts"), "w", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in ["status " + status] + lines))


def driver(*argv):
    return subprocess.run([DRIVER, *argv], capture_output=True, text=True, errors="replace", timeout=300)


def unpack(name, folder):
    os.makedirs(folder)
    with lzma.open(os.path.join(RUNS, name + ".db.xz")) as file, open(os.path.join(folder, "run.db"), "wb") as to:
        shutil.copyfileobj(file, to)
    return folder


def check_verdicts(tap, name, run):
    with open(os.path.join(RUNS, name + ".verdicts"), encoding="utf-8") as file:
        status, *expected = file.read().splitlines()
    gate = driver("gate", run)
    tap.check("%s: gate: %s" % (name, status), status == "status %d" % gate.returncode, gate.stdout, gate.stderr)
    got = verdicts_of(json.loads(driver("report", run, "--format", "json").stdout))
    tap.check("%s: the live verdicts, %d not passed" % (name, len(expected)), got == expected,
              *["now: " + line for line in sorted(set(got) - set(expected))],
              *["live: " + line for line in sorted(set(expected) - set(got))])


def check_reports(tap, name, run):
    for form in FORMATS:
        done = driver("report", run, "--format", form)
        tap.check("%s: a report as %s" % (name, form), done.returncode == 0 and done.stdout != "", done.stderr)
    done = driver("charts", run)
    tap.check("%s: charts" % name, done.returncode == 0 and os.path.getsize(os.path.join(run, "index.html")) > 0,
              done.stderr)


def change(run, how):
    """A copy of its run.db, changed by how(bytearray)."""
    folder = tempfile.mkdtemp(dir=os.path.dirname(run))
    with open(os.path.join(run, "run.db"), "rb") as file:
        data = bytearray(file.read())
    how(data)
    with open(os.path.join(folder, "run.db"), "wb") as file:
        file.write(data)
    return folder


def alter(run, *statements):
    folder = change(run, lambda data: None)
    db = sqlite3.connect(os.path.join(folder, "run.db"))
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()
    return folder


def truncate(share):
    def how(data):
        del data[int(len(data) * share):]

    return how


def overwrite(page):
    def how(data):
        data[page * PAGE:(page + 1) * PAGE] = b"\xff" * PAGE

    return how


def become_text(data):
    data[:] = b"no database " * 1000


def check_refused(tap, what, says, run):
    for argv in (["gate", run], ["report", run], ["report", run, "--format", "csv"], ["charts", run]):
        done = driver(*argv)
        lines = done.stderr.splitlines()
        tap.check("%s: %s" % (what, " ".join(argv[:1] + argv[2:])),
                  done.returncode == 3 and len(lines) == 1 and "run.db" in lines[0] and says in lines[0],
                  "exit %d" % done.returncode, done.stderr)


def check_trouble(tap, run):
    pages = os.path.getsize(os.path.join(run, "run.db")) // PAGE
    for share in (0.1, 0.5, 0.99):
        check_refused(tap, "%.0f %% of it" % (100 * share), "truncated or damaged", change(run, truncate(share)))
    check_refused(tap, "empty", "empty: not a Flatline run", change(run, truncate(0)))
    check_refused(tap, "its second page lost", "damaged", change(run, overwrite(1)))
    check_refused(tap, "a page of samples lost", "damaged", change(run, overwrite(pages * 2 // 3)))
    check_refused(tap, "a newer one", "schema version 99 is newer than",
                  alter(run, "UPDATE meta SET value = 99 WHERE key = 'schema_version'"))
    check_refused(tap, "text", "not a database", change(run, become_text))
    check_refused(tap, "somebody else's database", "not a Flatline run", alter(run, "PRAGMA application_id = 7"))


def versions():
    """The schema versions of the runs that are kept, and the program's versions that recorded them."""
    schemas, programs = set(), set()
    with tempfile.TemporaryDirectory() as root:
        for entry in os.listdir(RUNS):
            if entry.endswith(".db.xz"):
                name = entry[:-len(".db.xz")]
                db = sqlite3.connect(os.path.join(unpack(name, os.path.join(root, name)), "run.db"))
                meta = dict(db.execute("SELECT key, value FROM meta"))
                db.close()
                schemas.add(int(meta["schema_version"]))
                programs.add(meta["flatline_version"])
    return schemas, programs


def check_versions(tap):
    """A run is kept of every schema version there was, and of every version that was released."""
    schemas, programs = versions()
    with open(os.path.join(SRC, "common", "run", "schema.h"), encoding="utf-8") as file:
        newest = int(re.search(r"#define RUN_SCHEMA_VERSION (\d+)", file.read()).group(1))
    tap.check("a run of each schema version, 1 to %d" % newest, schemas == set(range(1, newest + 1)), schemas)
    with open(os.path.join(SRC, "CHANGELOG.md"), encoding="utf-8") as file:
        released = set(re.findall(r"^## \[(\d+\.\d+\.\d+)\]", file.read(), re.MULTILINE))
    tap.check("a run of each released version (%d so far)" % len(released), released <= programs, released - programs)


def check_summaries(tap):
    """What was written as a summary once is one still."""
    import jsonschema
    with open(os.path.join(SRC, "docs", "summary.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    kept = sorted(entry for entry in os.listdir(RUNS) if re.match(r"summary\d+\.json$", entry))
    for entry in kept:
        with open(os.path.join(RUNS, entry), encoding="utf-8") as file:
            wrong = [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(json.load(file))]
        tap.check("%s is a summary by today's schema" % entry, not wrong, *wrong)
    tap.check("summaries are kept", kept)


def main():
    tap = Tap()
    check_versions(tap)
    check_summaries(tap)
    with tempfile.TemporaryDirectory() as root:
        for name in sorted(entry[:-len(".verdicts")] for entry in os.listdir(RUNS) if entry.endswith(".verdicts")):
            run = unpack(name, os.path.join(root, name))
            check_verdicts(tap, name, run)
            check_reports(tap, name, run)
        check_trouble(tap, unpack("clean", os.path.join(root, "whole")))
    tap.done()


if sys.argv[1:2] == ["--record"]:
    record(*sys.argv[2:])
else:
    main()
