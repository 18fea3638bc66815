#!/bin/sh
# Caps by a memory cgroup (version 1): who goes beyond fails heap-cap, who does not passes, and no group is
# left behind, whatever becomes of the driver.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/fault/driver_lib.sh"

mount=$(awk '$3 == "cgroup" && ("," $4 ",") ~ /,memory,/ { print $2; exit }' /proc/mounts)
[ -n "$mount" ] || tap_skip_all "no cgroup v1 with memory is mounted"
own=$mount$(sed -n 's/^[0-9]*:memory:\(.*\)$/\1/p' /proc/self/cgroup)
[ -d "$own" ] || own=$mount
[ -w "$own" ] || tap_skip_all "$own is not for us to write"

cat >"$TAP_DIR/caps.yaml" <<'EOF'
checkpoints: 0
servers:
  - name: s
clients:
  - {name: c, server: s, pattern: bidi-stream-many-calls}
  - {name: modest, server: s, cap: {kind: cgroup, size: 64M}, command: [sleep, "600"]}
EOF
cat >"$TAP_DIR/hog.py" <<'EOF'
import time
time.sleep(2)
kept = []
while True:
    kept.append(bytearray(1 << 20))
    time.sleep(0.01)
EOF
cp "$TAP_DIR/caps.yaml" "$TAP_DIR/hog.yaml"
echo "  - {name: hog, server: s, cap: {kind: cgroup, size: 64M}, command: [/usr/bin/python3, $TAP_DIR/hog.py]}" \
    >>"$TAP_DIR/hog.yaml"

# Of this driver's own, told by the name of a group in it: others may run beside.
groups_of()
{
    find "$own" -maxdepth 2 -path "*/flatline-*/component-$1" 2>/dev/null
}

# shellcheck disable=SC2317 # both are called by name
# holds GROUP: somebody runs in it, and it has its limit.
holds()
{
    [ -n "$(cat "$1/cgroup.procs")" ] && [ "$(cat "$1/memory.limit_in_bytes")" = 67108864 ]
}

# shellcheck disable=SC2317
is_gone()
{
    [ ! -e "$1" ]
}

tap_fleet_lock
tap_run hog "$DRIVER" --scenario "$TAP_DIR/hog.yaml" --working-dir "$runs" --base-port "$base_port" --duration 60s \
    --evidence off
tap_is "who goes beyond its cap fails the run" 1 "$TAP_STATUS"
tap_matches "it is said at once, and why" \
    "hog: heap-cap: out of memory in its cgroup of 64 MB: 1 killed there .killed by signal 9" "$TAP_DIR/hog.err"
tap_matches "and by the gate" "FAIL: hog heap-cap: hit its cap of 64 MB at .* out of memory in its cgroup" \
    "$TAP_DIR/hog.out"
tap_is "who does not is not blamed" "heap-cap|none was killed in its cgroup of 64 MB" \
    "$("$DRIVER" report --format json "$runs/latest" | python3 -c '
import json, sys
for c in json.load(sys.stdin)["components"]:
    for v in c["verdicts"]:
        if c["name"] == "modest" and v["rule"] == "heap-cap" and v["outcome"] == "pass":
            print("heap-cap|" + v["text"])')"
tap_matches "its data is no share of such a cap" "^modest +flat +- +- +[0-9.]+ +- +- " "$TAP_DIR/hog.out"
tap_is "no group is left" "" "$(groups_of hog)"

tap_spawn killed "$DRIVER" --scenario "$TAP_DIR/caps.yaml" --working-dir "$runs" --base-port "$base_port" --duration 60s
tap_wait_for 20 grep -q 'processes are up' "$TAP_DIR/killed.err"
group=$(groups_of modest | head -n 1)
tap_check "a group holds its process under the cap" holds "$group"
kill -KILL "$TAP_PID"
tap_check "kill -9 of the driver: its groups are gone" tap_wait_for 15 is_gone "${group%/*}"
tap_check "kill -9 of the driver: the guardian is gone" tap_wait_for 15 no_guardian

# shellcheck disable=SC2016 # $1 is the inner shell's
if unshare -m umount "$mount" 2>/dev/null; then
    tap_run none unshare -m sh -c 'umount "$1" && shift && exec "$@"' sh "$mount" "$DRIVER" \
        --scenario "$TAP_DIR/caps.yaml" --working-dir "$runs" --base-port "$base_port"
    tap_is "without cgroups nothing is started" 3 "$TAP_STATUS"
    tap_matches "and it is said" "modest has a cap of kind cgroup, and no cgroup hierarchy with memory is mounted" \
        "$TAP_DIR/none.err"
else
    tap_skip "without cgroups nothing is started" "mounts cannot be changed here"
fi
tap_done
