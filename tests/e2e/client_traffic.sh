#!/bin/sh
# stress-client against stress-server: the example of the manual, the four kinds, groups, many connections, and
# a summary that adds up.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/lib/tap.sh"

# start_server NAME OPTION...: leaves PORT and PID.
start_server()
{
    name=$1
    shift
    tap_spawn "$name" "$STRESS_SERVER" --port 0 "$@"
    PID=$TAP_PID
    tap_wait_for 10 grep -q listening "$TAP_DIR/$name.out" || {
        echo "Bail out! the server does not start: $(cat "$TAP_DIR/$name.err")"
        exit 99
    }
    PORT=$(sed -n 's/^listening on .*:\([0-9]*\) .*/\1/p' "$TAP_DIR/$name.out")
}

# shellcheck disable=SC2317 # called by tap_check
# sums FILE EXPRESSION: the JSON in FILE satisfies the Python expression over j.
sums()
{
    python3 -c 'import json, sys
j = json.load(open(sys.argv[1]))
assert eval("(" + sys.argv[2] + ")"), json.dumps(j, indent=1)' "$@"
}

start_server plain
tap_run example "$STRESS_CLIENT" --port "$PORT" --num-connections 3 --num-calls 5 --client-streaming 1234 \
    --server-streaming 500
tap_is "the example of the manual passes" 0 "$TAP_STATUS"
tap_is "and says nothing on stderr" "" "$(cat "$TAP_DIR/example.err")"
tap_matches "its calls" '^  calls +30 done \(client-streaming 15, server-streaming 15\), 0 cut short$' \
    "$TAP_DIR/example.out"
tap_matches "its messages" '^  messages +18525 sent, 7515 received$' "$TAP_DIR/example.out"
tap_matches "its connections" '^  connections +3, reconnects 0$' "$TAP_DIR/example.out"
tap_matches "no loss" '^  losses +0$' "$TAP_DIR/example.out"
tap_matches "CPU per call" 'CPU per call$' "$TAP_DIR/example.out"
tap_matches "connect times" '^  connect .* 3$' "$TAP_DIR/example.out"
tap_matches "round trips" '^  client-streaming .* 15$' "$TAP_DIR/example.out"

tap_run kinds "$STRESS_CLIENT" --port "$PORT" --json --num-calls 200 --non-streaming --client-streaming 30 \
    --server-streaming 20 --bidi-streaming 10 --num-connections 4 --concurrent --num-calls 50 --bidi-streaming 3 \
    --num-connections 70 --non-streaming
tap_is "three groups pass" 0 "$TAP_STATUS"
tap_check "JSON: calls" sums "$TAP_DIR/kinds.out" \
    'j["result"] == "passed" and j["failure"] is None and j["calls"] == {"started": 1070, "done": 1070, "cut_short": 0,
    "cancelled": 0, "parts": 0,
    "done_by_kind": {"non-streaming": 270, "client-streaming": 200, "server-streaming": 200, "bidi-streaming": 400}}'
tap_check "JSON: messages" sums "$TAP_DIR/kinds.out" \
    'j["messages_sent"] == 270 + 6000 + 200 + 2000 + 600 and j["messages_received"] == 270 + 200 + 4000 + 2600'
tap_check "JSON: bytes lie between the smallest and the largest message" sums "$TAP_DIR/kinds.out" \
    '136 <= j["received_bytes"] / j["messages_received"] <= 264 and 130 <= j["sent_bytes"] / j["messages_sent"] <= 264'
tap_check "JSON: connections, one connect time each" sums "$TAP_DIR/kinds.out" \
    'j["connections"] == 75 == j["connect"]["count"] and j["reconnects"] == 0 == j["tls_handshake"]["count"]'
tap_check "JSON: a round trip per call, per message for bidi" sums "$TAP_DIR/kinds.out" \
    '{k: v["count"] for k, v in j["round_trip"].items()} == {"non-streaming": 270, "client-streaming": 200,
    "server-streaming": 200, "bidi-streaming": 2600}'
tap_check "JSON: percentiles rise" sums "$TAP_DIR/kinds.out" \
    'all(0 < h["min_ns"] <= h["p50_ns"] <= h["p90_ns"] <= h["p99_ns"] <= h["p99.9_ns"] <= h["max_ns"]
    for h in j["round_trip"].values())'
tap_check "JSON: no loss, no error" sums "$TAP_DIR/kinds.out" 'j["losses"]["total"] == 0 == j["errors"]["total"]'

all_kinds="--num-calls 20 --non-streaming --client-streaming 50 --server-streaming 50 --bidi-streaming 50"
for how in gzip deflate; do
    # shellcheck disable=SC2086 # words
    tap_run "$how" "$STRESS_CLIENT" --port "$PORT" "--$how" $all_kinds
    tap_is "--$how: four kinds, every reply compressed" 0 "$TAP_STATUS"
    tap_matches "--$how: all messages are counted" '^  messages +2040 sent, 2040 received' "$TAP_DIR/$how.out"
done
tap_run both "$STRESS_CLIENT" --port "$PORT" --gzip --deflate --non-streaming
tap_is "--gzip and --deflate contradict each other" 2 "$TAP_STATUS"

# The list's calls in their order, whichever is done first, and each as often as it is to be.
# shellcheck disable=SC2086 # words
tap_run at-once "$STRESS_CLIENT" --port "$PORT" --calls-at-once 7 --concurrent --num-connections 2 $all_kinds
tap_is "--calls-at-once 7: passes" 0 "$TAP_STATUS"
tap_matches "--calls-at-once 7: as many calls of each kind as one at a time" \
    '^  calls +160 done \(non-streaming 40, client-streaming 40, server-streaming 40, bidi-streaming 40\)' \
    "$TAP_DIR/at-once.out"
tap_run at-once "$STRESS_CLIENT" --port "$PORT" --calls-at-once 100 --cancel-after 2 --num-calls 1200 --bidi-streaming 10
tap_matches "--calls-at-once 100: all are cancelled" ', 1200 cancelled as planned$' "$TAP_DIR/at-once.out"
tap_matches "--calls-at-once 100: on two connections" '^  connections +2, ' "$TAP_DIR/at-once.out"

for call in "--server-streaming 5000" "--bidi-streaming 10"; do
    # shellcheck disable=SC2086 # words
    tap_run cancels "$STRESS_CLIENT" --port "$PORT" --cancel-after 2 --num-calls 1200 $call
    tap_is "$call, --cancel-after 2: passes" 0 "$TAP_STATUS"
    tap_matches "$call: all calls are cancelled, on more connections than one" ', 1200 cancelled as planned$' \
        "$TAP_DIR/cancels.out"
done
tap_run few "$STRESS_CLIENT" --port "$PORT" --cancel-after 3 --num-calls 7 --bidi-streaming 2
tap_is "a call of fewer replies ends as it would" 0 "$TAP_STATUS"
tap_lacks "and is not cancelled" 'cancelled' "$TAP_DIR/few.out"
tap_run overrun "$STRESS_CLIENT" --port "$PORT" --overrun --num-calls 50 --non-streaming
tap_is "a request too many is refused each time, and that is a pass" 0 "$TAP_STATUS"
tap_matches "in every call" '^  calls +50' "$TAP_DIR/overrun.out"
tap_run header "$STRESS_CLIENT" --port "$PORT" --new-header --num-calls 200 --non-streaming --bidi-streaming 2
tap_is "a header that is new in each call is no trouble" 0 "$TAP_STATUS"

tap_run crowd "$STRESS_CLIENT" --port "$PORT" --concurrent --num-connections 2000 --num-calls 2 --bidi-streaming 2
tap_is "2000 connections at once pass" 0 "$TAP_STATUS"
tap_matches "all of them" '^  connections +2000, reconnects 0$' "$TAP_DIR/crowd.out"
tap_run series "$STRESS_CLIENT" --port "$PORT" --num-connections 1000 --non-streaming --abortive-close
tap_is "1000 connections in series, closed by reset, pass" 0 "$TAP_STATUS"
tap_matches "all of them" '^  connections +1000, reconnects 0$' "$TAP_DIR/series.out"

sh -c 'ulimit -n 64; exec "$@"' sh "$STRESS_CLIENT" --port "$PORT" --concurrent --num-connections 100 \
    --non-streaming >"$TAP_DIR/fds.out" 2>"$TAP_DIR/fds.err"
tap_is "too few descriptors: exit 3" 3 $?
tap_matches "and one line with the remedy" 'need 132 file descriptors, the limit is 64: raise it with ulimit -n$' \
    "$TAP_DIR/fds.err"

# An endless group ends by a signal, with its summary.
for signal in TERM INT; do
    expected=0
    [ "$signal" = INT ] && expected=130
    for call in "--client-streaming 0" "--server-streaming 0" "--bidi-streaming 0" "--num-calls 0 --non-streaming" \
        "--num-connections 0 --non-streaming"; do
        # shellcheck disable=SC2086 # words
        tap_spawn endless "$STRESS_CLIENT" --port "$PORT" $call
        tap_wait_for 20 tap_catches_signals "$TAP_PID"
        sleep 0.4
        tap_stop "$TAP_PID" "$signal"
        tap_is "$call, SIG$signal: exit $expected" "$expected" "$TAP_STATUS"
        tap_is "$call, SIG$signal: no word on stderr" "" "$(cat "$TAP_DIR/endless.err")"
        tap_matches "$call, SIG$signal: messages were exchanged" '^  messages +[0-9]+ sent' "$TAP_DIR/endless.out"
        tap_matches "$call, SIG$signal: no loss" '^  losses +0$' "$TAP_DIR/endless.out"
        tap_matches "$call, SIG$signal: no error" '^  errors +0$' "$TAP_DIR/endless.out"
    done
done

# Messages of a size that was said, both ways, however they are cut.
tap_run refused "$STRESS_CLIENT" --port "$PORT" --message-size 257 --non-streaming
tap_is "a larger request is refused by whoever was not told: exit 1" 1 "$TAP_STATUS"
tap_matches "and says how it would be taken" 'unless --message-size says otherwise' "$TAP_DIR/refused.err"
tap_stop "$PID"
tap_is "the server ends well" 0 "$TAP_STATUS"
start_server sized --message-size 70000
for size in 1 1000000; do
    # shellcheck disable=SC2086 # words
    tap_run sized-$size "$STRESS_CLIENT" --port "$PORT" --json --message-size $size $all_kinds
    tap_is "requests of $size bytes, replies of 70000: pass" 0 "$TAP_STATUS"
    tap_check "and so many bytes went" sums "$TAP_DIR/sized-$size.out" \
        "j['messages_sent'] == 2040 and j['received_bytes'] == 2040 * 70009
        and 0 < j['sent_bytes'] - 2020 * ($size + 7) < 2020 * 5 and j['errors']['total'] == 0"
done
tap_stop "$PID"

# A user's own certificate, made on first use, is trusted by that user's clients.
export XDG_STATE_HOME="$TAP_DIR/state"
start_server secure --secure --host 0.0.0.0
tap_run secure "$STRESS_CLIENT" --port "$PORT" --secure --json --num-connections 5 --num-calls 50 --non-streaming \
    --client-streaming 20 --server-streaming 20 --bidi-streaming 20
tap_is "four kinds over TLS pass out of the box" 0 "$TAP_STATUS"
tap_check "JSON: calls and handshakes" sums "$TAP_DIR/secure.out" \
    'j["secure"] and j["calls"]["done"] == 1000 and j["tls_handshake"]["count"] == 5 and
    j["tls_resumption"]["count"] == 0 and
    j["tls_handshake"]["max_ns"] <= j["connect"]["max_ns"]'
tap_run resume "$STRESS_CLIENT" --port "$PORT" --secure --tls-resume --json --num-connections 5 --non-streaming
tap_check "sessions are resumed where that is asked for" sums "$TAP_DIR/resume.out" \
    'j["calls"]["done"] == 5 and j["tls_handshake"]["count"] == 1 and j["tls_resumption"]["count"] == 4'
# shellcheck disable=SC2086
tap_run secure-gzip "$STRESS_CLIENT" --port "$PORT" --secure --gzip $all_kinds
tap_is "and compressed" 0 "$TAP_STATUS"
tap_run host "$STRESS_CLIENT" --port "$PORT" --host 127.0.0.2 --secure --non-streaming
tap_is "a wrong host name: exit 1" 1 "$TAP_STATUS"
tap_is "a wrong host name: one line" 1 "$(wc -l <"$TAP_DIR/host.err")"
tap_matches "a wrong host name: it says so" 'certificate refused: .*(IP address|[Hh]ostname) mismatch' "$TAP_DIR/host.err"
tap_matches "a wrong host name: counted" '^  errors +1 \(error-tls 1\)$' "$TAP_DIR/host.out"
tap_run careless "$STRESS_CLIENT" --port "$PORT" --host 127.0.0.2 --secure --no-server-validation --non-streaming
tap_is "--no-server-validation accepts it" 0 "$TAP_STATUS"
"$STRESS_SERVER" --make-cert "$TAP_DIR/other" 2>/dev/null
tap_run stranger "$STRESS_CLIENT" --port "$PORT" --secure --cert-store-from-path "$TAP_DIR/other/cert.pem" --non-streaming
tap_is "a certificate from another authority: exit 1" 1 "$TAP_STATUS"
tap_is "another authority: one line" 1 "$(wc -l <"$TAP_DIR/stranger.err")"
tap_matches "another authority: it says so" 'certificate refused: .*(self-signed|signature|issuer)' "$TAP_DIR/stranger.err"
tap_run system "$STRESS_CLIENT" --port "$PORT" --secure --cert-store-from-system --non-streaming
tap_is "the system's authorities do not know it: exit 1" 1 "$TAP_STATUS"
tap_run plain-to-tls "$STRESS_CLIENT" --port "$PORT" --non-streaming
tap_is "cleartext to a TLS port: exit 1" 1 "$TAP_STATUS"
tap_is "cleartext to a TLS port: one line" 1 "$(wc -l <"$TAP_DIR/plain-to-tls.err")"
tap_stop "$PID"

tap_done
