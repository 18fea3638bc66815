#include "charts/downsample.h"
#include "charts/label.h"
#include "charts/scale.h"
#include "charts/text.h"
#include "common/base/clock.h"
#include "common/base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POINTS_MAX 4096

/* What downsample_emit gave. */
struct line {
    double x[POINTS_MAX], y[POINTS_MAX];
    bool broken[POINTS_MAX];
    size_t count;
};

static void take(void *arg, double x, double y, bool broken)
{
    struct line *line = arg;

    assert_in_range(line->count, 0, POINTS_MAX - 1);
    line->x[line->count] = x;
    line->y[line->count] = y;
    line->broken[line->count++] = broken;
}

static bool has(const struct line *line, double x, double y)
{
    for (size_t i = 0; i < line->count; i++) {
        if (line->x[i] == x && line->y[i] == y)
            return true;
    }
    return false;
}

static size_t breaks(const struct line *line)
{
    size_t n = 0;

    for (size_t i = 0; i < line->count; i++)
        n += line->broken[i];
    return n;
}

static void test_few_samples_stay_as_they_are(void **state)
{
    struct downsample *d = downsample_new(0, 10, 100);
    struct line line = {.count = 0};

    (void)state;
    for (int i = 0; i < 50; i++)
        downsample_add(d, i * 0.2, i * i % 7, 1);
    downsample_emit(d, 1, take, &line);
    assert_int_equal(line.count, 50);
    for (int i = 0; i < 50; i++) {
        assert_true(line.x[i] == i * 0.2);
        assert_true(line.y[i] == i * i % 7);
    }
    assert_int_equal(breaks(&line), 0);
    downsample_free(d);
}

/* A million samples of noise with single spikes up and down at drawn places: all come through. */
static void test_no_spike_is_lost(void **state)
{
    enum { SAMPLES = 1000000, SPIKES = 40, MERGE = 7 };
    struct downsample *d = downsample_new(0, SAMPLES, 600);
    double spike[SPIKES];
    struct rng rng = {.seed = 3};

    (void)state;
    /* No two of one kind share a merged column of 7/600 of the width. */
    for (int i = 0; i < SPIKES; i++)
        spike[i] = (double)((uint64_t)(SAMPLES / SPIKES * i) + rng_range(&rng, 0, 9000));
    for (int i = 0, next = 0; i < SAMPLES; i++) {
        double y = 5 + (double)rng_range(&rng, 0, 1000) / 1000;

        if (next < SPIKES && i == (int)spike[next])
            y = next++ % 2 == 0 ? 9 : 1;
        downsample_add(d, i, y, 1);
    }
    for (size_t merge = 1; merge <= MERGE; merge += MERGE - 1) {
        struct line line = {.count = 0};

        downsample_emit(d, merge, take, &line);
        assert_in_range(line.count, 2, 2 * ((600 + merge - 1) / merge) + 2);
        for (int i = 0; i < SPIKES; i++)
            assert_true(has(&line, floor(spike[i]), i % 2 == 0 ? 9 : 1));
        for (size_t i = 1; i < line.count; i++)
            assert_true(line.x[i] >= line.x[i - 1]);
        assert_true(has(&line, SAMPLES - 1, line.y[line.count - 1]));
    }
    assert_true(downsample_max(d) == 9);
    downsample_free(d);
}

static void test_a_line_breaks_between_pieces(void **state)
{
    struct downsample *d = downsample_new(0, 100, 10);
    struct line line = {.count = 0};

    (void)state;
    for (int i = 0; i < 100; i++)
        downsample_add(d, i, i % 10 == 5 ? 3 : 2, i < 30 ? 1 : i < 55 ? 2 : 3);
    downsample_emit(d, 1, take, &line);
    /* Piece 2 begins where a column does; piece 3 within one, which bridges it. */
    assert_int_equal(breaks(&line), 1);
    for (size_t i = 0; i < line.count; i++)
        assert_int_equal(line.broken[i], line.x[i] == 30);
    downsample_free(d);
}

static void test_the_empty_and_the_outside(void **state)
{
    struct downsample *d = downsample_new(0, 1, 4);
    struct line line = {.count = 0};
    double x, y;

    (void)state;
    downsample_emit(d, 1, take, &line);
    assert_int_equal(line.count, 0);
    assert_false(downsample_last(d, &x, &y));
    downsample_add(d, -5, 7, 1);
    downsample_add(d, 99, 8, 1);
    downsample_emit(d, 1, take, &line);
    assert_int_equal(line.count, 2);
    assert_true(has(&line, -5, 7) && has(&line, 99, 8));
    assert_true(downsample_last(d, &x, &y) && x == 99 && y == 8);
    downsample_free(d);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Whatever the wishes: within bounds, apart, in order. */
static void test_labels_never_overlap(void **state)
{
    struct rng rng = {.seed = 11};

    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t count = rng_range(&rng, 1, 6);
        double wish[6], y[6], sorted[6];

        for (size_t i = 0; i < count; i++) {
            wish[i] = (double)rng_range(&rng, 0, round % 2 ? 100 : 8);
            y[i] = wish[i];
        }
        label_spread(y, count, 10, 0, 100);
        for (size_t i = 0; i < count; i++) {
            assert_true(y[i] >= -1e-9 && y[i] <= 100 + 1e-9);
            for (size_t k = 0; k < count; k++)
                assert_true(wish[i] >= wish[k] || y[i] < y[k]);
        }
        memcpy(sorted, y, sizeof sorted);
        qsort(sorted, count, sizeof sorted[0], compare);
        for (size_t i = 1; i < count; i++)
            assert_true(sorted[i] - sorted[i - 1] >= 10 - 1e-9);
    }
}

static void test_labels_move_as_little_as_they_can(void **state)
{
    double apart[] = {50, 10, 90}, pair[] = {52, 50}, low[] = {1, 0, 40}, many[] = {1, 2, 3};

    (void)state;
    label_spread(apart, 3, 10, 0, 100);
    assert_true(apart[0] == 50 && apart[1] == 10 && apart[2] == 90);
    label_spread(pair, 2, 10, 0, 100);
    assert_true(fabs(pair[0] - 56) < 1e-9 && fabs(pair[1] - 46) < 1e-9);
    label_spread(low, 3, 10, 0, 100);
    assert_true(fabs(low[0] - 10) < 1e-9 && fabs(low[1]) < 1e-9 && low[2] == 40);
    label_spread(many, 3, 10, 0, 12); /* no room: evenly */
    assert_true(fabs(many[0]) < 1e-9 && fabs(many[1] - 6) < 1e-9 && fabs(many[2] - 12) < 1e-9);
    label_spread(many, 0, 10, 0, 12);
}

static void test_axes_are_round(void **state)
{
    struct rng rng = {.seed = 5};

    (void)state;
    for (int i = 0; i < 10000; i++) {
        double max = (double)rng_range(&rng, 1, 1000000) / 1000;
        struct scale s = scale_from_zero(max, 7);
        double mantissa = s.step / pow(10, floor(log10(s.step) + 1e-9));

        assert_true(s.top >= max && s.top <= 7 * s.step + 1e-9);
        assert_true(s.top < max * 1.04 + s.step);
        assert_true(fabs(mantissa - 1) < 1e-6 || fabs(mantissa - 2) < 1e-6 ||
                    fabs(mantissa - 2.5) < 1e-6 || fabs(mantissa - 5) < 1e-6);
    }
    assert_true(scale_from_zero(0, 7).top > 0);
    assert_string_equal(scale_time_unit(60 * NS_PER_S).name, "seconds");
    assert_string_equal(scale_time_unit(3600 * NS_PER_S).name, "minutes");
    assert_string_equal(scale_time_unit(24 * 3600 * NS_PER_S).name, "hours");
}

static void written(void (*put)(FILE *, const char *), const char *text, const char *expected)
{
    char *got = NULL;
    size_t length;
    FILE *out = open_memstream(&got, &length);

    put(out, text);
    fclose(out);
    assert_string_equal(got, expected);
    free(got);
}

static void test_text_is_escaped(void **state)
{
    char name[16], number[32];

    (void)state;
    written(text_put_xml, "a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;");
    written(text_put_xml, "tab\there\x01\x7f", "tab here  ");
    written(text_put_xml, "\xc3\xa4 \xff \xc3", "\xc3\xa4    ");
    written(text_put_gnuplot, "it's `x`\n@a", "'it''s `x` @a'");
    assert_string_equal(text_file_name("../a b/\xc3\xa4", name, sizeof name), ".._a_b___");
    assert_string_equal(text_file_name("0123456789abcdefgh", name, sizeof name), "0123456789abcde");
    assert_string_equal(text_number(0, 0, number, sizeof number), "0");
    assert_string_equal(text_number(999, 0, number, sizeof number), "999");
    assert_string_equal(text_number(1000, 0, number, sizeof number), "1,000");
    assert_string_equal(text_number(-123456.5, 1, number, sizeof number), "-123,456.5");
    assert_string_equal(text_number(12345678, 2, number, sizeof number), "12,345,678.00");
}

static void test_text_is_wrapped(void **state)
{
    static const char text[] = "one two  three fourfivesix";
    static const char *const lines[] = {"one two", "three", "fourfive", "six"};
    char line[32];
    int count = 0;

    (void)state;
    for (; text_wrapped_line(text, 8, count, line, sizeof line); count++) {
        assert_in_range(count, 0, 3);
        assert_string_equal(line, lines[count]);
    }
    assert_int_equal(count, 4);
    assert_false(text_wrapped_line("", 8, 0, line, sizeof line));
    assert_true(text_wrapped_line("exactly8", 8, 0, line, sizeof line));
    assert_string_equal(line, "exactly8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_samples_stay_as_they_are),
        cmocka_unit_test(test_no_spike_is_lost),
        cmocka_unit_test(test_a_line_breaks_between_pieces),
        cmocka_unit_test(test_the_empty_and_the_outside),
        cmocka_unit_test(test_labels_never_overlap),
        cmocka_unit_test(test_labels_move_as_little_as_they_can),
        cmocka_unit_test(test_axes_are_round),
        cmocka_unit_test(test_text_is_escaped),
        cmocka_unit_test(test_text_is_wrapped),
    };

    return cmocka_run_group_tests_name("charts", tests, NULL, NULL);
}
