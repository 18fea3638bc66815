#include "common/base/clock.h"
#include "driver/live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static const struct live_state middle = {.begun = true,
                                         .elapsed_ns = 30 * NS_PER_S,
                                         .duration_ns = 60 * NS_PER_S,
                                         .up = 59,
                                         .total = 60,
                                         .calls_per_s = 1234.4,
                                         .kills = 12,
                                         .recoveries = 1,
                                         .share = 0.31,
                                         .share_name = "server-stable-secure"};

static void a_line_says_everything(void **state)
{
    char text[256];

    (void)state;
    assert_string_equal(live_format_line(&middle, text, sizeof text),
                        "30 of 60 s: 59 of 60 up, 1234 calls/s, 12 kills, 1 recovery, highest "
                        "share of a cap 31 % (server-stable-secure)");
}

static void before_the_run_only_the_start_counts(void **state)
{
    const struct live_state starting = {.up = 3, .total = 60};
    char text[256];

    (void)state;
    assert_string_equal(live_format_line(&starting, text, sizeof text), "starting: 3 of 60 up");
}

static void a_bar_fills_with_time(void **state)
{
    struct live_state s = middle;
    char text[512];

    (void)state;
    live_format_bar(&s, 200, false, text, sizeof text);
    assert_memory_equal(text, "[###############...............] 30/60 s  59/60 up", 50);
    s.elapsed_ns = 0;
    live_format_bar(&s, 200, false, text, sizeof text);
    assert_memory_equal(text, "[..............................] 0/60", 37);
    /* The stop takes its time after the end. */
    s.elapsed_ns = 70 * NS_PER_S;
    live_format_bar(&s, 200, false, text, sizeof text);
    assert_memory_equal(text, "[##############################] 70/60", 38);
}

static void a_bar_never_wraps(void **state)
{
    char text[512];

    (void)state;
    for (unsigned columns = 14; columns < 200; columns++)
        assert_in_range(strlen(live_format_bar(&middle, columns, false, text, sizeof text)), 13,
                        columns);
}

static void colours_take_no_room(void **state)
{
    char plain[512], coloured[512];

    (void)state;
    live_format_bar(&middle, 80, false, plain, sizeof plain);
    live_format_bar(&middle, 80, true, coloured, sizeof coloured);
    assert_null(strchr(plain, '\033'));
    assert_int_equal(strlen(coloured), strlen(plain) + strlen("\033[32m") + strlen("\033[0m"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_says_everything),
        cmocka_unit_test(before_the_run_only_the_start_counts),
        cmocka_unit_test(a_bar_fills_with_time),
        cmocka_unit_test(a_bar_never_wraps),
        cmocka_unit_test(colours_take_no_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
