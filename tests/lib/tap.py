"""What every Python test imports: TAP output, as tests/lib/tap.sh for shell scripts.

    from tap import Tap
    tap = Tap()
    tap.check("one and one", 1 + 1 == 2, "no: %d" % (1 + 1))
    tap.done()

Without done() there is no plan, so a script that dies half-way fails. Scripts find this folder by
sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "lib")).
"""


class Tap:
    def __init__(self):
        self.count = 0

    def check(self, description, passed, *why):
        """One check; the lines of why are shown when it fails."""
        self.count += 1
        print("%s %d - %s" % ("ok" if passed else "not ok", self.count, description), flush=True)
        if not passed:
            for text in why:
                for line in str(text).splitlines():
                    print("# " + line, flush=True)

    def skip(self, why):
        self.count += 1
        print("ok %d # SKIP %s" % (self.count, why), flush=True)

    def done(self):
        print("1..%d" % self.count, flush=True)
