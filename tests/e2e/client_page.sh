#!/bin/sh
# The driver's side of stress-client, client_page.c: with a port of its own for the server that it kills and starts
# again. One of the kernel's choice could be somebody else's meanwhile.
set -u
. "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/lib/tap.sh"

tap_port
FLATLINE_TEST_PORT=$TAP_PORT sh "$top_srcdir/tests/lib/cmocka.sh" "$top_builddir/tests/e2e/client_page"
