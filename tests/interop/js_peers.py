"""@grpc/grpc-js on both ends: js/peer.js calls stress-server, and serves stress-client. The packages are those of
js/package-lock.json, which "bootstrap check" puts beside it with npm ci."""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import peers
from tap import Tap

JS = os.path.join(os.environ["top_srcdir"], "tests", "interop", "js")
CASES = 30
LACKING = [
    "client_compressed_unary",
    "client_compressed_streaming",
    "server_compressed_unary",
    "server_compressed_streaming",
]

tap = Tap()
if shutil.which("node") is None:
    tap.skip("node is not installed")
elif not os.path.isdir(os.path.join(JS, "node_modules", "@grpc", "grpc-js")):
    tap.skip("no packages; install them: npm ci --ignore-scripts --prefix tests/interop/js")
else:
    os.environ["PROTO"] = os.path.join(os.environ["top_srcdir"], "proto")
    argv = ["node", os.path.join(JS, "peer.js")]
    peers.test_both(tap, argv, CASES, compresses=False, lacking=LACKING)
tap.done()
