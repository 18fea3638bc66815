#!/usr/bin/env python3
"""Files stay short enough to be read whole."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.dont_write_bytecode = True

from sources import text, with_suffix
from tap import Tap

MOST_LINES = 600
MOST_COLUMNS = 124


def main():
    tap = Tap()
    lengths = {path: len(text(path).splitlines())
               for path in with_suffix(".c", ".h", ".sh", ".py", ".gp", "bootstrap")}
    long_files = ["%s: %d lines" % (path, n) for path, n in lengths.items() if n > MOST_LINES]
    long_lines = ["%s:%d: %d columns" % (path, number, len(line))
                  for path in with_suffix(".sh", ".py", ".ac", ".m4", ".inc", "bootstrap")
                  for number, line in enumerate(text(path).splitlines(), 1)
                  if len(line) > MOST_COLUMNS]
    tap.check("sources are found", len(lengths) > 20, len(lengths))
    tap.check("no file is longer than %d lines" % MOST_LINES, not long_files, *long_files)
    tap.check("no script line is longer than %d columns" % MOST_COLUMNS, not long_lines, *long_lines)
    tap.done()


main()
