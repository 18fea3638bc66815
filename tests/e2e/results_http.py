"""The results server's transport against clients that mean no good, or cannot do better: whatever one of them does,
others are served at once, and afterwards nothing of it is held."""

import contextlib
import json
import os
import random
import resource
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
import httphost
from httphost import (
    ATTACKER, HEAD, HOST, LIMIT, PER_ADDRESS, Aside, Host, ask, ask_head, attacked, check, context, elsewhere, get,
    make_certificate, put, status, tap,
)
from httpraw import Raw
from program import wait_until


def slow(host):
    """A byte now and then keeps no connection."""
    head = "GET /now HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + "y" * 10000
    begun = HEAD % ("PUT", "/echo") + "Content-Length: 10000\r\n\r\n"
    chunked = HEAD % ("PUT", "/echo") + "Transfer-Encoding: chunked\r\n\r\n"
    raws = {"a head": (Raw(host.port, ATTACKER), head), "nothing": (Raw(host.port, ATTACKER), ""),
            "a body": (Raw(host.port, ATTACKER), "z" * 10000), "chunks": (Raw(host.port, ATTACKER), "1\r\nz\r\n" * 9999)}
    raws["a body"][0].send(begun)
    raws["chunks"][0].send(chunked)
    open_ones = dict(raws)
    at = 0
    while open_ones:
        for name, (raw, text) in list(open_ones.items()):
            raw.send(text[at:at + 1])
            raw.socket.settimeout(0.05)
            try:
                if not raw.more():
                    del open_ones[name]
            except socket.timeout:
                pass
        at += 1
    with Raw(host.port, ATTACKER) as raw:
        raw.send(put("/echo", "zz")[:-1])
        raw.socket.shutdown(socket.SHUT_WR)
        said = raw.closed()
        check("half-closed within a body: 408, or closed", said == b"" or said[9:12] == b"408", said)
    for name, (raw, _) in raws.items():
        said = raw.buffer.decode()
        expected = "408" if name in ("a body", "chunks") else ""
        check("%s that comes too slowly: %s" % (name, expected or "closed"),
              said.startswith("HTTP/1.1 408 ") if expected else said == "", said)
        raw.socket.close()


def header_floods(host):
    floods = {
        "one long header": get("/now", "X: " + "y" * 100000 + "\r\n"),
        "many headers": get("/now", "".join("X%d: y\r\n" % i for i in range(20000))),
        "a long path": get("/" + "y" * 100000),
        "a long method": "Y" * 100000 + get("/"),
        "no end of empty lines": "\r\n" * 50000,
    }
    for name, flood in floods.items():
        with Raw(host.port, ATTACKER) as raw:
            raw.send(flood)
            answer = raw.answer() if "empty" not in name else None
            check("header flood, %s: refused" % name, answer is None or answer.status in (400, 413, 414, 431),
                  answer and answer.status)


def bodies(host):
    with Raw(host.port, ATTACKER) as raw:
        raw.send(HEAD % ("PUT", "/echo") + "Content-Length: %d\r\n\r\n" % (LIMIT + 1))
        answer = raw.answer()
        check("a body that says it is too large: 413 before it comes",
              answer.status == 413 and answer.error() == "body-too-large", answer.body)
    answer = ask(host, put("/echo", "z" * (9 * LIMIT)), source=ATTACKER)
    check("the same, all of it sent first: the answer is read all the same",
          answer is not None and answer.status == 413)
    answer = ask(host, put("/echo", "z" * LIMIT))
    check("a body of just the limit is taken", answer.status == 200 and answer.json()["size"] == LIMIT)
    chunk = "%x\r\n%s\r\n" % (65536, "z" * 65536)
    chunked = HEAD % ("PUT", "/echo") + "Transfer-Encoding: chunked\r\n\r\n"
    with Raw(host.port, ATTACKER) as raw:
        raw.send(chunked + chunk * 17 + "0\r\n\r\n" + get("/now"))
        check("a chunked one too large: 413 at its end", raw.answer().status == 413)
        check("and the connection goes on", raw.answer().status == 200)
    check("a chunked one of just the limit is taken",
          ask(host, chunked + chunk * 16 + "0\r\n\r\n").json()["size"] == LIMIT)
    with Raw(host.port, ATTACKER) as raw:
        raw.send(chunked)
        sent = 0
        while raw.send(chunk):
            sent += 65536
        check("one without end is cut off", sent < 64 * LIMIT, "%d bytes were taken" % sent)


def many_bodies(host):
    """All of them together may hold so much."""
    raws = [Raw(host.port, ATTACKER) for _ in range(80)]
    for raw in raws:
        raw.send(HEAD % ("PUT", "/echo") + "Content-Length: %d\r\n\r\n" % LIMIT + "z" * (LIMIT * 3 // 4))
    held = host.counts()["body_bytes"]
    for raw in raws:
        raw.send("z" * (LIMIT - LIMIT * 3 // 4))
    answers = [raw.answer() for raw in raws]
    busy = [a for a in answers if a and a.status == 503 and a.error() == "busy"]
    taken = [a for a in answers if a and a.status == 200]
    late = [a for a in answers if a and a.status == 408]
    check("many large bodies at a time: some are told to come again, all are answered",
          busy and taken and len(busy) + len(taken) + len(late) == len(raws) and held <= 32 * LIMIT,
          "%d busy, %d taken, %d late, %d bytes held" % (len(busy), len(taken), len(late), held))
    for raw in raws:
        raw.socket.close()


def targets(host):
    bad = ["//", "/a//b", "/.", "/..", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/a/%2e%2e", "/a%2fb",
           "/a%5cb", "/%00", "/a%00b", "/a%0d%0aSet-Cookie:x", "/%zz", "/%", "/%ff", "/%c0%ae%c0%ae/", "/a?b=%00",
           "/a?b=1&b=2", "http://127.0.0.1/now", "*", "/\xe9", "/a\x7fb", "/a#b"]
    statuses = {path: status(host, get(path).encode("latin-1")) for path in bad}
    check("paths with traversal, NUL, bad escapes: 400", set(statuses.values()) == {400}, statuses)
    raw_nul = [status(host, b"GET /a\0b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
               status(host, b"GET /now HTTP/1.1\r\nHost: 127.0.0.1\r\nX\0Y: a\r\n\r\n")]
    check("a NUL in path or name of a header: refused", all(s in (0, 400, 505) for s in raw_nul), raw_nul)
    check("an escaped letter is a letter", status(host, get("/n%6Fw")) == 200)


def pipelined(host):
    count = 200
    with Raw(host.port, ATTACKER) as raw:
        raw.send("".join(put("/echo", "z" * i) if i % 2 else get("/now") for i in range(count)))
        sizes = [raw.answer().json()["size"] for _ in range(count)]
    check("pipelined requests are answered in their order", sizes == [i if i % 2 else 0 for i in range(count)],
          sizes)
    with Raw(host.port, ATTACKER) as raw:
        raw.send(get("/wait") + get("/now"))
        wait_until(lambda: host.counts()["held"] == 1)
        ask(host, put("/release", ""))
        check("and one behind a request that waits, after it",
              raw.answer().body == b"released" and raw.answer().json() == {"size": 0})


def smuggled(host):
    """Framing that two readers may read in two ways: one answer, an error, and the connection is closed."""
    hidden = get("/now")
    heads = {
        "length and chunked": "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "chunked and length": "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "two lengths": "Content-Length: 5\r\nContent-Length: 6\r\n\r\nzzzzz",
        "the same length twice": "Content-Length: 5\r\nContent-Length: 5\r\n\r\nzzzzz",
        "a list of lengths": "Content-Length: 5, 5\r\n\r\nzzzzz",
        "a length below nothing": "Content-Length: -1\r\n\r\n",
        "a length with a sign": "Content-Length: +5\r\n\r\nzzzzz",
        "a huge length": "Content-Length: 99999999999999999999\r\n\r\n",
        "another coding": "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "a coding of no name": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "chunked twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "a blank before the colon": "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "a bad chunk": "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "a chunk below nothing": "Transfer-Encoding: chunked\r\n\r\n-1\r\nz\r\n0\r\n\r\n",
        "a huge chunk": "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nz\r\n0\r\n\r\n",
        "two hosts": "Host: 127.0.0.1\r\n\r\n",
    }
    for name, head in heads.items():
        with Raw(host.port, ATTACKER) as raw:
            raw.send(HEAD % ("PUT", "/echo") + head + hidden)
            said = raw.closed()
        # libmicrohttpd 0.9.75 writes the head of some of its own refusals twice.
        check("smuggling, %s: refused, and nothing behind it is answered" % name,
              said[9:12] in (b"", b"400", b"413", b"501") and b" 200 " not in said, said)


def oddities(host):
    methods = {method: ask(host, get("/now").replace("GET", method)).headers.get("allow")
               for method in ("DELETE", "get", "FOO", "TRACE", "CONNECT", "A" * 40)}
    check("methods that are none: 405 with Allow", set(methods.values()) == {"get, put"}, methods)
    answers = [ask(host, get(path)).headers.get("cache-control") for path in ("/now", "/file")]
    check("no answer is kept, unless the handler says otherwise", answers == ["no-store", "no-cache"], answers)
    head = ask_head(host, get("/now").replace("GET", "HEAD"))
    check("HEAD: the head of GET", head.status == 200 and head.headers["content-length"] == "10", head.headers)
    with Raw(host.port) as raw:
        raw.send("GET /now HTTP/1.0\r\n\r\n")
        check("HTTP/1.0: answered, then closed", raw.answer().status == 200 and raw.closed() == b"")
    check("HTTP/1.1 without Host: 400", status(host, "GET /now HTTP/1.1\r\n\r\n") == 400)
    statuses = [status(host, text) for text in ("GET /now\r\n\r\n", "GET /now HTTP/3.0\r\nHost: a\r\n\r\n",
                                                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /now FTP/1.1\r\n\r\n")]
    check("versions that are none: refused", all(s in (0, 400, 505) for s in statuses), statuses)
    with Raw(host.port) as raw:
        raw.send(HEAD % ("PUT", "/echo") + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        first = raw.answer()
        raw.send("zzzzz")
        check("Expect: 100-continue is answered", first.status == 100 and raw.answer().json() == {"size": 5})
    with Raw(host.port) as raw:
        raw.send(HEAD % ("PUT", "/echo") + "Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (LIMIT + 1))
        check("and not for what is too large", raw.answer().status == 413)
    draw = random.Random(9904)
    for kind, size in (("garbage", 5000), ("short garbage", 10), ("lines of garbage", 0)):
        noise = b"\r\n".join(draw.randbytes(40) for _ in range(99)) if size == 0 else draw.randbytes(size)
        with Raw(host.port, ATTACKER) as raw:
            raw.send(noise + b"\r\n\r\n")
            raw.socket.shutdown(socket.SHUT_WR)
            said = raw.closed()
            check("%s: refused or closed" % kind, b" 200 " not in said, said)
    plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    plain.check_hostname, plain.verify_mode = False, ssl.CERT_NONE
    try:
        Raw(host.port, ATTACKER, tls=plain)
        refused = False
    except (ssl.SSLError, OSError):
        refused = True
    check("TLS to the plain port: refused", refused)
    evil = [ask(host, "GET /now HTTP/1.1\r\nHost: evil.example\r\n\r\n").error(),
            ask(host, get("/now", "Origin: http://evil.example\r\n")).error(),
            ask(host, get("/now", "Origin: null\r\n")).error()]
    check("a page of somebody else's: 403", evil == ["host-wrong", "origin-wrong", "origin-wrong"], evil)
    own = "Origin: http://127.0.0.1:%d\r\n" % host.port
    check("our own page: served", status(host, "GET /now HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n" % (
        host.port, own)) == 200)


def half_closed(host):
    with Raw(host.port, ATTACKER) as raw:
        raw.send(get("/now"))
        raw.socket.shutdown(socket.SHUT_WR)
        check("half-closed: still answered", raw.answer().status == 200)
    told = host.counts()["told"]
    with Raw(host.port, ATTACKER) as raw:
        raw.send(get("/wait"))
        raw.socket.shutdown(socket.SHUT_WR)
        said = raw.closed()
        check("half-closed while it waits: soon taken for gone, once",
              said == b"" and host.counts()["told"] == told + 1, said, host.counts())


def leaving(host):
    """Who leaves while he waits is known at once, and his owner is told once."""
    count = 150
    told = host.counts()["told"]
    raws = [Raw(host.port, ATTACKER) for _ in range(count)]
    for i, raw in enumerate(raws):
        raw.send(get("/stream" if i % 2 else "/wait"))
    wait_until(lambda: host.counts()["held"] == count)
    for raw in raws:
        raw.socket.close()
    wait_until(lambda: host.counts()["held"] == 0)
    after = host.counts()
    check("clients that leave while they wait: each owner is told once",
          after["told"] == told + count and after["unknown"] == 0, after)
    with Raw(host.port, ATTACKER) as raw:
        raw.send(get("/commit"))
        wait_until(lambda: host.counts()["held"] == 1)
    wait_until(lambda: host.counts()["gone"] > after["gone"])
    ask(host, put("/release", ""))
    check("one who is answered after he left: nothing happens",
          wait_until(lambda: host.counts()["held"] == 0) and host.counts()["told"] == told + count)


def raced(host):
    """The client leaves while another thread answers: whoever comes first, it happens once."""
    for _ in range(5):
        raws = [Raw(host.port, ATTACKER) for _ in range(30)]
        for raw in raws:
            raw.send(get("/wait"))
        wait_until(lambda: host.counts()["held"] == 30)
        with Raw(host.port) as releaser:
            releaser.send(put("/release", ""))
            for raw in raws:
                raw.socket.close()
            releaser.answer()
        wait_until(lambda: host.counts()["held"] == 0)
    check("leaving and answering at the same moment", host.counts()["held"] == 0)


def lagging(host):
    before = host.counts()["lagging"]
    stream = Raw(host.port, ATTACKER, receive=4096)
    stream.send(get("/stream"))
    reader = Raw(host.port)
    reader.send(get("/stream"))
    reader.answer(head_only=True)
    wait_until(lambda: host.counts()["held"] == 2)
    sent = 0
    while host.counts()["lagging"] == before:
        ask(host, put("/send", "z" * 30000))
        sent += 30000
        if len(reader.buffer) < sent:
            reader.more()
    check("a stream's client that never reads is dropped, another is not",
          wait_until(lambda: host.counts()["held"] == 1), host.counts())
    for each in (stream, reader):
        each.socket.close()


def never_reading(host):
    late = host.counts()["timed_out"]
    raws = [Raw(host.port, ATTACKER, receive=4096) for _ in range(20)]
    for i, raw in enumerate(raws):
        raw.send(get("/long") if i % 2 else get("/file") * 200)
    wait_until(lambda: host.counts()["timed_out"] >= late + len(raws))
    check("clients that never read their answers are closed", True)
    for raw in raws:
        raw.socket.close()


def crowds(host):
    """More connections than one address may have, or than there are."""
    raws = []
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for _ in range(min(3000, most - 300)):
        with contextlib.suppress(OSError):
            raws.append(Raw(host.port, ATTACKER))
    open_now = host.counts()["connections"] - 1
    check("thousands of connections from one address: no more than it may have",
          0 < open_now <= PER_ADDRESS + 1, open_now)  # the other visitor's
    for raw in raws:
        raw.socket.close()


def few_descriptors():
    """Connections never take the descriptors that the store needs."""
    with Host(preexec_fn=lambda: limit_descriptors(400)) as host:
        before, began = host.descriptors(), time.monotonic()
        raws = []
        for i in range(300):
            with contextlib.suppress(OSError):
                raws.append(Raw(host.port, "127.0.0.%d" % (2 + i % 4)))
        most = [before]
        served = Raw(host.port)
        served.send(get("/now"))
        answered = threading.Thread(target=lambda: most.append(served.answer().status))
        answered.start()
        while answered.is_alive():
            most[0] = max(most[0], host.descriptors())
            time.sleep(0.01)
        check("a crowd from many addresses leaves descriptors for the store", most[0] <= 400 - 200,
              "%d of 400 in use, %d before" % (most[0], before))
        check("and soon makes room for others", most[1:] == [200] and time.monotonic() - began < host.io_timeout)
        served.socket.close()
        for raw in raws:
            raw.socket.close()
        check("and is forgotten when it has gone", host.until_quiet() and host.descriptors() <= before + 1)


def limit_descriptors(count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


def stopping(host):
    raws = {path: Raw(host.port, receive=4096) for path in ("/wait", "/commit", "/stream", "/idle", "/long")}
    for path, raw in raws.items():
        if path != "/idle":
            raw.send(get(path))
    wait_until(lambda: host.counts()["held"] == 3)
    begin = time.monotonic()
    left = host.stop()
    took = time.monotonic() - begin
    answers = {path: raws[path].answer() for path in ("/wait", "/commit")}
    check("stopping: who waits is answered 503", all(
        a.status == 503 and a.error() == "server-ending" and a.headers["retry-after"] == "1"
        for a in answers.values()), answers)
    check("stopping: streams end, idle connections are closed",
          raws["/stream"].answer().status == 200 and raws["/idle"].closed() == b"")
    check("stopping: a long answer that is not taken is cut off", not raws["/long"].closed().endswith(b"\r\n0\r\n\r\n"))
    counts = json.loads(host.said().splitlines()[-1])
    check("stopping: everything was given back, in bounded time", left == 0 and took < 30 and counts["held"] == 0
          and counts["connections"] == counts["waiting"] == counts["body_bytes"] == 0, counts, "%.1f s" % took)


def secured(pair, token_file):
    cert, key = pair
    versions = ssl.TLSVersion
    with Host("--tls-cert", cert, "--tls-key", key, "--token", token_file) as host:
        good = "Authorization: Bearer correct-horse-battery\r\n"
        statuses = [status(host, get("/now", good), tls=context(version, version))
                    for version in (versions.TLSv1_2, versions.TLSv1_3)]
        check("TLS 1.2 and 1.3 are spoken", statuses == [200, 200], statuses)
        try:
            Raw(host.port, tls=context(versions.TLSv1, versions.TLSv1_1))
            refused = False
        except (ssl.SSLError, OSError):
            refused = True
        check("TLS 1.1 is not", refused)
        check("plain HTTP to the TLS port: refused", status(host, get("/now")) == 0)
        new = context(versions.TLSv1_3, versions.TLSv1_3)
        wrong = {name: ask(host, put("/echo", "z" * 100000, more), tls=new) for name, more in (
            ("none", ""), ("another", "Authorization: Bearer correct-horse-batterz\r\n"),
            ("a beginning", "Authorization: Bearer correct-horse\r\n"), ("Basic", "Authorization: Basic YTpi\r\n"))}
        check("a wrong token: 401 that says how", all(
            a.status == 401 and a.error() == "token-wrong" and a.headers["www-authenticate"].startswith("bearer")
            for a in wrong.values()), {n: a.status for n, a in wrong.items()})
        check("the page is open without it", status(host, get("/"), tls=new) == 200)
        with Raw(host.port, tls=new) as raw:
            raw.send("".join((put("/echo", "z" * LIMIT, good), get("/file", good), get("/long", good), get("/now", good))))
            answers = [raw.answer() for _ in range(4)]
        with open(httphost.__file__, "rb") as file:
            check("within TLS, too, large bodies, files, streams and what is pipelined behind them go through",
                  answers[0].json()["size"] == LIMIT and answers[1].body == file.read() and
                  answers[2].body == b"x" * 10000000 and answers[3].status == 200)
        with Raw(host.port, ATTACKER, tls=new) as raw:
            raw.send(get("/wait", good))
            wait_until(lambda: json.loads(ask(host, get("/counts", good), tls=new).body)["held"] == 1)
        check("who leaves within TLS is known", wait_until(
            lambda: json.loads(ask(host, get("/counts", good), tls=new).body)["held"] == 0))
        check("secured: stops with 0", host.stop() == 0)
        check("the token is in no line of the log", "correct-horse" not in host.said(), host.said())


def shaking_hands(host):
    """Handshakes that never end, and what is none."""
    new = context(ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3)
    hung = [Raw(host.port, ATTACKER) for _ in range(100)]
    for i, raw in enumerate(hung):
        raw.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[:i % 12] if i % 2 else os.urandom(300))
    said = [raw.closed() for raw in hung]
    check("handshakes that never end: closed", not any(b"HTTP" in text for text in said), said)
    check("and others are served", wait_until(lambda: status(host, get("/now"), tls=new) == 200))
    for raw in hung:
        raw.socket.close()


def refuses(description, expected, pattern, *options):
    done = subprocess.run([HOST, *options], capture_output=True, text=True, timeout=60)
    lines = done.stderr.splitlines()
    check(description, done.returncode == expected and len(lines) >= 1 and pattern in lines[-1],
          done.returncode, done.stderr)


def starting(folder, token_file):
    first = make_certificate(os.path.join(folder, "first"))
    second = make_certificate(os.path.join(folder, "second"))
    bad = os.path.join(folder, "bad")
    with open(bad, "w") as file:
        file.write("no\n")
    os.chmod(bad, 0o600)
    refuses("open to the world without a token: exit 2", 2, "--token", "--listen", "0.0.0.0:0")
    refuses("an address that is none: exit 2", 2, "nonsense", "--listen", "nonsense")
    refuses("a token that is none: exit 2", 2, bad, "--token", bad)
    refuses("a token file that is not there: exit 3", 3, "/nowhere", "--token", "/nowhere")
    refuses("a certificate without a key: exit 2", 2, "--tls-key", "--tls-cert", first[0])
    refuses("a certificate file that is not there: exit 3", 3, "/nowhere", "--tls-cert", "/nowhere", "--tls-key", first[1])
    refuses("a certificate that is none: exit 2", 2, "no certificate", "--tls-cert", bad, "--tls-key", first[1])
    refuses("a key that is none: exit 2", 2, "no key", "--tls-cert", first[0], "--tls-key", bad)
    refuses("a key of another certificate: exit 2", 2, "not that of", "--tls-cert", first[0], "--tls-key", second[1])
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        refuses("a busy port: exit 3", 3, "in use", "--listen", "127.0.0.1:%d" % busy.getsockname()[1])
    os.chmod(token_file, 0o644)
    with Host("--token", token_file) as host:
        check("a token that others may read: a warning", "chmod 600" in host.said(), host.said())
    os.chmod(token_file, 0o600)


def flat(host):
    """The same again leaves no more behind."""
    elsewhere.found = found = []
    sizes = []
    for _ in range(3):
        for attack in (header_floods, bodies, smuggled, pipelined):
            attack(host)
        host.until_quiet()
        sizes.append(host.resident())
    elsewhere.found = None
    failed = [one for one in found if not one[1]]
    check("the same attacks again and again end the same", found and not failed, *failed)
    with open(HOST, "rb") as file:
        sanitized = b"__asan" in file.read()
    check("and memory stays where it was", sanitized or sizes[2] - sizes[1] < 1 << 20, sizes)


def slow_ones():
    with Host(io_timeout=1) as host:
        for attack in (slow, never_reading):
            with attacked(host, attack.__name__):
                attack(host)


def slow_handshakes(cert, key):
    with Host("--tls-cert", cert, "--tls-key", key, io_timeout=1) as host:
        shaking_hands(host)


def main():
    with tempfile.TemporaryDirectory() as folder:
        token_file = os.path.join(folder, "token")
        with open(token_file, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write("correct-horse-battery\n")
        pair = make_certificate(folder)
        aside = Aside(slow_ones, few_descriptors, lambda: slow_handshakes(*pair))
        aside.start()
        starting(folder, token_file)
        with Host() as host:
            for attack in (header_floods, bodies, many_bodies, targets, pipelined, smuggled, oddities, half_closed,
                           leaving, raced, lagging, crowds):
                with attacked(host, attack.__name__):
                    attack(host)
            flat(host)
            stopping(host)
        secured(pair, token_file)
        aside.tell()
    tap.done()


main()
