#!/bin/sh
# stress-client when its peer goes away, and when it is asked for nonsense.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/lib/tap.sh"

# bad TEXT ARGUMENT...: exit 2 and one line with TEXT.
bad()
{
    text=$1
    shift
    tap_run bad "$STRESS_CLIENT" "$@"
    tap_is "usage, $*: exit 2" 2 "$TAP_STATUS"
    tap_is "usage, $*: one line" 1 "$(wc -l <"$TAP_DIR/bad.err")"
    tap_matches "usage, $*: $text" "$text" "$TAP_DIR/bad.err"
}

bad "--port is missing" --non-streaming
bad "'70000'" --port 70000 --non-streaming
bad "port 0" --port 0 --non-streaming
bad "'101' is not a number of calls from 1 to 100" --port 1 --calls-at-once 101 --non-streaming
bad "--calls-at-once needs calls" --port 1 --calls-at-once 2 --swarm 3
bad "nothing to do" --port 1
bad "group 1 has no call" --port 1 --num-calls 3
bad "group 2 has no call" --port 1 --non-streaming --concurrent
bad "need --service flatline" --port 1 --service interop --overrun --non-streaming
bad "need --service flatline" --port 1 --service benchmark --cancel-after 1 --bidi-streaming 3
bad "'x' is not a whole number" --port 1 --bidi-streaming x
bad "'-1' is not a whole number" --port 1 --num-calls=-1 --non-streaming
bad "--num-calls is given twice in group 1" --port 1 --num-calls 3 --num-calls 4 --non-streaming
bad "cannot be --concurrent" --port 1 --num-connections 0 --concurrent --non-streaming
bad "stands after the endless --bidi-streaming 0" --port 1 --bidi-streaming 0 --non-streaming
bad "group 2 would never start" --port 1 --num-calls 0 --non-streaming --num-calls 1 --non-streaming
bad "add --concurrent" --port 1 --num-connections 2 --bidi-streaming 0
bad "cannot repeat an endless stream" --port 1 --num-calls 2 --bidi-streaming 0
bad "need --service flatline" --port 1 --service interop --message-size 9 --bidi-streaming 3
bad "'0' is not between 1 and 4194288 bytes" --port 1 --message-size 0 --non-streaming
bad "needs --secure" --port 1 --no-server-validation --non-streaming
bad "needs --secure" --port 1 --tls-resume --non-streaming
bad "needs --secure" --port 1 --cert-store-from-path x --non-streaming
bad "contradicts" --port 1 --secure --no-server-validation --cert-store-from-system --non-streaming
bad "--timeout needs --probe" --port 1 --timeout 3s --non-streaming
bad "--probe takes no calls" --port 1 --probe --non-streaming
bad "unexpected argument 'more'" --port 1 --non-streaming more
bad "unknown" --port 1 --no-such-option

tap_run version "$STRESS_CLIENT" --version
tap_matches "--version names the libraries" '^stress-client [0-9.]+ \(nghttp2 ' "$TAP_DIR/version.out"

tap_run store "$STRESS_CLIENT" --port 1 --secure --cert-store-from-path "$TAP_DIR/none.pem" --non-streaming
tap_is "a missing store: exit 3" 3 "$TAP_STATUS"
tap_matches "a missing store: one line that names it" "none.pem" "$TAP_DIR/store.err"
tap_run page "$STRESS_CLIENT" --port 1 --telemetry-fd 77 --non-streaming
tap_is "no page at the descriptor: exit 3" 3 "$TAP_STATUS"
tap_run name "$STRESS_CLIENT" --port 1 --host no.such.host.invalid --non-streaming
tap_is "an unknown host: exit 3" 3 "$TAP_STATUS"
tap_matches "an unknown host: one line that names it" "no.such.host.invalid" "$TAP_DIR/name.err"

tap_port
PORT=$TAP_PORT
tap_run none "$STRESS_CLIENT" --port "$PORT" --non-streaming
tap_is "no server: exit 1" 1 "$TAP_STATUS"
tap_is "no server: one line" 1 "$(wc -l <"$TAP_DIR/none.err")"
tap_matches "no server: it says so" \
    "^stress-client: 127.0.0.1:$PORT: connection 1: Connection refused; --retry N would try again$" "$TAP_DIR/none.err"
tap_matches "no server: counted" '^  losses +1 \(loss-refused 1\)$' "$TAP_DIR/none.out"
tap_run retry "$STRESS_CLIENT" --port "$PORT" --retry 4 --non-streaming
tap_is "no server, --retry 4: exit 1" 1 "$TAP_STATUS"
tap_matches "no server, --retry 4: it says so" 'gave up after 4 attempts in a row$' "$TAP_DIR/retry.err"
tap_matches "no server, --retry 4: five attempts" '^  losses +5 \(loss-refused 5\)$' "$TAP_DIR/retry.out"
tap_run probe "$STRESS_CLIENT" --port "$PORT" --probe
tap_is "--probe without a server: exit 1" 1 "$TAP_STATUS"
tap_is "--probe without a server: one line" 1 "$(wc -l <"$TAP_DIR/probe.err")"

# A listener that never answers: python holds the port without accepting.
tap_spawn deaf python3 -c 'import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(); print("up", flush=True); time.sleep(60)' "$PORT"
deaf=$TAP_PID
tap_wait_for 10 grep -q up "$TAP_DIR/deaf.out"
tap_run deaf-probe "$STRESS_CLIENT" --port "$PORT" --probe --timeout 300ms
tap_is "--probe of a deaf server: exit 1" 1 "$TAP_STATUS"
tap_matches "--probe of a deaf server: no answer in time" ': no answer in time$' "$TAP_DIR/deaf-probe.err"
tap_stop "$deaf" KILL

# start_server SECURITY: on PORT; leaves PID.
start_server()
{
    # The word of an earlier server must not be taken for this one's.
    rm -f "$TAP_DIR/server.out"
    # shellcheck disable=SC2086 # words
    tap_spawn server "$STRESS_SERVER" --port "$PORT" $1
    PID=$TAP_PID
    tap_wait_for 10 grep -q listening "$TAP_DIR/server.out"
}

# The server dies and comes back while work is under way: it is finished, and the losses are counted.
export XDG_STATE_HOME="$TAP_DIR/state"
for how in "KILL" "TERM --calls-at-once=5" "KILL --secure --calls-at-once=5" "TERM --secure"; do
    # shellcheck disable=SC2086
    set -- $how
    signal=$1
    shift
    secure=$(printf '%s\n' "$@" | grep -x -e --secure || true)
    start_server "$secure"
    # 100 messages a call in turn: each connection is in the midst of its calls whenever the server goes.
    tap_spawn worker "$STRESS_CLIENT" --port "$PORT" "$@" --json --retry 1000 --concurrent --num-connections 8 \
        --num-calls 400 --bidi-streaming 100
    worker=$TAP_PID
    tap_check "server $how and back: there are eight connections" tap_wait_for 20 tap_has_connections "$PORT" 8
    tap_stop "$PID" "$signal"
    sleep 0.3
    start_server "$secure"
    TAP_STATUS=0
    wait "$worker" || TAP_STATUS=$?
    tap_is "server $how and back: the work is finished" 0 "$TAP_STATUS"
    tap_is "server $how and back: no word on stderr" "" "$(cat "$TAP_DIR/worker.err")"
    tap_check "server $how and back: losses, recoveries and calls add up" python3 -c 'import json, sys
j = json.load(open(sys.argv[1]))
assert j["calls"]["done"] == 3200 and j["calls"]["started"] == 3200 + j["calls"]["cut_short"], j
assert j["losses"]["total"] >= 8 and j["errors"]["total"] == 0, j
assert j["losses"]["total"] - j["losses"]["loss-refused"] >= 8, j
assert j["reconnects"] >= 8 and j["recoveries"] == 8, j
assert j["connections"] == 8 + j["reconnects"], j' "$TAP_DIR/worker.out"
    tap_stop "$PID"
done

# Without --retry the first loss ends the run.
start_server ""
tap_spawn fragile "$STRESS_CLIENT" --port "$PORT" --concurrent --num-connections 5 --server-streaming 0
fragile=$TAP_PID
sleep 0.3
tap_stop "$PID" KILL
TAP_STATUS=0
wait "$fragile" || TAP_STATUS=$?
tap_is "a loss without --retry: exit 1" 1 "$TAP_STATUS"
tap_is "a loss without --retry: one line" 1 "$(wc -l <"$TAP_DIR/fragile.err")"
tap_matches "a loss without --retry: it says so" "^stress-client: 127.0.0.1:$PORT: connection [1-5]: .*; --retry N would" \
    "$TAP_DIR/fragile.err"

tap_done
