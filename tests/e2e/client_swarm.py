"""A swarm of clients: up, at the top, and really back down; and the ends of the road, each of which is a finding with
a name: the server's descriptors, the client's own, a full backlog, the local ports."""

import csv
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from program import CLIENT, SERVER, Child, Server, wait_until
from tap import Tap

tap = Tap()
folder = tempfile.mkdtemp(prefix="flatline-swarm.")
rows_file = os.path.join(folder, "swarm.csv")
COUNTS = ("client", "open", "messages", "replies")
DESCRIPTORS = 48


def rows():
    with open(rows_file, newline="") as file:
        return list(csv.DictReader(file))


def swarm(port, clients, *options, prefix=(), **more):
    command = [*prefix, CLIENT, "--port", str(port), "--swarm", str(clients), "--swarm-csv", rows_file, *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, **more)
    return done.returncode, done.stdout


def numbers(found, phase):
    return [tuple(int(row[name]) for name in COUNTS) for row in found if row["phase"] == phase]


def up_and_down(server, *secure):
    how = "secure" if secure else "insecure"
    status, said = swarm(server.port, 5, "--swarm-messages", "10:50", "--swarm-hold", "--swarm-back",
                         "--timeout", "60s", *secure)
    found = rows()
    climb = [(i, i, 10 * i, 10 * i) for i in range(1, 6)]
    tap.check("%s: a swarm passes" % how, status == 0, said)
    tap.check("%s: up, all held, messages linear" % how, numbers(found, "up") == climb, found)
    tap.check("%s: down, from the last to the first" % how, numbers(found, "down") == climb[::-1], found)
    tap.check("%s: every turn is timed" % how, all(
        0 < int(row["rtt_median_ns"]) <= int(row["rtt_p99_ns"]) <= int(row["rtt_max_ns"])
        and 0 < int(row["connect_ns"]) < int(row["first_reply_ns"])
        and (int(row["handshake_ns"]) > 0) == bool(secure) for row in found), found)


def all_together(server):
    status, said = swarm(server.port, 40, "--swarm-together", "--swarm-messages", "7", "--swarm-stay", "0.1s",
                         "--timeout", "60s")
    found = rows()
    tap.check("together: all are connected, then all send", status == 0
              and numbers(found, "up") == [(i, i, 1, 1) for i in range(1, 41)]
              and sorted(numbers(found, "top")) == [(i, 40, 7, 7) for i in range(1, 41)], said, found)


def last_fault(phase="up"):
    return [(int(row["client"]), row["fault"]) for row in rows() if row["phase"] == phase][-1]


def servers_descriptors():
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    with Child(SERVER, "--port", "0", preexec_fn=limit) as child:
        port = int(child.wait_said(r"listening on \S+:(\d+)").group(1))
        # The driver's end of the page and whatever else it has open are counted, too.
        with open("/proc/%d/task/%d/children" % (child.process.pid, child.process.pid)) as file:
            used = len(os.listdir("/proc/%d/fd" % int(file.read())))
        room = DESCRIPTORS - used
        for timeout in ("3s", "20s"):  # a machine that stands still may leave somebody before unanswered
            status, said = swarm(port, 100, "--swarm-hold", "--swarm-back", "--timeout", timeout)
            if last_fault()[0] == room + 1:
                break
        tap.check("the server's descriptors end the climb, at the client", status == 1
                  and last_fault() == (room + 1, "unanswered"), room, said, rows()[-3:])
        tap.check("... who was served goes on", len(numbers(rows(), "down")) == room, rows()[-3:])
        child.ask("publish")
        tap.check("... and the server counted it", child.ask("read")["metrics"]["accepts_refused"] > 0)


def own_descriptors(server):
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    status, said = swarm(server.port, 100, "--swarm-hold", "--timeout", "60s", preexec_fn=limit)
    client, fault = last_fault()
    tap.check("so do the client's own", status == 1 and fault == "client-descriptors" and
              DESCRIPTORS // 2 < client <= DESCRIPTORS, client, fault, said)


def full_backlog():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        crowd = []
        for _ in range(3):
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
            crowd.append(caller)
        status, said = swarm(listener.getsockname()[1], 3, "--timeout", "0.5s")
        tap.check("a full backlog is no connection in time", status == 1
                  and last_fault() == (1, "connect-timeout"), said)
        for caller in crowd:
            caller.close()


def ports():
    script = ("ip link set lo up && echo 45000 45009 > /proc/sys/net/ipv4/ip_local_port_range && "
              '"$0" --port 31999 & server=$!; for _ in $(seq 300); do '
              'grep -q ":7CFF " /proc/net/tcp && break; sleep 0.05; done; "$@"; status=$?; kill $server; exit $status')
    prefix = ["unshare", "--net", "sh", "-c", script, SERVER]
    if subprocess.run(["unshare", "--net", "ip", "link", "set", "lo", "up"], capture_output=True).returncode != 0:
        tap.skip("no network namespaces here")
        return
    status, said = swarm(31999, 50, "--swarm-hold", "--timeout", "60s", prefix=prefix)
    tap.check("so is a range of local ports that is used up", status == 1
              and last_fault() == (11, "ports") and "no local port" in said, said)


def trouble(server):
    status, said = swarm(server.port, 3, "--swarm-csv", "/dev/full")
    tap.check("a full disk is said", status == 3 and "/dev/full could not be written" in said, said)
    for bad, why in ((("0",), "not a number of clients"), (("3", "--swarm-messages", "0:5"), "from 1 up"),
                     (("3", "--swarm-stay", "1s"), "needs --swarm-hold"), (("3", "--gzip"), "goes with none"),
                     (("3", "--non-streaming"), "takes no calls")):
        status, said = swarm(server.port, *bad)
        tap.check("--swarm %s is refused" % " ".join(bad), status == 2 and why in said, said)
    with open(os.path.join(folder, "log"), "w") as log:
        client = subprocess.Popen([CLIENT, "--port", str(server.port), "--swarm", "9", "--swarm-hold", "--swarm-stay",
                                   "600s", "--swarm-csv", rows_file], stdout=log, stderr=log)
        wait_until(lambda: len(os.listdir("/proc/%d/fd" % client.pid)) >= 12)
        client.send_signal(signal.SIGINT)
        tap.check("Ctrl-C ends it with 130", client.wait(300) == 130)
    turns = len(numbers(rows(), "up"))
    tap.check("... and keeps its rows", 1 <= turns <= 9, rows())


try:
    with Server() as plain:
        up_and_down(plain)
        all_together(plain)
        own_descriptors(plain)
        trouble(plain)
    made = subprocess.run([SERVER, "--make-cert", folder], capture_output=True, text=True)
    tap.check("a certificate is made", made.returncode == 0, made.stderr)
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    with Server("--secure", "--tls-pub", cert, "--tls-priv", key) as secure:
        up_and_down(secure, "--secure", "--cert-store-from-path", cert)
    servers_descriptors()
    full_backlog()
    ports()
finally:
    shutil.rmtree(folder)
tap.done()
