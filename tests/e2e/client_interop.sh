#!/bin/sh
# The interop cases of our client against a TestService on Debian's python3-grpcio: what must pass passes, a peer
# that is wrong in some way fails the cases that ask for it, a missing method is unsupported and no pass.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/lib/tap.sh"
export top_srcdir

/usr/bin/python3 -c 'import grpc, google.protobuf' 2>/dev/null || tap_skip_all "python3-grpcio is not installed"
command -v protoc >/dev/null || tap_skip_all "protobuf-compiler is not installed"

# start_service NAME OPTION...: leaves PORT and PID.
start_service()
{
    name=$1
    shift
    tap_spawn "$name" /usr/bin/python3 "$top_srcdir/tests/fixtures/grpcio_test_service.py" "$@"
    PID=$TAP_PID
    tap_wait_for 20 grep -q listening "$TAP_DIR/$name.out" || {
        echo "Bail out! the grpcio server does not start: $(cat "$TAP_DIR/$name.err")"
        exit 99
    }
    PORT=$(sed -n 's/.*:\([0-9]*\)$/\1/p' "$TAP_DIR/$name.out")
}

passing="empty_unary cacheable_unary large_unary server_compressed_unary client_streaming server_streaming
    server_compressed_streaming ping_pong empty_stream custom_metadata status_code_and_message special_status_message
    unimplemented_method unimplemented_service cancel_after_begin cancel_after_first_response
    timeout_on_sleeping_server rpc_soak channel_soak"

# all_cases HOW: grpcio cannot tell whether a request came compressed; all other cases pass.
all_cases()
{
    tap_is "$1: two cases fail, so exit 1" 1 "$TAP_STATUS"
    for case in $passing; do
        tap_matches "$1: $case" "^$case: passed$" "$TAP_DIR/all.out"
    done
    for case in client_compressed_unary client_compressed_streaming; do
        tap_matches "$1: $case" "^$case: FAILED: status 0 OK instead of INVALID_ARGUMENT$" "$TAP_DIR/all.out"
    done
    tap_is "$1: a line for each case" 21 "$(wc -l <"$TAP_DIR/all.out")"
}

start_service plain
tap_run all "$STRESS_CLIENT" --port "$PORT" --interop-case all --soak-max-latency 20s
all_cases "cleartext"
for case in $passing; do
    tap_run one "$STRESS_CLIENT" --port "$PORT" --interop-case "$case" --soak-max-latency 20s
    tap_is "$case alone: exit 0 and one line" "0 $case: passed" "$TAP_STATUS $(cat "$TAP_DIR/one.out")"
done
tap_stop "$PID"
tap_run nobody "$STRESS_CLIENT" --port "$PORT" --interop-case empty_unary
tap_is "nobody there: exit 1" 1 "$TAP_STATUS"
tap_matches "and the line says so" "^empty_unary: FAILED: .*refused" "$TAP_DIR/nobody.out"

"$STRESS_SERVER" --make-cert "$TAP_DIR/tls" 2>"$TAP_DIR/make-cert.err"
start_service tls --cert "$TAP_DIR/tls/cert.pem" --key "$TAP_DIR/tls/key.pem"
tap_run all "$STRESS_CLIENT" --port "$PORT" --secure --cert-store-from-path "$TAP_DIR/tls/cert.pem" \
    --interop-case all --soak-max-latency 20s
all_cases "TLS"
tap_stop "$PID"

# wrong CASE TEXT [OPTION...]: the case must fail with exit 1 and say so.
wrong()
{
    case=$1
    text=$2
    shift 2
    tap_run wrong "$STRESS_CLIENT" --port "$PORT" --interop-case "$case" "$@"
    tap_is "$how, $case: exit 1" 1 "$TAP_STATUS"
    tap_matches "$how, $case: it says so" "^$case: FAILED: $text" "$TAP_DIR/wrong.out"
}

for how in size content plain metadata status message count slow clock private early; do
    start_service "$how" --misbehave "$how"
    case $how in
    size)
        wrong large_unary "reply 1 has a body of 314160 bytes instead of 314159"
        wrong ping_pong "reply 1 has a body of 31416 bytes instead of 31415"
        ;;
    content) wrong server_streaming "the body of reply 1 is not all zeros" ;;
    plain)
        wrong server_compressed_unary "reply 1 is not compressed"
        wrong server_compressed_streaming "reply 1 is not compressed"
        ;;
    metadata) wrong custom_metadata "x-grpc-test-echo-initial does not come back in the headers" ;;
    status) wrong status_code_and_message "status 7 PERMISSION_DENIED: test status message instead of UNKNOWN" ;;
    message) wrong special_status_message "status message 'not that' instead of '" ;;
    count)
        wrong server_streaming "5 replies instead of 4"
        wrong client_streaming "the peer added up 74923 bytes instead of 74922"
        wrong empty_stream "1 replies instead of 0"
        ;;
    slow)
        wrong rpc_soak "a call took .*, more than 10 ms" --soak-max-latency 10ms
        wrong channel_soak "a call took .*, more than 10 ms" --soak-max-latency 10ms --soak-iterations 3 \
            --soak-max-failures 2
        tap_run slow "$STRESS_CLIENT" --port "$PORT" --interop-case rpc_soak --soak-iterations 3 \
            --soak-max-latency 10ms --soak-max-failures 3
        tap_is "as many failures as are allowed pass" "rpc_soak: passed" "$(cat "$TAP_DIR/slow.out")"
        ;;
    clock) wrong cacheable_unary "the payload is no decimal timestamp" ;;
    private) wrong cacheable_unary "the reply has no cache-control header" ;;
    early)
        wrong ping_pong "status 0 OK instead of a reply"
        wrong cancel_after_first_response "status 0 OK instead of a reply"
        ;;
    esac
    tap_stop "$PID"
done

# lacks METHOD CASE...: each must be unsupported, with exit 1.
lacks()
{
    method=$1
    shift
    start_service "without-$method" --without "$method"
    for case in "$@"; do
        tap_run lacks "$STRESS_CLIENT" --port "$PORT" --interop-case "$case"
        tap_is "without $method, $case: exit 1" 1 "$TAP_STATUS"
        tap_matches "and unsupported" "^$case: unsupported: status 12 UNIMPLEMENTED" "$TAP_DIR/lacks.out"
    done
    tap_stop "$PID"
}
lacks EmptyCall empty_unary unimplemented_method unimplemented_service cancel_after_first_response
lacks UnaryCall large_unary client_compressed_unary custom_metadata rpc_soak
lacks StreamingInputCall client_streaming client_compressed_streaming cancel_after_begin
lacks FullDuplexCall ping_pong empty_stream timeout_on_sleeping_server

tap_run usage "$STRESS_CLIENT" --port 1 --interop-case nonsense
tap_is "an unknown case: exit 2" 2 "$TAP_STATUS"
tap_matches "and one line" "'nonsense' is none of all empty_unary .*channel_soak" "$TAP_DIR/usage.err"
tap_run usage "$STRESS_CLIENT" --port 1 --interop-case all --non-streaming
tap_is "cases and calls: exit 2" 2 "$TAP_STATUS"
tap_run usage "$STRESS_CLIENT" --port 1 --interop-case all --soak-iterations 0
tap_is "a soak of nothing: exit 2" 2 "$TAP_STATUS"

tap_done
