#include "common/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The reference implementation's first outputs for seed 1234567 (prng.di.unimi.it/splitmix64.c). */
static void test_known_answers(void **state)
{
    static const uint64_t expected[] = {
        UINT64_C(6457827717110365317),  UINT64_C(3203168211198807973),
        UINT64_C(9817491932198370423),  UINT64_C(4593380528125082431),
        UINT64_C(16408922859458223821),
    };
    struct rng rng = {.seed = 1234567};

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_int_equal(rng_next(&rng), expected[i]);
}

static void test_a_draw_does_not_depend_on_order(void **state)
{
    struct rng rng = {.seed = 99};
    uint64_t drawn[100];

    (void)state;
    for (uint64_t i = 0; i < 100; i++)
        drawn[i] = rng_next(&rng);
    for (uint64_t i = 100; i-- > 0;)
        assert_int_equal(rng_at(99, i), drawn[i]);
}

static void test_range_stays_within_and_reaches_both_ends(void **state)
{
    struct rng rng = {.seed = 3};
    unsigned seen[7] = {0};

    (void)state;
    for (int i = 0; i < 7000; i++) {
        uint64_t value = rng_range(&rng, 10, 16);

        assert_in_range(value, 10, 16);
        seen[value - 10]++;
    }
    /* 1000 each on average; a deviation of 200 is over six sigma. */
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 800, 1200);
}

static void test_range_extremes(void **state)
{
    struct rng rng = {.seed = 5};
    uint64_t ones = 0, zeros = 0;

    (void)state;
    assert_int_equal(rng_range(&rng, 42, 42), 42);
    assert_int_equal(rng_range(&rng, UINT64_MAX, UINT64_MAX), UINT64_MAX);
    for (int i = 0; i < 200; i++) {
        uint64_t value = rng_range(&rng, 0, UINT64_MAX);

        ones |= value;
        zeros |= ~value;
    }
    assert_int_equal(ones, UINT64_MAX);
    assert_int_equal(zeros, UINT64_MAX);
}

static void test_named_seeds(void **state)
{
    (void)state;
    assert_int_equal(rng_seed_named(1, "chaos"), rng_seed_named(1, "chaos"));
    assert_int_not_equal(rng_seed_named(1, "chaos"), rng_seed_named(1, "chaot"));
    assert_int_not_equal(rng_seed_named(1, "chaos"), rng_seed_named(2, "chaos"));
    assert_int_not_equal(rng_seed_named(1, ""), rng_seed_named(2, ""));
}

static void test_random_seeds_differ(void **state)
{
    (void)state;
    assert_int_not_equal(rng_seed_random(), rng_seed_random());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_a_draw_does_not_depend_on_order),
        cmocka_unit_test(test_range_stays_within_and_reaches_both_ends),
        cmocka_unit_test(test_range_extremes),
        cmocka_unit_test(test_named_seeds),
        cmocka_unit_test(test_random_seeds_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
