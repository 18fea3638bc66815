#!/usr/bin/env python3
"""The include graph: data flows one way, so a folder includes only what ARROWS allows it, and no chain
of includes comes back to where it began."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.dont_write_bytecode = True

from sources import text, with_suffix
from tap import Tap

# Folder: what it may include besides itself. Generated headers count as part of proto.
ARROWS = {
    "common/base": [],
    "common/doc": ["common/base"],
    "common/contract": ["common/base"],
    "common/engine": ["common/contract", "common/base"],
    "common/run": ["common/contract", "common/base"],
    "common/child": ["common/engine", "common/contract", "common/base"],
    "common/events": ["common/engine", "common/run", "common/base"],
    "proto": ["common/base"],
    "stress-server": [
        "common/child", "common/events", "common/engine", "proto", "common/contract", "common/base",
    ],
    "stress-client": [
        "common/child", "common/events", "common/engine", "proto", "common/doc", "common/contract", "common/base",
    ],
    "results-server": ["common/run", "common/contract", "common/base"],
    "results-server/uploader": ["common/run", "common/base"],
    "probe": ["common/contract", "common/base"],
    "charts": ["common/run", "common/contract", "common/base"],
    "driver/host": ["common/base"],
    "driver": ["driver/host", "charts", "common/doc", "common/run", "common/contract", "common/base"],
    "driver/sweep": ["driver", "charts", "common/doc", "common/run", "common/contract", "common/base"],
    "driver/cli": [
        "driver/sweep", "driver/host", "driver", "charts", "common/run", "common/contract", "common/base",
    ],
}
TESTS = "tests"  # may include anything; nothing may include it
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
GENERATED = re.compile(r"\.pb-c\.h$")


def folder_of(path):
    """The longest beginning of the path that has a row, or the folder itself, which has none then."""
    parts = path.split("/")[:-1] or [path]
    if parts[0] == TESTS:
        return TESTS
    beginnings = ["/".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return next((folder for folder in beginnings if folder in ARROWS), beginnings[0])


def read_graph():
    return {path: INCLUDE.findall(text(path)) for path in with_suffix(".c", ".h")}


def wrong_arrows(graph):
    for path, included in sorted(graph.items()):
        source = folder_of(path)
        if source == TESTS:
            continue
        if source not in ARROWS:
            yield "%s: folder %s has no row in ARROWS (tests/lint/includes.py)" % (path, source)
            continue
        for target in included:
            if target != "config.h" and folder_of(target) not in [source] + ARROWS[source]:
                yield "%s includes %s: %s may not include %s" % (
                    path, target, source, folder_of(target))


def unknown_targets(graph):
    """An include written from anywhere but the top would escape the other checks."""
    for path, included in sorted(graph.items()):
        for target in included:
            if target not in graph and target != "config.h" and not GENERATED.search(target):
                yield '%s includes "%s", which is no file named from the top' % (path, target)


def find_cycle(graph):
    """The first cycle as a list of files, or None."""
    state = {}  # path: "open" while below it, "done" after

    def visit(path, trail):
        if state.get(path) == "open":
            return trail[trail.index(path):] + [path]
        if path in state or path not in graph:
            return None
        state[path] = "open"
        for target in graph[path]:
            cycle = visit(target, trail + [path])
            if cycle:
                return cycle
        state[path] = "done"
        return None

    for path in sorted(graph):
        cycle = visit(path, [])
        if cycle:
            return cycle
    return None


def table_cycle():
    """ARROWS itself must be one way."""
    return find_cycle(ARROWS)


def main():
    tap = Tap()
    graph = read_graph()
    arrows = sum(len(included) for included in graph.values())
    cycle = find_cycle(graph)
    tap.check("sources are found", len(graph) > 20 and arrows > 40,
              "%d files, %d includes" % (len(graph), arrows))
    tap.check("the table of arrows has no cycle", not table_cycle(), table_cycle())
    tap.check("includes follow the arrows", not list(wrong_arrows(graph)), *wrong_arrows(graph))
    tap.check("includes are written from the top", not list(unknown_targets(graph)),
              *unknown_targets(graph))
    tap.check("no includes in a circle", cycle is None, " -> ".join(cycle or []))
    tap.done()


main()
