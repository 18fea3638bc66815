#include "common/base/clock.h"
#include "common/base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define UNTOUCHED UINT64_C(0xdeadbeefdeadbeef)

typedef bool (*parse_fn)(const char *text, uint64_t *out);

static void takes(parse_fn parse, const char *text, uint64_t expected)
{
    uint64_t value = UNTOUCHED;

    if (!parse(text, &value))
        fail_msg("\"%s\" was refused", text);
    if (value != expected)
        fail_msg("\"%s\" gave %llu instead of %llu", text, (unsigned long long)value,
                 (unsigned long long)expected);
}

static void refuses(parse_fn parse, const char *text)
{
    uint64_t value = UNTOUCHED;

    if (parse(text, &value))
        fail_msg("\"%s\" was taken as %llu", text, (unsigned long long)value);
    if (value != UNTOUCHED)
        fail_msg("\"%s\" was refused but the result was touched", text);
}

static void test_u64_takes_decimal_digits_only(void **state)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "-1",
                                      "+1",
                                      "1 ",
                                      " 1",
                                      "0x10",
                                      "1e3",
                                      "1.0",
                                      "18446744073709551616",
                                      "99999999999999999999999"};

    (void)state;
    takes(units_parse_u64, "0", 0);
    takes(units_parse_u64, "007", 7);
    takes(units_parse_u64, "18446744073709551615", UINT64_MAX);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(units_parse_u64, bad[i]);
}

static void test_duration_suffixes(void **state)
{
    (void)state;
    takes(units_parse_duration, "60", 60 * NS_PER_S);
    takes(units_parse_duration, "60s", 60 * NS_PER_S);
    takes(units_parse_duration, "0", 0);
    takes(units_parse_duration, "7ns", 7);
    takes(units_parse_duration, "7us", 7000);
    takes(units_parse_duration, "500ms", 500 * NS_PER_MS);
    takes(units_parse_duration, "2m", 120 * NS_PER_S);
    takes(units_parse_duration, "1h", 3600 * NS_PER_S);
    takes(units_parse_duration, "1.5s", 1500 * NS_PER_MS);
    takes(units_parse_duration, "0.25", 250 * NS_PER_MS);
}

static void test_duration_refuses(void **state)
{
    static const char *const bad[] = {"",         "s",
                                      "1x",       "1 s",
                                      "-1s",      "+1s",
                                      ".5s",      "1.s",
                                      "1..5s",    "1e3s",
                                      "1S",       "1sec",
                                      "nan",      "inf",
                                      "0x10s",    "1s ",
                                      "1.2.3",    "18446744073709551616",
                                      "5124096h", "99999999999999.5h"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(units_parse_duration, bad[i]);
}

static void test_size_suffixes(void **state)
{
    (void)state;
    takes(units_parse_size, "0", 0);
    takes(units_parse_size, "123", 123);
    takes(units_parse_size, "123B", 123);
    takes(units_parse_size, "1K", 1024);
    takes(units_parse_size, "1KB", 1024);
    takes(units_parse_size, "1KiB", 1024);
    takes(units_parse_size, "400M", UINT64_C(400) << 20);
    takes(units_parse_size, "400MiB", UINT64_C(400) << 20);
    takes(units_parse_size, "1.5G", UINT64_C(3) << 29);
    takes(units_parse_size, "17179869183G", UINT64_C(17179869183) << 30);
}

static void test_size_refuses(void **state)
{
    static const char *const bad[] = {
        "",   "K",   "1k",           "1 K", "-1K",
        "1T", "1Ki", "1KBB",         "..",  "1.K",
        ".",  "1,5", "17179869184G", "1s",  "99999999999999999999999999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(units_parse_size, bad[i]);
}

static void test_format_size(void **state)
{
    char out[32];

    (void)state;
    assert_string_equal(units_format_size(0, out, sizeof out), "0 B");
    assert_string_equal(units_format_size(1023, out, sizeof out), "1023 B");
    assert_string_equal(units_format_size(1024, out, sizeof out), "1 KB");
    assert_string_equal(units_format_size(1536, out, sizeof out), "1.50 KB");
    assert_string_equal(units_format_size(UINT64_C(25) << 19, out, sizeof out), "12.5 MB");
    assert_string_equal(units_format_size(UINT64_C(400) << 20, out, sizeof out), "400 MB");
    assert_string_equal(units_format_size(UINT64_C(3) << 29, out, sizeof out), "1.50 GB");
}

static void test_format_duration(void **state)
{
    char out[32];

    (void)state;
    assert_string_equal(units_format_duration(0, out, sizeof out), "0 ns");
    assert_string_equal(units_format_duration(999, out, sizeof out), "999 ns");
    assert_string_equal(units_format_duration(1500, out, sizeof out), "1.50 us");
    assert_string_equal(units_format_duration(250 * NS_PER_MS, out, sizeof out), "250 ms");
    assert_string_equal(units_format_duration(60 * NS_PER_S, out, sizeof out), "60 s");
}

static void test_format_never_overruns(void **state)
{
    char out[8] = "#######";

    (void)state;
    units_format_size(UINT64_MAX, out, 4);
    assert_int_equal(out[3], '\0');
    assert_int_equal(out[4], '#');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u64_takes_decimal_digits_only),
        cmocka_unit_test(test_duration_suffixes),
        cmocka_unit_test(test_duration_refuses),
        cmocka_unit_test(test_size_suffixes),
        cmocka_unit_test(test_size_refuses),
        cmocka_unit_test(test_format_size),
        cmocka_unit_test(test_format_duration),
        cmocka_unit_test(test_format_never_overruns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
