"""The official interop cases of our client on our own server, cleartext and TLS: all of them pass."""

import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import peers
from program import CLIENT, SERVER, Server
from tap import Tap

tap = Tap()


def play(how, server_options, client_options):
    with Server(*server_options) as server:
        peers.interop(tap, [CLIENT, "--port", str(server.port), *client_options], [], how)
        tap.check("%s: our server ends with 0" % how, server.stop() == 0, server.said())


with tempfile.TemporaryDirectory() as tls:
    subprocess.run([SERVER, "--make-cert", tls], check=True, stderr=subprocess.DEVNULL)
    pub, priv = os.path.join(tls, "cert.pem"), os.path.join(tls, "key.pem")
    play("cleartext", [], [])
    play("TLS", ["--secure", "--tls-pub", pub, "--tls-priv", priv], ["--secure", "--cert-store-from-path", pub])
tap.done()
