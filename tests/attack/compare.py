"""What four attacks cost stress-server, and others beside it: `make attack-compare`, by hand. For each server and each
attack a process of its own, cleartext: memory before it, at its peak, and after QUIET seconds of rest; the longest
that a well-behaved client waited meanwhile; and the same once more under a cap of 256 MiB (RLIMIT_DATA): did it live?

An attack lasts SECONDS, from ATTACKERS processes, each of which comes back as soon as it is thrown out: a server that
ends connections sooner is attacked by more of them. What is waited for is time on the clock: a machine that does
something else beside makes all of them look worse."""

import argparse
import contextlib
import ctypes
import json
import multiprocessing
import os
import re
import resource
import signal
import socket
import sys
import time

TOP = os.environ["top_srcdir"]
for folder in ("lib", "attack", "bench"):
    sys.path.insert(0, os.path.join(TOP, "tests", folder))
import h2raw as h2
from attacks import ENDLESS, HEAD, STREAM, UNARY, ids, packed, provoked
from program import Program, wait_until
from speed_peers import SERVERS, Place, find_missing, versions, with_modules

CAP = 256 << 20
ATTACKERS = 4
PATIENCE = 2.0  # seconds that an attacker waits for a server that takes nothing more
BODY = h2.message(b"\x0a\xc8\x01" + bytes(200))
OPENING = h2.PREFACE + h2.settings()


def rapid_reset():
    return OPENING + b"".join(h2.headers(i, HEAD[UNARY]) + h2.reset(i) for i in ids(20000))


def made_you_reset():
    return OPENING + provoked(20000)


def stalled_windows():
    shut = h2.PREFACE + h2.settings((h2.INITIAL_WINDOW, 0))
    return shut + b"".join(h2.headers(i, HEAD[STREAM]) + h2.data(i, ENDLESS, h2.END_STREAM) for i in ids(100))


def zip_bomb():
    return OPENING + b"".join(packed(i, bytes((4 << 20) - 64)) for i in ids(14))


# What, the octets of a connection, how many connections an attacker keeps open at most.
ATTACKS = (
    ("rapid reset", rapid_reset, 1),
    ("made you reset", made_you_reset, 1),
    ("stalled windows", stalled_windows, 25),
    ("zip bomb", zip_bomb, 4),
)


def once(port, octets):
    """A connection that has sent that, as far as the server takes it; None: it does not take any."""
    try:
        peer = socket.create_connection(("127.0.0.1", port), PATIENCE)
    except OSError:
        return None
    with contextlib.suppress(OSError):
        peer.sendall(octets)
    return peer


def is_over(peer):
    """Reads some of what there is to read."""
    try:
        peer.settimeout(0.05)
        return not peer.recv(1 << 20)
    except TimeoutError:
        return False
    except OSError:
        return True


def attack(port, octets, most, end):
    """Until `end`: whoever is thrown out comes back, and with one connection also who has sent it all."""
    peers = []
    while time.monotonic() < end:
        if len(peers) < most:
            peer = once(port, octets)
            if peer is None:
                time.sleep(0.05)
            else:
                peers.append(peer)
        over = [peer for peer in peers if is_over(peer) or most == 1]
        peers = [peer for peer in peers if peer not in over]
        for peer in over:
            peer.close()
    for peer in peers:
        peer.close()


def call(peer, stream):
    """Whether a good call is answered."""
    peer.send(h2.headers(stream, HEAD[UNARY]) + h2.data(stream, BODY, h2.END_STREAM))
    got = peer.frames(lambda one: one.ends(stream) or one.kind == h2.GOAWAY)
    size = sum(len(one.payload) for one in got if one.kind == h2.DATA)
    peer.send(h2.window(0, max(size, 1)))
    return size > 128


def be_good(port, end, pipe):
    """A call every 50 ms until `end`; (answered, failed, the longest wait in seconds)."""
    answered, failed, worst = 0, 0, 0.0
    while time.monotonic() < end:
        try:
            with h2.Connection(port) as peer:
                for stream in ids(1 << 20):
                    begun = time.monotonic()
                    if begun >= end:
                        break
                    well = call(peer, stream)
                    answered, failed = answered + well, failed + (not well)
                    worst = max(worst, time.monotonic() - begun)
                    if not well:
                        break
                    time.sleep(0.05)
        except (OSError, AssertionError):
            failed += 1
            time.sleep(0.05)
    pipe.send((answered, failed, worst))


def serves(port):
    try:
        with h2.Connection(port) as peer:
            return call(peer, 1)
    except (OSError, AssertionError):
        return False


class Subject(Program):
    """One server, warm."""

    def __init__(self, place, name, cap):
        argv, self.port = place.argv(name, False)
        libc = ctypes.CDLL(None)

        def prepare():
            libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
            if cap is not None:
                resource.setrlimit(resource.RLIMIT_DATA, (cap, cap))

        super().__init__(*argv, env=with_modules(), preexec_fn=prepare)
        if self.port is None:
            self.port = int(self.wait_said(r"listening on \S+:(\d+)").group(1))
        wait_until(lambda: serves(self.port))

    def status(self, field):
        """VmRSS, VmHWM, in MB; None: it is no more."""
        try:
            with open("/proc/%d/status" % self.process.pid, encoding="ascii") as file:
                found = re.search(r"^%s:\s+(\d+) kB" % field, file.read(), re.MULTILINE)
                return found and int(found.group(1)) * 1024 / 1e6
        except OSError:
            return None

    def suffer(self, octets, most, seconds):
        """The attack; what the good client says of it."""
        end = time.monotonic() + seconds
        ours, theirs = multiprocessing.Pipe()
        workers = [multiprocessing.Process(target=attack, args=(self.port, octets, most, end)) for _ in range(ATTACKERS)]
        workers.append(multiprocessing.Process(target=be_good, args=(self.port, end, theirs)))
        for worker in workers:
            worker.start()
        while time.monotonic() < end:
            time.sleep(0.02)
            self.peak = max(self.peak, self.status("VmRSS") or 0)
        said = ours.recv() if ours.poll(h2.LIMIT) else (0, 0, None)
        last = time.monotonic() + 2 * PATIENCE
        for worker in workers:
            worker.join(max(0, last - time.monotonic()))
            worker.kill()
            worker.join()
        return said

    def measure(self, octets, most, seconds):
        self.before = self.peak = self.status("VmRSS")
        self.served = self.suffer(octets, most, seconds)
        self.peak = max(self.peak, self.status("VmHWM") or 0)
        self.rested = time.monotonic()
        self.lives = self.process.poll() is None and serves(self.port)


def row(name, what, free, capped, quiet):
    time.sleep(max(0, free.rested + quiet - time.monotonic()))
    answered, failed, worst = free.served
    return {
        "attack": what, "server": name, "before_mb": free.before, "peak_mb": free.peak, "after_mb": free.status("VmRSS"),
        "alive": free.lives, "alive_capped": capped.lives, "good_calls": answered, "good_failed": failed, "worst_s": worst,
    }


def show(rows):
    print("| attack | server | before | peak | after | under 256 MiB | good calls | failed | longest |")
    print("|---|---|---|---|---|---|---|---|---|")
    for one in rows:
        after = "dead" if one["after_mb"] is None or not one["alive"] else "%.0f MB" % one["after_mb"]
        worst = "?" if one["worst_s"] is None else "%.2f s" % one["worst_s"]
        print("| %s | %s | %.0f MB | %.0f MB | %s | %s | %d | %d | %s |"
              % (one["attack"], one["server"], one["before_mb"], one["peak_mb"], after,
                 "alive" if one["alive_capped"] else "dead", one["good_calls"], one["good_failed"], worst))


def main():
    parser = argparse.ArgumentParser(description="stress-server and others under attack")
    parser.add_argument("json", help="where the figures go")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each attack")
    parser.add_argument("--quiet", type=float, default=30.0, help="seconds of rest before memory is looked at again")
    parser.add_argument("--only", metavar="ATTACK", help="one of the attacks")
    args = parser.parse_args()
    missing = find_missing()
    h2.LIMIT = 5.0
    place = Place()
    with open(place.root + STREAM, "wb") as file:
        file.write(bytes(1 << 20))  # nghttpd's endless stream
    rows = []
    # One at a time: some leave so many threads behind that no process can be started beside them.
    for what, make, most in (one for one in ATTACKS if args.only in (None, one[0])):
        octets = make()
        for name in (one for one in SERVERS if one not in missing):
            with Subject(place, name, CAP) as capped:
                capped.measure(octets, most, args.seconds)
            with Subject(place, name, None) as free:
                free.measure(octets, most, args.seconds)
                rows.append(row(name, what, free, capped, args.quiet))
    show(rows)
    for name, why in missing.items():
        print("%s is missing: %s" % (name, why))
    with open(args.json, "w", encoding="utf-8") as out:
        json.dump({"versions": versions(missing), "rows": rows}, out, indent=1)


if __name__ == "__main__":
    main()
