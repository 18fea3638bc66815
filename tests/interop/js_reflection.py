"""grpc-js-reflection-client, a client that is not ours, on the server reflection of stress-server, v1 and v1alpha:
it lists services and methods, resolves files with their imports, and makes calls with nothing but the descriptors
it got. Cleartext and TLS."""

import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from program import SERVER, Server
from tap import Tap

JS = os.path.join(os.environ["top_srcdir"], "tests", "interop", "js")
CASES = 24

tap = Tap()


def test(how, server_options, client_options):
    with Server(*server_options) as server:
        command = ["node", os.path.join(JS, "reflection.js"), str(server.port), *client_options]
        run = subprocess.run(command, capture_output=True, text=True, timeout=300)
        lines = [line for line in run.stdout.splitlines() if line.startswith(("ok ", "not ok "))]
        for line in lines:
            tap.check("%s: %s" % (how, line.split("ok ", 1)[1]), line.startswith("ok "), line)
        tap.check("%s: all %d cases ran" % (how, CASES), len(lines) == CASES, run)


if shutil.which("node") is None:
    tap.skip("node is not installed")
elif not os.path.isdir(os.path.join(JS, "node_modules", "grpc-js-reflection-client")):
    tap.skip("no packages; install them: npm ci --ignore-scripts --prefix tests/interop/js")
else:
    test("cleartext", [], [])
    with tempfile.TemporaryDirectory() as tls:
        subprocess.run([SERVER, "--make-cert", tls], check=True)
        cert, key = os.path.join(tls, "cert.pem"), os.path.join(tls, "key.pem")
        test("TLS", ["--secure", "--tls-pub", cert, "--tls-priv", key], [cert])
tap.done()
