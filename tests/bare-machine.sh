#!/bin/sh
# The README's first command on a bare machine: debootstraps a minimal Debian 12, clones this repository
# into it and runs ./bootstrap there, with what the arguments say ("check lint", say), or one of its scripts. Needs
# root, debootstrap, git and the Debian mirror of this host; nothing of it is left behind.
#
#     tests/bare-machine.sh [check [LEG...]]
#     tests/bare-machine.sh tests/front-door.sh [package]
#
# Environment: MIRROR (debootstrap's own default), BARE_DIR (where; some 3 GB), BARE_KEEP=1 (keep it).
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
dir=${BARE_DIR:-${TMPDIR:-/var/tmp}/flatline-bare.$$}

die()
{
    echo "bare-machine: $*" >&2
    exit 3
}

[ "$(id -u)" -eq 0 ] || die "only root can debootstrap"
for program in debootstrap git unshare; do
    command -v "$program" >/dev/null || die "$program is missing; install it"
done

# Everything inside runs in namespaces of its own, so no mount and no process outlives it.
if [ "${1-}" != --inside ]; then
    inside=
    # shellcheck disable=SC2317 # called by the trap
    clean_up()
    {
        # unshare ignores SIGTERM; by SIGKILL it takes all inside with it.
        [ -z "$inside" ] || kill -KILL "$inside" 2>/dev/null || true
        [ -n "${BARE_KEEP-}" ] || rm -rf "$dir"
    }
    trap clean_up EXIT
    trap 'exit 130' INT TERM HUP
    mkdir -p "$dir"
    debootstrap --variant=minbase bookworm "$dir" ${MIRROR:+"$MIRROR"} >"$dir.log" 2>&1 ||
        die "debootstrap failed, see $dir.log"
    rm -f "$dir.log"
    cp /etc/resolv.conf /etc/hosts "$dir/etc/"
    # Whom npm has to trust to get through this machine's network.
    [ -z "${NODE_EXTRA_CA_CERTS-}" ] || cp "$NODE_EXTRA_CA_CERTS" "$dir/root/ca.pem"
    git clone -q "$top" "$dir/root/flatline"
    echo "bare-machine: $(find "$dir/var/lib/dpkg/info" -name '*.list' | wc -l) packages in $dir"
    BARE_DIR=$dir unshare --mount --pid --fork --kill-child "$0" --inside "$@" &
    inside=$!
    status=0
    wait "$inside" || status=$?
    inside=
    exit "$status"
fi

shift
mount --bind "$dir" "$dir" # the tests want a root that is a mount
cd "$dir"
mount -t proc proc "$dir/proc"
mount -t tmpfs -o size=2g tmpfs "$dir/dev"
for device in null zero random urandom full; do
    touch "$dir/dev/$device"
    mount --bind "/dev/$device" "$dir/dev/$device"
done
mkdir "$dir/dev/shm" "$dir/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$dir/dev/pts"
ln -s pts/ptmx "$dir/dev/ptmx"
ln -s /proc/self/fd "$dir/dev/fd"
# One fleet at a time on this machine, inside or outside.
touch /tmp/flatline-fleet.lock "$dir/tmp/flatline-fleet.lock"
mount --bind /tmp/flatline-fleet.lock "$dir/tmp/flatline-fleet.lock"

inside()
{
    chroot "$dir" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin CI=true \
        ${NODE_EXTRA_CA_CERTS:+NODE_EXTRA_CA_CERTS=/root/ca.pem} "$@" </dev/null
}

status=0
if [ $# -eq 0 ]; then
    inside /root/flatline/bootstrap || status=$?
    inside ls -l /root/flatline/runs/latest/ /root/flatline/runs/latest/charts/ || status=1
elif [ -x "$dir/root/flatline/$1" ]; then
    script=/root/flatline/$1
    shift
    inside "$script" "$@" || status=$?
else
    inside /root/flatline/bootstrap "$@" || status=$?
fi
echo "bare-machine: exit status $status"
exit "$status"
