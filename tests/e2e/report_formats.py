#!/usr/bin/env python3
"""`driver report` on runs that never were, in every format, read by parsers that are not ours and held
against run.db and against one another; `driver compare` on the same runs; and what both say of wrong
words, foreign files and full disks."""

import collections
import csv
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
import junitparser  # noqa: E402
from prometheus_client.openmetrics.parser import text_string_to_metric_families  # noqa: E402
from tap import Tap  # noqa: E402

DRIVER = os.path.join(BUILD, "driver/driver")
MAKE = os.path.join(BUILD, "tests/fixtures/make_run")
SHAPES = ("healthy", "leak", "interrupted", "early", "strange")

tap = Tap()
root = tempfile.mkdtemp(prefix="flatline-test-report-")


def make(shape):
    run = os.path.join(root, shape)
    subprocess.run([MAKE, run, "40s", "500ms"] + [shape][shape == "healthy":], check=True, timeout=300)
    return run


def driver(*argv, **more):
    return subprocess.run([DRIVER, *argv], capture_output=True, timeout=300, **more)


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


def verdicts_of(summary):
    """(component, rule): outcome."""
    every = [("the run", v) for v in summary["verdicts"]]
    every += [(c["name"], v) for c in summary["components"] for v in c["verdicts"]]
    return {(name, v["rule"]): v["outcome"] for name, v in every}


def check_junit(shape, run, summary):
    path = os.path.join(root, "junit.xml")
    report(run, "--format", "junit", "--output", path)
    suites = junitparser.JUnitXml.fromfile(path)
    got, kinds = {}, {junitparser.Failure: "fail", junitparser.Error: "inconclusive"}
    for suite in suites:
        for case in suite:
            results = [kinds[type(result)] for result in case.result]
            got[case.classname, case.name] = results[0] if results else "pass"
    expected = verdicts_of(summary)
    tap.check("%s: junit has the verdicts" % shape, got == expected,
              *["%s: %s, not %s" % (key, got.get(key), expected.get(key))
                for key in set(got) ^ set(expected)][:5])
    counts = collections.Counter(expected.values())
    tap.check("%s: junit counts them" % shape,
              (suites.tests, suites.failures, suites.errors) ==
              (len(expected), counts["fail"], counts["inconclusive"]), suites, counts)
    properties = {p.name: p.value for suite in suites for p in suite.properties()}
    tap.check("%s: junit says how to repeat it" % shape,
              properties["repeat"] == summary["run"]["repeat"] and properties["coverage"] == "exact", properties)


def check_markdown(shape, run, summary):
    text = report(run, "--format", "markdown")
    word = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive"}[summary["verdict"]["outcome"]]
    lines = text.splitlines()
    tap.check("%s: markdown says so in its first line" % shape, lines[0] == "## Flatline: " + word, lines[0])
    tap.check("%s: markdown keeps its size" % shape, len(text.encode()) <= 64 << 10, len(text.encode()))
    tap.check("%s: markdown says how to repeat it" % shape, "    " + summary["run"]["repeat"] in lines)
    at = [text.find("### " + heading) for heading in ("Failed", "Inconclusive", "Processes")]
    present = [place for place in at if place >= 0]
    tap.check("%s: markdown has what failed first" % shape,
              present == sorted(present) and at[2] > 0 and
              (at[0] > 0) == ("fail" in verdicts_of(summary).values()), at)
    cells = {len(line.replace("\\|", "").split("|")) for line in lines if line.startswith("|")}
    tap.check("%s: markdown has whole tables, and no markup of others'" % shape,
              cells <= {9, 11} and "<" not in text.replace(summary["run"]["repeat"], ""), cells)
    small = report(run, "--format", "markdown", "--max-size", "8K")
    tap.check("%s: markdown in less room" % shape, len(small.encode()) <= 8192 and
              ("left out, for size" in small) == (small != text) and (small != text or len(text.encode()) < 8192),
              len(small.encode()), len(text.encode()))


def check_samples(shape, run):
    """CSV and NDJSON, row by row against run.db."""
    origin = query(run, """SELECT coalesce((SELECT value FROM meta WHERE key = 'ready_ns'),
        (SELECT value FROM meta WHERE key = 'start_ns'))""")[0][0]
    expected = query(run, """SELECT number, time_ns, stale, live, data, rss, calls_done FROM sample
        JOIN incarnation ON incarnation.id = incarnation ORDER BY component, number, time_ns""")
    rows = list(csv.DictReader(report(run, "--format", "csv").splitlines()))
    lines = [json.loads(line) for line in report(run, "--format", "ndjson").splitlines()]
    header = lines.pop(0)
    tap.check("%s: ndjson has a header" % shape, header["format"] == "flatline-samples" and
              header["units"]["live"] == "B" and header["units"]["time"] == "s", header)
    tap.check("%s: csv and ndjson have every sample" % shape, len(rows) == len(lines) == len(expected),
              len(rows), len(lines), len(expected))
    wrong = []
    for got, line, (number, time_ns, stale, *values) in zip(rows, lines, expected):
        time = (time_ns - origin) / 1e9
        in_csv = [got["live [B]"], got["data [B]"], got["rss [B]"], got["calls_done"]]
        in_json = [line.get(key) for key in ("live", "data", "rss", "calls_done")]
        if (abs(float(got["time [s]"]) - time) > 2e-6 or int(got["incarnation"]) != number or
                int(got["stale"]) != stale or in_csv != ["" if v is None else str(v) for v in values]):
            wrong.append(str(got))
        if (abs(line["time"] - time) > 2e-6 or line["component"] != got["component"] or
                line["stale"] != bool(stale) or in_json != values):
            wrong.append(str(line))
    tap.check("%s: and they say the same as run.db" % shape, not wrong, *wrong[:3])


def check_openmetrics(shape, run, summary):
    text = report(run, "--format", "openmetrics")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    tap.check("%s: openmetrics ends as it must" % shape, text.endswith("\n# EOF\n"))
    states = {}
    for sample in families["flatline_verdict"].samples:
        if sample.value == 1:
            key = sample.labels["component"] or "the run", sample.labels["rule"]
            states[key] = states.get(key, "") + sample.labels["flatline_verdict"]
    tap.check("%s: openmetrics has the verdicts" % shape, states == verdicts_of(summary))
    for family, sql in (("flatline_calls_done", "SELECT sum(top) FROM (SELECT max(calls_done) AS top "
                         "FROM sample GROUP BY incarnation)"),
                        ("flatline_live_bytes", "SELECT sum(live) FROM (SELECT live, max(time_ns) "
                         "FROM sample JOIN incarnation ON incarnation.id = incarnation GROUP BY component)")):
        got = sum(sample.value for sample in families[family].samples)
        want = query(run, sql)[0][0] or 0
        tap.check("%s: openmetrics: %s" % (shape, family), got == want, got, want)
    info = families["flatline_run"].samples[0].labels
    tap.check("%s: openmetrics: the run" % shape, info["repeat"] == summary["run"]["repeat"] and
              info["outcome"] == summary["verdict"]["outcome"], info)
    coverage = {sample.labels["coverage"] for sample in families["flatline_component"].samples}
    tap.check("%s: openmetrics: coverage" % shape, coverage == {"exact"}, coverage)


def check_evidence(run):
    """Collapsed stacks as an evidence phase leaves them: the reports name the function at their leaf."""
    folder = os.path.join(run, "evidence", "server-stable-secure")
    os.makedirs(folder)
    with open(os.path.join(folder, "stacks.folded"), "w", encoding="utf-8") as file:
        file.write("main;serve;keep_for_ever 900000\nmain;serve;other 1000\n")
    for name in ("json", "junit", "markdown"):
        text = report(run, "--format", name).replace("\\", "")
        tap.check("the guilty function is in the report as %s" % name, "keep_for_ever" in text)


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
    refused("an unknown format is answered by the list", 2, "there are terminal, json, junit",
            "report", run, "--format", "jsn")
    refused("too much Markdown", 2, "not between 8K and just below 1M",
            "report", run, "--format", "markdown", "--max-size", "1M")
    refused("no run", 2, "give it RUN", "report")
    refused("no such folder", 3, "No such file or directory", "report", run + "-not")
    refused("a full disk", 3, "disk full", "report", run, "--format", "json", "--output", "/dev/full")
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([DRIVER, "report", run], stdout=full, stderr=subprocess.PIPE, timeout=300)
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


def compare(*argv):
    """Its status, what it says to people, and to programs."""
    done, again = driver("compare", *argv), driver("compare", "--format", "json", *argv)
    said = done.stdout.decode("utf-8", "replace")
    summary = json.loads(again.stdout) if again.stdout else {}
    tap.check("compare: both formats end alike", done.returncode == again.returncode, done, again)
    return done.returncode, said, summary


def check_compare(runs):
    status, said, summary = compare(runs["healthy"], runs["healthy"])
    tap.check("compare: a run is no worse than itself", status == 0 and "NO REGRESSION" in said and
              summary["runs"][0]["outcome"] == "same" and summary["noise"] == "within", said)
    status, said, summary = compare(runs["healthy"], runs["leak"])
    leaking = [c for c in summary["runs"][0]["comparisons"] if c["outcome"] == "worse"]
    tap.check("compare: a leak is worse, and nothing else", status == 1 and
              {c["component"] for c in leaking} == {"server-stable-secure"} and
              "live" in {c["measure"] for c in leaking}, leaking)
    tap.check("compare: and says so", "worse   server-stable-secure live: " in said and "REGRESSION: " in said,
              said)
    tap.check("compare: of what beyond what",
              all(c["run"] - c["base"] > max(c["floor"], c["least"]) for c in leaking), leaking)
    status, said, summary = compare(runs["healthy"], runs["strange"])
    tap.check("compare: another fleet is told", status in (0, 1) and "only in the base: " in said and
              len(summary["runs"][0]["only_base"]) == 1, status, said)
    status, said, summary = compare(runs["healthy"], runs["early"])
    tap.check("compare: nothing to compare", status == 4 and "NOTHING TO COMPARE" in said, status, said)
    status, said, summary = compare("--base", runs["healthy"], runs["healthy"], runs["leak"], runs["healthy"])
    tap.check("compare: two bases, two runs", status == 1 and summary["noise"] == "bases" and
              [run["outcome"] for run in summary["runs"]] == ["regression", "same"], status, said)
    refused("compare: a base alone", 2, "give it BASE RUN...", "compare", runs["healthy"])
    refused("compare: an unknown format", 2, "there are terminal, json",
            "compare", "--format", "junit", runs["healthy"], runs["leak"])
    refused("compare: no run", 3, "No such file", "compare", runs["healthy"], runs["leak"] + "-not")


def main():
    outcomes = {}
    runs = {shape: make(shape) for shape in SHAPES}
    for shape, run in runs.items():
        gate = driver("gate", run)
        outcomes[shape] = {0: "pass", 1: "fail", 4: "inconclusive"}[gate.returncode]
        summary = check_json(shape, run, outcomes[shape])
        check_junit(shape, run, summary)
        check_markdown(shape, run, summary)
        check_samples(shape, run)
        check_openmetrics(shape, run, summary)
        if shape == "healthy":
            check_json_numbers(run, summary)
    tap.check("the leak fails", outcomes["leak"] == "fail", outcomes)
    tap.check("what broke off does not pass", outcomes["interrupted"] != "pass", outcomes)
    check_compare(runs)
    check_evidence(runs["leak"])
    check_output(runs["healthy"])
    check_refusals(runs["healthy"])
    tap.done()


try:
    main()
finally:
    shutil.rmtree(root)
