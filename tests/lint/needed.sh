#!/bin/sh
# What the programs link: the driver must start where no HTTP/2 and no TLS is installed, and the stress
# programs and the results server must run on jemalloc (but not in a sanitizer build, which brings its own allocator).
. "$top_srcdir/tests/lib/tap.sh"

# needed PROGRAM: its DT_NEEDED entries.
needed()
{
    readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

lacks()
{
    needed "$1" | grep -E "$2" >"$TAP_DIR/found"
    tap_is "${1##*/} does not link $2" "" "$(cat "$TAP_DIR/found")"
}

has()
{
    needed "$1" >"$TAP_DIR/found"
    tap_matches "${1##*/} links $2" "$2" "$TAP_DIR/found"
}

sanitized()
{
    grep -q '^#define FL_SANITIZED 1' "$top_builddir/config.h"
}

has "$DRIVER" '^libc\.so'
has "$DRIVER" '^libsqlite3\.so'
for library in nghttp2 'ssl|crypto|gnutls' curl; do
    lacks "$DRIVER" "$library"
done
has "$STRESS_SERVER" '^libnghttp2\.so'
has "$STRESS_CLIENT" '^libnghttp2\.so'
for program in "$STRESS_SERVER" "$STRESS_CLIENT" "$top_builddir/results-server/results-server"; do
    if sanitized; then
        lacks "$program" jemalloc
    else
        has "$program" '^libjemalloc\.so'
    fi
done
# It is loaded into other people's programs, which must get nothing else with it.
tap_is "libflatline-probe.so links libc and nothing else" "libc.so.6" \
    "$(needed "$top_builddir/probe/libflatline-probe.so")"
tap_done
