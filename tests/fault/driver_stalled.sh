#!/bin/sh
# Twenty children die while the driver's loop stands still: every status is right, no zombie stays.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

# shellcheck disable=SC2317 # called by name
has_zombies()
{
    [ "$(pgrep -P "$driver" --runstates Z | wc -l)" -eq "$1" ]
}

fleet_start stalled --duration 600s
driver=$TAP_PID
victims=$(pgrep -P "$driver" -f "stress-client --port ($base_port|$((base_port + 1))) " | head -n 20)
tap_is "there are twenty" 20 "$(echo "$victims" | wc -l)"
kill -STOP "$driver"
# shellcheck disable=SC2086 # one argument each
kill -KILL $victims
tap_check "all are zombies while the driver stands" tap_wait_for 10 has_zombies 20
kill -CONT "$driver"
TAP_STATUS=0
wait "$driver" || TAP_STATUS=$?
tap_is "the run failed" 1 "$TAP_STATUS"
tap_is "twenty were killed by a signal that nobody ordered" 20 \
    "$(fleet_query "select count(*) from incarnation where exit_signal = 9 and reason = 'signal'
        and ordered_ns is null and exit_code is null")"
for pid in $victims; do
    fleet_query "select exit_signal from incarnation where pid = $pid"
done >"$TAP_DIR/signals"
tap_is "each of the twenty by SIGKILL" 20 "$(grep -c '^9$' "$TAP_DIR/signals")"
tap_is "the others were stopped in order" 40 \
    "$(fleet_query "select count(*) from incarnation where reason = 'stopped' and exit_code = 0")"
fleet_check_gone "stalled"
tap_done
