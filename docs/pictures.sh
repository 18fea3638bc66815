#!/bin/sh
# Makes the pictures of the documentation from real runs: a healthy one, one with a planted leak, two
# climbs of a capacity sweep, what a call costs beside others, and the live page of a run of two hosts.
# Called by `make pictures`; look at the result, then commit it.
set -eu

driver=$1
out=$2
runs=$(mktemp -d "${TMPDIR:-/tmp}/flatline-pictures.XXXXXX")
trap 'rm -rf "$runs"' EXIT

"$driver" --gen-charts --seed 1 --working-dir "$runs"
cp "$runs/latest/charts/summary.svg" "$out/summary.svg"
cp "$runs/latest/charts/server-stable-secure.svg" "$out/flat.svg"

status=0
"$driver" --gen-charts --seed 1 --working-dir "$runs" --inject-leak server-stable-secure=call:1K || status=$?
[ "$status" -eq 1 ] || {
    echo "pictures: the planted leak was not found, exit status $status" >&2
    exit 1
}
cp "$runs/latest/charts/server-stable-secure.svg" "$out/leak.svg"

status=0
(cd "$out/../.." && "$driver" --scenario examples/tutorial.yaml --gen-charts --working-dir "$runs") || status=$?
[ "$status" -eq 1 ] || {
    echo "pictures: the server of the tutorial was not found out, exit status $status" >&2
    exit 1
}
cp "$runs/latest/charts/mine.svg" "$out/tutorial.svg"

"$driver" capacity --clients 250 --messages 1:100 --hold --secure --out "$runs/capacity"
cp "$runs/capacity/1threads/run1/capacity.svg" "$out/capacity.svg"
"$driver" capacity --clients 10000 --messages 1 --hold --out "$runs/capacity-10000"
cp "$runs/capacity-10000/1threads/run1/capacity.svg" "$out/capacity-10000.svg"

"${PYTHON3:-python3}" "$out/../../tests/bench/speed.py" "$runs/speed.json" --svg "$out/speed.svg"

"$out/../live_picture.py" "$out/live.png"
