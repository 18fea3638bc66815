#!/usr/bin/env python3
"""The jobs of examples/ci: each is read, its shell steps are run where that needs no network, in a checkout of a
stranger, and what it says it keeps is there in the end."""

import glob
import os
import re
import subprocess
import sys
import tempfile

import yaml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.dont_write_bytecode = True

from ports import port
from tap import Tap

TOP = os.environ["top_srcdir"]
BUILD = os.environ["top_builddir"]
SCENARIO = """duration: 1s
checkpoints: 0
servers: [{name: server, cap: none}]
clients: [{name: client, server: server, cap: none, pattern: bidi-stream}]
"""


def read(name):
    with open(os.path.join(TOP, "examples", "ci", name), encoding="utf-8") as file:
        return file.read()


def github():
    job = yaml.safe_load(read("github-actions.yml"))["jobs"]["flat"]
    kept = [step["with"]["path"] for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    return [step["run"] for step in job["steps"] if "run" in step], kept


def gitlab():
    job = yaml.safe_load(read("gitlab-ci.yml"))["memory"]
    steps = job["before_script"] + job["script"] + job["after_script"]
    return steps, job["artifacts"]["paths"] + [job["artifacts"]["reports"]["junit"]]


def jenkins():
    text = re.sub(r"^\s*//.*$", "", read("Jenkinsfile"), flags=re.MULTILINE)
    kept = re.findall(r"(?:junit|artifacts:) '([^']*)'", text)
    return re.findall(r"^\s*sh '([^']*)'", text, re.MULTILINE), kept


def play(tap, scratch, name, steps, kept):
    """Where steps only run what a test may: neither apt-get nor git."""
    folder = os.path.join(scratch, name)
    os.makedirs(folder)
    os.symlink(TOP, os.path.join(folder, "flatline"))
    with open(os.path.join(folder, "memory.yaml"), "w", encoding="utf-8") as file:
        file.write(SCENARIO)
    environ = dict(os.environ, FLATLINE_NIGHTLY_DRIVER=os.path.join(BUILD, "driver", "driver"),
                   FLATLINE_BASE_PORT=str(port()), FLATLINE_ALLOW_INCONCLUSIVE="1",
                   GITHUB_STEP_SUMMARY=os.path.join(folder, "step-summary"))
    tap.check(name + ": Flatline is built as its readme says", any("./bootstrap build" in step for step in steps))
    local = [step.replace("--duration 5m", "--duration 1s") for step in steps
             if "apt-get" not in step and "git clone" not in step and "bootstrap" not in step]
    tap.check(name + ": there is a night among its steps", any("flatline-nightly" in step for step in local), steps)
    for step in local:
        ran = subprocess.run(["sh", "-ec", step], cwd=folder, env=environ, capture_output=True, text=True, timeout=120,
                             check=False)
        tap.check("%s: %s" % (name, step.split("\n")[0]), ran.returncode == 0, ran.stdout, ran.stderr)
    for pattern in kept:
        tap.check("%s: %s is there" % (name, pattern), glob.glob(os.path.join(folder, pattern)))
    for path in ("run.db", "junit.xml", "summary.md", "index.html", "charts/client.svg"):
        tap.check("%s: %s is among what it keeps" % (name, path), os.path.exists(os.path.join(folder, "run", path)))


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="flatline-test.") as scratch:
        for name, job in (("github-actions.yml", github), ("gitlab-ci.yml", gitlab), ("Jenkinsfile", jenkins)):
            steps, kept = job()
            tap.check(name + ": something is kept", kept)
            play(tap, scratch, name, steps, kept)
    tap.done()


main()
