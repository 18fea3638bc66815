"""The table as a picture, in the colours of the charts (charts/palette.h), light and dark."""

import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PALETTE = os.path.join(HERE, "..", "..", "charts", "palette.h")
SUBJECTS = (("nghttpd", "active"), ("h2load", "resident"), ("grpc C++", "mapped"), ("grpc-js", "data"))
OURS = "ours"
LOW, HIGH = 0.005, 5.0
TICKS = "'1/100' 0.01, '1/30' 0.0333, '1/10' 0.1, '1/3' 0.333, 'as much' 1, '3 times' 3"


def colours():
    """Name to colour on light and on dark, as gnuplot writes them."""
    with open(PALETTE, encoding="utf-8") as file:
        rows = re.findall(r'X\(\w+, "(\w+)", 0x(\w{6}), 0x(\w{6})\)', file.read())
    return {name: (light, dark) for name, light, dark in rows}


def quoted(text):
    return '"%s"' % text.replace('"', "'")


def words(texts):
    """A list for gnuplot's word()."""
    return quoted(" ".join("'%s'" % (text or " ") for text in texts))


def limit(row):
    return "".join("{:,g}".format(goal["at_most"]) for goal in row["goals"] if goal["of"] == OURS)


def block(name, indexes):
    """gnuplot's data block; an index is a list of rows, and an empty one must still be there."""
    parts = ["\n".join(" ".join(one) for one in rows) or "NaN NaN" for rows in indexes]
    return "$%s << EOD\n%s\nEOD\n" % (name, "\n\n\n".join(parts))


def number(value, unit):
    return "%.2g us" % value if unit == "us" and value < 10 else "{:,.0f} {}".format(value, unit)


def ratios(figures, name):
    return [(str(at + 0.5), "%.4f" % (row["median"][OURS] / row["median"][name]))
            for at, row in enumerate(figures) if name in row["median"] and name != OURS]


def goals(figures, name):
    return [(str(at + 0.5), "%.4f" % goal["at_most"])
            for at, row in enumerate(figures) for goal in row["goals"] if goal["of"] == name]


def answer(figures):
    judged = [goal["met"] for row in figures for goal in row["goals"] if goal["met"] is not None]
    said = "Left of the line it costs less; %d of %d goals are met" % (sum(judged), len(judged))
    return said, bool(judged) and all(judged)


def script(table, out):
    figures = [row for row in table["figures"] if OURS in row["median"]]
    here = [(name, colour) for name, colour in SUBJECTS if any(name in row["median"] for row in figures)]
    said, met = answer(figures)
    lines = ["C_%s = '#%s'" % (name, light) for name, (light, _) in colours().items()]
    lines += ["OUTPUT = %s" % quoted(out), "ROWS = %d" % len(figures),
              "LOW = %g" % LOW, "HIGH = %g" % HIGH,
              "TICKS = %s" % quoted(TICKS), "ANSWER = %s" % quoted(said),
              "ANSWER_COLOUR = C_%s" % ("pass" if met else "fail"), "SUBJECTS = %d" % len(here),
              "SUBJECT_NAMES = %s" % words(name for name, _ in here),
              "TITLES = %s" % words(row["title"] for row in figures),
              "OURS = %s" % words(number(row["median"][OURS], row["unit"]) for row in figures),
              "LIMITS = %s" % words(limit(row) for row in figures),
              "SUBJECT_COLOURS = %s" % " . ' ' . ".join("C_" + colour for _, colour in here),
              "CAPTION = %s" % quoted("us: CPU, B: PSS; medians of %d rounds, server and client on a core each"
                                      % table["rounds"])]
    data = block("ratios", [ratios(figures, name) for name, _ in here])
    data += block("goals", [goals(figures, name) for name, _ in here])
    return "\n".join(lines) + "\n" + data + "load %s\n" % quoted(os.path.join(HERE, "speed.gp"))


def rgb(colour, form):
    return form % tuple(int(colour[i:i + 2], 16) for i in (0, 2, 4))


def dark_rules():
    """As palette_put_svg (charts/palette.c): any style sheet overrules the colours that gnuplot writes."""
    rules = []
    for light, dark in colours().values():
        rules.append("[stroke='%s']{stroke:#%s}" % (rgb(light, "rgb(%3d, %3d, %3d)"), dark))
        rules += ["[fill='%s']{fill:#%s}" % (rgb(light, form), dark) for form in
                  ("rgb(%3d, %3d, %3d)", "rgb(%d,%d,%d)", "#%02x%02x%02x")]
    return "@media (prefers-color-scheme:dark){%s}" % "\n".join(rules)


def finish(path, said):
    with open(path, encoding="utf-8") as file:
        svg = file.read()
    svg = svg.replace('font-family="sans-serif:Bold"', 'font-family="sans-serif" font-weight="bold"')
    svg = re.sub(r"<title>.*?</title>|<desc>.*?</desc>", "", svg, flags=re.DOTALL)
    head = "<title>What does ours cost beside others? %s</title><style>%s</style>" % (said, dark_rules())
    with open(path, "w", encoding="utf-8") as out:
        out.write(re.sub(r"(<svg[^>]*>)", lambda found: found.group(1) + head, svg, count=1))


def draw(table, path):
    if not any(OURS in row["median"] for row in table["figures"]):
        return
    with tempfile.NamedTemporaryFile("w", suffix=".gp", encoding="utf-8") as file:
        file.write(script(table, path))
        file.flush()
        if subprocess.run(["gnuplot", file.name], check=False).returncode != 0:
            sys.exit("bench: gnuplot could not draw %s" % path)
    finish(path, answer(table["figures"])[0])
