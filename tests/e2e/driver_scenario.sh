#!/bin/sh
# A fleet of other people's programs from a file: a run with verdicts, and the ways in which a command can
# disappoint.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

python=/usr/bin/python3
"$python" -c 'import grpc' 2>/dev/null || tap_skip_all "python3-grpcio is not installed"
server="$python, $top_srcdir/tests/fixtures/grpcio_server.py, --port, '{port}'"
shell_server="$python $top_srcdir/tests/fixtures/grpcio_server.py --port {port}"

# scenario NAME KEY...: one grpcio server with these keys, and a client of ours and of somebody else.
scenario()
{
    file=$TAP_DIR/$1.yaml
    shift
    printf '%s\n' 'limits: {heap-share: 0.8}' 'checkpoints: 2' 'servers:' '  - name: s' "$@" 'clients:' \
        '  - {name: c, server: s, pattern: bidi-stream-many-calls}' \
        "  - {name: f, server: s, command: 'exec sleep 600'}" >"$file"
}

# run STATUS NAME OPTION...
run()
{
    status=$1
    name=$2
    shift 2
    # "recovery" and the like of a slow machine; the other limits are the scenario's.
    fleet_run "$name" --scenario "$TAP_DIR/$name.yaml" --seed 42 "$@"
    tap_is "$name: exit $status" "$status" "$TAP_STATUS"
    [ "$status" = "$TAP_STATUS" ] || sed 's/^/# /' "$TAP_DIR/$name.out" "$TAP_DIR/$name.err"
}

scenario good "    command: [$server, --cert, '{cert}', --key, '{key}']" '    ready: {by: health, timeout: 60s}' \
    '    secure: true' '    stable: false' '    env: [PYTHONMALLOC=malloc]'
run 0 good --duration 8s --chaos-after 2s,3s --allow-inconclusive
tap_is "every incarnation was ready by health, killed by plan, and replaced" "chaos|1" \
    "$(fleet_query "select distinct reason, ready_ns > spawn_ns from incarnation join component
        on component.id = component where name = 's' and reason <> 'stopped'")"
tap_is "its memory was sampled, and fresh" "1|1|0" \
    "$(fleet_query "select count(*) > 20, max(rss) > 10000000, max(stale) from sample join incarnation
        on incarnation.id = incarnation join component on component.id = component where name = 's'")"
tap_is "what it publishes itself is NULL" 0 \
    "$(fleet_query "select count(live) from sample join incarnation on incarnation.id = incarnation
        join component on component.id = component where coverage = 'none'")"
tap_matches "the report says how far each is covered" "coverage: none \\(2: s, " "$TAP_DIR/good.out"
fleet_query "select value from meta where key = 'scenario'" >"$TAP_DIR/again.yaml"
tap_run again "$DRIVER" scenario --check "$TAP_DIR/again.yaml"
tap_matches "the run holds its scenario" ": 1 server, 2 clients" "$TAP_DIR/again.out"

tap_is "its limits are those of the run" "heap-share|0.8" \
    "$(fleet_query "select name, value from limit_used where name = 'heap-share'")"

checkpoints()
{
    fleet_query "select value from meta where key = 'checkpoints'"
}
tap_is "and so is the number of its checkpoints" 2 "$(checkpoints)"

# What a command starts ends with it, wherever it has gone. No PID namespaces: the mark finds it.
scenario runaway "    command: 'setsid -f sleep 987.25; exec $shell_server'"
run 0 runaway --duration 4s --allow-inconclusive --checkpoints 0
tap_is "the command line goes before the file" 0 "$(checkpoints)"
tap_check "nothing that the command started is left" sh -c '! pgrep -fx "sleep 987.25"'

scenario dies "    command: '$shell_server & sleep 3; exit 7'"
run 1 dies --duration 30s
tap_matches "dies: who, and how" "s: error-exit: exit status 7; its log: .*/logs/s.1.log" "$TAP_DIR/dies.err"

scenario unready '    command: sleep 600' '    ready: {by: tcp, timeout: 1s}'
run 1 unready --duration 30s
tap_matches "unready: what was waited for" "s: not-ready: not ready within 1 s, by tcp on port $base_port" \
    "$TAP_DIR/unready.err"

scenario missing '    command: [no-such-program, --port, "{port}"]'
run 3 missing
tap_matches "missing: says so" "no-such-program, for s, is no program that can be executed and found in PATH" \
    "$TAP_DIR/missing.err"

tap_spawn holder "$STRESS_SERVER" --port "$base_port"
tap_wait_for 10 grep -q "$base_port" "$TAP_DIR/holder.out" "$TAP_DIR/holder.err"
run 3 good
tap_matches "busy: says so" "port $base_port, for s, .* in use" "$TAP_DIR/good.err"
tap_stop "$TAP_PID"
tap_done
