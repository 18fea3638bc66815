/* The delay line and the heap of what is due, by a clock that the test turns. */
#include "common/base/clock.h"
#include "common/base/due_heap.h"
#include "driver/delay_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define MS NS_PER_MS
#define BEGIN (1000 * NS_PER_S) /* some time of CLOCK_MONOTONIC */

/* Takes all that is due by then; the bytes go to out, and their number is returned. */
static size_t take(struct delay_line *line, uint64_t now, unsigned char *out, size_t room)
{
    struct iovec pieces[3];
    size_t got = 0;
    int count;

    while ((count = delay_line_gather(line, now, pieces, 3)) > 0) {
        size_t sum = 0;

        for (int i = 0; i < count; i++) {
            assert_true(got + sum + pieces[i].iov_len <= room);
            memcpy(out + got + sum, pieces[i].iov_base, pieces[i].iov_len);
            sum += pieces[i].iov_len;
        }
        delay_line_take(line, sum);
        got += sum;
    }
    return got;
}

static void put(struct delay_line *line, const char *text, uint64_t now)
{
    assert_true(delay_line_put(line, text, strlen(text), now));
}

static void gives(struct delay_line *line, uint64_t now, const char *text)
{
    unsigned char out[64];
    size_t got = take(line, now, out, sizeof out);

    assert_int_equal(got, strlen(text));
    assert_memory_equal(out, text, got);
}

static void bytes_are_due_after_the_delay(void **state)
{
    struct delay_link link = {.delay_ns = 50 * MS};
    struct delay_line line;

    (void)state;
    delay_line_init(&line, &link);
    assert_true(delay_line_due(&line) == DELAY_NEVER);
    gives(&line, BEGIN, "");
    put(&line, "one", BEGIN);
    put(&line, "two", BEGIN + 10 * MS);
    assert_true(delay_line_due(&line) == BEGIN + 50 * MS);
    gives(&line, BEGIN + 50 * MS - 1, "");
    gives(&line, BEGIN + 50 * MS, "one");
    assert_true(delay_line_due(&line) == BEGIN + 60 * MS);
    put(&line, "three", BEGIN + 55 * MS);
    gives(&line, BEGIN + 200 * MS, "twothree");
    assert_true(delay_line_due(&line) == DELAY_NEVER);
    assert_int_equal(line.held, 0);
    assert_int_equal(link.held, 0);
}

static void a_part_can_be_taken(void **state)
{
    struct delay_link link = {0};
    struct delay_line line;

    (void)state;
    delay_line_init(&line, &link);
    put(&line, "abcdef", BEGIN);
    put(&line, "gh", BEGIN);
    delay_line_take(&line, 4);
    delay_line_take(&line, 3);
    gives(&line, BEGIN, "h");
    put(&line, "dropped", BEGIN);
    delay_line_clear(&line);
    gives(&line, BEGIN, "");
    assert_int_equal(link.held, 0);
}

static void the_end_comes_behind_the_data(void **state)
{
    struct delay_link link = {.delay_ns = 20 * MS};
    struct delay_line line;

    (void)state;
    delay_line_init(&line, &link);
    put(&line, "last words", BEGIN);
    delay_line_put_end(&line, DELAY_FIN, BEGIN + MS);
    assert_int_equal(delay_line_take_end(&line, BEGIN + 60 * MS), DELAY_OPEN); /* words first */
    gives(&line, BEGIN + 20 * MS, "last words");
    assert_true(delay_line_due(&line) == BEGIN + 21 * MS);
    assert_int_equal(delay_line_take_end(&line, BEGIN + 21 * MS - 1), DELAY_OPEN);
    assert_int_equal(delay_line_take_end(&line, BEGIN + 21 * MS), DELAY_FIN);
    assert_int_equal(delay_line_take_end(&line, BEGIN + 22 * MS), DELAY_OPEN);
    delay_line_put_end(&line, DELAY_FIN, BEGIN + 30 * MS);
    delay_line_put_end(&line, DELAY_RST, BEGIN + 31 * MS);
    assert_int_equal(delay_line_take_end(&line, BEGIN + 60 * MS), DELAY_RST);
}

/* The link may get faster while bytes are under way. */
static void a_shorter_delay_lets_nobody_overtake(void **state)
{
    struct delay_link link = {.delay_ns = 300 * MS};
    struct delay_line line;

    (void)state;
    delay_line_init(&line, &link);
    put(&line, "slow ", BEGIN);
    link.delay_ns = 0;
    put(&line, "fast", BEGIN + MS);
    gives(&line, BEGIN + 299 * MS, "");
    gives(&line, BEGIN + 300 * MS, "slow fast");
    put(&line, "now", BEGIN + 301 * MS);
    gives(&line, BEGIN + 301 * MS, "now");
}

static void jitter_stays_in_its_bounds_and_never_reorders(void **state)
{
    struct delay_link link = {.delay_ns = 40 * MS, .jitter_ns = 30 * MS, .rng = {.seed = 7}};
    uint64_t low = UINT64_MAX, high = 0, last = 0;
    struct delay_line line;
    unsigned char out[8];

    (void)state;
    delay_line_init(&line, &link);
    /* One at a time: nobody is in front. */
    for (int i = 0; i < 2000; i++) {
        uint64_t now = BEGIN + (uint64_t)i * 100 * MS, took;

        put(&line, "x", now);
        took = delay_line_due(&line) - now;
        low = took < low ? took : low;
        high = took > high ? took : high;
        assert_int_equal(take(&line, now + 70 * MS, out, sizeof out), 1);
    }
    assert_in_range(low, 10 * MS, 11 * MS);
    assert_in_range(high, 69 * MS, 70 * MS);
    /* Many under way at once. */
    for (unsigned i = 0; i < 200; i++) {
        unsigned char byte = (unsigned char)i;

        assert_true(delay_line_put(&line, &byte, 1, BEGIN + 400 * NS_PER_S + i * MS));
    }
    for (unsigned i = 0; i < 200; i++) {
        uint64_t due = delay_line_due(&line);
        struct iovec piece;

        assert_true(due >= last);
        last = due;
        assert_int_equal(delay_line_gather(&line, due, &piece, 1), 1);
        assert_int_equal(*(unsigned char *)piece.iov_base, i);
        delay_line_take(&line, 1);
    }
}

static void the_same_seed_gives_the_same_jitter(void **state)
{
    uint64_t due[3][50];

    (void)state;
    for (unsigned k = 0; k < 3; k++) {
        struct delay_link link = {
            .delay_ns = 40 * MS, .jitter_ns = 40 * MS, .rng = {.seed = k == 2 ? 2 : 1}};
        struct delay_line line;

        delay_line_init(&line, &link);
        for (unsigned i = 0; i < 50; i++) {
            put(&line, "x", BEGIN + i * 100 * MS);
            due[k][i] = delay_line_due(&line);
            delay_line_clear(&line);
        }
    }
    assert_memory_equal(due[0], due[1], sizeof due[0]);
    assert_memory_not_equal(due[0], due[2], sizeof due[0]);
}

/* To the nanosecond, whatever the sizes: no rounding adds up. */
static void the_rate_is_exact(void **state)
{
    const uint64_t rate = 1000003; /* bytes a second; a prime */
    struct delay_link link = {.delay_ns = 10 * MS, .bytes_per_s = rate};
    struct delay_line line;
    static unsigned char data[70000];
    struct rng rng = {3, 0};
    uint64_t sum = 0, last = 0;

    (void)state;
    delay_line_init(&line, &link);
    while (sum < 20 * rate) {
        size_t length = (size_t)rng_range(&rng, 1, sizeof data);

        assert_true(delay_line_put(&line, data, length, BEGIN + sum / 2));
        sum += length;
        while (delay_line_due(&line) != DELAY_NEVER) {
            struct iovec piece;

            /* At no time more than the link carries. */
            assert_true(delay_line_due(&line) >= last);
            last = delay_line_due(&line);
            assert_int_equal(delay_line_gather(&line, last, &piece, 1), 1);
            assert_true(piece.iov_len <= 1448);
            delay_line_take(&line, piece.iov_len);
        }
    }
    assert_true(last == BEGIN + 10 * MS + sum * NS_PER_S / rate);
    /* Idle for a while, it owes nothing, and carries nothing in advance. */
    assert_true(delay_line_put(&line, data, 1000, last + NS_PER_S));
    assert_true(delay_line_due(&line) == last + NS_PER_S + 10 * MS + 1000 * NS_PER_S / rate);
    delay_line_clear(&line);
}

static void connections_share_the_rate(void **state)
{
    struct delay_link link = {.bytes_per_s = 1000};
    struct delay_line a, b;

    (void)state;
    delay_line_init(&a, &link);
    delay_line_init(&b, &link);
    put(&a, "0123456789", BEGIN);
    put(&b, "0123456789", BEGIN);
    assert_true(delay_line_due(&a) == BEGIN + 10 * MS);
    assert_true(delay_line_due(&b) == BEGIN + 20 * MS);
    delay_line_clear(&a);
    delay_line_clear(&b);
    assert_int_equal(link.held, 0);
}

static void a_hold_delays_what_comes_before_it(void **state)
{
    struct delay_link link = {.delay_ns = 5 * MS};
    struct delay_line line;

    (void)state;
    delay_line_init(&line, &link);
    delay_line_hold(&line, BEGIN + 10 * MS);
    put(&line, "early ", BEGIN + MS);
    put(&line, "late", BEGIN + 12 * MS);
    assert_true(delay_line_due(&line) == BEGIN + 15 * MS);
    gives(&line, BEGIN + 15 * MS, "early ");
    assert_true(delay_line_due(&line) == BEGIN + 17 * MS);
    delay_line_clear(&line);
}

/* Whoever stops at a full line holds little more than its capacity, whatever the sizes. */
static void memory_is_bounded(void **state)
{
    static const struct {
        uint64_t delay_ns, rate;
        size_t piece;
    } cases[] = {{500 * MS, 0, 1},
                 {500 * MS, 0, 65536},
                 {500 * MS, 1000000, 65536},
                 {500 * MS, 1000000, 10},
                 {3600 * NS_PER_S, UINT64_MAX, 65536}};
    static unsigned char data[65536];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct delay_link link = {.delay_ns = cases[i].delay_ns, .bytes_per_s = cases[i].rate};
        size_t capacity = delay_link_capacity(&link), bytes = 0;
        struct delay_line line;

        delay_line_init(&line, &link);
        while (!delay_line_is_full(&line)) {
            assert_true(delay_line_put(&line, data, cases[i].piece, BEGIN));
            bytes += cases[i].piece;
        }
        assert_in_range(line.held, capacity, capacity + 2 * sizeof data);
        assert_true(capacity <= (size_t)64 << 20);
        /* The limited link is never idle for want of room. */
        if (cases[i].rate == 1000000 && cases[i].piece == sizeof data)
            assert_true(bytes >= 500000);
        delay_line_clear(&line);
        assert_int_equal(line.held, 0);
        assert_false(delay_line_is_full(&line));
    }
}

#define THINGS 500

static void the_heap_gives_what_is_due_first(void **state)
{
    static struct due things[THINGS];
    struct due_heap heap = {0};
    struct rng rng = {11, 0};
    uint64_t last = 0;
    size_t left = 0;

    (void)state;
    assert_true(due_heap_reserve(&heap, THINGS));
    assert_null(due_heap_first(&heap));
    for (int round = 0; round < 20 * THINGS; round++) {
        struct due *thing = &things[rng_range(&rng, 0, THINGS - 1)];

        due_heap_set(&heap, thing, rng_next(&rng) % 4 == 0 ? UINT64_MAX : rng_range(&rng, 1, 1000));
    }
    for (int i = 0; i < THINGS; i++) {
        left += things[i].at_ns != UINT64_MAX && things[i].place != 0;
        assert_int_equal(things[i].at_ns == UINT64_MAX || things[i].at_ns == 0,
                         things[i].place == 0);
    }
    for (struct due *first; (first = due_heap_first(&heap)) != NULL; left--) {
        assert_true(first->at_ns >= last);
        last = first->at_ns;
        due_heap_set(&heap, first, UINT64_MAX);
    }
    assert_int_equal(left, 0);
    due_heap_release(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_due_after_the_delay),
        cmocka_unit_test(a_part_can_be_taken),
        cmocka_unit_test(the_end_comes_behind_the_data),
        cmocka_unit_test(a_shorter_delay_lets_nobody_overtake),
        cmocka_unit_test(jitter_stays_in_its_bounds_and_never_reorders),
        cmocka_unit_test(the_same_seed_gives_the_same_jitter),
        cmocka_unit_test(the_rate_is_exact),
        cmocka_unit_test(connections_share_the_rate),
        cmocka_unit_test(a_hold_delays_what_comes_before_it),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(the_heap_gives_what_is_due_first),
    };

    return cmocka_run_group_tests_name("delay line", tests, NULL, NULL);
}
