#!/bin/sh
# Ctrl-C: stopped in order, what was measured is kept, exit 130; or, once there is a verdict, that.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

fleet_start interrupted --duration 600s
sleep 1
tap_stop "$TAP_PID" INT
tap_is "Ctrl-C: exit 130" 130 "$TAP_STATUS"
tap_matches "Ctrl-C: says where the data is" "interrupted.*kept.*$runs/" "$TAP_DIR/interrupted.err"
tap_is "Ctrl-C: all were stopped in order" "60|60" \
    "$(fleet_query "select count(*), sum(reason = 'stopped' and exit_code = 0) from incarnation")"
tap_is "Ctrl-C: run.db is whole and says so" "1|1" \
    "$(fleet_query "select (select value from meta where key = 'interrupted'),
        (select count(*) from meta where key = 'end_ns')")"
tap_check "Ctrl-C: run.db is a single file" test ! -e "$runs/latest/run.db-wal"
fleet_check_gone "Ctrl-C"
fleet_check_readable "Ctrl-C"

fleet_start hurried --duration 600s
kill -TERM "$TAP_PID"
kill -INT "$TAP_PID"
tap_stop "$TAP_PID" INT
tap_is "SIGTERM, then Ctrl-C twice: exit 130" 130 "$TAP_STATUS"
fleet_check_gone "SIGTERM, then Ctrl-C twice"

# Ctrl-C while evidence is gathered ends that, and the run, whose verdict stands.
fleet_start looking --duration 600s --inject-leak server-stable-insecure=call:1K
tap_check "evidence is gathered" tap_wait_for 20 grep -q 'looking into it' "$TAP_DIR/looking.err"
tap_stop "$TAP_PID" INT
tap_is "Ctrl-C meanwhile: exit 1" 1 "$TAP_STATUS"
tap_matches "Ctrl-C meanwhile: it is cut short" "cut short" "$runs/latest/evidence/server-stable-insecure/why.txt"
tap_is "Ctrl-C meanwhile: the run was not" 0 "$(fleet_query "select value from meta where key = 'interrupted'")"
tap_matches "Ctrl-C meanwhile: the verdict stands" "^FAIL: server-stable-insecure heap-cap" "$TAP_DIR/looking.out"
fleet_check_gone "Ctrl-C meanwhile"
tap_done
