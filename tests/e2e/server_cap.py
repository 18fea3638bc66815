"""stress-server under a heap cap (RLIMIT_DATA): flat traffic fits, a planted leak ends in an obituary."""

import os
import random
import resource
import sys

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import grpc
import stubs
from program import CLIENT, SERVER, Child, Program, wait_until
from tap import Tap

CAP = 16 << 20
CAP_FOUR = CAP + 3 * (7 << 20)  # of four event loops, as the driver sets it

pb = stubs.load("flatline")
tap = Tap()


def cap_data(cap=CAP):
    resource.setrlimit(resource.RLIMIT_DATA, (cap, cap))


def payload():
    return pb.Payload(body=os.urandom(random.randint(128, 256)))


def capped(*options, cap=CAP):
    return Child(SERVER, "--port", "0", *options, preexec_fn=lambda: cap_data(cap))


def call_until(port, calls):
    """Calls until one fails; how many passed."""
    with grpc.insecure_channel("127.0.0.1:%d" % port) as channel:
        call = stubs.method(
            channel, stubs.STRESS + "NonStreaming", "unary_unary", pb.Payload, pb.Payload
        )
        for done in range(calls):
            try:
                call(payload(), timeout=300)
            except grpc.RpcError:
                return done
    return calls


def port_of(child):
    return int(child.wait_said(r"listening on \S+:(\d+)").group(1))


def has_ended(child):
    """Whether the program under page_run, its only child, is a zombie until it is asked for."""
    pid = child.process.pid
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        program = file.read().strip()
    with open("/proc/%s/stat" % program) as file:
        return file.read().rpartition(")")[2].split()[0] == "Z"


with capped() as child:
    passed = call_until(port_of(child), 2000)
    tap.check("2000 calls fit under %d MiB" % (CAP >> 20), passed == 2000, passed)
    child.ask("signal 15")
    tap.check("... and the server ends with 0", child.ask("wait")["exit"] == 0, child.said())
    tap.check("... without an obituary", "obituary" not in child.ask("read"))

with capped("--inject-leak", "call:64K") as child:
    passed = call_until(port_of(child), 2000)
    tap.check("a leak of 64 KiB a call does not fit", 10 < passed < CAP >> 16, passed)
    tap.check("the server exits with 251", child.ask("wait")["exit"] == 251, child.said())
    page = child.ask("read")
    tap.check(
        "its obituary names the size and the subsystem",
        page.get("obituary", "").startswith("heap overflow: ") and " refused to " in page["obituary"],
        page,
    )
    tap.check("its last page counts the refusal", page["metrics"]["refused"] == 1, page)
    tap.check(
        "... and shows the leak", page["metrics"]["live_app"] > 64 * 1024 * (passed - 1), page
    )
    tap.check("its log says so too", "heap overflow: " in child.said(), child.said())

with capped("--inject-leak", "call:64K", "--threads", "4", cap=CAP_FOUR) as child:
    work = "--concurrent --num-connections 20 --num-calls 0 --non-streaming".split()
    with Program(CLIENT, "--port", str(port_of(child)), *work):
        status = child.ask("wait")["exit"]
    page = child.ask("read")
    tap.check("a refusal on any of four threads exits with 251", status == 251, child.said())
    tap.check(
        "... after an obituary", page.get("obituary", "").startswith("heap overflow: "), page
    )
    # How many had come by then is chance; one loop alone would hardly ever have several.
    metrics = page["metrics"]
    tap.check(
        "... and with their traffic",
        1 <= metrics["connections"] <= 20 and 0 < metrics["calls_done"] <= CAP_FOUR >> 16,
        page,
    )

# Too tight for an arena each: the loops share what there is, and a heap that straddles a boundary of
# jemalloc's radix tree may find too little to start at all. That is said; nothing crashes.
with capped("--threads", "4") as child:
    wait_until(lambda: "listening on" in child.said() or has_ended(child))
    listening = "listening on" in child.said()
    child.ask("signal 15")
    status = child.ask("wait")["exit"]
    tap.check(
        "four threads under a tight cap serve, or say what they lack",
        status == 0 if listening else status in (3, 251) and child.said().strip() != "",
        (status, child.said()),
    )

tap.done()
