#!/bin/sh
# Nothing is found by shellcheck. One check per script.
. "$top_srcdir/tests/lib/tap.sh"

command -v shellcheck >/dev/null || tap_skip_all "shellcheck is not installed"
cd "$top_srcdir" || exit 99
for file in bootstrap .ci/run examples/slurm/flatline.sbatch nightly/flatline-nightly \
    $(python3 tests/lint/sources.py .sh); do
    tap_check "$file" shellcheck "$file"
done
tap_done
