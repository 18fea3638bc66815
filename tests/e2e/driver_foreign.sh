#!/bin/sh
# The examples' programs on other people's gRPC in short runs: all of them side by side under chaos, with verdicts;
# and one server that leaks and one that drops its clients, each found, by name and by rule.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

/usr/bin/python3 -c 'import grpc' 2>/dev/null || tap_skip_all "python3-grpcio is not installed"
NODE_PATH=${NODE_PATH:-$top_srcdir/tests/interop/js/node_modules}
export NODE_PATH

# The scenarios name programs from the source folder, with a build in it.
mkdir "$TAP_DIR/tree"
ln -s "$(cd "$top_srcdir" && pwd)/examples" "$TAP_DIR/tree/examples"
ln -s "$(cd "$top_builddir" && pwd)" "$TAP_DIR/tree/build"
cd "$TAP_DIR/tree" || exit 99

# run NAME SCENARIO OPTION...
run()
{
    name=$1
    scenario=$2
    shift 2
    fleet_run "$name" --scenario "$scenario" --seed 42 "$@"
}

# verdicts RULE OUTCOME: the components that have it, in the latest run; any rule: ''.
verdicts()
{
    "$DRIVER" report --format json "$runs/latest" | python3 -c '
import json, sys
rule, outcome = sys.argv[1:]
print(*(c["name"] for c in json.load(sys.stdin)["components"]
        if any(v["outcome"] == outcome and rule in ("", v["rule"]) for v in c["verdicts"])))' "$1" "$2"
}

# Who is not here is left out, and it is said.
grep -v '^#' "$top_srcdir/examples/all.yaml" >"$TAP_DIR/all.yaml"
without()
{
    python3 - "$TAP_DIR/all.yaml" "$1" <<'PYTHON'
import re, sys
path, name = sys.argv[1:]
with open(path) as file:
    items = re.split(r"(?m)^(?=  - |[a-z]+:)", file.read())
with open(path, "w") as file:
    file.write("".join(item for item in items if not re.search(r"(name|server): (from-)?%s\b" % name, item)))
PYTHON
    tap_skip "$1: $2"
}
[ -x "$top_builddir/examples/cpp_server" ] || without cpp "libgrpc++ is not there"
[ -d "$NODE_PATH/@grpc/grpc-js" ] || without node "node, or its packages, are not there"

# How much can be told of so short a run depends on the machine; what is told must be right.
cp "$rules" "$TAP_DIR/long.yaml"
echo '{window: 1s, recovery: 30s, stall: 30s, coverage: 0.2}' >"$rules"
run all "$TAP_DIR/all.yaml" --duration 16s --chaos-after 5s,7s --allow-inconclusive
mv "$TAP_DIR/long.yaml" "$rules"
tap_is "all side by side: nobody fails" 0 "$TAP_STATUS"
[ "$TAP_STATUS" = 0 ] || sed 's/^/# /' "$TAP_DIR/all.out" "$TAP_DIR/all.err" "$runs"/latest/logs/from-*.log
everybody=$(fleet_query "select group_concat(name, ' ') from (select name from component order by id)")
tap_is "messages flow wherever somebody tells of them" "$everybody" "$(verdicts no-traffic pass)"
tap_is "and none of them is wrong" "$everybody" "$(verdicts errors pass)"
tap_is "who is to be killed is killed, and comes back" 0 \
    "$(fleet_query "select count(*) from component c where stable = 0 and not exists (select * from incarnation i
        where i.component = c.id and number > 1 and ready_ns is not null)")"
tap_is "exact ones were looked at at rest" 1 \
    "$(fleet_query "select count(*) > 0 from reading join incarnation i on i.id = incarnation
        join component c on c.id = component where valid and live > 1000000 and name = 'python'")"
tap_matches "their own word on traffic is none" "^python .* - +- +0 +0 +-$" "$TAP_DIR/all.out"
tap_matches "the report says how far each is covered" "^coverage: exact" "$TAP_DIR/all.out"

run leaky examples/leaky.yaml --duration 20s --evidence off
tap_is "a leaky server and one that drops its clients: exit 1" 1 "$TAP_STATUS"
tap_is "the leaky one fails leak, and nobody else" leaky "$(verdicts leak fail)"
tap_matches "by so much for each call" "leak +at rest it grew by .*: 1[.0-9]* KB per call" "$TAP_DIR/leaky.out"
tap_is "the clients of the other one fail errors, and nobody else" "dropped-1 dropped-2" "$(verdicts errors fail)"
failed=" $(verdicts '' fail) "
for name in python good-non-streaming-many-calls good-bidi-stream unstable; do
    case $failed in
    *" $name "*) tap_fail "$name is not blamed" "failed:$failed" ;;
    *) tap_ok "$name is not blamed" ;;
    esac
done
tap_done
