#!/bin/sh
# A stranger's first hour, literally: every command of the readme from top to bottom, then the Debian package, its
# nightly service once, and its removal. For a machine that may be spoilt: tests/bare-machine.sh tests/front-door.sh.
# With the word package: the package alone. TAP; each command's output goes to front-door.log.
set -u
cd "$(dirname "$0")/.." || exit 3
log=$PWD/front-door.log
count=0
failed=0
: >"$log"

# said DESCRIPTION EXPECTED GOT
said()
{
    count=$((count + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $count - $1"
    else
        failed=$((failed + 1))
        echo "not ok $count - $1"
        echo "# expected '$2', got '$3'"
        tail -n 20 "$log" | sed 's/^/# /'
    fi
}

# play STATUSES COMMAND: as a user would type it; it exits with one of them.
play()
{
    echo "\$ $2" >>"$log"
    status=0
    bash -c "$2" >>"$log" 2>&1 </dev/null || status=$?
    case " $1 " in
    *" $status "*) said "$2" "$status" "$status" ;;
    *) said "$2" "$1" "$status" ;;
    esac
}

# The commands of a section of the readme: indented lines, continued ones joined, comments cut off.
commands()
{
    awk -v from="$1" -v to="$2" '
        $0 ~ from { on = 1 }
        $0 ~ to { on = 0 }
        on && /^    / { line = line $0; if (sub(/\\$/, "", line)) next; sub(/^ */, "", line); sub(/  +#.*$/, "", line)
                        print line; line = "" }' README.md
}

# by_readme FROM TO: all commands in between. Two are there to fail; a server goes on in another terminal; that two
# runs compare alike nobody can promise.
by_readme()
{
    commands "$1" "$2" >"$log.commands"
    said "there are commands from '$1'" yes "$([ -s "$log.commands" ] && echo yes)"
    while read -r command; do
        case $command in
        "./bootstrap check") ;; # a run of its own: tests/bare-machine.sh check
        *leaky.yaml* | *--inject-leak*) play 1 "$command" ;;
        *"driver compare"*) play "0 1" "$command" ;;
        */stress-server\ *)
            echo "\$ $command &" >>"$log"
            $command >>"$log" 2>&1 </dev/null &
            server=$!
            sleep 2
            ;;
        *) play 0 "$command" ;;
        esac
    done <"$log.commands"
    rm -f "$log.commands"
}

follow_readme()
{
    by_readme '^On Debian 12' '^## Three'
    apt-get -qq -y install --no-install-recommends python3-grpcio >>"$log" 2>&1 </dev/null
    server=
    by_readme '^## Three' '^## What there is'
    kill "$server"
    wait "$server"
    said "the server by hand ends well" 0 $?
}

case ${1-} in
package) play 0 "./bootstrap build" ;;
*) follow_readme ;;
esac

apt-get -qq -y install --no-install-recommends build-essential fakeroot lintian npm procps systemd-standalone-sysusers \
    util-linux >>"$log" 2>&1 </dev/null
apt-get -qq -y build-dep --no-install-recommends ./ >>"$log" 2>&1 </dev/null
play 0 "make -C build deb"
package=$(ls build/deb/flatline_*_*.deb) || { echo "Bail out! no package"; exit 1; }
play 0 "lintian --fail-on error,warning build/deb/flatline_*.changes"
play 0 "apt-get -y install ./$package"
said "the package made its user" flatline "$(id -un flatline)"
said "the timer waits to be enabled" no \
    "$([ -e /etc/systemd/system/timers.target.wants/flatline-nightly.timer ] && echo yes || echo no)"
unit=/lib/systemd/system/flatline-nightly.service
user=$(sed -n 's/^User=//p' "$unit")
command=$(sed -n 's/^ExecStart=//p' "$unit")
# What systemd would make of StateDirectory, and set by EnvironmentFile.
install -d -o "$user" -m 750 /var/lib/flatline
play 0 "cd / && setpriv --reuid $user --regid $user --clear-groups --no-new-privs \
    env -i PATH=/usr/bin:/bin FLATLINE_DURATION=45s $command"
said "the night is in the history" 0 "$(cut -f 3 /var/lib/flatline/history.tsv)"
said "its page is there" yes "$([ -s /var/lib/flatline/runs/latest/index.html ] && echo yes)"
play 0 "flatline-stress-client --version && flatline-results-server --help && flatline-uploader --help"
play 0 "apt-get -y remove flatline"
said "what was measured outlives a removal" yes "$([ -s /var/lib/flatline/history.tsv ] && echo yes)"
play 0 "apt-get -y purge flatline"
said "a purge leaves nothing" "" "$(ls -d /var/lib/flatline /etc/default/flatline /usr/lib/flatline /usr/bin/flatline-* \
    /usr/share/flatline /lib/systemd/system/flatline* 2>/dev/null)"
said "nothing runs on" "" "$(pgrep -af 'stress-(server|client)|driver --')"
echo "1..$count"
[ "$failed" -eq 0 ]
