#!/bin/sh
# All the checks, one leg after the other, each in its own build folder with its own log. A leg that
# fails does not stop the others. The last line is the sum: test cases of all legs, and the legs
# themselves. See ../bootstrap check.
set -eu
cd "$(dirname "$0")/.."
top=$(pwd)
self=$top/tests/check.sh
logs=$top/build-check-logs
jobs=$(nproc)
waiting_jobs=$((jobs + 1)) # of tests that wait for processes most of their time
export VERBOSE=1 # a failed run shows the logs of its tests
LEG_TIMEOUT=2700 # seconds

LEGS="gcc clang sanitizers lint valgrind fuzz distcheck"

about()
{
    case $1 in
    gcc) echo "gcc -Werror, every test" ;;
    clang) echo "clang -Werror, unit tests" ;;
    sanitizers) echo "ASan and UBSan, every test that needs no heap cap" ;;
    lint) echo "format, clang-tidy, shellcheck, include graph, lengths" ;;
    valgrind) echo "valgrind memcheck, unit tests" ;;
    fuzz) echo "libFuzzer with ASan and UBSan, all fuzz targets at once" ;;
    distcheck) echo "make distcheck with the unit tests" ;;
    esac
}

# configured DIR OPTION...: a build folder, configured once.
configured()
{
    mkdir -p "$1"
    cd "$1"
    shift
    [ -e config.status ] || "$top/configure" -q --enable-werror "$@"
}

# built DIR OPTION...: and in it the programs, and those of the tests.
built()
{
    configured "$@"
    make -j"$jobs" check TESTS=
}

# What becomes of a fleet is seen beside the small tests, which wait a lot; a fleet is judged alone.
leg_gcc()
{
    built "$top/build-gcc" CC=gcc
    make -j"$jobs" grpcpp-peers
    status=0
    make -k check-unjudged >unjudged.out 2>&1 &
    unjudged=$!
    make -k -j"$waiting_jobs" check-small || status=1
    wait "$unjudged" || status=1
    cat unjudged.out
    make -k check-judged || status=1
    return $status
}

leg_clang()
{
    built "$top/build-clang" CC=clang CFLAGS="-g -O1"
    make -k -j"$jobs" check-unit
}

leg_sanitizers()
{
    # Instrumented code gives gcc warnings that are none; the other legs hold the real ones.
    built "$top/build-sanitizers" CC=gcc --enable-sanitizers --disable-werror CFLAGS="-g -O1"
    make -k -j"$waiting_jobs" check-small
}

leg_lint()
{
    built "$top/build-gcc" CC=gcc
    make -k -j"$jobs" lint
}

leg_valgrind()
{
    built "$top/build-gcc" CC=gcc
    make -k -j"$jobs" check-valgrind
}

leg_fuzz()
{
    configured "$top/build-fuzz" CC=clang CFLAGS="-g -O1" --enable-fuzzers
    make -j"$jobs" fuzz
}

leg_distcheck()
{
    built "$top/build-gcc" CC=gcc
    make -j"$jobs" distcheck AM_DISTCHECK_CONFIGURE_FLAGS="CFLAGS=-O0" \
        AM_MAKEFLAGS="TESTS='$(make -s print-unit)'"
}

# Prints "passed failed skipped" of a leg: the sums that automake's harness printed into its log.
count_results()
{
    awk '
        /^Testsuite summary for/ { summary = 1 }
        !summary { next }
        /^# (PASS|XFAIL): / { passed += $3 }
        /^# (FAIL|XPASS|ERROR): / { failed += $3 }
        /^# SKIP: / { skipped += $3 }
        /^# ERROR: / { summary = 0 }
        END { print passed + 0, failed + 0, skipped + 0 }' "$1"
}

# Each leg counts as one test more; a leg in which no test ran fails. The leg runs in a shell of its own,
# because the shell ignores "set -e" wherever a status is looked at.
run_leg()
{
    leg=$1
    log=$logs/$leg.log
    began=$(date +%s)
    printf '== %-10s %s\n' "$leg" "$(about "$leg")"
    status=0
    timeout --kill-after=30 "$LEG_TIMEOUT" "$self" --leg "$leg" >"$log" 2>&1 </dev/null || status=$?
    # shellcheck disable=SC2046 # three numbers
    set -- $(count_results "$log")
    if [ "$status" -eq 0 ] && [ "$1" -eq 0 ]; then
        echo "no test ran" >>"$log"
        status=1
    fi
    grep -E '^(FAIL|ERROR|XPASS|SKIP):' "$log" | sort -u || true
    if [ "$status" -eq 0 ]; then
        verdict=ok
        passed=$((passed + 1))
    else
        verdict="FAILED, see $log"
        failed=$((failed + 1))
        # What the tests said, and if none failed, why the leg did.
        awk '/^not ok/ { show = found = 1 }
            !/^(not ok|#|FAIL)/ { show = 0 }
            show && !/^FAIL/
            END { exit !found }' "$log" || tail -n 40 "$log"
    fi
    passed=$((passed + $1))
    failed=$((failed + $2))
    skipped=$((skipped + $3))
    printf '   %-10s %s (%d passed, %d failed, %d skipped; %d s)\n' "$leg" "$verdict" \
        "$1" "$2" "$3" $(($(date +%s) - began))
}

case ${1-} in
--leg)
    "leg_$2"
    exit
    ;;
--list)
    for leg in $LEGS; do
        printf '%-10s %s\n' "$leg" "$(about "$leg")"
    done
    exit
    ;;
esac
for leg in "$@"; do
    case " $LEGS " in
    *" $leg "*) ;;
    *)
        echo "check: no leg '$leg'; the legs are: $LEGS" >&2
        exit 2
        ;;
    esac
done
# shellcheck disable=SC2086 # a list of words
[ $# -gt 0 ] || set -- $LEGS

mkdir -p "$logs"
passed=0 failed=0 skipped=0
for leg in "$@"; do
    run_leg "$leg"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
