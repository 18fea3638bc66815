"""A port that stays ours while nobody listens on it, for what is killed and comes back: as tap_ports of
tests/lib/tap.sh, and by its locks. It lies below the kernel's ephemeral range, in a block of 16 that this
script holds, so that no client is given it by chance, and no test beside this one."""

import fcntl
import os
import re

FIRST, BLOCKS, SIZE = 1250, 700, 16  # blocks of 16 ports, from 20000 on
LOCKS = os.path.join(os.environ.get("XDG_RUNTIME_DIR") or "/tmp", "flatline-locks-%d" % os.getuid())
held = None  # the locked file of the block, until the script ends
following = []


def in_use(block):
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                if re.search(r"^ *\d+: [0-9A-F]+:%03X[0-9A-F] " % block, file.read(), re.MULTILINE):
                    return True
    return False


def take_block():
    global held
    os.makedirs(LOCKS, exist_ok=True)
    for tried in range(BLOCKS):
        block = FIRST + (os.getpid() + tried) % BLOCKS
        held = open(os.path.join(LOCKS, "ports-%d" % block), "a", encoding="ascii")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        if not in_use(block):
            return list(range(SIZE * block, SIZE * (block + 1)))
    raise AssertionError("no free block of ports")


def port():
    if not following:
        if held:
            raise AssertionError("the script asks for more than %d ports" % SIZE)
        following.extend(take_block())
    return following.pop(0)
