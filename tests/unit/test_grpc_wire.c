/* The text forms of gRPC over HTTP/2, good and bad. */
#include "common/base/clock.h"
#include "common/engine/grpc.h"
#include "common/engine/grpc_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void timeouts_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {
        {"1n", 1},
        {"250m", 250 * NS_PER_MS},
        {"3S", 3 * NS_PER_S},
        {"2M", 120 * NS_PER_S},
        {"1H", 3600 * NS_PER_S},
        {"0u", 0},
    };
    static const char *const bad[] = {"",     "1",          "S",   "1s", "-1S",
                                      "1.5S", "123456789S", " 1S", "1S "};
    uint64_t ns;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(grpc_timeout_parse(good[i].text, strlen(good[i].text), &ns));
        assert_int_equal(ns, good[i].ns);
    }
    /* The longest that can be written is longer than we can count: it is cut, not wrapped. */
    assert_true(grpc_timeout_parse("99999999H", 9, &ns));
    assert_int_equal(ns, UINT64_C(1) << 62);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(grpc_timeout_parse(bad[i], strlen(bad[i]), &ns));
}

static void timeouts_survive_a_round_trip(void **state)
{
    char text[GRPC_TIMEOUT_TEXT];
    uint64_t back;

    (void)state;
    for (uint64_t ns = 1; ns < UINT64_C(1) << 61; ns = ns * 7 / 3 + 1) {
        size_t size = grpc_timeout_format(ns, text);

        assert_true(grpc_timeout_parse(text, size, &back));
        assert_true(back >= ns); /* rounded up: never shorter than asked for */
        assert_true(back - ns <= ns / 99999 + 1);
    }
}

static void messages_are_percent_encoded(void **state)
{
    char out[64], back[64];

    (void)state;
    assert_int_equal(grpc_message_encode("plain text", out, sizeof out), 10);
    assert_string_equal(out, "plain text");
    grpc_message_encode("100%\n\xc3\xa9", out, sizeof out);
    assert_string_equal(out, "100%25%0A%C3%A9");
    grpc_message_decode(out, strlen(out), back, sizeof back);
    assert_string_equal(back, "100%\n\xc3\xa9");
    /* Broken escapes stand for themselves. */
    grpc_message_decode("a%zz%4", 6, back, sizeof back);
    assert_string_equal(back, "a%zz%4");
    /* Cut between escapes, never within one. */
    assert_int_equal(grpc_message_encode("%%%", out, 8), 6);
    assert_string_equal(out, "%25%25");
}

static void statuses_are_read(void **state)
{
    (void)state;
    assert_int_equal(grpc_status_parse("0", 1), GRPC_OK);
    assert_int_equal(grpc_status_parse("16", 2), GRPC_UNAUTHENTICATED);
    assert_int_equal(grpc_status_parse("17", 2), GRPC_UNKNOWN);
    assert_int_equal(grpc_status_parse("", 0), GRPC_UNKNOWN);
    assert_int_equal(grpc_status_parse("1x", 2), GRPC_UNKNOWN);
    assert_int_equal(grpc_status_parse("-1", 2), GRPC_UNKNOWN);
    assert_string_equal(grpc_code_name(GRPC_UNIMPLEMENTED), "UNIMPLEMENTED");
    assert_string_equal(grpc_code_name(99), "?");
}

static void missing_statuses_are_mapped(void **state)
{
    (void)state;
    assert_int_equal(grpc_code_of_http(404), GRPC_UNIMPLEMENTED);
    assert_int_equal(grpc_code_of_http(503), GRPC_UNAVAILABLE);
    assert_int_equal(grpc_code_of_http(418), GRPC_UNKNOWN);
    assert_int_equal(grpc_code_of_h2(7), GRPC_UNAVAILABLE);
    assert_int_equal(grpc_code_of_h2(8), GRPC_CANCELLED);
    assert_int_equal(grpc_code_of_h2(1), GRPC_INTERNAL);
}

static void content_types_are_checked(void **state)
{
    (void)state;
    assert_true(grpc_content_type_ok("application/grpc", 16));
    assert_true(grpc_content_type_ok("application/grpc+proto", 22));
    assert_true(grpc_content_type_ok("application/grpc;x", 18));
    assert_false(grpc_content_type_ok("application/grpcx", 17));
    assert_false(grpc_content_type_ok("application/json", 16));
    assert_false(grpc_content_type_ok("application/gr", 14));
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(timeouts_are_read),
        cmocka_unit_test(timeouts_survive_a_round_trip),
        cmocka_unit_test(messages_are_percent_encoded),
        cmocka_unit_test(statuses_are_read),
        cmocka_unit_test(missing_statuses_are_mapped),
        cmocka_unit_test(content_types_are_checked),
    };

    return cmocka_run_group_tests_name("grpc wire", cases, NULL, NULL);
}
