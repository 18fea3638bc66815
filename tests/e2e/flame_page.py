#!/usr/bin/env python3
"""Flame pages: from the stacks alone, by driver charts; self-contained; the tree in the page is the stacks."""

import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

BUILD = os.environ["top_builddir"]
sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from tap import Tap  # noqa: E402

DRIVER = os.path.join(BUILD, "driver", "driver")
MAKE = os.path.join(BUILD, "tests", "fixtures", "make_run")
CHARTS = os.path.join(BUILD, "charts")
NAME = "server-stable-secure"
# Names that sort around the ';', that are a prefix of another, that would end a script or a string.
STACKS = {
    "main;run;leak_hit;planted_leak_call": 5000000,
    "main;run.part.0;x": 40,
    "main;run": 300,
    "main;run;leak_hit": 20,
    "main;run[inline];x": 10,
    "main;run;SSL_new;</script><b>": 7,
    'other;"quoted\\\\";operator new(unsigned long)': 5,
    "other": 1,
}

tap = Tap()
root = tempfile.mkdtemp(prefix="flatline-test-flame-")


class Links(html.parser.HTMLParser):
    """What a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.fetched = []

    def handle_starttag(self, tag, attributes):
        self.fetched += [value for name, value in attributes
                         if name in ("src", "href", "srcset", "action") and not value.startswith("data:")]


def paths(node, above=()):
    """{stack: own bytes} of the tree; the same stack twice is an error."""
    found = {}
    for callee in node["c"]:
        way = above + (callee["n"],)
        if callee["v"]:
            assert ";".join(way) not in found
            found[";".join(way)] = callee["v"]
        below = paths(callee, way)
        assert not set(below) & set(found)
        found.update(below)
    names = [callee["n"] for callee in node["c"]]
    assert len(names) == len(set(names)), names
    return found


def draw(run, **changes):
    return subprocess.run([DRIVER, "charts", run], env=dict(os.environ, **changes), timeout=300,
                          capture_output=True, text=True)


def check_page(page):
    with open(page, encoding="utf-8") as file:
        text = file.read()
    tree = json.loads(re.search(r'<script type="application/json" id="stacks">(.*?)</script>', text, re.DOTALL)[1])
    links = Links()
    links.feed(text)
    tap.check("the tree is the stacks", paths(tree) == STACKS, paths(tree))
    tap.check("it fetches nothing", not links.fetched and "@import" not in text and "url(" not in text, links.fetched)
    tap.check("it is named after the process", "<title>%s: what stayed</title>" % NAME in text)
    tap.check("and says how much stayed", "%s: 4.77 MB stayed</h1>" % NAME in text)
    tap.check("it names the guilty in words",
              "allocated in planted_leak_call &lt;- leak_hit &lt;- run &lt;- main (4.77 MB of" in text)
    tap.check("the library is in it", "flamegraph=" in text and "d3-selection" in text)
    tap.check("no name ends a script", text.count("</script>") == 2 and "</script><b>" not in text)
    tap.check("it is small", len(text) < 150000, len(text))


run = os.path.join(root, "run")
subprocess.run([MAKE, run, "10s", "500ms"], check=True, timeout=300)
folder = os.path.join(run, "evidence", NAME)
os.makedirs(folder)
with open(os.path.join(folder, "stacks.folded"), "w", encoding="utf-8") as stacks:
    stacks.writelines("%s %d\n" % stack for stack in STACKS.items())
os.makedirs(os.path.join(run, "evidence", "client-without-stacks"))
page = os.path.join(folder, "flame.html")

done = draw(run)
if not os.path.exists(os.path.join(CHARTS, "d3-flamegraph.min.js")):
    tap.check("a build without the library says so", done.returncode == 0 and "no flame pages" in done.stderr,
              done.returncode, done.stderr)
    tap.check("and leaves no broken page", not os.path.exists(page))
    tap.skip("a build without d3-flame-graph")
else:
    tap.check("driver charts draws it", done.returncode == 0 and os.path.exists(page), done.returncode, done.stderr)
    check_page(page)
    with open(page, "rb") as file:
        first = file.read()
    draw(run)
    with open(page, "rb") as file:
        tap.check("drawn again it is the same", file.read() == first)
    tap.check("without stacks there is no page", os.listdir(os.path.join(run, "evidence", "client-without-stacks")) == [])
    elsewhere = os.path.join(root, "elsewhere")
    shutil.copytree(folder, elsewhere, ignore=shutil.ignore_patterns("flame.html"))
    os.symlink(elsewhere, os.path.join(run, "evidence", "lure"))
    done = draw(run)
    tap.check("evidence that is elsewhere: it says so, and nothing is written there",
              done.returncode == 0 and "lure is no folder" in done.stderr and not
              os.path.exists(os.path.join(elsewhere, "flame.html")), done.returncode, done.stderr, os.listdir(elsewhere))
    os.unlink(os.path.join(run, "evidence", "lure"))
    bare = os.path.join(root, "bare")
    shutil.copytree(CHARTS, bare, ignore=shutil.ignore_patterns("d3-*", "*.o", "*.a", "*.d", "web"))
    os.unlink(page)
    done = draw(run, FLATLINE_CHARTS_DIR=bare)
    tap.check("without the library it says so", done.returncode == 0 and "no flame pages" in done.stderr,
              done.returncode, done.stderr)
    tap.check("and leaves no broken page", not os.path.exists(page))
    tap.check("the other charts are there all the same", os.path.exists(os.path.join(run, "index.html")))
shutil.rmtree(root)
tap.done()
