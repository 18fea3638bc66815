#!/bin/sh
# clang-format with the repository's style changes nothing. One check per file.
. "$top_srcdir/tests/lib/tap.sh"

command -v clang-format >/dev/null || tap_skip_all "clang-format is not installed"
cd "$top_srcdir" || exit 99
for file in $(python3 tests/lint/sources.py .c .h); do
    tap_check "$file" clang-format --dry-run -Werror "$file"
done
tap_done
