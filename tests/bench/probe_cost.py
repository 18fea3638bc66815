#!/usr/bin/env python3
"""What the preload shim costs a program: nanoseconds of CPU time for each malloc and free, without it and with it.

    probe_cost.py [PAIRS [ROUNDS]]

The two run in turn, and of each the median round counts. A program that does nothing else is the worst that there is.
"""
import os
import re
import statistics
import subprocess
import sys

BUILD = os.environ["top_builddir"]
SUBJECT = os.path.join(BUILD, "tests", "fixtures", "heap_subject")
PROBE = os.path.join(BUILD, "probe", "libflatline-probe.so")
THREADS = (1, 4)


def cost(pairs, threads, preload):
    said = subprocess.run([SUBJECT, "cost", str(pairs), str(threads)], env=dict(os.environ, LD_PRELOAD=preload),
                          check=True, capture_output=True, text=True).stdout
    return float(re.search(r"pair ([\d.]+)", said).group(1))


def main():
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 3000000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    for threads in THREADS:
        figures = [(cost(pairs, threads, ""), cost(pairs, threads, PROBE)) for _ in range(rounds)]
        without, with_it = (statistics.median(column) for column in zip(*figures))
        print("%d threads: %.1f ns without, %.1f ns with the shim" % (threads, without, with_it))


main()
