#!/bin/sh
# A planted leak is found and named while the run goes on: exit 1, the component and its heap cap.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

tap_fleet_lock
TAP_LIMIT=120 tap_run leak "$DRIVER" --working-dir "$runs" --base-port "$base_port" \
    --inject-leak server-stable-secure=call:8K --gen-charts
tap_is "a leak per call: exit 1" 1 "$TAP_STATUS"
tap_matches "named at once" \
    "^driver: server-stable-secure: heap-cap: heap overflow: .* refused" "$TAP_DIR/leak.err"
tap_matches "and in the verdict" "^FAIL: server-stable-secure heap-cap" "$TAP_DIR/leak.out"
tap_is "nobody else died" "server-stable-secure|heap-cap|251" \
    "$(fleet_query "select c.name, i.reason, i.exit_code from incarnation i
        join component c on c.id = i.component where i.reason not in ('stopped', 'chaos')")"
tap_check "the charts are still drawn" test -s "$runs/latest/charts/server-stable-secure.svg"
tap_check "nobody else leaks" \
    test "$(fleet_query "select count(*) from component where command like '%--inject-leak%'")" = 1
tap_done
