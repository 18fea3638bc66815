#!/bin/sh
# Runs all fuzz targets of this build at once for FUZZ_TIME, each from its committed corpus. Two checks each:
# nothing was found, and it really ran.
. "$top_srcdir/tests/lib/tap.sh"

TMPDIR=$TAP_DIR # what a target leaves behind when it is ended goes with it
export TMPDIR

# run TARGET NAME: its exit status is in NAME.status.
run()
{
    mkdir "$TAP_DIR/$2"
    TAP_LIMIT=$((FUZZ_TIME + 300)) tap_run "$2" "$1" -max_total_time="$FUZZ_TIME" -rss_limit_mb=1024 \
        -timeout=60 -close_fd_mask=1 -print_final_stats=1 -artifact_prefix="$1-" \
        "$TAP_DIR/$2" "$top_srcdir/tests/fuzz/corpus/$2"
    echo "$TAP_STATUS" >"$TAP_DIR/$2.status"
}

judge()
{
    status=$(cat "$TAP_DIR/$1.status")
    if [ "$status" = 0 ]; then
        tap_ok "$1: nothing found"
    else
        tap_fail "$1: nothing found" "exit status $status" "$(grep -A 10 -e ERROR: -e "^==" "$TAP_DIR/$1.err")"
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$TAP_DIR/$1.err" | tail -n 1)
    tap_check "$1: ${runs:-no} inputs in $FUZZ_TIME s" test "${runs:-0}" -gt 10
}

names=
for target in "$top_builddir"/tests/fuzz/fuzz_*; do
    if [ -x "$target" ] && [ -f "$target" ]; then
        name=${target##*/fuzz_}
        run "$target" "$name" &
        names="$names $name"
    fi
done
wait
for name in $names; do
    judge "$name"
done
tap_done
