#!/bin/sh
# A short run of the whole fleet: everything starts, is killed by plan, recovers, is judged and drawn; the
# same folder judged again says the same; the same seed gives the same plan.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

fleet_run first --seed 42 --duration 12s --chaos-after 3s,5s --gen-charts --checkpoints 0
status=$TAP_STATUS
if fleet_check_passed "a healthy run passes"; then
    tap_matches "one verdict line" "^PASS: 60 of 60 components" "$TAP_DIR/first.out"
fi
tap_matches "progress is told" "[0-9]+ of 12 s: [0-9]+ of 60 up, [1-9][0-9]* calls/s" "$TAP_DIR/first.err"
tap_is "four servers and 56 clients" "4|56" \
    "$(fleet_query "select sum(role = 'server'), sum(role = 'client') from component")"
tap_is "every unstable component was killed, no stable one" "26|0" \
    "$(fleet_query "select sum(stable = 0), sum(stable) from component where id in
        (select component from incarnation where reason = 'chaos')")"
tap_is "every first kill came at its planned time" 0 \
    "$(fleet_query "select count(*) from incarnation i join plan p
        on p.component = i.component and p.incarnation = i.number
        where i.reason = 'chaos' and (i.ordered_signal <> p.signal
        or i.ordered_ns < i.ready_ns + p.after_ready_ns)")"
tap_is "no other death" "chaos stopped" \
    "$(fleet_query "select distinct reason from incarnation order by 1" | tr '\n' ' ' | sed 's/ $//')"
tap_check "a server that was started again serves within 30 s, but for one in a hundred" \
    python3 "$top_srcdir/tests/lib/restarts.py" "$runs/latest" --within 30000
for file in index.html charts/summary.svg charts/server-stable-secure.svg; do
    tap_check "$file is drawn" test -s "$runs/latest/$file"
done
for file in summary.json junit.xml summary.md; do
    tap_check "$file is kept" test -s "$runs/latest/$file"
done
tap_is "an SVG for each of the 34 stable components and the summary" 35 \
    "$(find "$runs/latest/charts" -name '*.svg' | wc -l)"
tap_check "the key is private" test "$(stat -c %a "$runs/latest/tls/key.pem")" = 600

tap_run again "$DRIVER" gate "$runs/latest"
tap_is "driver gate: the same status" "$status" "$TAP_STATUS"
tap_check "driver gate: the same words" cmp "$TAP_DIR/first.out" "$TAP_DIR/again.out"
tap_run json "$DRIVER" report "$runs/latest" --format json
tap_check "driver report: the same as was kept" cmp "$TAP_DIR/json.out" "$runs/latest/summary.json"
rm -r "$runs/latest/index.html" "$runs/latest/charts"
tap_run charts "$DRIVER" charts "$runs/latest"
tap_is "driver charts: exit 0" 0 "$TAP_STATUS"
tap_check "driver charts: drawn again" test -s "$runs/latest/charts/server-stable-secure.svg"

# The plan is printed before anything starts; port numbers are part of the names and so of the plan.
plan=$(grep 'chaos plan' "$TAP_DIR/first.err")
fleet_start second --duration 12s --chaos-after 3s,5s
tap_stop "$TAP_PID"
tap_is "the same seed, the same plan" "$plan" "$(grep 'chaos plan' "$TAP_DIR/second.err")"
tap_is "and the same first kills" "$(grep 'after ready' "$TAP_DIR/first.err")" \
    "$(grep 'after ready' "$TAP_DIR/second.err")"
tap_done
