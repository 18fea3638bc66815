#!/bin/sh
# What the driver needs and does not find: one clear line with the remedy, exit 3 (or 2 for a wrong word),
# nothing started, nothing made.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/lib/tap.sh"

# refused STATUS TEXT COMMAND...
refused()
{
    status=$1
    text=$2
    shift 2
    tap_run refused "$@"
    tap_is "$text: exit $status" "$status" "$TAP_STATUS"
    tap_is "$text: one line" 1 "$(wc -l <"$TAP_DIR/refused.err")"
    tap_matches "$text: says so" "$text" "$TAP_DIR/refused.err"
}

tap_ports 4
base=$TAP_PORT
busy=$((base + 2))
runs=$TAP_DIR/runs

tap_spawn holder "$STRESS_SERVER" --port "$busy"
tap_wait_for 10 grep -q "$busy" "$TAP_DIR/holder.out" "$TAP_DIR/holder.err"
refused 3 "port $busy, for server-unstable-insecure, .* in use; .*--base-port" \
    "$DRIVER" --working-dir "$runs" --base-port "$base"
tap_stop "$TAP_PID"

mkdir "$TAP_DIR/empty"
refused 3 "gnuplot" env PATH="$TAP_DIR/empty" "$DRIVER" --working-dir "$runs" --gen-charts
refused 3 "gnuplot" env PATH="$TAP_DIR/empty" "$DRIVER" charts "$TAP_DIR"

# shellcheck disable=SC2016 # expanded by the inner shell
refused 3 "64 open files are allowed, [0-9]+ are needed .*ulimit -n" \
    sh -c 'ulimit -n 64; exec "$@"' sh "$DRIVER" --working-dir "$runs" --base-port "$base"
refused 3 "of memory are available, .* are needed .*--server-heap" \
    "$DRIVER" --working-dir "$runs" --base-port "$base" --server-heap 1000000G
refused 3 "cannot make /proc/nowhere" "$DRIVER" --working-dir /proc/nowhere --base-port "$base"

cp "$DRIVER" "$TAP_DIR/driver"
refused 3 "stress-server is not beside the driver" "$TAP_DIR/driver" --working-dir "$runs"

refused 2 "no component 'server-stabel'; near: server-stable-secure" \
    "$DRIVER" --inject-leak server-stabel=call:1K
refused 2 "inject-leak: .*sometimes" "$DRIVER" --inject-leak server-stable-secure=sometimes:1K
refused 2 "inject-healthy: .*no component" "$DRIVER" --inject-healthy server-stabel=cache:1K
refused 2 "not COMPONENT=SHAPE" "$DRIVER" --inject-leak call:1K
printf 'servers:\n  - nam: s\n' >"$TAP_DIR/wrong.yaml"
refused 2 "wrong.yaml:2:5: unknown key 'nam'; the nearest that belongs here is 'name'" \
    "$DRIVER" --working-dir "$runs" --scenario "$TAP_DIR/wrong.yaml"
refused 2 "wrong.yaml:2:5: unknown key" "$DRIVER" scenario --check "$TAP_DIR/wrong.yaml"
refused 2 "nowhere.yaml: No such file" "$DRIVER" --scenario "$TAP_DIR/nowhere.yaml"
refused 2 "matrix is of the built-in fleet" "$DRIVER" --scenario "$TAP_DIR/wrong.yaml" --matrix 56
refused 2 "either --print-default, --print-reference or --check" "$DRIVER" scenario
tap_run default "$DRIVER" scenario --print-default
tap_run read_back "$DRIVER" scenario --check "$TAP_DIR/default.out"
tap_matches "what is printed can be read" ": 4 servers, 56 clients$" "$TAP_DIR/read_back.out"

awk -v dir="$TAP_DIR" '/^```yaml/ { n++; on = 1; next } /^```/ { on = 0 } on { print > dir "/example" n ".yaml" }' \
    "$top_srcdir/docs/scenario.md"
for example in "$TAP_DIR"/example[0-9].yaml; do
    tap_check "${example##*/} of docs/scenario.md is right" "$DRIVER" scenario --check "$example"
done

refused 2 "'57' is not a matrix" "$DRIVER" --matrix 57
refused 2 "65534 leaves no room" "$DRIVER" --base-port 65534
refused 2 "LOW,HIGH" "$DRIVER" --chaos-after 3s
refused 2 "LOW,HIGH" "$DRIVER" --chaos-after 3s,2s
refused 2 "a run must last some time" "$DRIVER" --duration 0
refused 2 "between 10ms and 10s" "$DRIVER" --sample-interval 1ms
refused 2 "unknown command 'gat'; there are .*gate, report, .*scenario" "$DRIVER" gat "$TAP_DIR"
refused 2 "driver gate: give it RUN, .*runs/latest" "$DRIVER" gate
refused 2 "unexpected argument .more." "$DRIVER" gate "$TAP_DIR" more
refused 2 "unknown option" "$DRIVER" charts --allow-inconclusive "$TAP_DIR"
refused 2 "'gate' must come first: driver gate" "$DRIVER" --verbose gate "$TAP_DIR"
refused 3 "run.db" "$DRIVER" gate "$TAP_DIR"

# Of many hosts.
refused 2 "place needs --report-to" "$DRIVER" --place spread
refused 2 "report-to needs --test" "$DRIVER" --report-to http://127.0.0.1:1
refused 2 "'localhost' is not http://HOST:PORT" "$DRIVER" --report-to localhost
refused 2 "'beside' is neither spread nor replicate" "$DRIVER" --place beside
refused 2 "'0.0.0.0' is no IPv4 address of one host" "$DRIVER" --host-address 0.0.0.0
refused 2 "'a/b' is no name" "$DRIVER" --host-name a/b
for way in --test --hosts --rank --barrier-timeout; do
    refused 2 "${way#--} needs --report-to" "$DRIVER" "$way" 1
done
report_to="--report-to http://127.0.0.1:1 --test t"
# shellcheck disable=SC2086 # words
{
    refused 2 "SLURM_PROCID in the environment, of Slurm, is 'x', not a number" \
        env SLURM_PROCID=x SLURM_NTASKS=2 "$DRIVER" $report_to
    refused 2 "SLURM_PROCID in the environment, of Slurm, is 2: there are 2 hosts" \
        env SLURM_PROCID=2 SLURM_NTASKS=2 "$DRIVER" $report_to
    refused 2 "which of them is this" "$DRIVER" $report_to --hosts 2
    refused 2 "nemesis needs both ends" "$DRIVER" $report_to --hosts 2 --rank 0 --place spread --nemesis all
    refused 2 "100 hosts are too many to spread 60 components over" \
        "$DRIVER" $report_to --hosts 100 --rank 0 --place spread
    refused 3 "203.0.113.7, where server-stable-insecure is to listen, is no address of this machine" \
        "$DRIVER" $report_to --host-address 203.0.113.7
}

tap_check "nothing was made" test ! -e "$runs"
tap_done
