#!/usr/bin/env python3
"""The commands in the readme and in docs/: of each, every option is one that the program has, every file of ours is
there, every target of make exists; and those that read a run's folder are run as they stand, on a recorded run.
(make front-door runs the readme's own, from top to bottom, on a bare machine.)"""

import lzma
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lint"))
sys.dont_write_bytecode = True

from sources import TOP, text, with_suffix
from tap import Tap

BUILD = os.environ["top_builddir"]
RUNS = os.path.join(TOP, "tests", "fixtures", "runs")
PROGRAMS = {"driver": "driver/driver", "stress-server": "stress-server/stress-server",
            "stress-client": "stress-client/stress-client", "results-server": "results-server/results-server",
            "uploader": "results-server/uploader/uploader"}
# What is run: it needs nothing but a run's folder, or nothing at all.
RUN = re.compile(r"driver (gate|charts) |driver report runs/latest|driver compare [a-z]|driver scenario --|"
                 r"results-server routes")
FORM = re.compile(r"\.\.\.|\[[a-zO-]|\||\bFILE\b|\bRUN\b|: ")  # forms and answers, not commands


def blocks(page):
    """Indented and fenced lines, continued ones joined, comments and prompts cut off."""
    fenced, line = False, ""
    for raw in text(page).splitlines():
        if raw.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or raw.startswith("    "):
            line += raw.strip()
            if line.endswith("\\"):
                line = line[:-1]
                continue
            yield re.sub(r"\s{2,}#.*$|\s{4,}\S.*$", "", line.removeprefix("$ ")).strip()
            line = ""


def commands():
    """(page, program, words, line), of every command of ours, also within sh -c '...' and behind &&."""
    pages = ["README.md", "HACKING.md"] + [path for path in with_suffix(".md") if path.startswith("docs/")]
    for page in pages:
        for line in blocks(page):
            for part in re.split(r"\s*(?:&&|;|\|\s|>>|\bsh -c ')\s*", line):
                found = re.match(r"(?:build/)?(?:[a-z-]+/)*(%s)\s+(\S.*)$" % "|".join(PROGRAMS), part)
                if found:
                    yield page, found.group(1), found.group(2).replace("'", "").replace('"', "").split(), part
                elif re.match(r"make [a-z]", part):
                    yield page, "make", part.split()[1:], part


def options_of(program, words, known={}):
    command = [words[0]] if words and re.match(r"[a-z]+$", words[0]) and program != "uploader" else []
    key = (program, *command)
    if key not in known:
        asked = subprocess.run([os.path.join(BUILD, PROGRAMS[program]), *command, "--list-options"], capture_output=True,
                               text=True, timeout=60, check=False)
        known[key] = {line.split("\t")[0] for line in asked.stdout.splitlines()}
    return known[key]


def wrong_words(program, words):
    """What of a command there is not."""
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", text("Makefile.in"), re.MULTILINE)
        return [word for word in words[:1] if word.isalpha() and word not in targets]
    given = [re.sub(r"[=\]].*", "", word.lstrip("[")) for word in words if re.match(r"\[?--[a-z]", word)]
    wrong = [word for word in given if word not in options_of(program, words)]
    if not options_of(program, words):
        wrong.append(words[0])
    return wrong + [word for word in words if word.startswith(("examples/", "docs/"))
                    and not os.path.exists(os.path.join(TOP, word))]


def recorded(name, folder):
    os.makedirs(folder)
    with lzma.open(os.path.join(RUNS, name + ".db.xz")) as file, open(os.path.join(folder, "run.db"), "wb") as to:
        to.write(file.read())


def play(tap, page, line, folder):
    """As it stands, with our programs first in PATH."""
    line = re.sub(r"\bbuild/(driver|results-server)/", "", line)
    ran = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, timeout=120, check=False,
                         env=dict(os.environ, PATH=os.path.join(folder, "bin") + ":" + os.environ["PATH"]))
    tap.check("%s: %s" % (page, line), ran.returncode in (0, 1) and (ran.stdout or ran.returncode == 0) and
              "see --help" not in ran.stderr, ran.returncode, ran.stderr)


def queries(tap, folder):
    """The SQL of the pages, on a recorded run."""
    with sqlite3.connect("file:%s/runs/latest/run.db?mode=ro" % folder, uri=True) as db:
        count = 0
        for page in ("HACKING.md", "docs/run-folder.md"):
            joined = re.sub(r"\n +", " ", text(page))
            for quote, sql in re.findall(r"sqlite3 (?:-\w+ )?runs/latest/run\.db ([\"'])(SELECT .*?)\1", joined):
                count += 1
                try:
                    db.execute(sql).fetchall()
                    tap.check("%s: %.60s" % (page, sql), True)
                except sqlite3.Error as error:
                    tap.check("%s: %.60s" % (page, sql), False, error, quote)
    tap.check("there are queries on the pages", count >= 3, count)


def reference(tap):
    """The tables of docs/scenario.md are those that the driver prints from the tables that read such files."""
    printed = subprocess.run([os.path.join(BUILD, PROGRAMS["driver"]), "scenario", "--print-reference"],
                             capture_output=True, text=True, timeout=60, check=True).stdout
    parts = re.findall(r"^## (.*)\n\n((?:\|.*\n)+)", printed, re.MULTILINE)
    page = text("docs/scenario.md")
    for heading, table in parts:
        there = re.search(r"^## %s\n(.*?)(?=^## |\Z)" % re.escape(heading), page, re.DOTALL | re.MULTILINE)
        rows = [row for row in table.splitlines() if not there or row not in there.group(1).splitlines()]
        tap.check("docs/scenario.md, %s: as driver scenario --print-reference says" % heading, not rows, *rows)
    tap.check("six tables are printed", len(parts) == 6, len(parts))


def main():
    tap = Tap()
    reference(tap)
    with tempfile.TemporaryDirectory(prefix="flatline-test.") as folder:
        for path in ("runs/latest", "runs/before", "runs/after", "base/latest"):
            recorded("clean", os.path.join(folder, path))
        os.symlink(os.path.join(TOP, "examples"), os.path.join(folder, "examples"))
        os.makedirs(os.path.join(folder, "bin"))
        for name, path in PROGRAMS.items():
            os.symlink(os.path.join(BUILD, path), os.path.join(folder, "bin", name))
        checked, played = 0, set()
        for page, program, words, line in commands():
            wrong = wrong_words(program, words)
            checked += 1
            tap.check("%s: %s" % (page, line), not wrong, *wrong)
            bare = re.sub(r"^build/[a-z-]+/", "", line)
            if RUN.match(bare) and not FORM.search(bare) and "whole" not in bare and "night-7" not in bare and \
                    bare not in played:
                played.add(bare)
                play(tap, page, line, folder)
        tap.check("there are commands on the pages", checked > 50 and len(played) >= 4, checked, played)
        queries(tap, folder)
    tap.done()


main()
