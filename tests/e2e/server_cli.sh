#!/bin/sh
# The command line of stress-server: help, bad usage, the certificate it makes, a busy port, the end.
set -eu
. "$top_srcdir/tests/lib/tap.sh"

# server NAME ARGUMENTS: to its end; the arguments are split at blanks.
server()
{
    # shellcheck disable=SC2086 # splitting is what it is for
    tap_run "$1" "$STRESS_SERVER" $2
}

# bad ARGUMENTS WORDS: exit 2 and exactly this one line.
bad()
{
    server bad "$1"
    tap_is "bad usage '$1' exits with 2" 2 "$TAP_STATUS"
    tap_is "... and says why in one line" "stress-server: $2; see --help" \
        "$(cat "$TAP_DIR/bad.err")"
}

server help --help
tap_is "--help exits with 0" 0 "$TAP_STATUS"
tap_check "--help is no longer than 40 lines" test "$(wc -l <"$TAP_DIR/help.out")" -le 40
tap_is "--help fits 80 columns" "" "$(grep -E '.{80}' "$TAP_DIR/help.out" || true)"
tap_matches "--help ends in examples" '^  stress-server --port 50051$' "$TAP_DIR/help.out"
server version --version
tap_matches "--version names the libraries" \
    '^stress-server [0-9.]+ \(nghttp2 [0-9.]+, OpenSSL [0-9.]+, libev [0-9.]+' "$TAP_DIR/version.out"

bad "" "--port is missing"
FLATLINE_PORT=70000
export FLATLINE_PORT
bad "" "FLATLINE_PORT in the environment: '70000' is not a port (0 to 65535)"
bad "--port 0 --nothing" "FLATLINE_PORT in the environment: '70000' is not a port (0 to 65535)"
unset FLATLINE_PORT
bad "--port" "--port needs a value (PORT)"
bad "--port 65536" "--port: '65536' is not a port (0 to 65535)"
bad "--port 0 --threads 0" "--threads: '0' is not a number of threads (1 to 32)"
bad "--port 0 --message-size 4M" "--message-size: '4M' is not between 1 and 4194288 bytes"
bad "--port 0 --nothing" "unknown option --nothing"
bad "--port 0 stray" "unexpected argument 'stray'"
bad "--port 0 --drain soon" "--drain: 'soon' is not a duration (such as 500ms, 60s, 5m)"
bad "--port 0 --tls-pub x --tls-priv y" "--tls-pub, --tls-cert and --tls-priv need --secure"
bad "--port 0 --secure --tls-pub x" "--tls-pub and --tls-priv go together"
bad "--port 0 --secure --tls-cert x" "--tls-pub and --tls-priv go together"
bad "--port 0 --inject-leak call:1K --inject-leak call:1K" \
    "--inject-leak: only one leak can be planted"
bad "--port 0 --inject-leak calls:1K" "--inject-leak: 'calls:1K' is not SHAPE:BYTES[/EVERY], \
such as call:1K; there are the shapes call stream header connection reconnect disconnect drop retry \
handshake cancel trailers early-end stall fd thread"

tls=$TAP_DIR/tls
# shellcheck disable=SC2016 # expanded by the inner shell
tap_run make sh -c 'umask 0; exec "$0" --make-cert "$1"' "$STRESS_SERVER" "$tls"
tap_is "--make-cert exits with 0" 0 "$TAP_STATUS"
tap_is "it leaves two files" "cert.pem key.pem " "$(find "$tls" -type f -printf '%f\n' | sort | tr '\n' ' ')"
tap_is "the key is only ours, whatever the umask" 600 "$(stat -c %a "$tls/key.pem")"
openssl x509 -in "$tls/cert.pem" -noout -text >"$TAP_DIR/text"
tap_matches "ECDSA P-256" 'NIST CURVE: P-256' "$TAP_DIR/text"
tap_matches "names localhost and the loopback addresses" \
    'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1' "$TAP_DIR/text"
tap_check "is its own trust anchor" openssl verify -CAfile "$tls/cert.pem" \
    -verify_hostname localhost -purpose sslserver "$tls/cert.pem"
tap_run unwritable "$STRESS_SERVER" --make-cert /proc/flatline
tap_is "a folder that cannot be made exits with 3" 3 "$TAP_STATUS"
tap_matches "... and is named" 'cannot make the folder /proc/flatline: ' "$TAP_DIR/unwritable.err"

tap_port
port=$TAP_PORT
tap_spawn first "$STRESS_SERVER" --port "$port"
first=$TAP_PID
tap_wait_for 10 grep -q listening "$TAP_DIR/first.out"
tap_is "it says where it listens" "listening on 127.0.0.1:$port (insecure)" \
    "$(cat "$TAP_DIR/first.out")"
server busy "--port $port"
tap_is "a busy port exits with 3" 3 "$TAP_STATUS"
tap_is "... with one clear line" \
    "stress-server: cannot listen on 127.0.0.1:$port: Address already in use" \
    "$(cat "$TAP_DIR/busy.err")"
tap_stop "$first" INT
tap_is "SIGINT ends it with 0" 0 "$TAP_STATUS"

server missing "--port 0 --secure --tls-pub $TAP_DIR/none.pem --tls-priv $TAP_DIR/none.key"
tap_is "a missing certificate exits with 3" 3 "$TAP_STATUS"
tap_matches "... and is named" "$TAP_DIR/none.pem" "$TAP_DIR/missing.err"
tap_is "... in one line" 1 "$(wc -l <"$TAP_DIR/missing.err")"
server page "--port 0 --telemetry-fd 77"
tap_is "a descriptor that is no page exits with 3" 3 "$TAP_STATUS"
tap_matches "... and says so" '77 is not a telemetry page of this version' "$TAP_DIR/page.err"

# Without files: the state folder's certificate, made once and made anew when it is spoilt.
XDG_STATE_HOME=$TAP_DIR/state
export XDG_STATE_HOME
cert=$XDG_STATE_HOME/flatline/cert.pem

# secure_once NAME DESCRIPTION: a name of its own, lest it is found ready by an earlier one's output.
secure_once()
{
    tap_spawn "$1" "$STRESS_SERVER" --port 0 --secure
    secure=$TAP_PID
    tap_wait_for 10 grep -q '(secure)' "$TAP_DIR/$1.out"
    tap_stop "$secure" TERM
    tap_is "$2: runs and ends with 0" 0 "$TAP_STATUS"
}

secure_once made "--secure without files"
tap_matches "... says which certificate" "certificate $cert" "$TAP_DIR/made.err"
tap_is "... keeps the key to itself" 600 "$(stat -c %a "$XDG_STATE_HOME/flatline/key.pem")"
cp "$cert" "$TAP_DIR/kept"
secure_once found "again"
tap_check "... with the same certificate" cmp "$cert" "$TAP_DIR/kept"
echo spoilt >"$cert"
secure_once renewed "with a spoilt certificate"
tap_check "... which it made anew" openssl x509 -in "$cert" -noout
tap_done
