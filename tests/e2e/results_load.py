#!/usr/bin/env python3
"""50 hosts posting to results-server, which is killed once in between: every batch that was due is there in
the end, once; its memory stays flat; and /metrics, read by Prometheus' own parser, says the same. How it
is with 1,000 hosts: make bench-results, docs/scale.md."""

import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))

import ports
from load import Load, rss_of, size_of
from program import PATIENCE, wait_until
from prometheus_client.parser import text_string_to_metric_families
from results import Results
from tap import Tap

HOSTS, PROCESSES, INTERVAL, SECONDS = 50, 60, 0.25, 6
BATCHES = HOSTS * int(SECONDS / INTERVAL)
PREAMBLE = 3 + 2 * PROCESSES  # rows: meta, components, incarnations
FLAT = 8 << 20  # bytes: pages that malloc keeps for now


def metrics_of(server):
    """(name, labels): value; labels as a sorted list of pairs."""
    status, text = server.ask("GET", "/metrics")
    if status != 200:
        raise AssertionError("/metrics: %d" % status)
    families = list(text_string_to_metric_families(text.decode()))
    return families, {(s.name.replace("flatline_results_", ""), tuple(sorted(s.labels.items()))): s.value
                      for family in families for s in family.samples}


def scraped(tap, server, stored):
    families, values = metrics_of(server)
    tap.check("/metrics: every family has a type and a help", len(families) > 15 and
              all(f.type in ("gauge", "counter", "histogram") and f.documentation for f in families),
              [(f.name, f.type) for f in families])
    with open(os.path.join(os.environ["top_srcdir"], "results-server", "prometheus.h")) as file:
        named = re.findall(r'^    X\(\w+, "(\w+)", ', file.read(), re.MULTILINE)
    got = {re.sub("_total$", "", family.name) for family in families}
    expected = {re.sub("_total$", "", "flatline_results_" + n) for n in named if not n.startswith("influx")}
    tap.check("/metrics: the families of its table", got == expected, got ^ expected)
    for name, value in (("batches_total", stored[0]), ("points_total", stored[1]), ("queue_jobs", 0),
                        ("queue_bytes", 0), ("failures_total", 0)):
        tap.check("/metrics: %s is %d" % (name, value), values[name, ()] == value, values[name, ()])
    for name, state, value in (("tests", "started", 1), ("tests", "finished", 0), ("hosts", "done", HOSTS)):
        got = values[name, (("state", state),)]
        tap.check("/metrics: %s %s: %d" % (name, state, value), got == value, got)
    commits = values["commit_seconds_count", ()]
    buckets = [v for (name, _), v in values.items() if name == "commit_seconds_bucket"]
    tap.check("/metrics: commits are a histogram, of a request or more each",
              0 < commits <= values["jobs_total", ()] and buckets == sorted(buckets) and buckets[-1] == commits,
              commits, values["jobs_total", ()], buckets)
    tap.check("/metrics: memory and CPU of the process", 1 << 20 < values["resident_memory_bytes", ()] < 1 << 30
              and values["cpu_seconds_total", ()] > 0)
    return values


def counts_of(server):
    peers = server.ask("GET", "/test/t")[1]["peers"]
    return sum(peer["batches"] for peer in peers), sum(peer["points"] for peer in peers)


def killed(tap, folder):
    """The load, with kill -9 in its first third; the server that has taken over, and its memory half-way."""
    port = ports.port()
    server = Results(store=folder, port=port)
    with server, Load(server, "t", HOSTS, processes=PROCESSES, interval="%dms" % (1000 * INTERVAL),
                      duration="%ds" % SECONDS, drain="%ds" % PATIENCE) as load:
        load.start()
        wait_until(lambda: counts_of(server)[0] > HOSTS + BATCHES / 6)
        server.process.kill()
        server.process.wait()
        heir = Results(store=folder, port=port)
        load.server = heir
        wait_until(lambda: counts_of(heir)[0] > HOSTS + BATCHES / 2)
        middle = rss_of(heir.process.pid)
        report = load.report()
    tap.check("every batch that was due is acknowledged, %d (%d connections broke)" % (BATCHES, report["broken"]),
              (report["acknowledged"], report["unacknowledged"], report["refused"], report["done"])
              == (BATCHES, 0, 0, HOSTS), report)
    stored = (BATCHES + HOSTS, BATCHES * PROCESSES + HOSTS * PREAMBLE)
    tap.check("each is stored once: %d batches, %d rows" % stored, counts_of(heir) == stored, counts_of(heir))
    return heir, middle, stored


def flat(tap, heir, middle):
    if size_of(heir.process.pid) > 1 << 40:
        tap.skip("AddressSanitizer keeps what was freed")
        return
    end = rss_of(heir.process.pid)
    tap.check("its memory is flat: %.1f MB half-way, %.1f MB in the end" % (middle / 2 ** 20, end / 2 ** 20),
              end < middle + FLAT, middle, end)


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        heir, middle, stored = killed(tap, folder)
        with heir:
            values = scraped(tap, heir, stored)
            answered = sum(v for (name, labels), v in values.items() if name == "answers_total"
                           and ("route", "/test/ID/peer/PEER/metrics") in labels and ("status", "200") in labels)
            tap.check("/metrics: requests by route and status", 0 < answered < BATCHES, answered)
            flat(tap, heir, middle)
            tap.check("SIGTERM ends it with 0", heir.stop() == 0, heir.said())
    tap.done()


main()
