#!/usr/bin/env python3
"""The live page of results-server in a browser, while a run of two hosts is posted: its numbers, kills,
deaths and lost hosts are on the page; it goes on by itself when the server was killed and is back; it fits
a desk and a phone, asks nobody else for anything, and leaves the console empty."""

import json
import os
import re
import signal
import sys
import tempfile
import threading

SOURCE = os.environ["top_srcdir"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "lib"))

import ports
from browser import Browser, BrowserMissing
from results import Results, host
from tap import Tap

TOKEN = "open-sesame"
MB = 1 << 20
INCARNATION = ("id", "component", "number", "ordered_ns", "exit_ns", "reason")
SAMPLE = ("incarnation", "time_ns", "stale", "messages_sent", "messages_received", "live")


def table(columns, *rows):
    return {"columns": list(columns), "rows": [list(row) for row in rows]}


class Run:
    """What the drivers of two hosts would post; a host is heard while it is in `alive`."""

    def __init__(self, server):
        self.server = server
        self.sequence = {}
        self.start = None
        self.alive = ["n1", "n2"]
        self.over = threading.Event()
        self.heart = threading.Thread(target=self.beat)

    def beat(self):
        while not self.over.wait(0.2):
            for peer in list(self.alive):
                self.ask("PUT", "/peer/%s/metrics" % peer, {"sequence": 0})

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.over.set()
        if self.heart.is_alive():
            self.heart.join()

    def ask(self, method, path, body):
        with self.server.connect() as connection:
            headers = {"Authorization": "Bearer " + TOKEN}
            connection.request(method, "/test/demo" + path, json.dumps(body), headers)
            reply = connection.getresponse()
            answer = json.loads(reply.read())
        assert reply.status < 300, (method, path, reply.status, answer)
        return answer

    def come(self):
        self.ask("POST", "", {"started": False, "size": 2})
        for rank in (0, 1):
            self.ask("PUT", "/topology", host(rank, 2, ready=True))

    def post(self, peer, **tables):
        self.sequence[peer] = self.sequence.get(peer, 0) + 1
        self.ask("PUT", "/peer/%s/metrics" % peer, {"sequence": self.sequence[peer], "tables": tables})

    def begin(self):
        self.start = self.ask("PUT", "/start", {})["started_ns"]
        self.heart.start()
        for peer in ("n1", "n2"):
            self.post(peer, meta=table(("key", "value"), ("duration_ns", 3600 * 10**9)),
                      component=table(("id", "name", "role"), (1, "server-flat", "server"), (2, "client-leaky", "client")),
                      incarnation=table(INCARNATION, (1, 1, 1, None, None, None), (2, 2, 1, None, None, None)))

    def at(self, seconds):
        return self.start + int(seconds * 1e9)

    def sample(self, peer, incarnation, seconds, messages, live):
        self.post(peer, sample=table(SAMPLE, (incarnation, self.at(seconds), 0, messages, messages, live)))


def headers(tap, server):
    with server.connect() as connection:
        connection.request("GET", "/")
        reply = connection.getresponse()
        page = reply.read()
    policy = reply.headers["Content-Security-Policy"]
    tap.check("the page is open, and may fetch from its server alone",
              reply.status == 200 and policy.startswith("default-src 'self';") and "unsafe" not in policy, reply.headers)
    tap.check("its type is not to be guessed", reply.headers["X-Content-Type-Options"] == "nosniff", reply.headers)
    tap.check("it has nothing inline", b"<style" not in page and b"style=" not in page and b" on" not in
              re.sub(rb">[^<]*<", b"><", page), page)
    with server.connect() as connection:
        connection.request("GET", "/events")
        tap.check("what is known needs the token", connection.getresponse().status == 401)


def colours(tap):
    """The page's own style sheet has the colours of the charts."""
    with open(os.path.join(SOURCE, "charts", "palette.h"), encoding="utf-8") as file:
        palette = re.findall(r'X\(\w+, "(\w+)", 0x(\w{6}), 0x(\w{6})\)', file.read())
    with open(os.path.join(SOURCE, "results-server", "web", "page.css"), encoding="utf-8") as file:
        css = re.findall(r":root\{([^}]*)\}", file.read())
    wanted = [{name: "#" + row[scheme] for name, *row in palette} for scheme in (0, 1)]
    found = [dict(re.findall(r"--(\w+):(#\w{6})", block)) for block in css]
    tap.check("light and dark have the colours of the charts", palette and found == wanted, found, wanted)


def token(tap, browser, server):
    browser.open("http://127.0.0.1:%d/" % server.port, width=1280)
    browser.until("!document.getElementById('ask').hidden")
    enter = "document.getElementById('token').value = arguments[0]; document.querySelector('#ask button').click()"
    browser.run(enter, "wrong")
    tap.check("a wrong token is said to be one", browser.until_text("#trouble", "not the token"))
    browser.run(enter, TOKEN)
    tap.check("with the right one the page is there", browser.until_text("h1", "No test yet"))
    tap.check("the token is not in the address", TOKEN not in browser.run("return location.href + document.cookie"))


def growing(tap, browser, run):
    run.come()
    tap.check("a test that comes is shown by itself", browser.until_text("h1", "demo: waiting, 2 of 2 hosts are here"))
    run.begin()
    tap.check("it runs, and for how long yet", browser.until("/demo: running, \\d+ of 3600\\ss/.test(document.title)"))
    for peer in ("n1", "n2"):
        for tick in range(1, 4):
            run.sample(peer, 1, tick / 2, 1000 * tick, 3 * MB)
            run.sample(peer, 2, tick / 2, 100 * tick, tick * MB)
    tap.check("memory is summed over all", browser.until_text("#memory-title", "Memory: 12.0 MB"))
    tap.check("and says what rose", browser.until_text("#memory-title", ", by 2.00 MB"))
    # 2 hosts, each 2 * (1000 + 100) messages in half a second.
    tap.check("so is traffic", browser.until_text("#traffic-title", "Traffic: 8,800 messages a second"))
    tap.check("hosts are listed with their states",
              browser.until_text("#hosts", "running") and "n2" in browser.text("#hosts"))


def troubles(tap, browser, run):
    kill = (2, 2, 1, run.at(1.6), run.at(1.6), "chaos")
    for _ in range(2):  # a row comes again whenever it changed
        run.post("n1", incarnation=table(INCARNATION, kill))
    death = (1, 1, 1, None, run.at(1.7), "heap-cap")
    run.post("n1", incarnation=table(INCARNATION, death, (3, 2, 2, None, None, None)))
    fact = "[...document.querySelectorAll('#facts div')].map((box) => box.innerText.replace('\\n', ': ')).join('; ')"
    tap.check("a kill is counted once", browser.until("(%s).includes('Kills: 1;')" % fact))
    said = "server-flat on n1 died 1.7 s after the start, and nobody ordered it: heap-cap"
    tap.check("a death that nobody ordered is a finding", browser.until_text("#findings", said))
    tap.check("and in the sentence", browser.until_text("h1", "1 death nobody ordered"))
    run.alive.remove("n2")
    tap.check("a host that falls silent is a finding", browser.until_text("#findings", "n2 was lost: last heard"))
    tap.check("and its state is told", browser.until_text("#hosts", "lost"))


def curves(tap, browser):
    if not browser.run("return !!globalThis.uPlot"):
        tap.check("without uPlot it says so", "built without uPlot" in browser.text("#memory"))
        tap.skip("a build without uPlot")
        return
    tap.check("both are drawn", browser.until("document.querySelectorAll('.chart canvas').length === 2"))
    tap.check("and told to who cannot see them",
              browser.until("document.querySelector('#memory .chart').ariaLabel.includes('n1 ')"))
    tap.check("kills are marked", browser.until_text("#memory .legend", "kills"))
    dark = "(() => { const c = document.querySelector('#memory canvas'), x = c.getContext('2d');" \
           " const d = x.getImageData(0, 0, c.width, c.height).data; let n = 0;" \
           " for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; })()"
    tap.check("there is something on the canvas", browser.until(dark + " > 2000"))


def keyboard(tap, browser, run):
    button = "[...document.querySelectorAll('#hosts tbody button')].find((b) => b.textContent === 'n1')"
    browser.run("%s.focus()" % button)
    browser.press_enter()
    tap.check("a host is picked by the keyboard", browser.until_text("#parts", "client-leaky"))
    tap.check("and is in the address", browser.run("return location.hash") == "#test=demo&host=n1")
    run.sample("n1", 3, 1.9, 10, 5 * MB)
    tap.check("its processes go on", browser.until_text("#memory-title", "Memory: 5.00 MB"))
    browser.run("document.getElementById('whole').click()")
    tap.check("and back", browser.until("!document.getElementById('hosts').closest('section').hidden"))


def sizes(tap, browser):
    for width in (1280, 390):
        for dark in (False, True):
            browser.resize(width, dark=dark)
            browser.until("innerWidth === %d" % width)
            browser.until("[...document.querySelectorAll('.chart canvas')].every((c) => c.clientWidth <= innerWidth)")
            tap.check("%d pixels%s: nothing is wider" % (width, ", dark" if dark else ""), browser.overflow() <= 0,
                      browser.overflow())
    browser.resize(1280)


def away(tap, browser, server, again):
    """The server is killed, and comes back with what was acknowledged."""
    server.stop(signal.SIGKILL)
    tap.check("a lost connection is said", browser.until_text("#trouble", "Connection lost, trying again"))
    tap.check("what was known stays", "server-flat on n1 died" in browser.text("#findings"))
    with again() as back:
        browser.until("document.getElementById('trouble').hidden")
        tap.check("it goes on without having been touched", browser.until_text("#memory-title", "MB"))
        died = "[...document.querySelectorAll('#findings li')].filter((e) => e.innerText.includes('died')).length"
        tap.check("nothing is there twice", browser.until(died + " === 1") and "Kills\n1" in browser.text("#facts"),
                  browser.text("#findings"), browser.text("#facts"))
        last = Run(back)
        end = {"sequence_last": 0, "status": 1, "verdict": "fail", "reason": "server-flat: heap-cap"}
        last.ask("PUT", "/peer/n3/results", end)
        last.ask("PUT", "/finish", {"verdict": "fail"})
        tap.check("the verdict is the sentence, and why",
                  browser.until_text("h1", "demo failed: n3, server-flat: heap-cap"))
        tap.check("and its colour", browser.run("return document.getElementById('head').className") == "fail")
        tap.check("the list has it, too", browser.until_text("#tests", "fail"))
        console(tap, browser, back)


def console(tap, browser, server):
    """An answer that is no 200, and a server that is not there, are Chromium's own to remark on."""
    said = [line for line in browser.log("browser") if not (line["source"] == "network" and "/events" in line["message"])]
    tap.check("nothing is on the console", not said, *said)
    asked = set()
    for line in browser.log("performance"):
        event = json.loads(line["message"])["message"]
        url = event["params"]["request"]["url"] if event["method"] == "Network.requestWillBeSent" else "chrome:"
        if not url.startswith("chrome:"):  # the browser's first, empty page
            asked.add(re.match(r"[a-z]+:(//[^/]*)?", url).group(0))
    own = "http://127.0.0.1:%d" % server.port
    tap.check("nobody else is asked for anything", asked - {"data:"} == {own}, asked)


def look(tap, browser, folder):
    secret = os.path.join(folder, "token")
    with open(os.path.join(folder, "token"), "w", encoding="ascii", opener=lambda *a: os.open(*a, 0o600)) as file:
        file.write(TOKEN + "\n")
    port, store = ports.port(), os.path.join(folder, "store")

    def serve():
        return Results("--token", secret, "--host-timeout", "2s", store=store, port=port)

    with serve() as server:
        headers(tap, server)
        token(tap, browser, server)
        with Run(server) as run:
            growing(tap, browser, run)
            troubles(tap, browser, run)
            curves(tap, browser)
            keyboard(tap, browser, run)
            sizes(tap, browser)
        away(tap, browser, server, serve)


def main():
    tap = Tap()
    colours(tap)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            with Browser(os.path.join(folder, "browser")) as browser:
                look(tap, browser, folder)
        except BrowserMissing as missing:
            tap.skip(str(missing))
    tap.done()


main()
