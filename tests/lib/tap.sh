# shellcheck shell=sh disable=SC2034 # what is set here is read by the scripts
# What every test script sources: TAP output, a scratch folder, ports of its own, processes that do not
# outlive the test. POSIX sh.
#
#     . "$top_srcdir/tests/lib/tap.sh"
#     tap_port                              # TAP_PORT: free, ours until the script ends
#     port=$TAP_PORT
#     tap_spawn server "$STRESS_SERVER" --port "$port"
#     tap_wait_for 5 grep -q listening "$TAP_DIR/server.err"
#     tap_run client "$STRESS_CLIENT" --port "$port" --non-streaming
#     tap_is "the client exits with 0" 0 "$TAP_STATUS"
#     tap_done
#
# Without tap_done there is no plan, so a script that dies half-way fails.

top_srcdir=${top_srcdir:?is not set: run the test by make check TESTS=...}
top_builddir=${top_builddir:?}

DRIVER=$top_builddir/driver/driver
STRESS_SERVER=$top_builddir/stress-server/stress-server
STRESS_CLIENT=$top_builddir/stress-client/stress-client

TAP_DIR=$(mktemp -d "${TMPDIR:-/tmp}/flatline-test.XXXXXX") || exit 99
TAP_STATUS=0
tap_count=0
tap_pids=
tap_locks=${XDG_RUNTIME_DIR:-/tmp}/flatline-locks-$(id -u)
mkdir -p "$tap_locks"

tap_ok()
{
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1"
}

# tap_fail DESCRIPTION [LINE...]
tap_fail()
{
    tap_count=$((tap_count + 1))
    echo "not ok $tap_count - $1"
    shift
    for tap_line in "$@"; do
        printf '%s\n' "$tap_line" | sed 's/^/# /'
    done
}

# tap_check DESCRIPTION COMMAND...: passes if the command does.
tap_check()
{
    tap_what=$1
    shift
    if tap_said=$("$@" 2>&1); then
        tap_ok "$tap_what"
    else
        tap_fail "$tap_what" "failed: $*" "$tap_said"
    fi
}

# tap_lacks DESCRIPTION EXTENDED-REGEX FILE: no line of the file, which is there, matches.
tap_lacks()
{
    if [ -r "$3" ] && ! grep -Eq -e "$2" "$3"; then
        tap_ok "$1"
    else
        tap_fail "$1" "$3 is missing, or a line matches: $2" "$(grep -E -e "$2" "$3" | head -n 20)"
    fi
}

# tap_is DESCRIPTION EXPECTED GOT
tap_is()
{
    if [ "$2" = "$3" ]; then
        tap_ok "$1"
    else
        tap_fail "$1" "expected: $2" "got: $3"
    fi
}

# tap_matches DESCRIPTION EXTENDED-REGEX FILE: a line of the file matches.
tap_matches()
{
    if grep -Eq -e "$2" "$3"; then
        tap_ok "$1"
    else
        tap_fail "$1" "no line matches: $2" "$(head -n 20 "$3")"
    fi
}

# One check that cannot be made here; why is shown in the sum of the run.
tap_skip()
{
    tap_count=$((tap_count + 1))
    echo "ok $tap_count # SKIP $1"
}

# The whole script cannot run here. Only before the first check.
tap_skip_all()
{
    echo "1..0 # SKIP $1"
    exit 0
}

# Ends the test. The status is for a run by hand; the harness counts the lines.
tap_done()
{
    [ "$tap_count" -gt 0 ] || tap_fail "no check was made"
    echo "1..$tap_count"
    exit 0
}

# tap_run NAME COMMAND...: to its end; TAP_STATUS, $TAP_DIR/NAME.out and NAME.err. At most TAP_LIMIT
# seconds (300), then it is killed and the status is 124.
tap_run()
{
    tap_name=$1
    shift
    TAP_STATUS=0
    timeout --foreground --kill-after=5 "${TAP_LIMIT:-300}" "$@" >"$TAP_DIR/$tap_name.out" \
        2>"$TAP_DIR/$tap_name.err" </dev/null 8>&- 9>&- || TAP_STATUS=$?
}

# tap_spawn NAME COMMAND...: in the background; TAP_PID, killed at the end if it still runs.
tap_spawn()
{
    tap_name=$1
    shift
    "$@" >"$TAP_DIR/$tap_name.out" 2>"$TAP_DIR/$tap_name.err" </dev/null 8>&- 9>&- &
    TAP_PID=$!
    tap_pids="$tap_pids $TAP_PID"
}

# tap_stop PID [SIGNAL]: signals, waits, leaves the exit status in TAP_STATUS.
tap_stop()
{
    kill -"${2:-TERM}" "$1" 2>/dev/null || true
    TAP_STATUS=0
    wait "$1" || TAP_STATUS=$?
}

# Whether a process has ended, whether or not somebody has waited for it.
tap_ended()
{
    ! grep -qs '^State:.[^ZX]' "/proc/$1/status"
}

# tap_wait_for SECONDS COMMAND...: until the command passes; false when the time is up. The seconds are what it
# takes at the most on a machine with nothing else to do; one that is busy is given twelve times as long.
tap_wait_for()
{
    tap_tries=$(($1 * 20 * 12))
    shift
    until "$@" >/dev/null 2>&1; do
        tap_tries=$((tap_tries - 1))
        [ "$tap_tries" -gt 0 ] || return 1
        sleep 0.05
    done
}

# Whether the process answers SIGINT (2) and SIGTERM (15) itself by now: on a busy machine that takes a while.
tap_catches_signals()
{
    tap_mask=$(awk '$1 == "SigCgt:" { print $2 }' "/proc/$1/status") && [ $((0x$tap_mask & 0x4002)) -eq $((0x4002)) ]
}

# How many connections to that port of 127.0.0.1 stand, as the server's end of them has it.
tap_connections()
{
    awk -v port="$(printf '%04X' "$1")" '$2 ~ ":" port "$" && $4 == "01" { n++ } END { print n + 0 }' /proc/net/tcp
}

# tap_has_connections PORT N: or more.
tap_has_connections()
{
    [ "$(tap_connections "$1")" -ge "$2" ]
}

# tap_ports N: leaves in TAP_PORT the first of N (at most 16) consecutive free ports. They lie below the
# kernel's ephemeral range, so that nobody is given one by chance, in a block of 16 that this script holds
# by a locked file: tests that run at the same time never meet. The block is one for the whole script.
tap_ports()
{
    if [ -z "$tap_next" ]; then
        tap_take_block || {
            echo "Bail out! no free block of ports between 20000 and 31200"
            exit 99
        }
    fi
    if [ $((tap_next + $1)) -gt $((tap_block * 16 + 16)) ]; then
        echo "Bail out! the script asks for more than 16 ports"
        exit 99
    fi
    TAP_PORT=$tap_next
    tap_next=$((tap_next + $1))
}

tap_port()
{
    tap_ports 1
}

tap_next=
tap_take_block()
{
    tap_tries=700
    tap_block=$((1250 + $$ % 700))
    while [ "$tap_tries" -gt 0 ]; do
        exec 9>"$tap_locks/ports-$tap_block"
        if flock --nonblock 9 && tap_block_free; then
            tap_next=$((tap_block * 16))
            return 0
        fi
        tap_tries=$((tap_tries - 1))
        tap_block=$((1250 + (tap_block + 1 - 1250) % 700))
    done
    return 1
}

# None of the block's ports is in any line of the kernel's socket tables, whatever its state.
tap_block_free()
{
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v block="$(printf '%03X' "$tap_block")" '
        { n = split($2, at, ":"); if (substr(at[n], 1, 3) == block) found = 1 }
        END { exit found }'
}

# tap_fleet_lock: before a whole fleet starts. One at a time on this machine, whoever runs it; waits at
# most 20 minutes. Held until the script ends.
tap_fleet_lock()
{
    exec 8>/tmp/flatline-fleet.lock
    flock --timeout 1200 8 || {
        echo "Bail out! another fleet run held /tmp/flatline-fleet.lock for 20 minutes"
        exit 99
    }
}

tap_clean_up()
{
    set +e
    for tap_pid in $tap_pids; do
        kill -KILL "$tap_pid" 2>/dev/null
        wait "$tap_pid" 2>/dev/null
    done
    rm -rf "$TAP_DIR"
}
trap tap_clean_up EXIT
trap 'exit 130' INT TERM HUP PIPE
