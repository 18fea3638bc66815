#!/bin/sh
# Deaths by the thousand, by hand ("make kills"): KILLS (1000) children that do nothing, twenty at a time, each as
# soon as it is ready; 20 stress programs for KILLS_TIME (60s), each once or twice a second; then so many restarts of
# a small program as KILLS_GROWTH_TIME (120s) holds, a hundred a second, and what the driver's own memory does
# meanwhile. Of the first "make check" has a short form.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

say()
{
    sed 's/^/# /' "$1"
}

# value KEY: of the running driver's memory, in KB.
value()
{
    awk -v key="$1:" '$1 == key { print $2 }' "/proc/$TAP_PID/status"
}

kills()
{
    grep -o '[0-9]* kills' "$TAP_DIR/growth.err" | tail -n 1 | cut -d ' ' -f 1
}

# shellcheck disable=SC2317 # called by name
has_killed()
{
    [ "$(kills)" -ge "$1" ] 2>/dev/null
}

tap_fleet_lock
KILLS=${KILLS:-1000} TAP_LIMIT=800 tap_run book "$top_builddir/tests/unit/test_driver_kills"
tap_is "${KILLS:-1000} kills, twenty at a time: each in the book once" 0 "$TAP_STATUS"
grep '^#' "$TAP_DIR/book.out"

cat >"$TAP_DIR/kills.yaml" <<'YAML'
chaos-after: [500ms, 1s]
checkpoints: 0
servers:
  - {name: server, count: 4, stable: false, kill: SIGKILL}
clients:
YAML
for number in 1 2 3 4; do
    echo "  - {name: client-$number, server: server-$number, stable: false, kill: SIGKILL," \
        "patterns: [non-streaming-many-calls, server-stream, bidi-stream, client-stream]}"
done >>"$TAP_DIR/kills.yaml"
fleet_start serving --duration "${KILLS_TIME:-60s}" --scenario "$TAP_DIR/kills.yaml" --rules "$rules"
TAP_STATUS=0
wait "$TAP_PID" || TAP_STATUS=$?
# What came last may not be seen to its end: 4, inconclusive.
tap_check "20 stress programs: nothing failed (exit status $TAP_STATUS)" \
    test "$TAP_STATUS" -eq 0 -o "$TAP_STATUS" -eq 4
tap_is "and nobody died but as ordered" "chaos stopped" \
    "$(fleet_query "select distinct reason from incarnation order by 1" | tr '\n' ' ' | sed 's/ $//')"
fleet_check_gone "20 stress programs"
tap_check "a server serves within 500 ms of its start, but for one in a hundred" \
    python3 "$top_srcdir/tests/lib/restarts.py" "$runs/latest" --within 500
python3 "$top_srcdir/tests/lib/restarts.py" "$runs/latest" >"$TAP_DIR/restarts"
say "$TAP_DIR/restarts"

child="command: [$top_builddir/tests/fixtures/fake_child, --telemetry-fd, '-1'], ready: start, kill: SIGKILL"
cat >"$TAP_DIR/growth.yaml" <<YAML
chaos-after: [1ms, 1ms]
checkpoints: 0
sample-interval: 1s
servers:
  - {name: server, $child}
clients:
  - {name: client, count: 100, server: server, stable: false, $child}
YAML
fleet_start growth --duration "${KILLS_GROWTH_TIME:-120s}" --scenario "$TAP_DIR/growth.yaml"
tap_check "the first thousand restarts" tap_wait_for 60 has_killed 1000
before=$(value RssAnon)
killed=$(kills)
# Until it begins to judge, which takes memory of its own.
while [ -d "/proc/$TAP_PID" ] && ! fleet_query "select 1 from meta where key = 'stop_ns'" | grep -q 1; do
    after=$(value RssAnon)
    sleep 1
done
wait "$TAP_PID"
more=$(($(kills) - killed))
grown=$((after - before))
# SQLite's cache fills up to its size once, which is up to 1 MB in a short run.
tap_check "$more restarts more: the driver grew by $grown KB, less than 1 MB in 10,000" \
    test "$grown" -lt $((more < 10000 ? 1024 : more * 1024 / 10000))
fleet_check_gone "growth"

cat >"$TAP_DIR/pair.yaml" <<'YAML'
servers: [{name: server}]
clients: [{name: client, server: server, pattern: bidi-stream}]
YAML
fleet_start frozen --duration 600s --scenario "$TAP_DIR/pair.yaml"
kill -STOP "$(fleet_pid stress-client)"
begun=$(date +%s)
tap_check "SIGSTOP of a client is noticed" \
    tap_wait_for 30 grep -q 'client: frozen: stopped by signal 19' "$TAP_DIR/frozen.err"
echo "# after $(($(date +%s) - begun)) s"
TAP_STATUS=0
wait "$TAP_PID" || TAP_STATUS=$?
tap_is "and fails the run" 1 "$TAP_STATUS"
tap_matches "by name" "^FAIL: client unexpected-exit: .*stopped by a signal" "$TAP_DIR/frozen.out"
fleet_check_gone "frozen"
tap_done
