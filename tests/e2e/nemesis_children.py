"""What a nemesis does to the connections of stress-server and stress-client, ordered on their telemetry pages:
the other end sees it, it is no error, traffic goes on, and at rest afterwards both have as many live bytes as
before. Over cleartext with one event loop, over TLS with two; and what befalls the way between them."""

import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib"))
from program import CLIENT, DRIVER, SERVER, Child, wait_until
from tap import Tap

UNARY, BIDI, DOWN, UP, CONNECTIONS = range(5)
WORK = [
    "--num-calls 0 --non-streaming",
    "--bidi-streaming 0",
    "--server-streaming 0",
    "--client-streaming 0",
    "--num-connections 0 --num-calls 1 --non-streaming",
]
STALL_NS = 1500000000
FAR_NS = 300000000
KEEPALIVE = ["--keepalive", "500ms", "--keepalive-timeout", "2s"]
ZONES = ("live_app", "live_nghttp2", "live_openssl")

tap = Tap()


def metric(child, name):
    return child.metrics()[name]


def until(predicate):
    try:
        return bool(wait_until(predicate))
    except AssertionError:
        return False


class Pair:
    """A server and a client of each kind."""

    def __init__(self, how, server_options, client_options, by_line=False):
        self.how = how
        self.server = Child(SERVER, "--port", "0", "--drain", "100ms", *server_options)
        port = self.server.wait_said(r"listening on \S+:(\d+)").group(1)
        self.line = None
        if by_line:
            self.line = Child(DRIVER, "delay", "--listen", "0", "--to", "127.0.0.1:" + port)
            port = self.line.wait_said(r"listening on \S+:(\d+)").group(1)
        self.clients = [Child(CLIENT, "--port", port, *client_options, *work.split()) for work in WORK]
        self.seen = [[] for _ in WORK]

    def __enter__(self):
        for client in self.clients:
            client.until(lambda page: page["state"] == "ready")
        return self

    def __exit__(self, *what):
        for child in [*self.clients, *filter(None, [self.line]), self.server]:
            child.__exit__(*what)

    def check(self, what, condition, *context):
        tap.check("%s: %s" % (self.how, what), condition, *context)

    def order(self, child, command):
        return child.ask(command).get("result")

    def events(self, i):
        """Of one client, all until now."""
        self.seen[i] += [event["kind"] for event in self.clients[i].ask("events")]
        return self.seen[i]

    def forget(self):
        for i in range(len(WORK)):
            self.events(i)
        self.seen = [[] for _ in WORK]

    def moved(self, child):
        metrics = child.ask("read")["metrics"]
        return metrics["messages_sent"] + metrics["messages_received"]

    def flows(self, child):
        before = self.moved(child)
        return until(lambda: self.moved(child) > before + 20)

    def all_flow(self, what):
        self.check("%s: traffic goes on" % what, all([self.flows(client) for client in self.clients]))

    def lost(self, command, kind):
        """A command to the server that every client records as that loss, and as nothing else."""
        self.forget()
        self.check("the server does '%s'" % command, self.order(self.server, command) == "done")
        streams = range(CONNECTIONS)  # who makes a connection for each call may have none at the moment
        self.check("%s: every client lost its connection" % command,
                   until(lambda: all(kind in self.events(i) for i in streams)), self.seen)
        self.check("%s: and recovered" % command, until(lambda: all("recovered" in self.events(i) for i in streams)))
        others = {event for events in self.seen for event in events} - {kind, "recovered"}
        self.check("%s: and saw nothing else" % command, not others, others)
        self.all_flow(command)

    def reset_by_client(self):
        self.forget()
        before = metric(self.server, "resets")
        self.check("a client does 'reset'", self.order(self.clients[DOWN], "reset") == "done")
        self.check("the server sees it", until(lambda: metric(self.server, "resets") == before + 1))
        self.flows(self.clients[DOWN])
        self.check("it is no loss to the client itself", not self.events(DOWN), self.seen)

    def cancel(self):
        self.forget()
        before = metric(self.server, "cancels")
        for i in (BIDI, DOWN, UP):
            self.check("a client does 'cancel': " + WORK[i], self.order(self.clients[i], "cancel") == "done")
        self.check("the server sees three", until(lambda: metric(self.server, "cancels") == before + 3))
        self.all_flow("cancel")
        self.check("it is no loss", not any(self.events(i) for i in range(len(WORK))), self.seen)

    def stands_still(self, child, stopped):
        if self.order(child, "stall %d" % STALL_NS) != "done":
            return False
        end = time.monotonic() + STALL_NS / 1e9
        still, last = 0, None
        while time.monotonic() < end - 0.2:
            now = stopped()
            still = still + 1 if now == last else 0
            last = now
            time.sleep(0.1)
        return still >= 4

    def stall(self, child, stopped, name):
        """While the child does not read, that counter stands still on the other side."""
        self.forget()
        tries = 3  # a busy machine may stand still for all of a stall
        while tries > 0 and not self.stands_still(child, stopped):
            tries -= 1
        last = stopped()
        self.check("%s stalls: what it is sent stands still" % name, tries > 0)
        self.check("%s: and goes on" % name, until(lambda: stopped() != last))
        self.check("%s: nothing was lost" % name, not any(self.events(i) for i in range(len(WORK))), self.seen)

    def abort_close(self):
        client = self.clients[CONNECTIONS]
        before = metric(self.server, "resets")
        time.sleep(0.3)
        self.check("closing in order resets nothing", metric(self.server, "resets") == before)
        self.check("a client does 'abort-close'", self.order(client, "abort-close 1") == "done")
        self.check("the server sees resets", until(lambda: metric(self.server, "resets") > before + 10))
        self.check("and then closes in order again", self.order(client, "abort-close 0") == "done")

    def reload(self, swap):
        """Another certificate at the same place: who connects from now on is shown it, who is connected stays."""
        connects, stays = self.clients[CONNECTIONS], self.clients[BIDI]
        before = metric(connects, "peer_certificate")
        self.check("all are shown one certificate", before == metric(stays, "peer_certificate"))
        swap()
        self.check("the server does 'reload'", self.order(self.server, "reload") == "done")
        self.check("a new connection is shown the new certificate",
                   until(lambda: metric(connects, "peer_certificate") != before))
        self.check("an old one lives on", metric(stays, "peer_certificate") == before and self.flows(stays))
        swap()
        self.order(self.server, "reload")
        self.check("and back", until(lambda: metric(connects, "peer_certificate") == before))

    def bad_reload(self, cert):
        """What cannot be read changes nothing."""
        os.rename(cert, cert + ".away")
        self.check("without the file 'reload' fails", self.order(self.server, "reload") == "failed")
        os.rename(cert + ".away", cert)
        self.all_flow("after that")

    def rest(self):
        """Live bytes of each once nothing moves, with a connection of each client."""
        everybody = [*self.clients, self.server]
        for child in everybody:
            self.order(child, "pause")
        wait_until(lambda: metric(self.server, "connections") == len(WORK))

        def look():
            return [sum(metric(child, zone) for zone in ZONES) for child in everybody]

        def steady():
            first = look()
            for _ in range(3):
                time.sleep(0.12)
                if look() != first:
                    return None
            return first

        bytes_at_rest = wait_until(steady)
        for child in everybody:
            self.order(child, "resume")
        return bytes_at_rest

    def answers(self):
        """How many calls one client after the other made in so long as the way is far."""
        before = metric(self.clients[UNARY], "calls_done")
        time.sleep(FAR_NS / 1e9)
        return metric(self.clients[UNARY], "calls_done") - before

    def get_far(self):
        """With one call at a time there is at most one in a round trip."""
        self.forget()
        self.check("near: many calls in a while", until(lambda: self.answers() > 10))
        self.check("the line does 'delay'", self.order(self.line, "delay %d" % FAR_NS) == "done")
        self.check("far: hardly one", until(lambda: self.answers() <= 2) and self.answers() <= 2)
        self.order(self.line, "delay 0")
        self.check("near again: many", until(lambda: self.answers() > 10))
        self.check("nothing was lost", not any(self.events(i) for i in range(len(WORK))), self.seen)

    def fall_silent(self):
        """No end is heard of the connections that are open: both ends find out by themselves."""
        before = metric(self.server, "connections_total")
        self.forget()
        self.check("the line does 'mute'", self.order(self.line, "mute") == "done")
        streams = range(CONNECTIONS)
        self.check("every client gives its connection up",
                   until(lambda: all("loss-timeout" in self.events(i) for i in streams)), self.seen)
        self.check("and recovers", until(lambda: all("recovered" in self.events(i) for i in streams)))
        others = {event for events in self.seen for event in events} - {"loss-timeout", "recovered"}
        self.check("and sees nothing else", not others, others)
        self.check("the server gets new connections", metric(self.server, "connections_total") >= before + CONNECTIONS)
        self.check("and gives up the others", until(lambda: metric(self.server, "connections") <= len(WORK)))
        self.check("and the line forgets them", until(lambda: metric(self.line, "connections") <= len(WORK)))
        self.all_flow("after that")

    def all_of_it(self):
        self.lost("reset", "loss-reset")
        self.lost("goaway", "loss-goaway")
        self.reset_by_client()
        self.cancel()
        self.stall(self.clients[DOWN], lambda: metric(self.clients[DOWN], "bytes_received"), "a client")
        self.stall(self.server, lambda: metric(self.clients[UP], "bytes_sent"), "the server")
        self.abort_close()


def test(how, server_options, client_options, swap=None, cert=None):
    with Pair(how, server_options, client_options) as pair:
        if swap:  # OpenSSL keeps the words of a first error until the next one
            pair.bad_reload(cert)
            pair.lost("goaway", "loss-goaway")
        pair.rest()
        pair.all_flow("at first")
        before = pair.rest()
        pair.all_of_it()
        if swap:
            pair.reload(swap)
            pair.bad_reload(cert)
            pair.lost("goaway", "loss-goaway")  # the former certificates live as long as their connections
        else:
            pair.check("there is nothing to reload", pair.order(pair.server, "reload") == "unsupported")
        after = pair.rest()
        pair.check("at rest all have as many live bytes as before", before == after, (before, after))
        pair.check("no error", not any(metric(child, "errors") for child in [*pair.clients, pair.server]))
        pair.check("what only servers do", pair.order(pair.clients[0], "goaway") == "unsupported")
        pair.check("what only clients do", pair.order(pair.server, "cancel") == "unsupported")


def test_way():
    ends = [[*KEEPALIVE, "--permit-keepalive", "1ms"], [*KEEPALIVE, "--connect-timeout", "3s"]]
    with Pair("by a delay line", *ends, by_line=True) as pair:
        pair.rest()
        pair.all_flow("at first")
        before = pair.rest()
        pair.get_far()
        pair.fall_silent()
        after = pair.rest()
        pair.check("at rest all have as many live bytes as before", before == after, (before, after))
        pair.check("no error", not any(metric(child, "errors") for child in [*pair.clients, pair.server]))


test_way()
test("cleartext", [], [])
with tempfile.TemporaryDirectory() as tls:
    other = os.path.join(tls, "other")
    for folder in (tls, other):
        subprocess.run([SERVER, "--make-cert", folder], check=True)
    cert, key, trust = (os.path.join(tls, name) for name in ("cert.pem", "key.pem", "trust.pem"))
    with open(trust, "w") as store:
        for name in (cert, os.path.join(other, "cert.pem")):
            with open(name) as one:
                store.write(one.read())

    def swap():
        for name in ("cert.pem", "key.pem"):
            os.rename(os.path.join(tls, name), os.path.join(tls, "spare"))
            os.rename(os.path.join(other, name), os.path.join(tls, name))
            os.rename(os.path.join(tls, "spare"), os.path.join(other, name))

    test("TLS, 2 loops", ["--threads", "2", "--secure", "--tls-pub", cert, "--tls-priv", key],
         ["--secure", "--cert-store-from-path", trust], swap, cert)
tap.done()
