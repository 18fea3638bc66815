"""Debian's libgrpc++ on both ends: cpp_peer.cc calls stress-server, and serves stress-client."""

import os
import sys

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import peers
from tap import Tap

PEER = os.path.join(os.environ["top_builddir"], "tests", "interop", "cpp_peer")
CASES = 29

tap = Tap()
if os.path.exists(PEER):
    peers.test_both(tap, [PEER], CASES, compresses=True, lacking=[])
else:
    tap.skip("cpp_peer is not built: configure found no libgrpc++ (or builds sanitizers)")
tap.done()
