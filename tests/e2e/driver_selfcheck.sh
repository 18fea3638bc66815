#!/bin/sh
# driver selfcheck, in short: some of its leaks are each found by their rule, what is healthy is not
# taken for a leak, and the status says so. All of it is in make soak.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

tap_fleet_lock

fleet_name=short
fleet_cpu_before=$(fleet_cpu)
tap_run short "$DRIVER" selfcheck --working-dir "$runs" --base-port "$base_port" \
    --duration 30s --only call,fd,early-end,cache
if [ "$TAP_STATUS" -eq 1 ] && fleet_was_disturbed; then
    # What was planted is there to be found only where the fleet gets to do its calls.
    tap_matches "nobody healthy is blamed" "; 0 false alarms" "$TAP_DIR/short.out"
    tap_skip "the planted leaks are found: not all, on a machine that is busy with other things"
else
    tap_is "it passes" 0 "$TAP_STATUS"
    tap_matches "a leak per call is found" "^ok +server-calls +call:.* leak +fail " "$TAP_DIR/short.out"
    tap_matches "one per header block in the client" "^ok +client-calls +header:.* leak +fail " "$TAP_DIR/short.out"
    tap_matches "descriptors are found" "^ok +server-handles +fd:.* fds +fail " "$TAP_DIR/short.out"
    tap_matches "threads are found" "^ok +client-handles +thread:.* threads +fail " "$TAP_DIR/short.out"
    tap_matches "one per refused call" "^ok +server-refusals +early-end:.* leak +fail " "$TAP_DIR/short.out"
    tap_matches "a cache is none" "^ok +server-caches +cache:.* pass" "$TAP_DIR/short.out"
    tap_matches "one line says it all" "^PASS: found 5 of 5 planted leaks; 0 false alarms" "$TAP_DIR/short.out"
fi
tap_is "the run is there to be looked at: the gate fails it" 1 \
    "$("$DRIVER" gate "$runs/latest" >/dev/null; echo $?)"
tap_run bare "$DRIVER" selfcheck --working-dir "$runs" --base-port "$base_port" --duration 5s \
    --only call --json
tap_is "too short a run finds nothing: exit 1" 1 "$TAP_STATUS"
tap_matches "which JSON says, too" '"passed": false' "$TAP_DIR/bare.out"
tap_run unknown "$DRIVER" selfcheck --only call,nothing
tap_is "an unknown shape: exit 2" 2 "$TAP_STATUS"
tap_matches "and which" "no shape 'nothing' is planted" "$TAP_DIR/unknown.err"
tap_done
