#!/usr/bin/env python3
"""The page of a run in a browser, for one that passed, one that leaked and one of two hosts, in light and dark, on a desk
and on a phone: what stands where, the keyboard alone, no request but for its own files, axe-core's rules, print."""

import json
import lzma
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.dont_write_bytecode = True

from browser import Browser, BrowserMissing
from tap import Tap

TOP = os.environ["top_srcdir"]
DRIVER = os.path.join(os.environ["top_builddir"], "driver", "driver")
RUNS = os.path.join(TOP, "tests", "fixtures", "runs")
AXE = os.path.join(TOP, "tests", "web", "node_modules", "axe-core", "axe.min.js")
LOOKS = {"a desk, light": (1280, False), "a phone, dark": (390, True)}
# What axe says: rule, and the first place.
VIOLATIONS = """const done = arguments[arguments.length - 1];
axe.run(document).then((r) => done(r.violations.map((v) => v.id + ': ' + v.nodes[0].html.slice(0, 200))))"""
PLACES = "return [...document.querySelectorAll('h1, h2')].map((h) => h.innerText)"


def draw(name, scratch):
    folder = os.path.join(scratch, name)
    os.makedirs(folder)
    with lzma.open(os.path.join(RUNS, name + ".db.xz")) as file, open(os.path.join(folder, "run.db"), "wb") as to:
        to.write(file.read())
    subprocess.run([DRIVER, "charts", folder], capture_output=True, timeout=300, check=True)
    return "file://" + os.path.join(folder, "index.html")


def requests(browser):
    """What was asked of anything but this machine's files."""
    asked = [json.loads(entry["message"])["message"] for entry in browser.log("performance")]
    urls = [m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith(("file:", "data:", "chrome"))]


def look(tap, browser, name, url):
    for place, (width, dark) in LOOKS.items():
        browser.open(url, width=width, dark=dark)
        what = "%s, %s" % (name, place)
        tap.check(what + ": no wider than the window", browser.overflow() <= 0, browser.overflow())
        if os.path.exists(AXE):
            with open(AXE, encoding="utf-8") as file:
                browser.run(file.read())
            found = browser.driver.execute_async_script(VIOLATIONS)
            tap.check(what + ": axe has nothing to say", found == [], *found)
        else:
            tap.skip(what + ": axe-core is not installed (npm ci --prefix tests/web)")
    tap.check(name + ": nothing is asked of a network", requests(browser) == [], requests(browser))


def order(tap, browser, url):
    browser.open(url, width=1280)
    heads = browser.run(PLACES)
    tap.check("the verdict is first, the worst next", heads[0].startswith("Failed: ") and
              heads[1].startswith("The worst: "), heads)
    tap.check("then what was found, how to repeat it, every process, every chart",
              heads[2:] == ["Findings", "How to repeat it", "Every process", "Every chart"], heads)
    tap.check("what it leaks by an event is said", "B per " in browser.text(".findings"), browser.text(".findings"))
    tap.check("so is the command", "--seed" in browser.text(".again"), browser.text(".again"))


def keyboard(tap, browser, url):
    """By Tab alone: every link and every button, in the order of the page."""
    from selenium.webdriver.common.keys import Keys
    browser.open(url, width=1280)
    wanted = browser.run("return [...document.querySelectorAll('a[href], button')].filter((e) => e.checkVisibility())"
                         ".map((e) => (e.dataset.at = String(Math.random())) )")
    seen = []
    for _ in range(3 * len(wanted) + 10):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        at = browser.run("return document.activeElement.dataset.at || ''")
        if at and at in seen:
            break
        seen += [at] if at else []
    tap.check("Tab reaches every link and button, in their order", len(wanted) > 10 and seen == wanted,
              len(wanted), len(seen))
    first = "return document.querySelector('tbody th').innerText"
    browser.run("[...document.querySelectorAll('thead button')].find((b) => b.innerText === 'Calls').focus()")
    before = browser.run(first)
    browser.press_enter()
    sort = browser.run("return document.querySelector('th[aria-sort]')?.innerText")
    tap.check("Enter sorts the table, and says by what", (sort or "").startswith("Calls"), sort, before)


def printed(tap, browser, url, scratch):
    browser.open(url, width=1280)
    import base64
    pdf = base64.b64decode(browser.driver.execute_cdp_cmd("Page.printToPDF", {})["data"])
    tap.check("it prints", pdf.startswith(b"%PDF") and len(pdf) > 20000, len(pdf))


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="flatline-test.") as scratch:
        urls = {name: draw(name, scratch) for name in ("clean", "leaky", "hosts")}
        try:
            with Browser(os.path.join(scratch, "profile")) as browser:
                for name, url in urls.items():
                    look(tap, browser, name, url)
                order(tap, browser, urls["leaky"])
                keyboard(tap, browser, urls["leaky"])
                began = time.monotonic()
                browser.open(urls["clean"], width=1280)
                # It opens in a tenth of a second; a machine may be a hundred times slower.
                tap.check("it opens at once", time.monotonic() - began < 10, time.monotonic() - began)
                print("# opened in %.2f s" % (time.monotonic() - began))
                printed(tap, browser, urls["leaky"], scratch)
        except BrowserMissing as why:
            tap.skip(str(why))
    tap.done()


main()
