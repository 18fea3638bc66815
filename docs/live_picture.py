#!/usr/bin/env python3
"""The picture of the live page: a results server, two drivers that share the fleet between them, one server
of which leaks, and a browser that looks at it after 50 of its 60 s.

    top_srcdir=. top_builddir=build docs/live_picture.py PNG

Look at the result, then commit it."""

import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))

from browser import Browser
from program import DRIVER
from results import Results

LOOK_AFTER_S = 50
WIDTH, HEIGHT = 1280, 1130


def driver(rank, server, folder):
    return subprocess.Popen(
        [DRIVER, "--report-to", "http://127.0.0.1:%d" % server.port, "--test", "nightly-61", "--place", "spread",
         "--hosts", "2", "--rank", str(rank), "--host-name", "n%d" % (rank + 1),
         "--host-address", "127.0.0.%d" % (rank + 1), "--seed", "1", "--inject-leak", "server-stable-secure=call:1K",
         "--working-dir", os.path.join(folder, str(rank))])


def main(png):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, Results() as server, \
            Browser(os.path.join(folder, "browser")) as browser:
        drivers = [driver(rank, server, folder) for rank in (0, 1)]
        browser.open("http://127.0.0.1:%d/" % server.port, width=WIDTH, height=HEIGHT)
        browser.until("/running, [0-9]+ of 60\\ss/.test(document.title)")
        time.sleep(LOOK_AFTER_S)
        browser.driver.save_screenshot(png)
        statuses = [one.wait(300) for one in drivers]
    if 1 not in statuses:
        sys.exit("live_picture: the planted leak was not found, exit statuses %s" % statuses)


main(sys.argv[1])
