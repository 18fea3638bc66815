#!/bin/sh
# The disk under the working dir fills up: said, the fleet stopped, exit 3, what was committed is readable.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

mkdir "$runs"
mount -t tmpfs -o size=1536k tmpfs "$runs" 2>/dev/null || tap_skip_all "needs the right to mount"
trap 'umount --lazy "$runs"; tap_clean_up' EXIT

fleet_start full --duration 60s
TAP_STATUS=0
wait "$TAP_PID" || TAP_STATUS=$?
tap_is "full disk: exit 3" 3 "$TAP_STATUS"
tap_matches "full disk: says so" "disk full.*stopping" "$TAP_DIR/full.err"
fleet_check_gone "full disk"
fleet_check_readable "full disk"
tap_done
