#!/bin/sh
# The engine's cases once more, over TLS, refused allocations included.
. "${top_srcdir:?}/tests/lib/tap.sh"

tap_run cert "$STRESS_SERVER" --make-cert "$TAP_DIR/tls"
tap_is "the certificate is made" 0 "$TAP_STATUS"
FLATLINE_TEST_TLS_DIR=$TAP_DIR/tls
FLATLINE_TEST_STRIDE=${FLATLINE_TEST_STRIDE:-13}
export FLATLINE_TEST_TLS_DIR FLATLINE_TEST_STRIDE
for name in test_engine test_engine_nemesis test_engine_counters test_engine_memory; do
    tap_run "$name" "$top_builddir/tests/unit/$name"
    tap_is "$name passes over TLS" 0 "$TAP_STATUS"
    sed 's/^/# /' "$TAP_DIR/$name.out"
done
tap_done
