#!/bin/sh
# By hand, "make soak" (docs/faults.md says how to read it): the whole fleet under chaos for SOAK_TIME (8h) must pass,
# and the driver's own memory stay flat; then SOAK_RUNS (3) default runs of SOAK_DURATION (60s) each must pass, and come
# no nearer than half-way to any statistical threshold; and of the leaks that driver selfcheck plants each is found,
# and nothing else. All of it stays in SOAK_DIR (soak, in the build folder).
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/.." && pwd)}/tests/fault/driver_lib.sh"

SOAK_DIR=${SOAK_DIR:-$top_builddir/soak}
SOAK_TIME=${SOAK_TIME:-8h}
SOAK_LOOK=${SOAK_LOOK:-30}
runs=$SOAK_DIR/runs
mkdir -p "$SOAK_DIR" || exit 99

# UNIX-TIME KB, every SOAK_LOOK seconds until it begins to judge, which takes memory of its own.
watch_driver()
{
    while [ -d "/proc/$TAP_PID" ] && ! fleet_query "select 1 from meta where key = 'stop_ns'" | grep -q 1; do
        awk -v now="$(date +%s)" '$1 == "RssAnon:" { print now, $2 }' "/proc/$TAP_PID/status"
        sleep "$SOAK_LOOK"
    done
}

# The driver's memory: the least of the last third of the looks less the least of the second one.
growth_of_driver()
{
    awk '{ kb[NR] = $2 } END {
        third = int(NR / 3)
        for (i = third + 1; i <= NR; i++) {
            late = i > 2 * third
            if (!(late in least) || kb[i] < least[late])
                least[late] = kb[i]
        }
        print third < 1 ? "unknown" : least[1] - least[0] # unknown: too short a run
    }' "$SOAK_DIR/driver-rss.txt"
}

kills_of_last_run()
{
    grep -o '[0-9]* kills' "$SOAK_DIR/long.err" | tail -n 1 | cut -d ' ' -f 1
}

tap_fleet_lock
# Samples once a second: eight hours of them are judged within minutes.
"$DRIVER" --duration "$SOAK_TIME" --base-port "$base_port" --sample-interval 1s --checkpoints "${SOAK_CHECKPOINTS:-96}" \
    --gen-charts --working-dir "$runs" >"$SOAK_DIR/long.out" 2>"$SOAK_DIR/long.err" &
TAP_PID=$!
tap_pids="$tap_pids $TAP_PID"
tap_wait_for 120 grep -q 'processes are up' "$SOAK_DIR/long.err"
watch_driver >"$SOAK_DIR/driver-rss.txt"
TAP_STATUS=0
wait "$TAP_PID" || TAP_STATUS=$?
if [ "$TAP_STATUS" -eq 0 ]; then
    tap_ok "$SOAK_TIME: $(tail -n 1 "$SOAK_DIR/long.out")"
else
    tap_fail "$SOAK_TIME of the whole fleet pass" "exit status $TAP_STATUS; see $SOAK_DIR/long.out and long.err" \
        "$(tail -n 20 "$SOAK_DIR/long.out")"
fi
grown=$(growth_of_driver)
kills=$(kills_of_last_run)
tap_check "the driver grew by $grown KB over a third of $kills kills: less than 1 MB in 10,000" \
    test "$grown" -lt $((kills < 30000 ? 1024 : kills * 1024 / 30000))
python3 "$top_srcdir/tests/lib/restarts.py" "$runs/latest" >"$SOAK_DIR/restarts.txt"
sed 's/^/# /' "$SOAK_DIR/restarts.txt"

number=1
while [ "$number" -le "${SOAK_RUNS:-3}" ]; do
    TAP_LIMIT=86400 tap_run "run$number" "$DRIVER" --duration "${SOAK_DURATION:-60s}" --base-port "$base_port" \
        --working-dir "$runs"
    if [ "$TAP_STATUS" -eq 0 ]; then
        tap_ok "run $number: $(tail -n 1 "$TAP_DIR/run$number.out")"
    else
        tap_fail "run $number passes" "exit status $TAP_STATUS" "$(tail -n 30 "$TAP_DIR/run$number.out")" \
            "$(cat "$TAP_DIR/run$number.err")"
    fi
    nearest=$(python3 "$top_srcdir/tests/lib/statistic.py" "$runs/latest" 2>&1)
    case $nearest in
    0.[0-4]* | -*) tap_ok "run $number: the largest statistic is $nearest" ;;
    *) tap_fail "run $number: the largest statistic is below half of its threshold" "$nearest" ;;
    esac
    number=$((number + 1))
done
if [ "${SOAK_SELFCHECK:-yes}" = yes ]; then
    TAP_LIMIT=86400 tap_run selfcheck "$DRIVER" selfcheck --duration "${SOAK_DURATION:-60s}" \
        --working-dir "$runs"
    if [ "$TAP_STATUS" -eq 0 ]; then
        tap_ok "selfcheck: $(tail -n 1 "$TAP_DIR/selfcheck.out")"
    else
        tap_fail "selfcheck passes" "exit status $TAP_STATUS" "$(cat "$TAP_DIR/selfcheck.out")" \
            "$(cat "$TAP_DIR/selfcheck.err")"
    fi
fi
tap_done
