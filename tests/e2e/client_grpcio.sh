#!/bin/sh
# Our client against another implementation, Debian's python3-grpcio: the four kinds, cleartext and TLS; and each
# way in which a server can be wrong, which must end in exit 1 and one clear line.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/lib/tap.sh"

/usr/bin/python3 -c 'import grpc' 2>/dev/null || tap_skip_all "python3-grpcio is not installed"

# start_grpcio NAME OPTION...: leaves PORT and PID.
start_grpcio()
{
    name=$1
    shift
    tap_spawn "$name" /usr/bin/python3 "$top_srcdir/tests/fixtures/grpcio_server.py" "$@"
    PID=$TAP_PID
    tap_wait_for 20 grep -q listening "$TAP_DIR/$name.out" || {
        echo "Bail out! the grpcio server does not start: $(cat "$TAP_DIR/$name.err")"
        exit 99
    }
    PORT=$(sed -n 's/.*:\([0-9]*\)$/\1/p' "$TAP_DIR/$name.out")
}

all_kinds="--num-calls 20 --non-streaming --client-streaming 50 --server-streaming 50 --bidi-streaming 50"

start_grpcio plain
# shellcheck disable=SC2086 # words
tap_run kinds "$STRESS_CLIENT" --port "$PORT" $all_kinds --concurrent --num-connections 5 --num-calls 3 \
    --bidi-streaming 9
tap_is "grpcio, cleartext: four kinds and a concurrent group" 0 "$TAP_STATUS"
each='non-streaming 20, client-streaming 20, server-streaming 20, bidi-streaming 35'
tap_matches "all calls are counted" "^  calls +95 done \\($each\\), 0 cut" "$TAP_DIR/kinds.out"
tap_matches "all messages are counted" '^  messages +2175 sent, 2175 received' "$TAP_DIR/kinds.out"
tap_run probe "$STRESS_CLIENT" --port "$PORT" --probe
tap_is "--probe passes" 0 "$TAP_STATUS"
tap_is "and says nothing" "" "$(cat "$TAP_DIR/probe.out" "$TAP_DIR/probe.err")"
tap_stop "$PID"

"$STRESS_SERVER" --make-cert "$TAP_DIR/tls" 2>"$TAP_DIR/make-cert.err"
tap_is "a certificate is made" 0 $?
start_grpcio tls --cert "$TAP_DIR/tls/cert.pem" --key "$TAP_DIR/tls/key.pem"
# shellcheck disable=SC2086
tap_run tls-kinds "$STRESS_CLIENT" --port "$PORT" --secure --cert-store-from-path "$TAP_DIR/tls/cert.pem" $all_kinds
tap_is "grpcio, TLS: four kinds" 0 "$TAP_STATUS"
tap_matches "all calls are counted" '^  calls +80 done' "$TAP_DIR/tls-kinds.out"
tap_run tls-probe "$STRESS_CLIENT" --port "$PORT" --secure --cert-store-from-path "$TAP_DIR/tls/cert.pem" --probe
tap_is "--probe passes over TLS" 0 "$TAP_STATUS"
tap_stop "$PID"

# wrong HOW KIND TEXT: the call must fail with exit 1 and one line that says so.
wrong()
{
    # shellcheck disable=SC2086
    tap_run wrong "$STRESS_CLIENT" --port "$PORT" $2
    tap_is "$1, $2: exit 1" 1 "$TAP_STATUS"
    tap_is "$1, $2: one line" 1 "$(wc -l <"$TAP_DIR/wrong.err")"
    tap_matches "$1, $2: it says so" "^stress-client: 127.0.0.1:$PORT: connection 1: $3" "$TAP_DIR/wrong.err"
}

for how in short long tag garbled few many status unavailable missing; do
    start_grpcio "$how" --misbehave "$how"
    case $how in
    short | long)
        wrong "$how" "--non-streaming" "wrong payload: non-streaming reply 1 has (102|303) bytes; expected"
        wrong "$how" "--bidi-streaming 0" "wrong payload: bidi-streaming reply 1 has (102|303) bytes; expected"
        ;;
    tag | garbled)
        wrong "$how" "--non-streaming" "wrong payload: non-streaming reply 1 is no well-formed Payload"
        wrong "$how" "--server-streaming 5" "wrong payload: server-streaming reply 1 is no well-formed Payload"
        ;;
    few)
        wrong "$how" "--non-streaming" "wrong payload: the server ended the non-streaming call after 0 of 1 replies"
        wrong "$how" "--client-streaming 4" "wrong payload: the server ended the client-streaming call after 0 of 1"
        wrong "$how" "--server-streaming 7" "wrong payload: the server ended the server-streaming call after 6 of 7"
        ;;
    many)
        wrong "$how" "--non-streaming" "wrong payload: a non-streaming reply too many, after 1"
        wrong "$how" "--server-streaming 7" "wrong payload: a server-streaming reply too many, after 7"
        wrong "$how" "--bidi-streaming 7" "wrong payload: a bidi-streaming reply too many, after [1-7]"
        ;;
    status)
        wrong "$how" "--server-streaming 7" "server-streaming call ended with status 8 RESOURCE_EXHAUSTED: on purpose"
        wrong "$how" "--bidi-streaming 0" "bidi-streaming call ended with status 8 RESOURCE_EXHAUSTED: on purpose"
        ;;
    unavailable)
        wrong "$how" "--non-streaming" "non-streaming call ended with status 14 UNAVAILABLE: on purpose"
        ;;
    missing)
        wrong "$how" "--non-streaming" "unsupported: non-streaming call ended with status 12 UNIMPLEMENTED"
        ;;
    esac
    tap_is "$how: the server never saw a bad request" "" "$(grep 'bad request' "$TAP_DIR/$how.err")"
    tap_stop "$PID"
done

for how in gzip deflate; do
    start_grpcio "$how" --compress "$how"
    # shellcheck disable=SC2086
    tap_run "$how" "$STRESS_CLIENT" --port "$PORT" "--$how" $all_kinds
    tap_is "grpcio compresses by $how: four kinds" 0 "$TAP_STATUS"
    tap_matches "$how: all messages are counted" '^  messages +2040 sent, 2040 received' "$TAP_DIR/$how.out"
    tap_is "$how: the server never saw a bad request" "" "$(grep 'bad request' "$TAP_DIR/$how.err")"
    tap_stop "$PID"
    start_grpcio "$how-tls" --compress "$how" --cert "$TAP_DIR/tls/cert.pem" --key "$TAP_DIR/tls/key.pem"
    # shellcheck disable=SC2086
    tap_run "$how" "$STRESS_CLIENT" --port "$PORT" --secure --cert-store-from-path "$TAP_DIR/tls/cert.pem" "--$how" \
        $all_kinds
    tap_is "grpcio compresses by $how over TLS: four kinds" 0 "$TAP_STATUS"
    tap_stop "$PID"
done
start_grpcio not-compressed
wrong "insisting in vain" "--gzip --non-streaming" \
    "wrong payload: non-streaming reply 1 is not compressed, --gzip insists on it"
wrong "insisting in vain" "--deflate --bidi-streaming 0" \
    "wrong payload: bidi-streaming reply 1 is not compressed, --deflate insists on it"
tap_stop "$PID"

start_grpcio not-serving --health 2
tap_run probe "$STRESS_CLIENT" --port "$PORT" --probe
tap_is "--probe of a server that is NOT_SERVING: exit 1" 1 "$TAP_STATUS"
tap_matches "and one line" "^stress-client: 127.0.0.1:$PORT: health is NOT_SERVING$" "$TAP_DIR/probe.err"
tap_stop "$PID"
start_grpcio no-health --health -1
tap_run probe "$STRESS_CLIENT" --port "$PORT" --probe
tap_is "--probe of a server without health service: exit 1" 1 "$TAP_STATUS"
tap_matches "and one line" "health check: status 12 UNIMPLEMENTED" "$TAP_DIR/probe.err"

tap_done
