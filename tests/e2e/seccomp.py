"""--seccomp: all that a server does while it serves passes the filter, on every thread; what it does not do ends it,
and is named: on its log, on the driver's page, in run.db."""

import concurrent.futures
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import ports
from program import BUILD, CLIENT, DRIVER, PATIENCE, SERVER, Child, Program
from results import RESULTS, Results, batch, point
from tap import Tap

FLAW = os.path.abspath(os.path.join(BUILD, "tests", "fixtures", "forbidden.so"))
FORK, EXECVE = 57, 59  # on x86-64; other machines have other numbers, and the names are not looked for there
NAMED = r"forbidden system call (execve )?\(59\)"
tap = Tap()


def configured(name):
    with open(os.path.join(BUILD, "config.h"), encoding="ascii") as file:
        return re.search(r"(?m)^#define %s 1" % name, file.read()) is not None


def flawed(call):
    return dict(os.environ, LD_PRELOAD=FLAW, FORBIDDEN_CALL=str(call))


def threads(pid):
    """[(NoNewPrivs, Seccomp)] of each."""
    found = []
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/status" % (pid, thread), encoding="utf-8") as file:
            found.append(tuple(int(value) for value in re.findall(r"(?m)^(?:NoNewPrivs|Seccomp):\s+(\d)", file.read())))
    return found


def child_of(pid):
    with open("/proc/{0}/task/{0}/children".format(pid), encoding="ascii") as file:
        return int(file.read().split()[0])


def client(*options):
    done = subprocess.run([CLIENT, *options], capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


def rows(path, query):
    with sqlite3.connect("file:%s?mode=ro" % path, uri=True) as db:
        return db.execute(query).fetchall()


def check_served(folder):
    """Everything that a server can be told to do, at once: TLS, threads, relay, profiles, certificate, pause."""
    events, here = os.path.join(folder, "events.db"), os.path.join(folder, "certificate")
    subprocess.run([SERVER, "--make-cert", here], check=True, timeout=300)
    cert, key = os.path.join(here, "cert.pem"), os.path.join(here, "key.pem")
    with Child(SERVER, "--port", "0", "--seccomp", "--threads", "3", "--secure", "--tls-pub", cert, "--tls-priv", key,
               "--event-db", events, "--profile-dir", folder) as server:
        port = server.wait_said(r"listening on \S+:(\d+)").group(1)
        to = ("--port", port, "--secure", "--cert-store-from-path", cert)
        server.until(lambda page: page["state"] == "ready")
        seen = threads(child_of(server.process.pid))
        tap.check("every thread gains no rights, and is filtered", len(seen) >= 4 and set(seen) == {(1, 2)}, seen)
        profiles = configured("HAVE_JEMALLOC")
        if profiles:
            tap.check("the profiler starts", server.ask("profile-start 12") == {"result": "done"}, server.said())
        status, said = client(*to, "--num-connections", "4", "--num-calls", "20", "--non-streaming",
                              "--bidi-streaming", "9")
        tap.check("calls are answered", status == 0, said, server.said())
        status, said = client(*to, "--publish", "t", "--events", "50")
        tap.check("events are taken", status == 0, said, server.said())
        if profiles:
            dumped = server.ask("profile-dump 1")
            tap.check("a heap profile is written", dumped == {"result": "done"} and
                      any(name.endswith(".1.heap") for name in os.listdir(folder)), dumped, os.listdir(folder))
        subprocess.run([SERVER, "--make-cert", here], check=True, timeout=300)
        tap.check("the certificate is changed", server.ask("reload") == {"result": "done"}, server.said())
        status, said = client(*to, "--num-calls", "1", "--non-streaming")
        tap.check("... to the one that is there now", status == 0, said, server.said())
        for order in ("pause", "resume", "goaway"):
            tap.check("it obeys: " + order, server.ask(order) == {"result": "done"}, server.said())
        server.ask("signal %d" % signal.SIGTERM)
        ended = server.ask("wait")
        tap.check("it ends as told", ended == {"exit": 0}, ended, server.said())
    tap.check("... with every event", rows(events, "SELECT count(*) FROM event") == [(50,)])


def check_flaw(call, *options):
    """A server that is led to make that call, when somebody connects."""
    with Child(SERVER, "--port", "0", *options, env=flawed(call)) as server:
        port = server.wait_said(r"listening on \S+:(\d+)").group(1)
        client("--port", port, "--probe", "--timeout", "5s")
        if "--seccomp" not in options:
            server.wait_said("nothing stopped it")
            return
        ended = server.ask("wait")
        said, page = server.said(), server.ask("read")
    what = "call %d %s" % (call, " ".join(options))
    tap.check("%s: SIGSYS" % what, ended == {"exit": -signal.SIGSYS}, ended, said)
    named = r"forbidden system call (\w+ )?\(%d\)" % call
    tap.check("%s: it says which" % what, re.search("(?m)^stress-server: %s$" % named, said), said)
    tap.check("%s: they are its last words" % what, re.fullmatch(named, page.get("obituary", "")), page)
    tap.check("%s: and it was not made" % what, "nothing stopped it" not in said, said)


def check_results():
    with Results("--seccomp") as server:
        seen = threads(server.process.pid)
        tap.check("the results server: every thread", len(seen) > 1 and set(seen) == {(1, 2)}, seen)
        asked = [server.ask("POST", "/test/a", {"started": True}),
                 server.ask("PUT", "/test/a/peer/p/metrics", batch(1, point())),
                 server.ask("GET", "/test/a?dataPoints=true"),
                 server.ask("PUT", "/test/a/finish", {"verdict": "pass"}), server.ask("GET", "/metrics")]
        tap.check("... takes, keeps and tells", [status for status, _ in asked] == [201, 200, 200, 200, 200], asked,
                  server.said())
        tap.check("... and ends", server.stop() == 0, server.said())
    with Results("--seccomp", env=flawed(EXECVE)) as server:
        try:
            server.ask("GET", "/")
        except OSError:
            pass
        ended = server.process.wait(PATIENCE)
        tap.check("a flaw in it: SIGSYS", ended == -signal.SIGSYS, ended)
        tap.check("... by name", re.search("(?m)^results-server: %s$" % NAMED, server.said()), server.said())


def drive(folder, name, port, server):
    """A fleet of two for some seconds. Its exit status, what it said, how its server ended."""
    file = os.path.join(folder, name + ".yaml")
    with open(file, "w", encoding="utf-8") as out:
        out.write("checkpoints: 0\nservers:\n  - {name: s, arguments: [--seccomp]%s}\n"
                  "clients:\n  - {name: c, server: s, pattern: bidi-stream-many-calls}\n" % server)
    with Program(DRIVER, "--scenario", file, "--duration", "3s", "--base-port", str(port), "--allow-inconclusive",
                 "--working-dir", os.path.join(folder, name)) as driver:
        status = driver.process.wait(PATIENCE)
        said = driver.said()
    ends = rows(os.path.join(folder, name, "latest", "run.db"),
                "SELECT reason, obituary FROM incarnation JOIN component ON component.id = component WHERE name = 's'")
    return status, said, ends


def check_fleets(folder):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        good = pool.submit(drive, folder, "good", ports.port(), "")
        bad = pool.submit(drive, folder, "bad", ports.port(), ", env: [LD_PRELOAD=%s, FORBIDDEN_CALL=%d]" % (FLAW, EXECVE))
        status, said, ends = good.result()
        tap.check("a fleet whose server is confined passes", status == 0 and ends == [("stopped", None)], said, ends)
        status, said, ends = bad.result()
    tap.check("one whose server is led astray fails", status == 1 and "forbidden" in said, status, said)
    tap.check("... for that reason, by name", len(ends) > 0 and ends[0][0] == "forbidden-call" and
              re.match(NAMED, ends[0][1]), ends)


if not configured("HAVE_SECCOMP"):
    with tempfile.TemporaryDirectory() as scratch:
        for program, more in ((SERVER, ["--port", "0"]), (RESULTS, ["--store", scratch, "--listen", "127.0.0.1:0"])):
            with Program(program, *more, "--seccomp") as refused:
                tap.check("no libseccomp: %s says so" % os.path.basename(program),
                          refused.process.wait(PATIENCE) == 3 and "no libseccomp" in refused.said(), refused.said())
elif configured("FL_SANITIZED"):
    tap.skip("the sanitizers make system calls of their own")
else:
    with tempfile.TemporaryDirectory() as scratch:
        check_served(scratch)
        check_flaw(EXECVE)
        check_flaw(EXECVE, "--seccomp")
        check_flaw(FORK, "--seccomp", "--threads", "2")
        check_results()
        check_fleets(scratch)
tap.done()
