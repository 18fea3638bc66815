#!/bin/sh
# Default runs in a row: SOAK_RUNS (3) of SOAK_DURATION (60s) each must pass, and come no nearer than half-way to
# any statistical threshold. And of the leaks that driver selfcheck plants each is found, and nothing else.
. "$top_srcdir/tests/lib/tap.sh"

tap_fleet_lock
number=1
while [ "$number" -le "${SOAK_RUNS:-3}" ]; do
    TAP_LIMIT=86400 tap_run "run$number" "$DRIVER" --duration "${SOAK_DURATION:-60s}" \
        --working-dir "$TAP_DIR/runs"
    if [ "$TAP_STATUS" -eq 0 ]; then
        tap_ok "run $number: $(tail -n 1 "$TAP_DIR/run$number.out")"
    else
        tap_fail "run $number passes" "exit status $TAP_STATUS" "$(tail -n 30 "$TAP_DIR/run$number.out")" \
            "$(cat "$TAP_DIR/run$number.err")"
    fi
    nearest=$(python3 "$top_srcdir/tests/lib/statistic.py" "$TAP_DIR/runs/latest" 2>&1)
    case $nearest in
    0.[0-4]* | -*) tap_ok "run $number: the largest statistic is $nearest" ;;
    *) tap_fail "run $number: the largest statistic is below half of its threshold" "$nearest" ;;
    esac
    number=$((number + 1))
done
TAP_LIMIT=86400 tap_run selfcheck "$DRIVER" selfcheck --duration "${SOAK_DURATION:-60s}" \
    --working-dir "$TAP_DIR/runs"
if [ "$TAP_STATUS" -eq 0 ]; then
    tap_ok "selfcheck: $(tail -n 1 "$TAP_DIR/selfcheck.out")"
else
    tap_fail "selfcheck passes" "exit status $TAP_STATUS" "$(cat "$TAP_DIR/selfcheck.out")" \
        "$(cat "$TAP_DIR/selfcheck.err")"
fi
tap_done
