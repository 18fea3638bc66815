#!/bin/sh
# A planted leak is found and named while the run goes on: exit 1, the component and its heap cap. Then
# evidence is gathered, which names the function; the verdict is the same as without.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

leak=server-stable-secure
evidence=$runs/latest/evidence/$leak

fleet_run off --seed 7 --evidence off --inject-leak $leak=call:8K
tap_is "without evidence: exit 1" 1 "$TAP_STATUS"
tap_matches "without evidence: the verdict" "^FAIL: $leak heap-cap" "$TAP_DIR/off.out"
tap_check "without evidence: none is there" test ! -e "$runs/latest/evidence"

fleet_run leak --seed 7 --inject-leak $leak=call:8K --gen-charts
tap_is "a leak per call: exit 1" 1 "$TAP_STATUS"
tap_matches "named at once" "^driver: $leak: heap-cap: heap overflow: .* refused" "$TAP_DIR/leak.err"
tap_matches "and in the verdict" "^FAIL: $leak heap-cap" "$TAP_DIR/leak.out"
tap_is "nobody else died" "$leak|heap-cap|251" \
    "$(fleet_query "select c.name, i.reason, i.exit_code from incarnation i
        join component c on c.id = i.component where i.reason not in ('stopped', 'chaos')")"
tap_check "the charts are still drawn" test -s "$runs/latest/charts/$leak.svg"
tap_check "nobody else leaks" \
    test "$(fleet_query "select count(*) from component where command like '%--inject-leak%'")" = 1

tap_is "the dead one was started again, for evidence" "2" \
    "$(fleet_query "select i.number from incarnation i join component c on c.id = i.component
        where c.name = '$leak' and i.spawn_ns > (select value from meta where key = 'evidence_ns')
        and i.ready_ns < (select value from meta where key = 'evidence_end_ns')")"
tap_is "which has an end" 1 \
    "$(fleet_query "select (select value from meta where key = 'evidence_end_ns') -
        (select value from meta where key = 'evidence_ns') < 100e9")"
if [ "$("$STRESS_SERVER" --version | grep -c jemalloc)" = 1 ] && command -v jeprof >"$TAP_DIR/jeprof"; then
    tap_matches "most of what stayed was allocated in the planted leak" \
        ";planted_leak_call [0-9]+\$" "$evidence/stacks.folded"
    tap_check "and it comes first" sh -c "head -n 1 $evidence/stacks.folded | grep -q ';planted_leak_call [0-9]'"
    tap_matches "the report names it" "evidence +allocated in planted_leak_call <- " "$TAP_DIR/leak.out"
    tap_matches "and so does the page" "<strong>allocated in planted_leak_call &lt;- " "$runs/latest/index.html"
    if [ -e "$top_builddir/charts/d3-flamegraph.min.js" ]; then
        tap_matches "which leads to the flame page" "href=\"./evidence/$leak/flame.html\"" "$runs/latest/index.html"
        tap_matches "where it is, too" '"n":"planted_leak_call"' "$evidence/flame.html"
        tap_is "the flame page is on record" 1 "$(fleet_query "select count(*) from file where kind = 'flame'")"
    else
        tap_skip "a build without d3-flame-graph"
    fi
    tap_is "the profiles are on record" 2 "$(fleet_query "select count(*) from file where kind = 'heap'")"
    tap_is "the stacks are, too" "evidence/$leak/stacks.folded" \
        "$(fleet_query "select path from file where kind = 'stacks'")"
else
    tap_skip "no heap profiler, or no jeprof"
fi
tap_matches "its descriptors" "socket:" "$evidence/fds.txt"
tap_matches "its last words" "heap overflow" "$evidence/log.txt"
tap_matches "the command that repeats the run" "--seed 7 .*--inject-leak $leak=call:8K" "$evidence/command.txt"
tap_is "nobody else was looked into" "$leak" "$(ls "$runs/latest/evidence")"
tap_run suspects "$DRIVER" suspects "$runs/latest"
tap_matches "driver suspects names it" "^$leak heap-cap [0-9]+\$" "$TAP_DIR/suspects.out"

# What the phase put into run.db changes nothing: without it the gate says the same, to the letter.
cp -r "$runs/latest/" "$TAP_DIR/bare"
python3 - "$TAP_DIR/bare/run.db" <<'PYTHON'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
phase, end = (db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()[0]
              for key in ("evidence_ns", "evidence_end_ns"))
late = "(SELECT id FROM incarnation WHERE spawn_ns >= %d)" % phase
for statement in ("DELETE FROM sample WHERE time_ns >= %d" % phase,
                  "DELETE FROM event WHERE incarnation IN %s OR time_ns BETWEEN %d AND %d" % (late, phase, end),
                  "DELETE FROM histogram WHERE incarnation IN " + late,
                  "DELETE FROM reading WHERE incarnation IN " + late,
                  "DELETE FROM incarnation WHERE id IN " + late,
                  "DELETE FROM meta WHERE key LIKE 'evidence%'"):
    db.execute(statement)
db.commit()
PYTHON
tap_run with env -C "$runs/latest" "$DRIVER" gate .
tap_run without env -C "$TAP_DIR/bare" "$DRIVER" gate .
tap_is "the gate fails the run once more" 1 "$TAP_STATUS"
tap_check "the gate says the same of the run without the phase" cmp "$TAP_DIR/with.out" "$TAP_DIR/without.out"
tap_done
