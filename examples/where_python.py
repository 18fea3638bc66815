#!/usr/bin/python3
"""Which lines of a Python program keep memory: where_python.py PROGRAM [ARGUMENT]...

Runs it under tracemalloc. SIGUSR1 takes a first look, the program's end (SIGTERM, as its author means it) a second; then
the five lines that kept most in between are printed.
"""
import runpy
import signal
import sys
import tracemalloc

TOP = 5
looks = []


def look(*_):
    looks.append(tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(False, tracemalloc.__file__)]))
    print("first look taken", flush=True)


def tell():
    if not looks:
        sys.exit("where_python.py: no SIGUSR1 came, so there is nothing to compare the end with")
    for row in tracemalloc.take_snapshot().compare_to(looks[0], "lineno")[:TOP]:
        at = row.traceback[0]
        print("%+d bytes in %+d blocks: %s:%d" % (row.size_diff, row.count_diff, at.filename, at.lineno))


if len(sys.argv) < 2:
    sys.exit(__doc__)
sys.argv.pop(0)
signal.signal(signal.SIGUSR1, look)
tracemalloc.start()
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    tell()
