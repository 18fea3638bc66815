#!/bin/sh
# stress-client by hand under a cap that its connections do not fit: what is refused drops a connection and is
# counted, the others go on. Not for sanitizer builds, which cannot start under a cap.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/lib/tap.sh"

tap_spawn server "$STRESS_SERVER" --port 0
tap_wait_for 10 grep -q listening "$TAP_DIR/server.out" || {
    echo "Bail out! the server does not start"
    exit 99
}
PORT=$(sed -n 's/^listening on .*:\([0-9]*\) .*/\1/p' "$TAP_DIR/server.out")

# How far the client comes in two seconds is for the machine to say: one that is busy is given more.
for seconds in 2 10 60; do
    tap_spawn capped prlimit --data=13000000 "$STRESS_CLIENT" --port "$PORT" --retry 1000000 --json --concurrent \
        --num-connections 900 --bidi-streaming 0
    tap_wait_for 20 tap_catches_signals "$TAP_PID"
    sleep "$seconds"
    tap_stop "$TAP_PID" INT
    python3 -c 'import json, sys
j = json.load(open(sys.argv[1]))
e = j["errors"]
assert 0 < e["error-memory"] == e["total"], j
assert j["connections"] - j["reconnects"] > 50, j
assert j["messages_received"] > 1000, j' "$TAP_DIR/capped.out" 2>"$TAP_DIR/why" && break
done
tap_is "the client lives until it is stopped" 130 "$TAP_STATUS"
tap_is "and has nothing to complain of" "" "$(cat "$TAP_DIR/capped.err")"
tap_is "refusals are counted, traffic goes on, nothing else is wrong" "" "$(cat "$TAP_DIR/why")"

tap_done
