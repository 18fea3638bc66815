"""stress-client against servers that hang, drip or flood, or whose TLS is not to be trusted: what it makes of each,
within its deadlines. Servers whose answers are wrong are in tests/interop/client_errors.py."""

import concurrent.futures
import os
import re
import ssl
import subprocess
import sys
import tempfile
import time
import warnings

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import h2raw as h2
from program import CLIENT, Program
from tap import Tap

BODY = h2.message(b"\x0a\xc8\x01" + os.urandom(200))
HEADERS = [(":status", "200"), ("content-type", "application/grpc")]
REPLY = h2.headers(1, h2.block(HEADERS)) + h2.data(1, BODY)
TRAILERS = h2.headers(1, h2.block([("grpc-status", "0")]), h2.END_STREAM)
ACK = h2.frame(h2.SETTINGS, h2.ACK, 0)
HANG = 0.5  # seconds that the client is given
LATE = h2.LIMIT
DEADLINE = r"ended with status 4 DEADLINE_EXCEEDED: deadline exceeded"
CALM = r"protocol error: .*"
tap = Tap()


def until_closed(peer):
    """Whether the client has closed."""
    peer.frames(lambda one: False)
    return peer.over


def silent(listener):
    """Accepts, and says nothing."""
    with h2.Connection.accept(listener, preface=b"") as peer:
        return until_closed(peer)


def deaf(listener):
    """Does not even accept."""
    client, _ = listener.accept()
    with client:
        client.settimeout(LATE)
        while True:
            try:
                if not client.recv(65536):
                    return True
            except ConnectionError:
                return True


def answering(octets, preface=h2.settings()):
    def answer(listener):
        with h2.Connection.accept(listener, preface=preface) as peer:
            peer.frames(lambda one: one.kind == h2.HEADERS)
            peer.send(ACK + octets)
            return until_closed(peer)

    return answer


def dripping(listener):
    """A reply in frames of one byte, far too slowly."""
    with h2.Connection.accept(listener) as peer:
        peer.frames(lambda one: one.kind == h2.HEADERS)
        peer.send(ACK + h2.headers(1, h2.block(HEADERS)))
        for byte in BODY:
            time.sleep(4 * HANG / len(BODY))
            peer.send(h2.data(1, bytes([byte])))
        return until_closed(peer)


# A message of 4 MiB that is never whole, in as many frames as the window of a stream has bytes.
CRUMBS = h2.data(1, b"\0\0\x40\0\0\x0a\xf0\xff\xff\1") + h2.data(1, b"x") * 65000


def bomb():
    """A field of 4 KB that seven frames of one byte each repeat: a list of 400 MB."""
    indexed = b"\x40" + h2.text("x-bomb") + h2.text("b" * 3900)
    return (h2.frame(h2.HEADERS, 0, 1, h2.block(HEADERS) + indexed)
            + h2.frame(h2.CONTINUATION, 0, 1, b"\xbe" * 16384) * 6
            + h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1, b"\xbe" * 16384))


CALL = ("--call-timeout", "%dms" % (HANG * 1000))
SHUT = h2.settings((h2.INITIAL_WINDOW, 0))
# What, the server, the client's options, its line, how long it must wait at least.
CASES = (
    ("accepts, then silence", silent, ("--connect-timeout", "500ms"), "timed out before the connection was usable", HANG),
    ("the same over TLS", deaf, ("--secure", "--no-server-validation", "--connect-timeout", "500ms"),
     "timed out before the connection was usable", HANG),
    ("no answer to the call", answering(b""), CALL, DEADLINE, HANG),
    ("headers, then silence", answering(h2.headers(1, h2.block(HEADERS))), CALL, DEADLINE, HANG),
    ("a reply, then silence", answering(REPLY), CALL, DEADLINE, HANG),
    ("half a reply, then silence", answering(REPLY[:-100]), CALL, DEADLINE, HANG),
    ("a window that never opens", answering(b"", preface=SHUT), CALL, DEADLINE, HANG),
    ("a reply byte by byte", dripping, CALL, DEADLINE, HANG),
    ("a message in frames of one byte, without end", answering(h2.headers(1, h2.block(HEADERS)) + CRUMBS),
     (*CALL, "--message-size", "200"), DEADLINE, HANG),
    ("GOAWAY in mid-stream, then silence", answering(h2.frame(h2.GOAWAY, 0, 0, b"\0\0\0\1" + bytes(4)) + REPLY), CALL,
     DEADLINE, HANG),
    ("a good reply in time", answering(REPLY + TRAILERS), CALL, None, 0),
    ("a flood of SETTINGS", answering(h2.settings() * 20000), (), CALM, 0),
    ("a flood of empty DATA", answering(h2.headers(1, h2.block(HEADERS)) + h2.data(1) * 20000), (), CALM, 0),
    ("a flood of CONTINUATION", answering(h2.frame(h2.HEADERS, 0, 1, h2.block(HEADERS))
                                          + h2.frame(h2.CONTINUATION, 0, 1) * 20000), (), CALM, 0),
    ("an HPACK bomb", answering(bomb()), (), "RESOURCE_EXHAUSTED: header list larger than the limit", 0),
)


def play(case):
    """Whether the client closed, its exit status and words, and how long it took."""
    _, serve, options, _, _ = case
    with h2.listen() as listener:
        begun = time.monotonic()
        with Program(CLIENT, "--port", str(listener.getsockname()[1]), *options, "--non-streaming") as client:
            closed = serve(listener)
            return closed, client.process.wait(LATE), client.said(), time.monotonic() - begun


CA = """
[ca]
default_ca = own
[own]
database = {0}/index
serial = {0}/serial
new_certs_dir = {0}
default_md = sha256
policy = names
x509_extensions = more
unique_subject = no
[names]
commonName = supplied
[more]
subjectAltName = DNS:{1},IP:{2}
"""


def certify(folder, name, host="localhost", address="127.0.0.1", begin=2020, end=2099):
    """NAME.pem in that folder, signed by its own NAME.key."""
    key, request, config = [os.path.join(folder, name + end) for end in (".key", ".csr", ".cnf")]
    for path, text in (("index", ""), ("serial", "01"), (name + ".cnf", CA.format(folder, host, address))):
        with open(os.path.join(folder, path), "w") as file:
            file.write(text)
    make = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request]
    sign = ["ca", "-batch", "-notext", "-selfsign", "-config", config, "-keyfile", key, "-in", request]
    dates = ["-startdate", "%d0101000000Z" % begin, "-enddate", "%d0101000000Z" % end]
    for words in (make + ["-subj", "/CN=" + host], sign + dates + ["-out", os.path.join(folder, name + ".pem")]):
        subprocess.run(["openssl", *words], check=True, capture_output=True)


def over_tls(folder, name, protocols=("h2",), old=False):
    """A server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*[os.path.join(folder, name + end) for end in (".pem", ".key")])
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if old:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def shake_hands(listener, context):
    """Until the client has gone; None: what it gets is cleartext HTTP/2."""
    peer, _ = listener.accept()
    peer.settimeout(LATE)
    with peer:
        try:
            if context is None:
                peer.sendall(h2.settings())
            else:
                peer = context.wrap_socket(peer, server_side=True)
            while peer.recv(4096):
                pass
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            peer.close()


def secure_cases(folder):
    """What, the server's context, the authority that the client trusts (None: it speaks cleartext), its words."""
    certify(folder, "good")
    certify(folder, "expired", end=2021)
    certify(folder, "early", begin=2098)
    certify(folder, "elsewhere", host="elsewhere", address="127.0.0.9")
    refused = "TLS handshake or certificate refused: "
    return (
        ("a certificate that has expired", over_tls(folder, "expired"), "expired", refused + ".*has expired"),
        ("one that is not yet valid", over_tls(folder, "early"), "early", refused + ".*not yet valid"),
        ("one of another host", over_tls(folder, "elsewhere"), "elsewhere", refused + ".*mismatch"),
        ("one of an unknown authority", over_tls(folder, "good"), "elsewhere", refused + ".*(self-signed|issuer)"),
        ("no ALPN", over_tls(folder, "good", ()), "good", refused + ".*no ALPN h2"),
        ("an ALPN without h2", over_tls(folder, "good", ("http/1.1",)), "good", refused + ".*no ALPN h2"),
        ("TLS 1.1", over_tls(folder, "good", old=True), "good", refused + ".*protocol version"),
        ("cleartext to a client that wants TLS", None, "good", refused + ".*wrong version number"),
        ("TLS to a client that wants cleartext", over_tls(folder, "good"), None, "Connection reset|closed by the peer"),
    )


def test_secure():
    with tempfile.TemporaryDirectory() as folder:
        for what, context, trusted, expected in secure_cases(folder):
            with h2.listen() as listener:
                secure = ("--secure", "--cert-store-from-path", os.path.join(folder, "%s.pem" % trusted)) if trusted else ()
                port = str(listener.getsockname()[1])
                with Program(CLIENT, "--port", port, *secure, "--non-streaming") as client:
                    shake_hands(listener, context)
                    status, said = client.process.wait(LATE), client.said()
            line = re.search(r"^stress-client: \S+: connection 1: (.*)$", said, re.MULTILINE)
            right = status == 1 and line is not None and re.search(expected, line.group(1)) is not None
            tap.check("%s: exit 1 and '%s'" % (what, expected), right, status, said)


with concurrent.futures.ThreadPoolExecutor(4) as pool:
    for (what, _, _, expected, least), (closed, status, said, took) in zip(CASES, pool.map(play, CASES)):
        line = re.search(r"^stress-client: \S+: connection 1: (.*)$", said, re.MULTILINE)
        if expected is None:
            right = status == 0 and line is None
        else:
            right = status == 1 and line is not None and re.search(expected, line.group(1)) is not None
        tap.check("%s: %s" % (what, expected or "passes"), right and closed, status, closed, said)
        if least:
            tap.check("... not before its time", took >= least, took)

test_secure()
for words in (("--probe",), ("--service", "interop", "--non-streaming")):
    with Program(CLIENT, "--port", "1", "--call-timeout", "1s", *words) as client:
        status, said = client.process.wait(LATE), client.said()
    tap.check("%s takes no --call-timeout: exit 2" % words[0], status == 2 and "--call-timeout" in said, status, said)
tap.done()
