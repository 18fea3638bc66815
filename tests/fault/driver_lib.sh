# shellcheck shell=sh
# What the fault tests of the driver share: a fleet in the background, and whether anything is left of it.
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/lib/tap.sh"

tap_ports 4
# shellcheck disable=SC2034 # read by the tests
base_port=$TAP_PORT
runs=$TAP_DIR/runs

# What a slow machine cannot be held to: how soon traffic is back, how many of the samples are fresh.
rules=$TAP_DIR/rules.yaml
echo '{recovery: 30s, stall: 30s, coverage: 0.2}' >"$rules"

# fleet_run NAME OPTION...: a run of the whole fleet to its end; TAP_STATUS.
fleet_run()
{
    fleet_name=$1
    shift
    tap_fleet_lock
    fleet_cpu_before=$(fleet_cpu)
    TAP_LIMIT=400 tap_run "$fleet_name" "$DRIVER" --working-dir "$runs" --base-port "$base_port" --rules "$rules" "$@"
}

# CPU time of the machine so far, in ticks: all, and what went to programs that are not niced, as a fleet is, or to
# other guests of the host.
fleet_cpu()
{
    awk '$1 == "cpu" { for (i = 2; i <= 9; i++) all += $i; print all, $2 + $9 }' /proc/stat
}

# Whether others took more than a fifth of the machine since fleet_run began, or the driver was late itself.
fleet_was_disturbed()
{
    echo "$fleet_cpu_before $(fleet_cpu)" | awk '{ exit !($4 - $2 > ($3 - $1) / 5) }' ||
        "$DRIVER" report "$runs/latest" --format json | python3 -c '
import json, sys
sys.exit(not any(v["rule"] == "sampling" and v["outcome"] != "pass"
                 for c in json.load(sys.stdin)["components"] for v in c["verdicts"]))'
}

# fleet_check_passed DESCRIPTION: of fleet_run. A machine that is busy with other things may leave a run
# inconclusive, which then is all that can be said; true only if it passed.
fleet_check_passed()
{
    fleet_status=$TAP_STATUS
    if [ "$fleet_status" -eq 0 ]; then
        tap_ok "$1"
    elif [ "$fleet_status" -eq 4 ] && fleet_was_disturbed; then
        tap_skip "$1: inconclusive, on a machine that is busy with other things"
    else
        tap_fail "$1" "exit status $fleet_status" "$(tail -n 40 "$TAP_DIR/$fleet_name.out")" \
            "$(tail -n 20 "$TAP_DIR/$fleet_name.err")"
    fi
    [ "$fleet_status" -eq 0 ]
}

# fleet_start NAME OPTION...: a driver with its whole fleet, TAP_PID; returns when all of it is up.
fleet_start()
{
    fleet_name=$1
    shift
    tap_fleet_lock
    tap_spawn "$fleet_name" "$DRIVER" --working-dir "$runs" --base-port "$base_port" --seed 42 "$@"
    if tap_wait_for 20 grep -q 'processes are up' "$TAP_DIR/$fleet_name.err"; then
        tap_ok "$fleet_name: the fleet is up"
    else
        tap_fail "$fleet_name: the fleet is up" "$(cat "$TAP_DIR/$fleet_name.err")"
    fi
    # All processes of a run carry its mark, so that one of them says what to look for.
    fleet_child=$(pgrep -P "$TAP_PID" -f -- --telemetry-fd | head -n 1)
    fleet_mark=$(tr '\0' '\n' <"/proc/$fleet_child/environ" | grep '^FLATLINE_RUN_')
}

# fleet_pid ARGUMENTS: the process of the running fleet whose command holds them.
fleet_pid()
{
    pgrep -P "$TAP_PID" -f -- "$1" | head -n 1
}

fleet_left()
{
    grep -lzFx -- "$fleet_mark" /proc/[0-9]*/environ 2>/dev/null
}

fleet_is_gone()
{
    [ -z "$(fleet_left)" ]
}

# fleet_check_gone NAME: nothing that carries the mark runs (any more, within five seconds), and no
# guardian.
fleet_check_gone()
{
    if [ -z "$fleet_mark" ]; then
        tap_fail "$1: the fleet had a mark"
    elif tap_wait_for 5 fleet_is_gone; then
        tap_ok "$1: no process is left"
    else
        tap_fail "$1: no process is left" "$(fleet_left)"
    fi
    tap_check "$1: the guardian is gone" tap_wait_for 5 no_guardian
}

# The guardian of a driver that is gone has another parent: it is looked for by what only it would hold,
# a working directory of / and the driver's binary.
no_guardian()
{
    for fleet_exe in /proc/[0-9]*/exe; do
        if [ "$(readlink "$fleet_exe")" = "$(readlink -f "$DRIVER")" ] &&
            [ "$(readlink "${fleet_exe%exe}cwd")" = / ]; then
            return 1
        fi
    done
}

# fleet_query SQL: of the latest run.
fleet_query()
{
    python3 - "$runs/latest/run.db" "$1" <<'PYTHON'
import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]):
    print("|".join(str(value) for value in row))
PYTHON
}

# fleet_check_readable NAME: run.db has what was measured so far.
fleet_check_readable()
{
    tap_run readable "$DRIVER" report "$runs/latest"
    tap_is "$1: driver report reads the run" 0 "$TAP_STATUS"
    tap_matches "$1: and has its samples" "server-stable-secure .*[0-9]" "$TAP_DIR/readable.out"
}
