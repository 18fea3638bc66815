"""Heap profiles on the driver's command, of both programs: two dumps some calls apart, whose difference jeprof
gives as stacks, name the function that leaks between them and how much it leaked."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from program import CLIENT, SERVER, Child, Program, Server
from tap import Tap

CALLS, LEAK = 2000, 4096
LG_SAMPLE = 12

tap = Tap()


def stacks(program, first, second):
    """{frames from the root on: bytes} of what the second dump has more than the first."""
    said = subprocess.run(["jeprof", "--collapsed", "--base=" + first, program, second],
                          capture_output=True, text=True, timeout=300, check=True).stdout
    found = {}
    for line in said.splitlines():
        frames, size = line.rsplit(" ", 1)
        # Of a static function jeprof says the address, too.
        frames = tuple(re.sub(r"<[0-9a-f]+>|\[inline\]", "", frame) for frame in frames.split(";"))
        found[frames] = found.get(frames, 0) + int(size)
    return found


def calls(port):
    done = subprocess.run([CLIENT, "--port", str(port), "--num-connections", "4", "--num-calls", str(CALLS // 4),
                           "--non-streaming"], capture_output=True, text=True, timeout=300)
    tap.check("calls are made", done.returncode == 0, done.stdout, done.stderr)


def dump(child, folder, number):
    answer = child.ask("profile-dump %d" % number)
    found = [name for name in os.listdir(folder) if name.endswith(".%d.heap" % number)]
    tap.check("dump %d is written" % number, answer == {"result": "done"} and len(found) == 1, answer, found)
    return os.path.join(folder, found[0]) if found else None


def check_stacks(what, program, first, second, expected):
    found = stacks(program, first, second)
    leaking = {frames: size for frames, size in found.items() if "planted_leak_call" in frames}
    size = sum(leaking.values())
    tap.check("%s: the leak is in the stacks" % what, bool(leaking), *found)
    tap.check("%s: with what it leaked, within a fifth" % what, abs(size - expected) < expected / 5,
              "%d instead of %d" % (size, expected))
    tap.check("%s: and is most of the difference" % what, size > sum(found.values()) / 2, *found.items())
    tap.check("%s: its callers are there, nearest last" % what,
              all(frames[frames.index("planted_leak_call") - 1] == "leak_follow" for frames in leaking), *leaking)
    # Nothing that returns what another function returns was turned into a jump, and so lost.
    tap.check("%s: what it calls, too" % what,
              all(re.match("mem_alloc|.*malloc", frames[frames.index("planted_leak_call") + 1]) for frames in leaking
                  if frames[-1] != "planted_leak_call"), *leaking)


def leaked(server, size):
    """Each loop leaks on its next turn what its calls are to leak."""
    server.until(lambda page: page["metrics"]["live_app"] >= size)


def check_server(what, *options):
    with tempfile.TemporaryDirectory() as folder, \
            Child(SERVER, "--port", "0", "--inject-leak", "call:%d" % LEAK, "--profile-dir", folder, *options) as server:
        found = server.wait_said(r"listening on \S+:(\d+)")
        server.until(lambda page: page["state"] == "ready")
        tap.check("%s: the profiler starts" % what,
                  server.ask("profile-start %d" % LG_SAMPLE) == {"result": "done"}, server.said())
        calls(found.group(1))
        leaked(server, CALLS * LEAK)
        first = dump(server, folder, 1)
        calls(found.group(1))
        leaked(server, 2 * CALLS * LEAK)
        second = dump(server, folder, 2)
        tap.check("%s: and stops" % what, server.ask("profile-stop") == {"result": "done"}, server.said())
        if first and second:
            check_stacks(what, SERVER, first, second, CALLS * LEAK)


def check_client():
    with tempfile.TemporaryDirectory() as folder, Server() as server, \
            Child(CLIENT, "--port", str(server.port), "--inject-leak", "call:%d" % LEAK, "--profile-dir", folder,
                  "--num-calls", "0", "--non-streaming") as client:
        def more(calls):
            return client.until(lambda page: page["metrics"]["calls_done"] >= calls)

        def dump_at_rest(number):
            """The dump, and after how many calls it was made."""
            client.ask("pause")
            made = dump(client, folder, number)
            client.ask("publish")
            calls = client.ask("read")["metrics"]["calls_done"]
            client.ask("resume")
            return made, calls

        more(10)
        tap.check("client: the profiler starts",
                  client.ask("profile-start %d" % LG_SAMPLE) == {"result": "done"}, client.said())
        first, before = dump_at_rest(1)
        more(before + CALLS)
        second, after = dump_at_rest(2)
        if first and second:
            check_stacks("client", CLIENT, first, second, (after - before) * LEAK)


def check_refusals():
    with Child(SERVER, "--port", "0") as server:
        server.until(lambda page: page["state"] == "ready")
        tap.check("a dump without --profile-dir fails", server.ask("profile-dump 1") == {"result": "failed"})
        tap.check("a rate of no use is refused", server.ask("profile-start 64") == {"result": "failed"})
        tap.check("the server lives on", server.ask("publish") == {"result": "done"})


def has_profiler():
    with Child(SERVER, "--port", "0") as server:
        server.until(lambda page: page["state"] == "ready")
        return server.ask("profile-stop") == {"result": "done"}


with Program(SERVER, "--version") as version:
    version.process.wait(300)
    jemalloc = "jemalloc" in version.said()
tap.check("the profiler is there where jemalloc is", has_profiler() == jemalloc)
if not jemalloc:
    tap.skip("a build without jemalloc has no heap profiler")
elif not shutil.which("jeprof"):
    tap.skip("no jeprof to read heap profiles with")
else:
    check_server("server")
    check_server("server of four loops", "--threads", "4")
    check_client()
    check_refusals()
tap.done()
