#!/usr/bin/env python3
"""What a further event loop brings and costs: stress-server --threads 1 against 2.

    server_threads.py OUT.json [SECONDS [ROUNDS]]

For each workload the variants run in turn, round after round, so that whatever else the machine does befalls all of
them; of each variant the median round counts, and what is printed are ratios to the first variant. `CPU` is the
server's, per call or message, which is what an allocator's lock or a cache line that wanders would raise; it bears
a busy machine better than the rate does. The load comes from this machine too: on two cores a server with two loops
competes with its own clients, so the rates say what is left over and not how it scales. `make bench` calls it.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from program import CLIENT, SERVER, Child

VARIANTS = (  # the first is what the others are compared with
    ("1 loop", 1),
    ("2 loops", 2),
)
CLIENTS = 2
WORKLOADS = (
    ("calls", "calls_done", "--concurrent --num-connections 8 --num-calls 0 --non-streaming"),
    ("messages", "messages_received", "--concurrent --num-connections 8 --bidi-streaming 0"),
    ("connections", "connections_total", "--num-connections 0 --num-calls 1 --non-streaming"),
    ("h2load", "calls_done", None),
)
WARM_UP = 0.3  # s
MOST_STALLS = 60  # times that a machine may stand still for as long as is measured


def server_cpu(child):
    """Seconds of the program under page_run, its only child."""
    parent = child.process.pid
    with open("/proc/%d/task/%d/children" % (parent, parent)) as file:
        pid = int(file.read())
    nanoseconds = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, task)) as file:
            nanoseconds += int(file.read().split()[0])
    return nanoseconds / 1e9


def h2load(port, seconds, body):
    # It is ended when that was long enough, which on a machine that stands still may take a while.
    return ["h2load", "-D", str(int(seconds + 600)), "-c", "8", "-m", "1", "-d", body,
            "-H", "content-type: application/grpc", "-H", "te: trailers",
            "http://127.0.0.1:%s/flatline.v1.Stress/NonStreaming" % port]


def look(server, counter):
    server.ask("publish")
    return time.monotonic(), server_cpu(server), server.ask("read")["metrics"][counter]


def measure(threads, counter, work, seconds, body):
    """Events per second, and the server's CPU for each in microseconds."""
    with Child(SERVER, "--port", "0", "--threads", str(threads)) as server:
        port = server.wait_said(r"listening on \S+:(\d+)").group(1)
        if work is None:
            command = h2load(port, WARM_UP + seconds, body)
        else:
            command = [CLIENT, "--port", port, *work.split()]
        clients = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(CLIENTS)]
        try:
            time.sleep(WARM_UP)
            began, cpu_before, before = look(server, counter)
            for _ in range(MOST_STALLS):
                time.sleep(seconds)
                ended, cpu_after, after = look(server, counter)
                if after > before:
                    break
        finally:
            for client in clients:
                client.terminate()
            for client in clients:
                client.wait()
    if after == before:
        sys.exit("bench: nothing happened in %.1f s: %s" % (seconds, command))
    return (after - before) / (ended - began), (cpu_after - cpu_before) * 1e6 / (after - before)


def bench(counter, work, seconds, rounds, body):
    seen = {name: [] for name, _ in VARIANTS}
    for _ in range(rounds):
        for name, threads in VARIANTS:
            seen[name].append(measure(threads, counter, work, seconds, body))
    first = None
    results = []
    for name, _ in VARIANTS:
        rate, cpu = (statistics.median(one[i] for one in seen[name]) for i in (0, 1))
        first = first or (rate, cpu)
        results.append({"variant": name, "per_second": rate, "cpu_us": cpu, "rate_ratio": rate / first[0],
                        "cpu_ratio": cpu / first[1], "rounds": seen[name]})
    return results


def show(workload, results):
    for row in results:
        print("%-12s %-18s %10.0f/s %7.2f us  rate x %.2f  CPU x %.2f" % (
            workload, row["variant"], row["per_second"], row["cpu_us"], row["rate_ratio"], row["cpu_ratio"]), flush=True)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    cores = len(os.sched_getaffinity(0))
    print("%d rounds of %.1f s, medians; %d cores, which server and load generators share" % (rounds, seconds, cores))
    table = {}
    with tempfile.NamedTemporaryFile() as body:
        body.write(b"\0\0\0\0\xcb\x0a\xc8\x01" + bytes(200))  # one Payload of 200 bytes behind its prefix
        body.flush()
        for name, counter, work in WORKLOADS:
            if work is None and shutil.which("h2load") is None:
                print("%-12s left out: h2load (nghttp2-client) is not installed" % name)
                continue
            table[name] = bench(counter, work, seconds, rounds, body.name)
            show(name, table[name])
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        json.dump({"seconds": seconds, "rounds": rounds, "cores": cores, "workloads": table}, out, indent=1)


if __name__ == "__main__":
    main()
