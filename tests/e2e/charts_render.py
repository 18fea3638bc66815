#!/usr/bin/env python3
"""Draws synthetic runs and reads what was drawn: what it says against run.db, its form, its size, and
what happens when gnuplot or the disk is missing."""

import glob
import html.parser
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

SRC = os.environ["top_srcdir"]
BUILD = os.environ["top_builddir"]
sys.path.insert(0, os.path.join(SRC, "tests", "lib"))
from tap import Tap  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
MAKE = os.path.join(BUILD, "tests/fixtures/make_run")
DRAW = os.path.join(BUILD, "tests/fixtures/draw_run")
SIZE_MAX = 200 * 1024
MB = 1048576.0

tap = Tap()
root = tempfile.mkdtemp(prefix="flatline-test-charts-")
scratch = os.path.join(root, "tmp")
os.mkdir(scratch)
environment = dict(os.environ, FLATLINE_CHARTS_DIR=os.path.join(SRC, "charts"), TMPDIR=scratch)


def make(name, duration="60s", interval="500ms", *shape):
    run = os.path.join(root, name)
    subprocess.run([MAKE, run, duration, interval, *shape], check=True, timeout=300)
    return run


def draw(run, *verdicts, **changes):
    return subprocess.run([DRAW, run, *verdicts], env=dict(environment, **changes), timeout=300,
                          capture_output=True, text=True)


def rows(run, sql):
    with sqlite3.connect("file:%s/run.db?mode=ro" % run, uri=True) as db:
        db.text_factory = lambda b: b.decode("utf-8", "replace")
        return db.execute(sql).fetchall()


def charts(run):
    return sorted(glob.glob(os.path.join(run, "charts", "*.svg")))


def texts(path):
    return ["".join(t.itertext()) for t in ET.parse(path).iter(SVG + "text")]


class Page(html.parser.HTMLParser):
    """Headings, references and the first cell of each table row."""

    def __init__(self, run):
        super().__init__()
        self.text, self.images, self.references, self.heads, self.names = "", [], [], [], []
        self.inside = []
        with open(os.path.join(run, "index.html"), encoding="utf-8") as page:
            self.source = page.read()
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "img":
            self.images.append(attributes)
        self.references += [attributes[k] for k in ("src", "href") if k in attributes]
        if tag == "th":
            (self.heads if attributes["scope"] == "col" else self.names).append("")
            self.inside = self.heads if attributes["scope"] == "col" else self.names

    def handle_endtag(self, tag):
        if tag == "th":
            self.inside = []

    def handle_data(self, data):
        self.text += data
        if self.inside:
            self.inside[-1] += data


def well_formed(run):
    """What is wrong with the form of any chart."""
    wrong = []
    for path in charts(run):
        name = os.path.basename(path)
        with open(path, encoding="utf-8") as file:
            source = file.read()
        try:
            svg = ET.fromstring(source)
        except ET.ParseError as error:
            wrong.append("%s: %s" % (name, error))
            continue
        for tag in ("title", "desc", "style"):
            if not (svg.findtext(SVG + tag) or "").strip():
                wrong.append("%s: no %s" % (name, tag))
        if len(list(svg.iter(SVG + "title"))) != 1:
            wrong.append("%s: more than one title" % name)
        if len(list(svg.iter(SVG + "text"))) < 8:
            wrong.append("%s: text is not text" % name)
        if len(source) > SIZE_MAX:
            wrong.append("%s: %d bytes" % (name, len(source)))
        if re.search(r"https?:|//", source.replace("http://www.w3.org/2000/svg", "")):
            wrong.append("%s: refers to the network" % name)
        if "gnuplot" in source.lower().replace("gnuplot_plot", "").replace("gnuplot_canvas", ""):
            wrong.append("%s: speaks of gnuplot" % name)
    return wrong


def overlaps(path):
    """Pairs of end labels nearer to each other than a line."""
    ends = []
    for group in ET.parse(path).iter(SVG + "g"):
        place = re.match(r"translate\(([\d.]+),([\d.]+)\)", group.get("transform", ""))
        text = group.findtext(SVG + "text") or ""
        if place and re.match(r"(live|active|resident|mapped|data|cap) [\d.]+ MB$", text):
            ends.append((float(place[2]), text))
    ends.sort()
    return len(ends), [(a, b) for a, b in zip(ends, ends[1:]) if b[0] - a[0] < 24]


def check_form(what, run, expected):
    wrong = well_formed(run)
    found = len(charts(run))
    tap.check("%s: %d well-formed charts" % (what, expected), found == expected and not wrong,
              "%d charts" % found, *wrong)
    ends = {p: overlaps(p) for p in charts(run) if not p.endswith("summary.svg")}
    bad = [p for p in ends if ends[p][0] < 5 or ends[p][1]]
    tap.check("%s: every line is named at its end, none over another" % what, ends and not bad,
              *bad)


def check_page(what, run):
    page = Page(run)
    names = [re.sub("\ufffd", " ", n) for (n,) in rows(run, "SELECT name FROM component")]
    tap.check("%s: the table has every component" % what, sorted(page.names) == sorted(names),
              set(names) ^ set(page.names))
    outside = [r for r in page.references if not r.startswith("data:") and not
               os.path.exists(os.path.join(run, r))]
    tap.check("%s: the page refers to what is there only" % what,
              len(page.references) > 30 and not outside, *outside)
    tap.check("%s: the page names no other host" % what,
              not re.search(r"https?:|@import|url\(", page.source))
    tap.check("%s: every image has its words" % what,
              len(page.images) > 30 and all(": " in i.get("alt", "") for i in page.images))
    return page


def check_clean(what, run):
    left = os.listdir(scratch) + [f for d in (run, os.path.join(run, "charts"))
                                  if os.path.isdir(d) for f in os.listdir(d) if f[0] == "."]
    tap.check("%s: nothing temporary is left" % what, not left, *left)


def healthy():
    run = make("healthy")
    done = draw(run)
    tap.check("a healthy run is drawn", done.returncode == 0 and not done.stderr, done.stderr)
    check_form("healthy", run, 2 + 32 + 1)
    check_clean("healthy", run)
    page = check_page("healthy", run)
    tap.check("it passed, and says so first", "Passed: memory stayed flat in all 60 processes" in
              page.source.split("<main>")[0])

    path = os.path.join(run, "charts", "server-stable-insecure.svg")
    data, cap = rows(run, """SELECT max(s.data), c.heap_cap FROM sample s JOIN incarnation i ON
        s.incarnation = i.id JOIN component c ON i.component = c.id
        WHERE c.name = 'server-stable-insecure'""")[0]
    answer = "flat, %.1f of %g MB" % (data / MB, cap / MB)
    title = ET.parse(path).getroot().findtext(SVG + "title")
    tap.check("the title is the answer", title == "server-stable-insecure: " + answer and
              answer in texts(path), title, answer)
    live = rows(run, """SELECT s.live FROM sample s JOIN incarnation i ON s.incarnation = i.id
        JOIN component c ON i.component = c.id WHERE c.name = 'server-stable-insecure'
        ORDER BY s.time_ns DESC LIMIT 1""")[0][0]
    label = "live %.1f MB" % (live / MB)
    tap.check("the live line is named with its last value", label in texts(path), label,
              *texts(path))
    kills, clients = rows(run, """SELECT count(*), count(DISTINCT c.id) FROM incarnation i JOIN
        component c ON i.component = c.id JOIN component p ON c.peer = p.id
        WHERE p.name = 'server-stable-insecure' AND i.reason = 'chaos'""")[0]
    tap.check("its caption counts the kills of its clients", kills > 10 and any(
        "%d kills of its %d unstable clients" % (kills, clients) in t for t in texts(path)),
        kills, *texts(path))
    tap.check("a cap out of view is a note", any("cap 24 MB, above the chart" in t
                                                 for t in texts(path)))
    with open(path, encoding="utf-8") as file:
        tap.check("the chart has its dark colours", "prefers-color-scheme:dark" in file.read())
    before = {p: os.stat(p).st_ino for p in charts(run)}
    draw(run)
    tap.check("drawn again, every file is replaced", len(before) == 35 and
              all(os.stat(p).st_ino != before[p] for p in before))


def befallen():
    """Faults that are no kills: a letter each, at whom they befell and, of a server, at its clients."""
    run = make("befallen")
    db = sqlite3.connect(os.path.join(run, "run.db"))
    server, ready = db.execute("""SELECT c.id, i.ready_ns FROM component c JOIN incarnation i ON i.component = c.id
        WHERE c.name = 'server-stable-insecure'""").fetchone()
    client, = db.execute("SELECT min(id) FROM component WHERE peer = ? AND stable", (server,)).fetchone()
    name, = db.execute("SELECT name FROM component WHERE id = ?", (client,)).fetchone()
    for number, (whom, kind) in enumerate(((server, "freeze"), (client, "cancel"), (server, "freeze")), 1):
        db.execute("INSERT INTO fault VALUES (?, ?, NULL, ?, ?, NULL, NULL, 0)",
                   (number, whom, kind, ready + number * 10000000000))
    db.commit()
    draw(run)
    check_form("befallen", run, 2 + 32 + 1)
    of_server, of_client = (texts(os.path.join(run, "charts", "%s.svg" % who))
                            for who in ("server-stable-insecure", name))
    tap.check("a server's chart has its own", of_server.count("f") == 2 and "c" not in of_server and
              "Letters, what befell it: f freeze." in of_server, *of_server)
    tap.check("a client's has its server's, too", of_client.count("f") == 2 and of_client.count("c") == 1 and
              "Letters, what befell it or its server: f freeze, c cancel." in of_client, *of_client)
    db.execute("WITH RECURSIVE n(i) AS (SELECT 4 UNION ALL SELECT i + 1 FROM n WHERE i < 60) "
               "INSERT INTO fault SELECT i, ?, NULL, 'freeze', ?, NULL, NULL, 0 FROM n", (server, ready + 5000000000))
    db.commit()
    db.close()
    draw(run)
    tap.check("too many are counted", "Other faults befell it, too many to mark: 59." in texts(
        os.path.join(run, "charts", "server-stable-insecure.svg")))


def leaking():
    run = make("leaking", "60s", "500ms", "leak")
    finding = "the heap of server-stable-secure hit its cap of 24 MB, see logs/"
    done = draw(run, "server-stable-secure", "heap-cap", "fail", finding,
                "client-31302-unstable-secure-server-stream-many-calls", "errors", "fail", "wrong",
                "client-31301-stable-insecure-bidi-stream", "recovery", "inconclusive", "too late")
    tap.check("a leaking run is drawn", done.returncode == 0, done.stderr)
    check_form("leaking", run, 2 + 32 + 1 + 1)
    page = check_page("leaking", run)
    tap.check("it failed, and says who first",
              "Failed: server-stable-secure hit its heap cap, and 1 more" in
              page.source.split("<main>")[0], page.source.split("<main>")[0][-300:])
    tap.check("the finding is on the page", finding in page.text)
    tap.check("the worst comes first", page.images[0]["src"] == page.images[1]["src"] ==
              "charts/server-stable-secure.svg", page.images[:2])
    tap.check("failed, then inconclusive, then the others", page.names[:3] == [
        "server-stable-secure", "client-31302-unstable-secure-server-stream-many-calls",
        "client-31301-stable-insecure-bidi-stream"], page.names[:4])
    path = os.path.join(run, "charts", "server-stable-secure.svg")
    tap.check("the cap in view is a line with its name", "cap 24 MB" in texts(path) and
              overlaps(path)[0] == 6, *texts(path))
    tap.check("the finding is on the chart", finding in " ".join(texts(path)))


def odd():
    run = make("strange", "60s", "500ms", "strange")
    name = rows(run, "SELECT name FROM component WHERE id = 2")[0][0]
    bait = os.path.join(root, "bait")
    text = "<script>x</script> '; system('touch %s') `touch %s`" % (bait, bait)
    done = draw(run, "server-stable-secure", "heap-cap", "fail", text)
    tap.check("strange names are drawn", done.returncode == 0, done.stderr)
    check_form("strange", run, 35)
    page = check_page("strange", run)
    tap.check("the strange name is shown as it is", re.sub("\ufffd", " ", name) in page.names, name)
    tap.check("nothing of a text is carried out", not os.path.exists(bait) and
              "<script>x" not in page.source and text in page.text)

    path = os.path.join(run, "charts", "server-stable-secure.svg")
    line = max((p.get("d") for p in ET.parse(path).iter(SVG + "path")
                if p.get("stroke") == "rgb(  0, 114, 178)"), key=len)
    tap.check("a line is broken where samples are missing",
              line.count("L") > 50 and line.count("M") == 2, line)
    tap.check("a dead process is not drawn as one without memory",
              overlaps(path)[0] == 5 and "data 0.00 MB" not in texts(path), *texts(path))

    run = make("early", "60s", "1s", "early")
    done = draw(run, "-", "no-traffic", "fail", "nothing was ever ready")
    tap.check("a run that was never ready is drawn", done.returncode == 0 and
              "Failed: nothing was ever ready" in Page(run).source, done.stderr)
    run = make("interrupted", "60s", "1s", "interrupted")
    done = draw(run, "none")
    page = Page(run)
    tap.check("a run that was cut off is drawn, and says so", done.returncode == 0 and
              "Not judged" in page.source and "did not come to its end" in page.source, done.stderr)


def long():
    run = make("day", "24h", "20s")
    done = draw(run)
    tap.check("a day is drawn", done.returncode == 0, done.stderr)
    check_form("day", run, 35)
    tap.check("its axis is in hours", "hours from ready" in
              texts(os.path.join(run, "charts", "server-stable-secure.svg")))


def fake_gnuplot(name, body):
    folder = os.path.join(root, name)
    os.mkdir(folder)
    path = os.path.join(folder, "gnuplot")
    with open(path, "w", encoding="utf-8") as script:
        script.write("#!/bin/sh\n[ \"$1\" = --version ] && exit 0\n" + body)
    os.chmod(path, stat.S_IRWXU)
    return folder


def failing():
    run = os.path.join(root, "healthy")
    page = Page(run).source
    nowhere = os.path.join(root, "nowhere")
    os.mkdir(nowhere)
    done = draw(run, PATH=nowhere)
    tap.check("without gnuplot: status 3, what to do in one line", done.returncode == 3 and
              "apt-get install gnuplot" in done.stderr and done.stderr.count("\n") == 1, done.stderr)
    done = draw(run, FLATLINE_CHARTS_DIR=nowhere)
    tap.check("without templates: status 3, where in one line", done.returncode == 3 and
              nowhere in done.stderr and done.stderr.count("\n") == 1, done.stderr)
    for what, body, expected in (("complains", "echo; echo line 3: boom >&2; exit 1", "boom"),
                                 ("is killed", "kill -9 $$", "signal 9"),
                                 ("draws nothing", "exit 0", "left no chart"),
                                 ("draws half", "for i in 0 1 2; do echo '<svg' >$i.svg; done",
                                  "cut short")):
        done = draw(run, PATH=fake_gnuplot(what, body) + ":/usr/bin:/bin")
        tap.check("gnuplot %s: one line says it" % what, done.returncode == 1 and
                  expected in done.stderr and done.stderr.count("\n") == 1, done.stderr)
    check_clean("gnuplot fails", run)
    tap.check("what was drawn before is still there", Page(run).source == page and
              len(charts(run)) == 35 and not well_formed(run))


def lured():
    """A run folder from somebody else, with links to where no chart belongs."""
    run, elsewhere = make("lure", "60s", "2s"), os.path.join(root, "elsewhere")
    os.mkdir(elsewhere)
    os.symlink(elsewhere, os.path.join(run, "charts"))
    done = draw(run)
    tap.check("charts that are elsewhere: refused in one line", done.returncode == 1 and
              "charts is no folder" in done.stderr and done.stderr.count("\n") == 1, done.stderr)
    tap.check("... and nothing is written there", os.listdir(elsewhere) == [], os.listdir(elsewhere))


def full_disk():
    """The run on a small tmpfs in a mount namespace of its own, filled but for 60 KB."""
    run = os.path.join(root, "healthy")
    mount = os.path.join(root, "small")
    os.mkdir(mount)
    script = """set -e
        mount -t tmpfs -o size=8m tmpfs "$1"
        cp "$2/run.db" "$1"; mkdir "$1/charts"; echo old >"$1/index.html"
        echo old >"$1/charts/server-stable-secure.svg"
        dd if=/dev/zero of="$1/fill" bs=1k >/dev/null 2>&1 || true
        status=0; "$3" "$1" 2>"$4" || status=$?
        cat "$1/index.html" "$1/charts/server-stable-secure.svg"; ls -A "$1" "$1/charts"
        exit $status"""
    log = os.path.join(root, "full.log")
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        tap.skip("no mount namespace of our own")
        return
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", mount, run, DRAW, log],
                          env=environment, timeout=300, capture_output=True, text=True)
    with open(log, encoding="utf-8") as file:
        error = file.read()
    tap.check("a full disk: one line says where and why", done.returncode == 1 and
              "server-stable-secure.svg: No space left on device" in error and
              error.count("\n") == 1, done.returncode, error, done.stderr)
    tap.check("a full disk: the old files are kept, no draft is left",
              done.stdout.startswith("old\nold\n") and "\n." not in done.stdout, done.stdout)


try:
    healthy()
    befallen()
    leaking()
    odd()
    long()
    failing()
    lured()
    full_disk()
    tap.done()
finally:
    shutil.rmtree(root)
