"""A real influxd (Debian's influxdb, 1.6) of the test's own: its folder, its ports, loopback only.

    with Influx() as influx:
        influx.start(); influx.kill()             # the data stay, as after kill -9
        influx.query("SELECT ...", "db") -> its series
"""

import json
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request

import ports
from program import PATIENCE, wait_until

INFLUXD = shutil.which("influxd")
CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:%(rpc)d"
[meta]
  dir = "%(folder)s/meta"
[data]
  dir = "%(folder)s/data"
  wal-dir = "%(folder)s/wal"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:%(port)d"
  log-enabled = false
[monitor]
  store-enabled = false
[logging]
  level = "warn"
"""


class Influx:
    def __init__(self):
        self.folder = tempfile.mkdtemp()
        self.port, self.rpc = ports.port(), ports.port()
        self.config = os.path.join(self.folder, "influxdb.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG % {"folder": self.folder, "port": self.port, "rpc": self.rpc})
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.kill()
        shutil.rmtree(self.folder)

    def url(self, database):
        return "http://127.0.0.1:%d/?db=%s" % (self.port, database)

    def start(self):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen([INFLUXD, "-config", self.config], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        wait_until(self.is_up)

    def is_up(self):
        if self.process.poll() is not None:
            with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
                raise AssertionError("influxd has ended: " + file.read()[-2000:])
        try:
            return self.fetch("/ping").status == 204
        except OSError:
            return False

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def fetch(self, path, body=None):
        return urllib.request.urlopen("http://127.0.0.1:%d%s" % (self.port, path), body, timeout=PATIENCE)

    def query(self, text, database):
        """The series of a query: a list of {name, tags, columns, values}; an AssertionError if it is wrong."""
        form = urllib.parse.urlencode({"q": text, "db": database, "epoch": "ns"}).encode()
        try:
            result = json.load(self.fetch("/query", form))["results"][0]
        except urllib.error.HTTPError as error:
            raise AssertionError("%s: %s" % (text, error.read().decode())) from error
        if "error" in result:
            raise AssertionError("%s: %s" % (text, result["error"]))
        return result.get("series", [])

    def count(self, field, measurement, database, where=""):
        """How many points have the field; None if that cannot be asked now."""
        try:
            series = self.query('SELECT count("%s") FROM "%s" %s' % (field, measurement, where), database)
        except (OSError, AssertionError):
            return None
        return series[0]["values"][0][1] if series else 0
