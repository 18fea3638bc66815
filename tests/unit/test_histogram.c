#include "common/base/histogram.h"
#include "common/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* How far above the true value a reported one may lie: one bucket of 32 per power of two. */
#define PRECISION 32

static struct histogram *empty(void)
{
    struct histogram *h = test_calloc(1, sizeof *h);

    assert_non_null(h);
    return h;
}

static void test_empty(void **state)
{
    struct histogram *h = empty();

    (void)state;
    assert_int_equal(histogram_percentile(h, 0), 0);
    assert_int_equal(histogram_percentile(h, 50), 0);
    assert_int_equal(histogram_percentile(h, 100), 0);
    assert_int_equal(histogram_mean(h), 0);
    test_free(h);
}

/* A single value is told back to within its bucket, and exactly where it is min or max. */
static void assert_single(uint64_t value)
{
    struct histogram *h = empty();

    histogram_record(h, value);
    assert_int_equal(h->count, 1);
    assert_int_equal(h->sum, value);
    assert_int_equal(h->min, value);
    assert_int_equal(h->max, value);
    assert_int_equal(histogram_percentile(h, 0), value);
    assert_int_equal(histogram_percentile(h, 50), value);
    assert_int_equal(histogram_percentile(h, 100), value);
    test_free(h);
}

static void test_powers_of_two_and_their_neighbours(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t value = UINT64_C(1) << bit;

        assert_single(value - 1);
        assert_single(value);
        assert_single(value + 1);
    }
    assert_single(UINT64_MAX);
}

/* The bucket a value falls into is the one whose top is the first not below it. */
static uint64_t told(uint64_t value)
{
    struct histogram *h = empty();
    uint64_t result;

    histogram_record(h, value);
    /* Something above keeps max from capping what is told of the value. */
    histogram_record(h, UINT64_MAX);
    result = histogram_percentile(h, 50);
    test_free(h);
    return result;
}

static void test_buckets_are_exact_below_64_ns(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 64; value++)
        assert_int_equal(told(value), value);
}

static void test_buckets_keep_their_precision(void **state)
{
    struct rng rng = {.seed = 4};

    (void)state;
    for (int i = 0; i < 2000; i++) {
        uint64_t value = rng_next(&rng) >> rng_range(&rng, 25, 63), got = told(value);

        if (got < value || got - value > value / PRECISION)
            fail_msg("%llu is told as %llu", (unsigned long long)value, (unsigned long long)got);
    }
}

/* Neighbouring values never go down a bucket, over a whole power of two. */
static void test_buckets_are_monotonic(void **state)
{
    uint64_t before = 0;

    (void)state;
    for (uint64_t value = 0; value < 4096; value++) {
        uint64_t now = told(value);

        assert_true(now >= before);
        before = now;
    }
}

static void test_the_last_bucket_takes_what_is_too_long(void **state)
{
    struct histogram *h = empty();
    const uint64_t limit = UINT64_C(1) << HISTOGRAM_MAX_BITS;

    (void)state;
    histogram_record(h, limit);
    histogram_record(h, UINT64_MAX - limit);
    assert_int_equal(h->buckets[HISTOGRAM_BUCKETS - 1], 2);
    assert_int_equal(histogram_percentile(h, 50), UINT64_MAX - limit);
    test_free(h);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void test_percentiles_against_a_sorted_array(void **state)
{
    enum { COUNT = 10000 };
    static const double percents[] = {1, 10, 25, 50, 75, 90, 99, 99.9, 100};
    uint64_t *values = test_calloc(COUNT, sizeof *values);
    struct histogram *h = empty();
    struct rng rng = {.seed = 7};

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        values[i] = rng_range(&rng, 1000, 50 * 1000 * 1000);
        histogram_record(h, values[i]);
    }
    qsort(values, COUNT, sizeof *values, compare);
    for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
        uint64_t exact = values[(size_t)(COUNT * percents[i] / 100) - 1];
        uint64_t got = histogram_percentile(h, percents[i]);

        if (got < exact || got - exact > exact / PRECISION)
            fail_msg("%g %%: %llu instead of %llu", percents[i], (unsigned long long)got,
                     (unsigned long long)exact);
    }
    assert_int_equal(histogram_percentile(h, 0), h->min);
    test_free(values);
    test_free(h);
}

static void test_merging_equals_recording_in_one(void **state)
{
    struct histogram *parts[3] = {empty(), empty(), empty()}, *whole = empty(), *sum = empty();
    struct rng rng = {.seed = 11};

    (void)state;
    for (int i = 0; i < 5000; i++) {
        uint64_t value = rng_next(&rng) >> rng_range(&rng, 20, 63);

        histogram_record(parts[value % 3], value);
        histogram_record(whole, value);
    }
    for (int i = 0; i < 3; i++)
        histogram_merge(sum, parts[i]);
    assert_memory_equal(sum, whole, sizeof *sum);
    for (int i = 0; i < 3; i++)
        test_free(parts[i]);
    test_free(whole);
    test_free(sum);
}

static void test_merging_the_empty_changes_nothing(void **state)
{
    struct histogram *h = empty(), *none = empty(), before;

    (void)state;
    histogram_record(h, 1234);
    before = *h;
    histogram_merge(h, none);
    assert_memory_equal(h, &before, sizeof before);
    histogram_merge(none, h);
    assert_memory_equal(none, &before, sizeof before);
    test_free(h);
    test_free(none);
}

static void test_a_full_bucket_stays_full(void **state)
{
    struct histogram *h = empty(), *other = empty();

    (void)state;
    histogram_record(h, 5);
    h->buckets[5] = UINT32_MAX;
    h->count = UINT32_MAX;
    histogram_record(h, 5);
    assert_int_equal(h->buckets[5], UINT32_MAX);
    assert_int_equal(h->count, UINT64_C(1) << 32);
    histogram_record(other, 5);
    histogram_merge(h, other);
    assert_int_equal(h->buckets[5], UINT32_MAX);
    assert_int_equal(h->count, (UINT64_C(1) << 32) + 1);
    test_free(h);
    test_free(other);
}

static void counts_from_a_value_on(void **state)
{
    static struct histogram h;

    (void)state;
    memset(&h, 0, sizeof h);
    assert_int_equal(histogram_count_from(&h, 0), 0);
    for (uint64_t ms = 1; ms <= 1000; ms++)
        histogram_record(&h, ms * 1000000);
    assert_int_equal(histogram_count_from(&h, 0), 1000);
    assert_in_range(histogram_count_from(&h, 200 * 1000000), 801, 808);
    assert_int_equal(histogram_count_from(&h, UINT64_MAX), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_powers_of_two_and_their_neighbours),
        cmocka_unit_test(test_buckets_are_exact_below_64_ns),
        cmocka_unit_test(test_buckets_keep_their_precision),
        cmocka_unit_test(test_buckets_are_monotonic),
        cmocka_unit_test(test_the_last_bucket_takes_what_is_too_long),
        cmocka_unit_test(test_percentiles_against_a_sorted_array),
        cmocka_unit_test(test_merging_equals_recording_in_one),
        cmocka_unit_test(test_merging_the_empty_changes_nothing),
        cmocka_unit_test(test_a_full_bucket_stays_full),
        cmocka_unit_test(counts_from_a_value_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
