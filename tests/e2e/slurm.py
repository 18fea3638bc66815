#!/usr/bin/env python3
"""The fleet on two nodes of a real Slurm: the batch job of examples/slurm with kills on both nodes and one verdict;
a node whose power is cut in the middle of a run, with rank 0 on the other one or on itself."""

import concurrent.futures
import contextlib
import glob
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import slurm
from program import BUILD, wait_until
from tap import Tap

SRC = os.path.abspath(os.environ["top_srcdir"])
BATCH = os.path.join(SRC, "examples", "slurm", "flatline.sbatch")
LIMIT = 400  # seconds for what takes 20 on a quiet machine
SCENARIO = """\
name: two-nodes
duration: %s
checkpoints: 3
sample-interval: 200ms
chaos-after: [3s, 5s]
servers:
  - {name: calm, secure: true}
  - {name: wild, stable: false}
clients:
  - {name: calls, server: calm, pattern: non-streaming-many-calls}
  - {name: stream, server: wild, pattern: bidi-stream}
  - {name: wild-calls, server: wild, stable: false, pattern: non-streaming-many-connections}
"""
VERDICT = r"(?m)^(PASS|FAIL|INCONCLUSIVE): .*"
tap = Tap()
root = tempfile.mkdtemp(prefix="flatline-test-slurm-")
programs = os.path.join(root, "bin")


def install():
    """The programs side by side, as Slurm's users have them."""
    os.mkdir(programs)
    for path in ("driver/driver", "stress-server/stress-server", "stress-client/stress-client",
                 "results-server/results-server", "results-server/uploader/uploader"):
        os.symlink(os.path.abspath(os.path.join(BUILD, path)), os.path.join(programs, os.path.basename(path)))


def scenario(name, duration):
    path = os.path.join(root, name + ".yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(SCENARIO % duration)
    return path


def folder(name):
    path = os.path.join(root, name)
    os.mkdir(path)
    return path


def rows(whole, query):
    path = os.path.join(whole, "run.db")
    with contextlib.closing(sqlite3.connect("file:%s?immutable=1" % path, uri=True)) as db:
        return db.execute(query).fetchall()


def read(path):
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
    return ""


def tokens_told(where):
    """Files below that hold a job's token, but for its own; None: there is no such job."""
    found = glob.glob(os.path.join(where, "**", "token"), recursive=True)
    secret = read(found[0]).strip() if found else ""
    files = [path for path in glob.glob(os.path.join(where, "**"), recursive=True)
             if os.path.isfile(path) and path not in found]
    return [path for path in files if secret in read(path)] if len(secret) > 8 and files else None


def killed(whole):
    return dict(rows(whole, "SELECT host.name, count(*) FROM incarnation JOIN component ON component.id = component"
                            " JOIN host ON rank = host WHERE incarnation.reason = 'chaos' GROUP BY host.name"))


def sbatch(cluster, where, place, scenario_file):
    """Exit status of the job, what it said, and the folder of the whole."""
    out = os.path.join(where, "job.out")
    done = cluster.run("sbatch", "--wait", "--parsable", "-N2", "--chdir=" + where, "--output=" + out, BATCH,
                       "--scenario", scenario_file, "--allow-inconclusive", timeout=LIMIT, FLATLINE=programs, PLACE=place)
    said = read(out)
    found = re.search(r"(?m)^the whole is in (.*)", said)
    return done.returncode, said + done.stderr, found.group(1) if found else None


def running(where):
    """Whether both nodes have told samples of running processes."""
    stores = glob.glob(os.path.join(where, "**", "*.db"), recursive=True)
    for store in stores:
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(store, timeout=5)) as db:
            if len(db.execute("SELECT peer FROM batch GROUP BY peer HAVING count(*) > 6").fetchall()) >= 2:
                return True
    return False


def both_nodes():
    """A whole fleet on each, to the end. Exit status, what was said, and the folder of the whole."""
    where = folder("replicate")
    with slurm.Cluster(root) as cluster:
        return sbatch(cluster, where, "replicate", scenario("short", "20s"))


def check_both(status, said, whole):
    tap.check("the batch job passes", status == 0 and whole is not None, "status %d" % status, said)
    if whole is None:
        return
    tap.check("... with one verdict", len(re.findall(VERDICT, said)) == 1, said)
    tap.check("... of ten components", "10 of 10 components" in said, said)
    tap.check("... whose page is there", os.path.exists(os.path.join(whole, "index.html")), os.listdir(whole))
    tap.check("... and the job's token is in none of its files", tokens_told(os.path.join(root, "replicate")) == [],
              tokens_told(os.path.join(root, "replicate")))
    kills = killed(whole)
    tap.check("there were kills on both nodes", kills.get("n1", 0) > 0 and kills.get("n2", 0) > 0, kills)
    hosts = rows(whole, "SELECT name, state, offset_ns, offset_error_ns FROM host ORDER BY rank")
    tap.check("both nodes came to their end", [row[:2] for row in hosts] == [("n1", "done"), ("n2", "done")], hosts)
    between = (hosts[0][2] - hosts[1][2]) / 1e9 if len(hosts) == 2 else 0
    tap.check("the clock of n2 is known to be ahead by %d s" % slurm.AHEAD, abs(between - slurm.AHEAD) < 1,
              "%.6f s" % between, hosts)
    starts = rows(whole, "SELECT host, min(spawn_ns), max(ready_ns) FROM incarnation JOIN component"
                         " ON component.id = component WHERE number = 1 GROUP BY host")
    apart = max(row[1] for row in starts) - min(row[1] for row in starts)
    tap.check("so both began within seconds", apart < 60e9, "%.3f s apart" % (apart / 1e9))


def follower_dies():
    """n2 falls out of a batch job that n1 leads. Exit status, what was said, and the folder of the whole."""
    where = folder("cut-n2")
    with slurm.Cluster(root, node_timeout=5) as cluster, concurrent.futures.ThreadPoolExecutor(1) as pool:
        job = pool.submit(sbatch, cluster, where, "spread", scenario("long-n2", "26s"))
        wait_until(lambda: running(where) or job.done(), LIMIT)
        cluster.power_off("n2")
        return job.result(LIMIT)


TASK = """
case $SLURMD_NODENAME in n1) address=%s ;; n2) address=%s ;; esac
exec %s/driver --report-to http://%s:9904 --report-token %s --test cut --place spread --host-name $SLURMD_NODENAME \
    --host-address $address --scenario %s --working-dir %s/$SLURMD_NODENAME
"""


def leader_dies():
    """n1, where rank 0 is, falls out of a job whose results server is elsewhere; another host judges."""
    where = folder("cut-n1")
    store, token, whole = (os.path.join(where, name) for name in ("store", "token", "whole"))
    with open(os.open(token, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
        file.write(os.urandom(16).hex())
    addresses = slurm.ADDRESSES
    task = TASK % (addresses["n1"], addresses["n2"], programs, addresses[slurm.CONTROL], token,
                   scenario("long-n1", "26s"), where)
    with slurm.Cluster(root, node_timeout=5) as cluster:
        cluster.start_command(os.path.join(programs, "results-server"), "--listen",
                              addresses[slurm.CONTROL] + ":9904", "--store", store, "--token", token)
        job = cluster.start_command("srun", "-N2", "--ntasks-per-node=1", "--no-kill", "--wait=0",
                                    "--kill-on-bad-exit=0", "sh", "-c", task)
        wait_until(lambda: running(where) or job.process.poll() is not None, LIMIT)
        cluster.power_off("n1")
        job.process.wait(LIMIT)
        said = job.said()
        exported = run_here("results-server", "export", "cut", "--store", store, "--out", whole)
        judged = run_here("driver", "gate", whole)
    return judged.returncode, said + exported.stdout + exported.stderr + judged.stdout + judged.stderr, whole


def run_here(program, *words):
    """Past Slurm, on this machine."""
    return subprocess.run([os.path.join(programs, program), *words], capture_output=True, text=True, timeout=LIMIT,
                          check=False)


def check_cut(name, other, status, said, whole):
    tap.check("%s loses its power: the whole fails" % name, status == 1 and whole is not None,
              "status %d" % status, said)
    found = re.search(VERDICT, said)
    tap.check("... and says that it was %s" % name, found and re.search(r"\bhosts?\b.*\b%s\b" % name, found.group(0)),
              said)
    states = dict(rows(whole, "SELECT name, state FROM host")) if whole is not None else {}
    tap.check("... %s was lost, %s was not" % (name, other), states == {name: "lost", other: "done"}, states, said)
    crossing = rows(whole, "SELECT count(*) FROM component c JOIN component s ON s.id = c.peer"
                           " WHERE c.host <> s.host")[0][0] if whole is not None else 0
    tap.check("... clients were on the other node than their server", crossing > 0)


def all_at_once():
    """Three clusters, which know nothing of each other: they wait most of their time."""
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        both, follower, leader = (pool.submit(play) for play in (both_nodes, follower_dies, leader_dies))
        check_both(*both.result())
        check_cut("n2", "n1", *follower.result())
        check_cut("n1", "n2", *leader.result())


why = slurm.missing()
try:
    install()
    if why is None:
        all_at_once()
    else:
        tap.skip(why)
finally:
    shutil.rmtree(root, ignore_errors=True)
tap.done()
