#!/bin/sh
# The four kinds over the official services: our client against python3-grpcio and against our own TestService.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/lib/tap.sh"
export top_srcdir

/usr/bin/python3 -c 'import grpc, google.protobuf' 2>/dev/null || tap_skip_all "python3-grpcio is not installed"
command -v protoc >/dev/null || tap_skip_all "protobuf-compiler is not installed"

# start NAME COMMAND...: leaves PORT and PID.
start()
{
    name=$1
    tap_spawn "$@"
    PID=$TAP_PID
    tap_wait_for 20 grep -q listening "$TAP_DIR/$name.out" || {
        echo "Bail out! the server does not start: $(cat "$TAP_DIR/$name.err")"
        exit 99
    }
    PORT=$(sed -n 's/^listening on .*:\([0-9]*\).*/\1/p' "$TAP_DIR/$name.out")
}

grpcio()
{
    name=$1
    shift
    start "$name" /usr/bin/python3 "$top_srcdir/tests/fixtures/grpcio_test_service.py" "$@"
}

# kinds NAME OPTION...: the four kinds, each call and each message checked and counted.
kinds()
{
    name=$1
    shift
    tap_run kinds "$STRESS_CLIENT" --port "$PORT" "$@" --num-calls 20 --non-streaming --client-streaming 50 \
        --server-streaming 50 --bidi-streaming 50
    tap_is "$name: four kinds" 0 "$TAP_STATUS"
    tap_matches "$name: all calls are counted" '^  calls +80 done .*, 0 cut short' "$TAP_DIR/kinds.out"
    tap_matches "$name: all messages are sent" '^  messages +2040 sent' "$TAP_DIR/kinds.out"
}

# endless NAME OPTION...: each kind for ever, until SIGTERM.
endless()
{
    name=$1
    shift
    for call in "--client-streaming 0" "--server-streaming 0" "--bidi-streaming 0" "--num-calls 0 --non-streaming"; do
        # How soon messages flow is for the machine to say.
        for pause in 0.4 4 40; do
            # shellcheck disable=SC2086 # words
            tap_spawn endless "$STRESS_CLIENT" --port "$PORT" "$@" $call
            tap_wait_for 20 tap_catches_signals "$TAP_PID"
            sleep "$pause"
            tap_stop "$TAP_PID"
            [ "$TAP_STATUS" -eq 0 ] || break
            ! grep -Eq '^  messages +[1-9]' "$TAP_DIR/endless.out" || break
        done
        tap_is "$name, $call: SIGTERM ends it well" 0 "$TAP_STATUS"
        tap_matches "$name, $call: no error" '^  errors +0$' "$TAP_DIR/endless.out"
        tap_matches "$name, $call: messages flowed" '^  messages +[1-9]' "$TAP_DIR/endless.out"
    done
}

start ours "$STRESS_SERVER" --port 0
kinds "our TestService" --service interop
endless "our TestService" --service interop
kinds "our BenchmarkService" --service benchmark
tap_run rotate "$STRESS_CLIENT" --port "$PORT" --service benchmark --num-calls 2000 --server-streaming 2
tap_is "two thousand cancelled calls" 0 "$TAP_STATUS"
tap_matches "on three connections, for nghttp2 ends one after a thousand" '^  connections +3, reconnects 0$' \
    "$TAP_DIR/rotate.out"
tap_run long "$STRESS_CLIENT" --port "$PORT" --service interop --server-streaming 25000
tap_is "25,000 listed replies" 0 "$TAP_STATUS"
tap_matches "come in three calls" '^  calls +1 done .*, 0 cut short, 2 calls were parts$' "$TAP_DIR/long.out"
tap_matches "and every reply came" '^  messages +3 sent, 25000 received$' "$TAP_DIR/long.out"
tap_run sum "$STRESS_CLIENT" --port "$PORT" --service interop --client-streaming 2500000
tap_is "2,500,000 requests" 0 "$TAP_STATUS"
tap_matches "come in three calls" '^  calls +1 done .*, 0 cut short, 2 calls were parts$' "$TAP_DIR/sum.out"
tap_matches "each with its sum" '^  messages +2500000 sent, 3 received$' "$TAP_DIR/sum.out"
tap_stop "$PID"

grpcio test-service
kinds "grpcio's TestService" --service interop
kinds "grpcio's BenchmarkService" --service benchmark
tap_matches "a stream without end is cancelled after its last reply" ', 20 cancelled as planned$' \
    "$TAP_DIR/kinds.out"
endless "grpcio's BenchmarkService" --service benchmark
tap_run rotate "$STRESS_CLIENT" --port "$PORT" --service benchmark --num-calls 1000 --server-streaming 2
tap_is "a thousand cancelled calls" 0 "$TAP_STATUS"
tap_matches "are all done" '^  calls +1000 done .*, 0 cut short, 1000 cancelled' "$TAP_DIR/rotate.out"
tap_matches "on two connections, neither of them lost" '^  connections +2, reconnects 0$' "$TAP_DIR/rotate.out"
tap_stop "$PID"

# wrong SERVICE KIND TEXT
wrong()
{
    tap_run wrong "$STRESS_CLIENT" --port "$PORT" --service "$1" "$2" ${4:+"$4"}
    tap_is "$1, $2: exit 1" 1 "$TAP_STATUS"
    tap_matches "$1, $2: it says so" "^stress-client: 127.0.0.1:$PORT: connection 1: $3" "$TAP_DIR/wrong.err"
}

grpcio size --misbehave size
for service in interop benchmark; do
    wrong $service --non-streaming "wrong payload: non-streaming reply 1 has a body of [0-9]+ bytes instead of"
    wrong $service --server-streaming "wrong payload: server-streaming reply 1 has a body of" 3
    wrong $service --bidi-streaming "wrong payload: bidi-streaming reply 1 has a body of" 3
done
tap_stop "$PID"
grpcio count --misbehave count
wrong interop --client-streaming "wrong payload: client-streaming reply 1 adds up to [0-9]+ bytes instead of" 3
wrong interop --server-streaming "wrong payload: server-streaming reply 4 is one too many" 3
wrong interop --bidi-streaming "wrong payload: bidi-streaming reply 4 is one too many" 3
tap_stop "$PID"
grpcio lacking --without UnaryCall
for service in interop benchmark flatline; do
    wrong $service --non-streaming "unsupported: non-streaming call ended with status 12 UNIMPLEMENTED"
done
tap_stop "$PID"

tap_run usage "$STRESS_CLIENT" --port 1 --service interop --gzip --non-streaming
tap_is "insisting where not every reply can be compressed: exit 2" 2 "$TAP_STATUS"
tap_run usage "$STRESS_CLIENT" --port 1 --service nonsense --non-streaming
tap_is "an unknown service: exit 2" 2 "$TAP_STATUS"
tap_matches "and one line" "'nonsense' is none of flatline benchmark interop" "$TAP_DIR/usage.err"

tap_done
