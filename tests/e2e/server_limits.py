"""stress-server at its limits, with one event loop and with several: out of descriptors it answers those whom it
has, lets the others wait without spinning, and takes them when there is room again; a drain lets calls finish on
every loop and refuses who comes late."""

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import grpc
import stubs
from program import CLIENT, SERVER, Child, wait_until
from tap import Tap

DESCRIPTORS = 64
CROWD = 90  # more than that
CALLERS = 12
TICK = os.sysconf("SC_CLK_TCK")

pb = stubs.load("flatline")
tap = Tap()


def pid_of(child):
    """Of the program under page_run, its only child."""
    pid = child.process.pid
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return int(file.read())


def cpu(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


def start(threads, *options, **more):
    child = Child(SERVER, "--port", "0", "--threads", str(threads), *options, **more)
    return child, lambda: int(child.wait_said(r"listening on \S+:(\d+)").group(1))


def calls(port, connections, *work):
    command = [CLIENT, "--port", str(port), "--concurrent", "--num-connections", str(connections), *work]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def metric(child, name):
    return child.metrics()[name]


def connect_all(port):
    return [socket.create_connection(("127.0.0.1", port)) for _ in range(CROWD)]


def out_of_descriptors(threads):
    how = "%d loops" % threads
    child, port_of = start(threads, preexec_fn=few_descriptors)
    with child:
        port = port_of()
        crowd = connect_all(port)
        child.wait_said("cannot accept: Too many open files")
        full = len(os.listdir("/proc/%d/fd" % pid_of(child)))
        tap.check("%s: every descriptor is in use" % how, full == DESCRIPTORS, full)
        had = metric(child, "connections")
        tap.check("%s: ... and the connections it has are kept" % how, DESCRIPTORS // 2 < had < DESCRIPTORS, had)
        before = cpu(pid_of(child))
        time.sleep(1)
        used = cpu(pid_of(child)) - before
        tap.check("%s: ... and waiting costs next to nothing" % how, used < 0.3, used)
        for caller in crowd:
            caller.close()
        wait_until(lambda: metric(child, "connections") == 0)
        client = calls(port, CALLERS, "--num-calls", "50", "--non-streaming")
        said = client.communicate(timeout=300)[0]
        tap.check("%s: there is room again" % how, client.returncode == 0, said)
        child.until(lambda page: page["metrics"]["connections_total"] == CROWD + CALLERS)
        errors = child.said().count("cannot accept")
        tap.check("%s: a loop complains once" % how, 1 <= errors <= threads, child.said())
        child.ask("signal %d" % signal.SIGTERM)
        tap.check("%s: it ends with 0" % how, child.ask("wait")["exit"] == 0, child.said())


def refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        return False
    except ConnectionRefusedError:
        return True


class Caller:
    """A call on a connection of its own: one message, a second when it is let go on, and a reply to each."""

    def __init__(self, port):
        self.go_on = threading.Event()
        options = [("grpc.use_local_subchannel_pool", 1)]
        self.channel = grpc.insecure_channel("127.0.0.1:%d" % port, options)
        path = stubs.STRESS + "BidiStreaming"
        call = stubs.method(self.channel, path, "stream_stream", pb.Payload, pb.Payload)
        self.replies = call(self.requests(), timeout=300, wait_for_ready=True)
        next(self.replies)

    def requests(self):
        yield pb.Payload(body=bytes(200))
        self.go_on.wait(280)
        yield pb.Payload(body=bytes(200))

    def ends_well(self):
        self.go_on.set()
        try:
            return len(list(self.replies)) == 1 and self.replies.code() == grpc.StatusCode.OK
        except grpc.RpcError:
            return False
        finally:
            self.channel.close()


def calls_finish(threads):
    how = "%d loops" % threads
    child, port_of = start(threads, "--drain", "60s")
    with child:
        port = port_of()
        callers = [Caller(port) for _ in range(CALLERS)]
        child.ask("signal %d" % signal.SIGTERM)
        child.until(lambda page: page["state"] == "draining")
        tap.check("%s: who comes late is refused" % how, wait_until(lambda: refused(port)))
        tap.check("%s: a drain waits for the calls under way" % how, metric(child, "streams") == CALLERS)
        ends = [caller.ends_well() for caller in callers]
        tap.check("%s: ... and they end well" % how, all(ends), ends)
        tap.check("%s: ... and then it ends with 0, at once" % how, child.ask("wait")["exit"] == 0, child.said())
        done = child.ask("read")["metrics"]["calls_done"]
        tap.check("%s: all calls are counted" % how, done == CALLERS, done)


for count in (1, 3):
    out_of_descriptors(count)
    calls_finish(count)
tap.done()
