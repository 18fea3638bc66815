#!/bin/sh
# Runs all fuzz targets of this build for FUZZ_TIME seconds each, as many at a time as there are cores, each from its
# committed corpus and from the seeds that seeds.py makes. Two checks each: nothing was found, and it really ran.
# FUZZ_ONLY names some of them; FUZZ_KEEP is a folder in which what they learn is kept, NAME by NAME, for the next run.
. "$top_srcdir/tests/lib/tap.sh"

TMPDIR=$TAP_DIR # what a target leaves behind when it is ended goes with it
export TMPDIR
KEEP=${FUZZ_KEEP:-$TAP_DIR}
SEEDS=$TAP_DIR/seeds
tap_check "seeds.py makes its seeds" python3 "$top_srcdir/tests/fuzz/seeds.py" "$SEEDS"

# run TARGET NAME: its exit status is in NAME.status.
run()
{
    more=
    for folder in "$top_srcdir/tests/fuzz/corpus/$2" "$SEEDS/$2"; do
        [ ! -d "$folder" ] || more="$more $folder"
    done
    case $2 in *_session) more="$more -dict=$top_srcdir/tests/fuzz/http2.dict" ;; esac
    mkdir -p "$KEEP/$2"
    # shellcheck disable=SC2086 # several words
    TAP_LIMIT=$((FUZZ_TIME + 300)) tap_run "$2" "$1" -max_total_time="$FUZZ_TIME" -rss_limit_mb=1024 \
        -timeout=60 -close_fd_mask=1 -print_final_stats=1 -artifact_prefix="$1-" "$KEEP/$2" $more
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
    name=${target##*/fuzz_}
    case " ${FUZZ_ONLY:-$name} " in
    *" $name "*) [ ! -x "$target" ] || [ ! -f "$target" ] || names="$names $name" ;;
    esac
done
tap_check "there are targets: ${names:-none}" test -n "$names"

# Lane K of N runs every Nth target, from the Kth on.
lanes=$(nproc)
lane=0
while [ "$lane" -lt "$lanes" ]; do
    turn=$lane
    for name in $names; do
        if [ $((turn % lanes)) -eq 0 ]; then
            run "$top_builddir/tests/fuzz/fuzz_$name" "$name"
        fi
        turn=$((turn + 1))
    done &
    lane=$((lane + 1))
done
wait
for name in $names; do
    judge "$name"
done
tap_done
