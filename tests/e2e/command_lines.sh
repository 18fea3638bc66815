#!/bin/sh
# What all command lines have in common: a help that fits a screen, every option in the whole help and in the list for
# the shell, a version with those of the libraries, an error that says what may be meant; manual pages, completion,
# colours.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/lib/tap.sh"

results=$top_builddir/results-server/results-server
uploader=$top_builddir/results-server/uploader/uploader
commands="gate report charts compare scenario selfcheck suspects throughput capacity flame delay"

# check_help NAME PROGRAM [COMMAND]
check_help()
{
    what=$1
    shift
    tap_run help "$@" --help
    tap_is "$what --help: exit 0" 0 "$TAP_STATUS"
    tap_check "$what --help: a screen" test "$(wc -l <"$TAP_DIR/help.out")" -le 50
    tap_run all "$@" --help-all
    tap_is "$what --help-all: 80 columns" "" "$(grep -E '.{81}' "$TAP_DIR/all.out")"
    tap_run list "$@" --list-options
    tap_check "$what: a list for the shell" test "$(wc -l <"$TAP_DIR/list.out")" -ge 3
    tap_is "$what: the whole help has all of the list" "" \
        "$(cut -f 1 "$TAP_DIR/list.out" | while read -r option; do
            grep -qE -- "^ .*$option( |\$)" "$TAP_DIR/all.out" || [ "$option" = --help-all ] || echo "$option"
        done)"
    tap_run wrong "$@" --verion
    tap_is "$what: a slip is refused" 2 "$TAP_STATUS"
    tap_is "$what: ... in one line that says what to do" 1 "$(grep -c 'verion.*; see --help$' "$TAP_DIR/wrong.err")"
}

check_help driver "$DRIVER"
for command in $commands; do
    check_help "driver $command" "$DRIVER" "$command"
done
check_help stress-server "$STRESS_SERVER"
check_help stress-client "$STRESS_CLIENT"
check_help results-server "$results"
check_help "results-server export" "$results" export
check_help uploader "$uploader"

for program in "$DRIVER" "$STRESS_SERVER" "$STRESS_CLIENT" "$results" "$uploader"; do
    tap_run version "$program" --version
    tap_check "$(basename "$program") --version names its libraries" grep -qE \
        "^$(basename "$program") [0-9]+\.[0-9]+\.[0-9]+ \(.*[0-9]+\.[0-9]+.*\)\$" "$TAP_DIR/version.out"
    tap_run near "$program" --helpp
    tap_check "$(basename "$program"): what may be meant" test "$TAP_STATUS" = 2
done
tap_run near "$DRIVER" --durration 5s
tap_is "a slip is told from what is meant" \
    "driver: unknown or ambiguous option --durration (is --duration meant?); see --help" "$(cat "$TAP_DIR/near.err")"

# completed WORD...: what bash offers at the last word.
completed()
{
    # shellcheck disable=SC2016 # for bash
    bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _flatline "$1"; echo "${COMPREPLY[*]}"' \
        "$top_srcdir/completion/flatline.bash" "$@"
}
if command -v bash >/dev/null; then
    tap_is "completion: an option" "--duration" "$(completed "$DRIVER" --dur)"
    tap_is "completion: a value" "auto off" "$(completed "$DRIVER" --evidence "")"
    tap_is "completion: a command" "gate" "$(completed "$DRIVER" ga)"
    tap_is "completion: an option of a command" "--rules" "$(completed "$DRIVER" gate --ru)"
    tap_is "completion: a command of another program" "export" "$(completed "$results" ex)"
    tap_is "completion: a folder" "$TAP_DIR" "$(completed "$DRIVER" --working-dir "${TAP_DIR%?}")"
    # shellcheck disable=SC2086 # words
    tap_is "completion: all commands" "$(printf '%s\n' $commands | sort | tr '\n' ' ')" \
        "$(completed "$DRIVER" "" | tr ' ' '\n' | sort | tr '\n' ' ')"
else
    tap_skip "completion: there is no bash"
fi

found=0
for page in driver flatline-nightly results-server stress-client stress-server uploader; do
    for path in "$top_builddir/man/$page.1" "$top_srcdir/man/$page.1"; do
        [ -e "$path" ] || continue
        found=$((found + 1))
        tap_lacks "$page(1) has no date" '^\.TH.*20[0-9][0-9]' "$path"
        tap_check "$page(1) has its sections" test "$(grep -cE \
            '^\.SH .?(NAME|SYNOPSIS|DESCRIPTION|ENVIRONMENT|EXAMPLES|EXIT STATUS|SEE ALSO)' "$path")" -ge 6
        if command -v mandoc >/dev/null; then
            tap_is "$page(1): mandoc has nothing to say" "" "$(mandoc -Tlint -Wwarning "$path" | grep -v 'missing date')"
        fi
        break
    done
done
[ "$found" -eq 6 ] || tap_skip "manual pages: $found of 6, no help2man here"

# script gives it a terminal.
xz -dc "$(find "$top_srcdir/tests/fixtures/runs" -name '*.db.xz' | sort | head -n 1)" >"$TAP_DIR/run.db" 2>/dev/null
mkdir "$TAP_DIR/run" && mv "$TAP_DIR/run.db" "$TAP_DIR/run/"
escape=$(printf '\033')
coloured()
{
    env -u NO_COLOR "$@" script -qec "$DRIVER gate $TAP_DIR/run" /dev/null </dev/null 2>&1 | grep -c "$escape\\[1;3"
}
if command -v script >/dev/null; then
    tap_check "colours on a terminal" test "$(coloured TERM=xterm)" -gt 0
    tap_is "none where NO_COLOR says so" 0 "$(coloured TERM=xterm NO_COLOR=1)"
    tap_is "none on a dumb one" 0 "$(coloured TERM=dumb)"
else
    tap_skip "colours: there is no script(1)"
fi
tap_run plain "$DRIVER" gate "$TAP_DIR/run"
tap_lacks "none in a file" "$escape" "$TAP_DIR/plain.out"
tap_done
