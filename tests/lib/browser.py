"""A headless Chromium that a test looks through, by Selenium.

    with Browser(folder) as browser:        # BrowserMissing: this machine has none
        browser.open(url, width=1280)
        browser.until("document.title === 'x'")
        browser.text("h1")
"""

import shutil

from program import PATIENCE, wait_until

CHROMIUM, DRIVER = "chromium", "chromedriver"
# As root there is no sandbox; nothing is fetched but what the page asks for.
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync", "--lang=en-US")


class BrowserMissing(Exception):
    pass


class Browser:
    def __init__(self, folder):
        try:
            from selenium import webdriver
            from selenium.webdriver.chrome.service import Service
        except ImportError as error:
            raise BrowserMissing("python3-selenium is not installed") from error
        chromium, driver = shutil.which(CHROMIUM), shutil.which(DRIVER)
        if not chromium or not driver:
            raise BrowserMissing("%s is not installed" % (DRIVER if chromium else CHROMIUM))
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for option in (*OPTIONS, "--user-data-dir=" + folder):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(driver))
        self.driver.set_page_load_timeout(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.driver.quit()

    def resize(self, width, height=900, dark=False):
        """As a phone below 640 pixels, as a desk above."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 2 if width < 640 else 1, "mobile": width < 640})
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def open(self, url, **size):
        self.resize(**size)
        self.driver.get(url)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def until(self, expression, seconds=PATIENCE):
        return wait_until(lambda: self.run("return " + expression), seconds)

    def text(self, css):
        """What is to be read there; "" where nothing is, or it is hidden."""
        return self.run("const e = document.querySelector(arguments[0]);"
                        " return e?.checkVisibility() ? e.innerText : ''", css)

    def until_text(self, css, part, seconds=PATIENCE):
        """True, or an AssertionError that says what was there instead."""
        try:
            return wait_until(lambda: part in self.text(css), seconds)
        except AssertionError as error:
            raise AssertionError("%s says %r, not %r" % (css, self.text(css), part)) from error

    def press_enter(self):
        """On what has the focus."""
        self.driver.switch_to.active_element.send_keys("\ue007")  # WebDriver, 17.4.2

    def overflow(self):
        """How much wider the page is than the window, in pixels."""
        return self.run("return document.documentElement.scrollWidth - innerWidth")

    def log(self, kind):
        """"browser": the console; "performance": what was asked of the network. Each line is read once."""
        return self.driver.get_log(kind)
