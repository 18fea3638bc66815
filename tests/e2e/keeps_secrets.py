"""What is secret stays so: tokens and passwords, each marked, are in no log, no message, no file that a run leaves, and
in the command line and environment of no process that need not know them; what holds them is its owner's alone; and
nobody listens beyond loopback who was not told to."""

import glob
import os
import re
import secrets
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import ports
from hosts import Hosts
from program import CLIENT, DRIVER, PATIENCE, SERVER, Program, Server, wait_until
from results import RESULTS, Results, talk
from tap import Tap
from uploading import UPLOADER

SCENARIO = """
duration: 3s
checkpoints: 0
servers:
  - {name: safe, secure: true, cap: none}
clients:
  - {name: calls, server: safe, pattern: non-streaming-many-calls, cap: none}
limits: {recovery: 60s, stall: 60s, coverage: 0.05}
"""
MARK = "secret" + secrets.token_hex(8)  # and in each a word that says which it is
tap = Tap()


def marked(which):
    return MARK + "-" + which


def private(folder, name, text, mode=0o600):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="ascii", opener=lambda file, flags: os.open(file, flags, mode)) as file:
        file.write(text + "\n")
    os.chmod(path, mode)
    return path


def contents(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:  # a process that has ended
        return b""


def leaks(folder, *but):
    """Where below the folder it stands."""
    return [path for path in glob.glob(os.path.join(folder, "**"), recursive=True, include_hidden=True)
            if os.path.isfile(path) and path not in but and MARK.encode() in contents(path)]


def family(pid):
    """All that a process started, and what they did; but for copies of itself, which know what it knows."""
    for task in glob.glob("/proc/%d/task/*/children" % pid):
        for child in map(int, contents(task).split()):
            if program_of(child) != program_of(pid):
                yield child
            yield from family(child)


def program_of(pid):
    try:
        return os.readlink("/proc/%d/exe" % pid)
    except OSError:
        return None


def knowing(pids):
    """Those whose command line or environment has it."""
    return [(pid, contents("/proc/%d/cmdline" % pid)) for pid in pids
            if any(MARK.encode() in contents("/proc/%d/%s" % (pid, what)) for what in ("cmdline", "environ"))]


def others_may(folder):
    """Keys and tokens that others than their owner may do something with."""
    return [path for name in ("key.pem", "token*") for path in glob.glob(os.path.join(folder, "**", name), recursive=True)
            if os.stat(path).st_mode & 0o077]


def check_run(folder):
    """A driver, its uploader and its children; routines that report; a whole that is exported."""
    token, wrong = private(folder, "token", marked("token")), private(folder, "token-wrong", marked("wrong"))
    store, whole = os.path.join(folder, "store"), os.path.join(folder, "whole")
    env = dict(os.environ, FLATLINE_INFLUX_TOKEN=marked("influx-token"), FLATLINE_INFLUX_USER="u",
               FLATLINE_INFLUX_PASSWORD=marked("influx-password"), FLATLINE_VERBOSE="1")
    influx = "http://127.0.0.1:%d/?db=d" % ports.port()  # nobody is there, which is in the log, too
    with Results("--token", token, "--influx", influx, store=store, env=env) as server:
        url = "http://127.0.0.1:%d" % server.port
        with Hosts(folder, "spread", 1, "--gen-charts", "--allow-inconclusive", "--report-token", token,
                   scenario=SCENARIO, report_to=url, env=env) as hosts:
            driver = hosts.drivers[0]
            driver.wait_said("the run begins")
            children = wait_until(lambda: found if len(found := set(family(driver.process.pid))) >= 3 else None)
            told = knowing(children)
            statuses, said = hosts.wait(), [driver.said()]
            keys = glob.glob(os.path.join(hosts.run_dir(0), "tls", "**", "key.pem"), recursive=True)
        tap.check("a run that reports, with a token, passes", statuses == [0], said)
        tap.check("no child of it knows a secret", told == [], told)
        tap.check("its keys are its owner's", len(keys) > 0 and others_may(folder) == [], keys, others_may(folder))
        with server.connect() as connection:
            begun = talk(connection, "POST", "/test/r", {"started": True},
                         {"Authorization": "Bearer " + marked("token")})
        tap.check("a test begins, for who has the token", begun[0] == 201, begun)
        with Server() as peer:
            routine = [CLIENT, "--port", str(peer.port), "--routine", "peer", "--peers", "2", "--duration", "1s",
                       "--report-to", url, "--report-token"]
            for file, fine in ((token, True), (wrong, False)):
                done = subprocess.run([*routine, file, "--test", "r", "--peer", "p"], env=env, capture_output=True,
                                      text=True, timeout=PATIENCE, check=False)
                said.append(done.stdout + done.stderr)
                tap.check("routines report with the token, and not with another: %s" % fine,
                          (done.returncode == 0) == fine, done.returncode, said[-1])
        lines = subprocess.run([UPLOADER, "--to", url, "--token", wrong, "--test", "r", "--peer", "q", "--lines", "-v"],
                               env=env, input="", capture_output=True, text=True, timeout=PATIENCE, check=False)
        said.append(lines.stdout + lines.stderr)
        tap.check("the uploader says that the token is wrong", lines.returncode == 3 and "token" in said[-1], said[-1])
        server.stop()
        said.append(server.said())
    export = subprocess.run([RESULTS, "export", "test", "--store", store, "--out", whole], env=env, capture_output=True,
                            text=True, timeout=PATIENCE, check=False)
    said.append(export.stdout + export.stderr)
    tap.check("the whole is exported", export.returncode == 0, said[-1])
    tap.check("the store is its owner's", stat.S_IMODE(os.stat(store).st_mode) == 0o700, oct(os.stat(store).st_mode))
    tap.check("nobody said a secret", not any(MARK in text for text in said), *said)
    found = leaks(folder, token, wrong)
    tap.check("no file has one: run, logs, charts, store, whole", found == [], found)


def check_messages(folder):
    """Secrets where they do not belong are refused, or warned of, and never repeated."""
    for program, *options in (
            (DRIVER, "--test", "t", "--report-to", "http://u:%s@127.0.0.1:1"),
            (CLIENT, "--port", "1", "--routine", "peer", "--test", "t", "--peer", "p",
             "--report-to", "http://%s@127.0.0.1:1"),
            (UPLOADER, "--test", "t", "--peer", "p", "--lines", "--to", "http://u:%s@127.0.0.1:1"),
            (RESULTS, "--store", folder, "--influx", "http://u:%s@127.0.0.1:none"),
            (RESULTS, "--store", folder, "--influx", "http://127.0.0.1:1/?db=d&p=a&%s")):
        options[-1] = options[-1] % marked("url")
        done = subprocess.run([program, *options], capture_output=True, text=True, timeout=PATIENCE, check=False)
        said = done.stdout + done.stderr
        name = os.path.basename(program)
        tap.check("%s refuses %s" % (name, options[-1].replace(marked("url"), "SECRET")), done.returncode == 2, said)
        tap.check("... and does not repeat it", MARK not in said and said.count("\n") == 1, said)
    with Results("--influx", "http://u:%s@127.0.0.1:%d/?db=d" % (marked("open"), ports.port())) as server:
        server.stop()
        tap.check("a password on the command line is warned of, and not repeated",
                  "FLATLINE_INFLUX_PASSWORD" in server.said() and MARK not in server.said(), server.said())


def check_warnings(folder):
    """What others may read is not used in silence."""
    here = os.path.join(folder, "pair")
    subprocess.run([SERVER, "--make-cert", here], check=True, timeout=PATIENCE)
    cert, key = os.path.join(here, "cert.pem"), os.path.join(here, "key.pem")
    token = private(folder, "token-open", "an-open-token", 0o640)
    for mode, warned in ((0o600, False), (0o640, True)):
        os.chmod(key, mode)
        line = "others may read the private key in %s: chmod 600" % re.escape(key)
        with Server("--secure", "--tls-pub", cert, "--tls-priv", key) as server:
            tap.check("a key of mode %o: stress-server warns: %s" % (mode, warned),
                      bool(re.search(line, server.said())) == warned, server.said())
        with Results("--tls-cert", cert, "--tls-key", key) as server:
            tap.check("a key of mode %o: results-server warns: %s" % (mode, warned),
                      bool(re.search(line, server.said())) == warned, server.said())
    line = "others may read the token in %s: chmod 600" % token
    with Results("--token", token) as server:
        tap.check("a token that others may read: results-server warns", line in server.said(), server.said())
    with Program(UPLOADER, "--to", "http://127.0.0.1:1", "--token", token, "--test", "t", "--peer", "p", "--lines",
                 "--barrier-timeout", "10ms", "--drain-timeout", "10ms") as uploader:
        uploader.wait_said(re.escape(line))
    tap.check("a token that others may read: uploader warns", True)


def listening(pid):
    """The addresses at which a process listens, as the kernel writes them."""
    sockets = set()
    for fd in glob.glob("/proc/%d/fd/*" % pid):
        try:
            sockets.update(re.findall(r"socket:\[(\d+)\]", os.readlink(fd)))
        except OSError:
            pass
    rows = [line.split() for table in ("tcp", "tcp6") for line in contents("/proc/net/" + table).decode().splitlines()[1:]]
    return [row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in sockets]


def check_listeners(folder):
    """127.0.0.1 is 0100007F there, on a machine whose least byte comes first."""
    loopback = "%08X" % int.from_bytes(bytes([127, 0, 0, 1]), sys.byteorder)
    with Server() as server, Results() as results, \
            Program(DRIVER, "delay", "--listen", "0", "--to", "127.0.0.1:1") as way:
        way.wait_said("listening")
        for what, process in (("stress-server", server.process), ("results-server", results.process),
                              ("driver delay", way.process)):
            found = listening(process.pid)
            tap.check("%s listens on loopback" % what, set(found) == {loopback}, found)
    with Program(RESULTS, "--store", os.path.join(folder, "default")) as results:  # at a port that may be somebody's
        results.wait_said("listen")
        tap.check("... by default, too", "127.0.0.1:9904" in results.said(), results.said())


os.umask(0)
with tempfile.TemporaryDirectory() as scratch:
    check_run(scratch)
    check_messages(os.path.join(scratch, "never"))
    check_warnings(scratch)
    check_listeners(scratch)
tap.done()
