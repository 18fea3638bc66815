#!/bin/sh
# SIGKILL of the driver: nothing is left behind, and what was measured is readable.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

# shellcheck disable=SC2317 # called by name
has_samples()
{
    [ "$(fleet_query "select count(*) > 600 from sample")" = 1 ]
}

# Process and cap of each that runs, as run.db has it, a second late, and as the kernel has it.
# shellcheck disable=SC2317 # called by name
each_is_capped()
{
    fleet_query "select pid, heap_cap from incarnation i join component c on c.id = i.component where exit_ns is null
        order by pid" >"$TAP_DIR/caps"
    pgrep -P "$TAP_PID" -f -- --telemetry-fd | sort -n | while read -r pid; do
        echo "$pid|$(awk '/^Max data size/ { print $4 }' "/proc/$pid/limits")"
    done >"$TAP_DIR/limits"
    cmp "$TAP_DIR/caps" "$TAP_DIR/limits" && [ "$(grep -c '|[1-9][0-9]*$' "$TAP_DIR/limits")" -eq 60 ]
}

fleet_start killed --duration 600s
tap_check "samples are taken" tap_wait_for 20 has_samples
tap_is "all 60 run" 60 "$(fleet_left | wc -l)"
tap_check "each of the 60 has its own cap, by /proc/PID/limits" tap_wait_for 60 each_is_capped
kill -KILL "$TAP_PID"
fleet_check_gone "kill -9 of the driver"
fleet_check_readable "kill -9 of the driver"
tap_run gate "$DRIVER" gate "$runs/latest"
tap_is "a run that broke off is inconclusive" 4 "$TAP_STATUS"
tap_done
