#!/bin/sh
# Runs every fuzz target of this build for FUZZ_SECONDS from its committed corpus. Two checks each:
# nothing was found, and it really ran.
. "$top_srcdir/tests/lib/tap.sh"

fuzz()
{
    name=${1##*/fuzz_}
    mkdir "$TAP_DIR/$name"
    TAP_LIMIT=$((FUZZ_SECONDS + 60)) tap_run "$name" "$1" -max_total_time="$FUZZ_SECONDS" -rss_limit_mb=1024 \
        -timeout=10 -close_fd_mask=1 -print_final_stats=1 -artifact_prefix="$1-" \
        "$TAP_DIR/$name" "$top_srcdir/tests/fuzz/corpus/$name"
    if [ "$TAP_STATUS" -eq 0 ]; then
        tap_ok "$name: nothing found"
    else
        tap_fail "$name: nothing found" "exit status $TAP_STATUS" "$(grep -A 10 -e ERROR: -e "^==" "$TAP_DIR/$name.err")"
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$TAP_DIR/$name.err" | tail -n 1)
    tap_check "$name: ${runs:-no} inputs in $FUZZ_SECONDS s" test "${runs:-0}" -gt 1000
}

for target in "$top_builddir"/tests/fuzz/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] && fuzz "$target"
done
tap_done
