#!/bin/sh
# Makes the readme's pictures from two real runs: a healthy one, and one with a planted leak.
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
