#include "driver/chaos.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct chaos chaos = {42, CHAOS_AFTER_LOW_NS, CHAOS_AFTER_HIGH_NS};

static void kills_lie_in_their_windows(void **state)
{
    uint64_t low = UINT64_MAX, high = 0;

    (void)state;
    for (int k = 1; k <= 10000; k++) {
        struct chaos_kill kill = chaos_draw(&chaos, "server-unstable-secure", k);

        assert_in_range(kill.after_ready_ns, CHAOS_AFTER_LOW_NS, CHAOS_AFTER_HIGH_NS);
        assert_in_range(kill.restart_delay_ns, CHAOS_RESTART_LOW_NS, CHAOS_RESTART_HIGH_NS);
        low = kill.after_ready_ns < low ? kill.after_ready_ns : low;
        high = kill.after_ready_ns > high ? kill.after_ready_ns : high;
    }
    /* The whole window is used. */
    assert_true(low < CHAOS_AFTER_LOW_NS + 10 * NS_PER_MS);
    assert_true(high > CHAOS_AFTER_HIGH_NS - 10 * NS_PER_MS);
}

static void signals_alternate(void **state)
{
    int term_first = 0;
    char name[32];

    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "component-%d", i);
        for (int k = 1; k < 8; k++)
            assert_int_not_equal(chaos_draw(&chaos, name, k).signal,
                                 chaos_draw(&chaos, name, k + 1).signal);
        term_first += chaos_draw(&chaos, name, 1).signal == SIGTERM;
    }
    assert_in_range(term_first, 30, 70);
}

static void draws_depend_on_seed_name_and_incarnation_only(void **state)
{
    const struct chaos other = {43, CHAOS_AFTER_LOW_NS, CHAOS_AFTER_HIGH_NS};
    struct chaos_kill third = chaos_draw(&chaos, "a", 3), again;

    (void)state;
    chaos_draw(&chaos, "b", 1);
    again = chaos_draw(&chaos, "a", 3);
    assert_memory_equal(&third.after_ready_ns, &again.after_ready_ns, sizeof(uint64_t));
    assert_int_equal(third.restart_delay_ns, again.restart_delay_ns);
    assert_true(third.after_ready_ns != chaos_draw(&chaos, "b", 3).after_ready_ns);
    assert_true(third.after_ready_ns != chaos_draw(&chaos, "a", 4).after_ready_ns);
    assert_true(third.after_ready_ns != chaos_draw(&other, "a", 3).after_ready_ns);
}

static void plans_are_long_enough_and_not_longer(void **state)
{
    (void)state;
    assert_int_equal(chaos_count(&chaos, 15 * NS_PER_S), 0);
    assert_int_equal(chaos_count(&chaos, 16 * NS_PER_S), 1);
    assert_int_equal(chaos_count(&chaos, 60 * NS_PER_S), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kills_lie_in_their_windows),
        cmocka_unit_test(signals_alternate),
        cmocka_unit_test(draws_depend_on_seed_name_and_incarnation_only),
        cmocka_unit_test(plans_are_long_enough_and_not_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
