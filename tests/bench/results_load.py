#!/usr/bin/env python3
"""What many hosts cost the results server, and where it breaks.

    results_load.py OUT.json [--hosts 250,500,1000] [--seconds N] [--processes N] [--samples N] [--influx URL]

Each step is a server of its own with an empty store, to which tests/bench/results_load posts as that many
hosts: a batch a second from each, with `samples` rows of each of its `processes`, as an open loop. Both run
on this machine, so the generator's CPU is what the server does not have; it is shown. `make bench-results`
calls it, on a machine with nothing else to do.
"""
import argparse
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from load import Load, cpu_of, files_of
from program import wait_until
from prometheus_client.parser import text_string_to_metric_families
from results import Results

# A step is beyond the server when half a second's batches or more wait at its end.
LATE = 0.5


def scrape(server):
    text = server.ask("GET", "/metrics")[1].decode()
    return {s.name: s.value for f in text_string_to_metric_families(text) for s in f.samples if not s.labels}


def slope(series):
    """Least squares, per second, of what remains when the first third is left out."""
    rest = series[len(series) // 3:]
    mean_t, mean_v = (sum(column) / len(rest) for column in zip(*rest))
    square = sum((t - mean_t) ** 2 for t, _ in rest)
    return sum((t - mean_t) * (v - mean_v) for t, v in rest) / square if square else 0.0


def backlog_at(series, seconds):
    """Batches that waited when the last ones became due."""
    return [int(line[3]) for line in series if float(line[0]) < seconds + 0.5][-1]


def step(hosts, options):
    more = ["--influx", options.influx] if options.influx else []
    with tempfile.TemporaryDirectory(dir=options.store) as folder, Results(*more, store=folder) as server:
        with Load(server, "bench", hosts, processes=options.processes, samples=options.samples,
                  duration="%ds" % options.seconds, series=os.path.join(folder, "series.csv")) as load:
            load.start()
            generator_before, before, base = cpu_of(load.process.pid), scrape(server), files_of(folder)
            wait_until(lambda: load.rss and load.rss[-1][0] > options.seconds - 0.3, 60 + 4 * options.seconds)
            generator = cpu_of(load.process.pid) - generator_before
            report = load.report()
        after = scrape(server)
        with open(os.path.join(folder, "series.csv")) as file:
            series = [line.split(",") for line in file.read().splitlines()[1:]]
        os.unlink(os.path.join(folder, "series.csv"))
        took = max(options.seconds, next(float(line[0]) for line in series if line[1] == series[-1][1]) - 0.5)
        server.stop()
        disk = files_of(folder) - base
    cpu = after["flatline_results_cpu_seconds_total"] - before["flatline_results_cpu_seconds_total"]
    commits = after["flatline_results_commit_seconds_count"] - before["flatline_results_commit_seconds_count"]
    rows = max(1, report["rows"])
    return {"hosts": hosts, "seconds": took, "rows_per_s": report["rows"] / took,
            "bytes_per_s": report["body_bytes"] / took, "body_bytes_per_row": report["body_bytes"] / rows,
            "disk_bytes_per_row": disk / rows, "cpu": cpu / took, "cpu_us_per_row": cpu * 1e6 / rows,
            "generator_cpu": generator / options.seconds, "commits_per_s": commits / took,
            "batches_per_commit": report["acknowledged"] / max(1, commits),
            "commit_ms": 1e3 * after["flatline_results_commit_seconds_sum"]
            / max(1, after["flatline_results_commit_seconds_count"]),
            "backlog_most": max((int(line[3]) for line in series), default=0),
            "backlog_end": backlog_at(series, options.seconds),
            "rss": [[round(t, 2), rss] for t, rss in load.rss], "rss_most": max(rss for _, rss in load.rss),
            "rss_slope": slope([(t, rss) for t, rss in load.rss if t < options.seconds]),
            "influx_points_per_s": after.get("flatline_results_influx_points_total", 0) / took,
            "influx_behind": after.get("flatline_results_influx_batches_behind", 0),
            "series": series, "report": report}


def beyond(row):
    return row["backlog_end"] > LATE * row["hosts"] or row["report"]["unacknowledged"] or row["report"]["refused"]


def show(row):
    latency = row["report"]["latency_ns"]
    print("%6d hosts %8.0f rows/s %6.1f MB/s in  p50 %6.1f  p99 %7.1f  max %7.1f ms  backlog %5d  CPU %.2f "
          "(%.1f us/row; generator %.2f)  RSS %5.1f MB %+6.1f KB/s  disk %3.0f B/row  %4.0f commits/s of %.1f%s" % (
              row["hosts"], row["rows_per_s"], row["bytes_per_s"] / 1e6, latency["p50"] / 1e6, latency["p99"] / 1e6,
              latency["max"] / 1e6, row["backlog_most"], row["cpu"], row["cpu_us_per_row"], row["generator_cpu"],
              row["rss_most"] / 2 ** 20, row["rss_slope"] / 1024, row["disk_bytes_per_row"], row["commits_per_s"],
              row["batches_per_commit"], "  BEYOND" if beyond(row) else ""), flush=True)
    if row["influx_points_per_s"]:
        print("       InfluxDB has taken %.0f points/s, and is %d batches behind" % (
            row["influx_points_per_s"], row["influx_behind"]), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--hosts", default="250,500,1000,1500,2000,3000")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=60)
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--influx")
    parser.add_argument("--store", help="a folder on the disk to be measured")
    options = parser.parse_args()
    rows = []
    for hosts in map(int, options.hosts.split(",")):
        rows.append(step(hosts, options))
        show(rows[-1])
        if beyond(rows[-1]):
            break
    with open(options.out, "w", encoding="utf-8") as out:
        json.dump({"seconds": options.seconds, "processes": options.processes, "samples": options.samples,
                   "cores": len(os.sched_getaffinity(0)), "steps": rows}, out, indent=1)


if __name__ == "__main__":
    main()
