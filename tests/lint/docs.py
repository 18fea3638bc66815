#!/usr/bin/env python3
"""The reference pages say what the code's tables say: every name that crosses a boundary is documented,
and nothing is documented that is not there."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.dont_write_bytecode = True

from sources import TOP, text, with_suffix
from tap import Tap

PAGE = "docs/run-folder.md"
SCENARIO = "docs/scenario.md"
HOSTS = "docs/hosts.md"
ROUTINES = "docs/routines.md"


def rows(path, table):
    """The rows of an X-macro table, each as the list of its arguments."""
    body = re.search(r"#define %s\(X\)(.*?[^\\])\n" % table, text(path), re.DOTALL).group(1)
    body = re.sub(r"/\*.*?\*/", "", body.replace("\\\n", " "), flags=re.DOTALL)
    return [[part.strip().strip('"') for part in re.split(r",\s*(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", row)]
            for row in re.findall(r'X\(((?:"[^"]*"|[^")])*)\)', body)]


def section(heading, page=PAGE):
    """The lines of the page below the heading that begins so."""
    found = re.search(r"^## %s\b.*?\n(.*?)(?=^## |\Z)" % heading, text(page), re.DOTALL | re.MULTILINE)
    return found.group(1) if found else ""


def documented(lines, column=0):
    """The `names` in a column of the section's tables."""
    cells = [line.strip("|").split("|") for line in lines.splitlines() if line.startswith("|")]
    return [name for row in cells if len(row) > column for name in re.findall(r"`([^`]+)`", row[column])]


def schema():
    """Table: its columns, from the SQL in the header."""
    sql = "".join(re.findall(r'"([^"]*)"', text("common/run/schema.h").split("RUN_SCHEMA_SQL")[1]))
    sql = re.sub(r", PRIMARY KEY \([^)]*\)", "", sql)
    return {name: [column.split()[0] for column in body.split(",")]
            for name, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\)(?: WITHOUT ROWID)?;", sql)}


def check_tests(tap):
    """A test that holds a promise is there, and is one that runs."""
    pages = [path for path in with_suffix(".md") if "/" not in path or path.startswith("docs/")]
    pattern = r"\btests/(?:unit|e2e|fault|fuzz|attack|lint)/[a-z0-9_]+\.(?:c|py|sh)\b"
    named = {path for page in pages for path in re.findall(pattern, text(page))}
    rules = "".join(text(path) for path in with_suffix("Makefile.inc"))
    wrong = [path for path in named if not os.path.exists(os.path.join(TOP, path)) or
             not re.search(r"\b%s\b" % re.escape(os.path.basename(path)), rules)]
    tap.check("every test that a page names is there", named and not wrong, *wrong)


def check_links(tap):
    """What the pages point to is there, in a tarball too, and the headings that they name."""
    pages = [path for path in with_suffix(".md") if "/" not in path or path.startswith("docs/")]
    wrong, seen = [], 0
    for page in pages:
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(#[^)\s]+)?\)", text(page)):
            seen += 1
            path = os.path.normpath(os.path.join(os.path.dirname(page), target)) if target else page
            if not os.path.exists(os.path.join(TOP, path)):
                wrong.append("%s: %s" % (page, target))
            elif anchor and anchor[1:] not in anchors(path):
                wrong.append("%s: %s%s" % (page, target, anchor))
    tap.check("every link of a page leads somewhere", seen > 100 and not wrong, seen, *wrong)


def anchors(page):
    """As GitHub and GitLab make them of headings."""
    headings = re.findall(r"^#+ (.*)$", text(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def compare(tap, what, in_code, in_docs):
    tap.check("%s: the page has all" % what, in_code and set(in_code) <= set(in_docs),
              "missing: %s" % sorted(set(in_code) - set(in_docs)))
    tap.check("%s: the page has no others" % what, set(in_docs) <= set(in_code),
              "too many: %s" % sorted(set(in_docs) - set(in_code)))


def main():
    tap = Tap()
    metrics = rows("common/contract/metric.h", "METRIC_TABLE")
    in_page = [[cell.strip(" `") for cell in line.strip("|").split("|")][:3]
               for line in section("metric").splitlines() if re.match(r"\| \d", line)]
    tap.check("metrics: ids, names and units agree", [row[1:4] for row in metrics] == in_page,
              *["only in code: %s" % row[1:4] for row in metrics if row[1:4] not in in_page],
              *["only on the page: %s" % row for row in in_page
                if row not in [m[1:4] for m in metrics]])

    incarnation, reasons = section("incarnation").split("| reason |")
    compare(tap, "reasons", [row[1] for row in rows("common/contract/reason.h", "REASON_TABLE")],
            documented(reasons))
    compare(tap, "events", [row[1] for row in rows("common/contract/page.h", "PAGE_EVENT_TABLE")],
            documented(section("event")))

    compare(tap, "gate rules", [row[1] for row in rows("driver/rules.h", "RULE_TABLE")],
            documented(section("What a pass", "README.md")))
    for heading, table in (("The run", "SCENARIO"), ("A server", "SERVER"), ("A client", "CLIENT"),
                           ("cap", "CAP")):
        compare(tap, "scenario files, " + heading,
                [row[0] for row in rows("driver/scenario_keys.h", table + "_KEY_TABLE")],
                documented(section(heading, SCENARIO)))
    compare(tap, "scenario files, limits", [row[2] for row in rows("driver/limits.h", "LIMIT_TABLE")],
            documented(section("limits", SCENARIO)))
    slow, counts = section("Slow subscribers", "docs/relay.md").split("| count |")
    compare(tap, "policies of the relay",
            [row[1] for row in rows("stress-server/relay.h", "RELAY_POLICY_TABLE")], documented(slow))
    compare(tap, "counts of the relay",
            [row[0] for row in rows("stress-server/relay.h", "RELAY_COUNT_TABLE")], documented(counts))
    for heading, table in (("The routine", "SCRIPT"), ("A kind", "KIND")):
        compare(tap, "routines, " + heading,
                [row[0] for row in rows("stress-client/script_keys.h", table + "_KEY_TABLE")],
                documented(section(heading, ROUTINES)))
    compare(tap, "counts of routines",
            [row[1] for row in rows("stress-client/peer_counts.h", "PEER_COUNT_TABLE")],
            documented(section("What is counted", ROUTINES)))
    built_in = "".join(re.findall(r'^[ a-z_\[\]=]*"(.*)\\n";?$', text("stress-client/script.c"), re.MULTILINE))
    shown = re.search(r"```yaml\n(.*?)```", text(ROUTINES), re.DOTALL).group(1)
    tap.check("the built-in routine is shown as it is", built_in and built_in == shown.replace("\n", ""), built_in, shown)

    statuses = [row[1:] for row in rows("common/base/exit_status.h", "EXIT_STATUS_TABLE")]
    listed = re.findall(r"^\| (\d+) \| (.*) \|$", section("Exit statuses", "README.md"), re.MULTILINE)
    tap.check("exit statuses agree", statuses == [list(row) for row in listed], statuses, listed)

    compare(tap, "limits of the gate", [row[2] for row in rows("driver/limits.h", "LIMIT_TABLE")],
            documented(section("Limits", "docs/methods.md")))

    compare(tap, "options of driver throughput",
            set(re.findall(r'^    \{"([a-z-]+)", ', text("driver/sweep/throughput_options.c"), re.MULTILINE)) - {"verbose"},
            [word.split()[0].lstrip("-") for word in
             documented(text("docs/throughput.md").split("\n## ")[0]) if word.startswith("--")])

    compare(tap, "nemeses", [row[1] for row in rows("driver/nemesis.h", "NEMESIS_TABLE")],
            documented(section("Which there are", "docs/nemeses.md")))

    refusals = {row[1] for row in rows("results-server/errors.h", "ERROR_TABLE")} | {
        row[3] for row in rows("results-server/http_refusal.h", "HTTP_REFUSAL_TABLE")}
    compare(tap, "refusals of the results server", refusals, documented(section("Refusals", "docs/results-server.md")))
    routes = ["%s %s" % tuple(row[:2]) for row in rows("results-server/routes.h", "ROUTE_TABLE")]
    compare(tap, "routes of the results server", routes, documented(section("What can be asked", "docs/results-server.md")))

    formats = [row[1] for row in rows("driver/report.h", "REPORT_FORMAT_TABLE")]
    compare(tap, "report formats", formats, documented(text("docs/reports.md").split("\n## ")[0]))
    tap.check("every report format has a section",
              all(section(name, "docs/reports.md") for name in formats), formats)

    compare(tap, "measures", [row[1] for row in rows("driver/measure.h", "MEASURE_TABLE")],
            documented(section("Comparing runs", "docs/reports.md")))

    tables = schema()
    compare(tap, "component", tables.get("component"), documented(section("component")))
    compare(tap, "plan", tables.get("plan"), documented(section("plan")))
    compare(tap, "incarnation", tables.get("incarnation"), documented(incarnation))
    compare(tap, "host", tables.get("host"), documented(section("host")))
    for name in ("event", "histogram", "file", "metric"):
        first = re.search(r"`([^`]+)`", section(name))
        tap.check("%s: its columns are listed" % name,
                  first is not None and first.group(1).split(", ") == tables.get(name),
                  first and first.group(1), tables.get(name))
    tap.check("every table has a section", all(section(name) for name in list(tables) + ["sample"]),
              list(tables))
    compare(tap, "launchers", [name for row in rows("driver/host/launcher.h", "LAUNCHER_TABLE") for name in row[1:3]
                               if name != "NULL"],
            [name for column in (1, 2) for name in documented(section("Which host this is", HOSTS), column)
             if name.isupper()])
    compare(tap, "words of the uploader", [row[1] for row in rows("driver/host/link_line.h", "LINK_WORD_TABLE")],
            documented(section("Between driver and uploader", HOSTS)))
    compare(tap, "places", [row[1] for row in rows("driver/place.h", "PLACE_TABLE")],
            [name for name in documented(section("What runs where", HOSTS)) if name != "--place"])
    check_links(tap)
    check_tests(tap)
    tap.done()


main()
