#!/bin/sh
# SIGKILL of the driver: nothing is left behind, and what was measured is readable.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

# shellcheck disable=SC2317 # called by name
has_samples()
{
    [ "$(fleet_query "select count(*) > 600 from sample")" = 1 ]
}

fleet_start killed --duration 600s
tap_check "samples are taken" tap_wait_for 20 has_samples
tap_is "all 60 run" 60 "$(fleet_left | wc -l)"
kill -KILL "$TAP_PID"
fleet_check_gone "kill -9 of the driver"
fleet_check_readable "kill -9 of the driver"
tap_run gate "$DRIVER" gate "$runs/latest"
tap_is "a run that broke off is inconclusive" 4 "$TAP_STATUS"
tap_done
