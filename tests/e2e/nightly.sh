#!/bin/sh
# Nights in turn: their verdicts, comparison with those before, and what is kept; by a driver that only says what it
# was told to, and last by the real one.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/lib/tap.sh"

nightly=$top_srcdir/nightly/flatline-nightly
nights=$TAP_DIR/nights
fake=$TAP_DIR/fake-driver
cat >"$fake" <<'END'
#!/bin/sh
case $1 in
report) echo "detail"; echo "${FAKE_VERDICT:-PASS: as told}" ;;
compare) shift; echo "compared $*" >>"$FAKE_LOG"; echo "REGRESSION: as told"; exit "${FAKE_COMPARE:-0}" ;;
--gen-charts)
    [ -n "${FAKE_NAME:-}" ] || exit "$FAKE_STATUS"
    shift 2
    mkdir "$1/$FAKE_NAME" && : >"$1/$FAKE_NAME/run.db"
    ln -sfn "$FAKE_NAME" "$1/latest"
    shift
    echo "ran $*" >>"$FAKE_LOG"
    exit "$FAKE_STATUS" ;;
esac
END
chmod +x "$fake"
FAKE_LOG=$TAP_DIR/fake.log
: >"$FAKE_LOG"
export FAKE_LOG FAKE_NAME FAKE_STATUS FAKE_COMPARE FLATLINE_NIGHTLY_DRIVER="$fake"

# night NAME STATUS [OPTION]...
night()
{
    FAKE_NAME=$1
    FAKE_STATUS=$2
    shift 2
    tap_run night "$nightly" --dir "$nights" --keep 2 --bases 3 "$@"
}

tap_run help "$nightly" --help
tap_is "--help is that" 0 "$TAP_STATUS"
tap_check "it says what it keeps" grep -q -- '--keep N' "$TAP_DIR/help.out"
for wrong in --kep '--keep x' '--keep 0' --dir; do
    # shellcheck disable=SC2086 # option and value
    tap_run wrong "$nightly" $wrong
    tap_is "'$wrong' is refused" 2 "$TAP_STATUS"
    tap_is "'$wrong' is refused in one line" 1 "$(wc -l <"$TAP_DIR/wrong.err")"
done
: >"$TAP_DIR/file"
tap_run unwritable "$nightly" --dir "$TAP_DIR/file/nights"
tap_is "a folder that cannot be made is the environment's fault" 3 "$TAP_STATUS"

night 1 0 -- --duration 7s
tap_is "a first night passes" 0 "$TAP_STATUS"
tap_is "its options were the driver's" "ran --duration 7s" "$(cat "$FAKE_LOG")"
night 2 1
tap_is "a failed run fails the night" 1 "$TAP_STATUS"
night 3 4
tap_is "an inconclusive one is that" 4 "$TAP_STATUS"
night 4 0
tap_is "of all these the passed ones stay, as bases, and the last two" "1 3 4" \
    "$(cd "$nights/runs" && echo [0-9]*)"
night "" 3
tap_is "a run that never was keeps its status" 3 "$TAP_STATUS"
tap_is "nothing was compared so far" 0 "$(grep -c compared "$FAKE_LOG")"
night 5 0
night 6 0
tap_is "three that passed are bases" "compared --base $nights/runs/4 --base $nights/runs/1 $nights/runs/5 $nights/runs/6" \
    "$(grep compared "$FAKE_LOG")"
tap_is "and this is no worse" 0 "$TAP_STATUS"
FAKE_COMPARE=1
night 7 0
tap_is "a passed run that is worse fails the night" 1 "$TAP_STATUS"
tap_is "the history says why" "7 1 REGRESSION: as told" "$(tail -n 1 "$nights/history.tsv" | cut -f 2- | tr '\t' ' ')"
night 8 1
tap_is "a worse night is no base, and nights fall out" "4 5 6 7 8" "$(cd "$nights/runs" && echo [0-9]*)"
tap_is "each night has its line" "1 2 3 4 - 5 6 7 8" "$(cut -f 2 "$nights/history.tsv" | tr '\n' ' ' | sed 's/ $//')"
mkdir "$nights/runs/0-somebody-elses"
FAKE_COMPARE=0
night 9 0
tap_check "what no night made is left alone" test -d "$nights/runs/0-somebody-elses"

exec 8>"$nights/lock"
flock 8
night 10 0
tap_is "two nights at once are one too many" 3 "$TAP_STATUS"
flock -u 8
tap_is "and the second leaves nothing" no "$([ -e "$nights/runs/10" ] && echo yes || echo no)"

unset FLATLINE_NIGHTLY_DRIVER
FLATLINE_NIGHTLY_DRIVER=$DRIVER
tap_ports 1
cat >"$TAP_DIR/tiny.yaml" <<'END'
duration: 1s
checkpoints: 0
servers: [{name: server, cap: none}]
clients: [{name: client, server: server, cap: none, pattern: bidi-stream}]
END
export FLATLINE_NIGHTLY_DRIVER
tap_run real "$nightly" --dir "$TAP_DIR/real" -- --scenario "$TAP_DIR/tiny.yaml" --base-port "$TAP_PORT" \
    --allow-inconclusive
tap_is "a real night passes" 0 "$TAP_STATUS"
[ "$TAP_STATUS" = 0 ] || sed 's/^/# /' "$TAP_DIR/real.out" "$TAP_DIR/real.err"
tap_check "its report is there" test -s "$TAP_DIR/real/runs/latest/junit.xml"
tap_check "its line ends in the verdict" grep -q "	0	PASS: 2 of 2" "$TAP_DIR/real/history.tsv"
tap_done
