#!/bin/sh
# SIGKILL of a stable client and of a stable server: named at once, the rest stopped in order, exit 1.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

# child_killed NAME ARGUMENTS-OF-ITS-COMMAND
child_killed()
{
    fleet_start "$1" --duration 600s
    kill -KILL "$(fleet_pid "$2")"
    TAP_STATUS=0
    tap_check "$1: the driver ends long before its time" tap_wait_for 20 tap_ended "$TAP_PID"
    wait "$TAP_PID" || TAP_STATUS=$?
    tap_is "$1: exit 1" 1 "$TAP_STATUS"
    tap_matches "$1: named at once" "^driver: $1: signal: killed by signal 9" "$TAP_DIR/$1.err"
    tap_matches "$1: and in the verdict" "^FAIL.*$1|$1.*unexpected-exit" "$TAP_DIR/$1.out"
    tap_is "$1: the others were stopped in order" 59 \
        "$(fleet_query "select count(*) from incarnation where reason = 'stopped' and exit_code = 0")"
    fleet_check_gone "$1"
}

child_killed "client-$base_port-stable-insecure-bidi-stream" \
    "stress-client --port $base_port .*--bidi-streaming 0"
child_killed server-stable-secure "stress-server --port $((base_port + 1)) "
tap_done
