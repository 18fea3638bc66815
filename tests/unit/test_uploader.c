/* What the uploader is made of, without a server: clocks, batches, points, who is missing. */
#include "common/base/clock.h"
#include "common/base/rng.h"
#include "results-server/uploader/batch.h"
#include "results-server/uploader/clock_offset.h"
#include "results-server/uploader/line_input.h"
#include "results-server/uploader/points.h"
#include "results-server/uploader/roll.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define AHEAD (5 * NS_PER_S)
#define MS NS_PER_MS

/* An exchange that begins at t1 and takes so long there and back, with a server that is AHEAD. */
static bool exchange(struct clock_offset *best, uint64_t t1, uint64_t there, uint64_t back)
{
    return clock_offset_take(best, t1, t1 + there + AHEAD, t1 + there + back);
}

static void test_equal_ways(void **state)
{
    struct clock_offset best = {0};

    (void)state;
    assert_true(exchange(&best, NS_PER_S, 2 * MS, 2 * MS));
    assert_int_equal(best.offset_ns, AHEAD);
    assert_int_equal(best.error_ns, 2 * MS);
    assert_int_equal(clock_offset_ours(&best, AHEAD + 7), 7);
}

/* The whole round trip on one way: as wrong as the error says, and not more. */
static void test_unequal_ways(void **state)
{
    struct clock_offset there = {0}, back = {0};

    (void)state;
    assert_true(exchange(&there, NS_PER_S, 8 * MS, 0));
    assert_int_equal(there.offset_ns - (int64_t)AHEAD, 4 * MS);
    assert_int_equal(there.error_ns, 4 * MS);
    assert_true(exchange(&back, NS_PER_S, 0, 8 * MS));
    assert_int_equal((int64_t)AHEAD - back.offset_ns, 4 * MS);
    assert_int_equal(back.error_ns, 4 * MS);
}

static void test_never_worse_than_told(void **state)
{
    struct rng rng = {.seed = 4711};

    (void)state;
    for (int round = 0; round < 1000; round++) {
        struct clock_offset best = {0};
        uint64_t now = NS_PER_S;

        for (int i = 0; i < 8; i++) {
            exchange(&best, now, rng_range(&rng, 0, 3 * MS), rng_range(&rng, 0, 40 * MS));
            now += 50 * MS;
        }
        assert_true(llabs(best.offset_ns - (int64_t)AHEAD) <= (int64_t)best.error_ns);
    }
}

static void test_best_kept(void **state)
{
    struct clock_offset best = {0};

    (void)state;
    assert_true(exchange(&best, NS_PER_S, MS, MS));
    assert_false(exchange(&best, 2 * NS_PER_S, 2 * MS, 2 * MS));
    assert_int_equal(best.error_ns, MS);
    assert_true(exchange(&best, 3 * NS_PER_S, MS / 2, MS / 2));
    /* 15 us a second: after ten minutes another one is better, though its way was longer. */
    assert_int_equal(clock_offset_error(&best, best.measured_ns + 10 * NS_PER_S), MS / 2 + 150000);
    assert_true(exchange(&best, 603 * NS_PER_S, 3 * MS, 3 * MS));
    assert_int_equal(best.error_ns, 3 * MS);
}

static void test_impossible(void **state)
{
    struct clock_offset best = {0};

    (void)state;
    assert_false(clock_offset_take(&best, 2 * NS_PER_S, 1, NS_PER_S));
    assert_false(best.known);
    /* A server that was booted later than this host. */
    assert_true(clock_offset_take(&best, 100 * NS_PER_S, NS_PER_S, 100 * NS_PER_S));
    assert_int_equal(best.offset_ns, -99 * (int64_t)NS_PER_S);
    assert_int_equal(clock_offset_ours(&best, 2 * NS_PER_S), 101 * NS_PER_S);
    best.offset_ns = 5;
    assert_int_equal(clock_offset_ours(&best, 3), 0);
}

/* ---- text and batches ---- */

static void assert_text(struct text *text, const char *expected)
{
    text_add(text, "", 1);
    assert_false(text->failed);
    assert_string_equal(text->bytes, expected);
    text_free(text);
}

static void test_text(void **state)
{
    struct text text = {0};

    (void)state;
    text_json_string(&text, "a\"b\\\n\x01 \xc3\xa4\xff\x7f");
    text_json_string(&text, NULL);
    assert_text(&text, "\"a\\\"b\\\\\\u000a\\u0001 \xc3\xa4  \"null");
    text_json_real(&text, 0.1);
    text_json_real(&text, NAN);
    assert_text(&text, "0.10000000000000001null");
    /* RFC 4648, section 10. */
    text_json_blob(&text, "", 0);
    text_json_blob(&text, "f", 1);
    text_json_blob(&text, "fo", 2);
    text_json_blob(&text, "foobar", 6);
    assert_text(&text, "\"\"\"Zg==\"\"Zm8=\"\"Zm9vYmFy\"");
}

static void test_empty_batch(void **state)
{
    struct batch batch = {0};

    (void)state;
    batch_begin(&batch, 0, 17);
    assert_true(batch_end(&batch));
    assert_text(&batch.text, "{\"sequence\":0,\"sent_ns\":17}");
}

static void test_batch_of_points(void **state)
{
    struct batch batch = {0};

    (void)state;
    batch_begin(&batch, 3, 17);
    batch_point(&batch, "{}", 2);
    batch_point(&batch, "{}", 2);
    assert_int_equal(batch.rows, 2);
    assert_true(batch_end(&batch));
    assert_text(&batch.text, "{\"sequence\":3,\"sent_ns\":17,\"points\":[{},{}]}");
    for (int i = 0; i < BATCH_ROWS_MAX; i++) {
        if (i == 0)
            batch_begin(&batch, 4, 17);
        assert_false(batch_full(&batch));
        batch_point(&batch, "{}", 2);
    }
    assert_true(batch_full(&batch));
    batch_free(&batch);
}

/* ---- points ---- */

#define POINT(time) "{\"time_ns\": " time ", \"source\": \"a\", \"values\": {\"x.y\": 1}}"

static void take(struct points *points, const char *line)
{
    json_t *result;

    points_take(points, line, &result);
    assert_null(result);
}

static void test_points(void **state)
{
    static const char *const bad[] = {
        NULL,
        "",
        "{",
        "[]",
        "{}",
        "{\"time_ns\": -1, \"source\": \"a\", \"values\": {}}",
        "{\"time_ns\": 1.5, \"source\": \"a\", \"values\": {}}",
        "{\"time_ns\": 1, \"source\": \"a\", \"values\": {}} {}",
        "{\"time_ns\": 1, \"source\": \"-\", \"values\": {}}",
        "{\"time_ns\": 1, \"source\": \"a\", \"values\": []}",
        "{\"time_ns\": 1, \"source\": \"a\", \"values\": {\"A\": 1}}",
        "{\"time_ns\": 1, \"source\": \"a\", \"values\": {\"a\": null}}",
        "{\"time_ns\": 1, \"source\": \"a\", \"values\": {\"a\": 1, \"a\": 2}}",
        "{\"time_ns\": 1, \"source\": \"a\", \"values\": {}, \"more\": 1}",
        "{\"result\": 1}"};
    struct points *points = points_new(UINT64_C(1) << 20);
    struct batch batch = {0};
    json_t *result;

    (void)state;
    assert_non_null(points);
    take(points, POINT("1"));
    assert_true(points_complete(points));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        take(points, bad[i]);
    assert_false(points_complete(points));
    batch_begin(&batch, 1, 0);
    assert_int_equal(points_fill(points, &batch, false, 0), FEED_ALL);
    assert_int_equal(batch.rows, 1);
    points_take(points, "{\"result\": {\"status\": 4}}", &result);
    assert_int_equal(json_integer_value(json_object_get(result, "status")), 4);
    json_decref(result);
    batch_free(&batch);
    points_free(points);
}

static void test_oldest_dropped(void **state)
{
    struct points *points = points_new(1024);
    struct batch batch = {0};
    char line[128];

    (void)state;
    assert_non_null(points);
    for (int i = 0; i < 100; i++) {
        snprintf(line, sizeof line, POINT("%d"), 1000 + i);
        take(points, line);
    }
    batch_begin(&batch, 1, 0);
    assert_int_equal(points_fill(points, &batch, false, 0), FEED_ALL);
    assert_in_range(batch.rows, 5, 20);
    snprintf(line, sizeof line, "%d", 1100 - (int)batch.rows);
    assert_true(batch_end(&batch));
    text_add(&batch.text, "", 1);
    assert_non_null(strstr(batch.text.bytes, line));
    assert_null(strstr(batch.text.bytes, "1000,"));
    assert_non_null(strstr(batch.text.bytes, "1099"));
    assert_false(points_complete(points));
    batch_free(&batch);
    points_free(points);
}

/* ---- who is missing ---- */

static void test_roll(void **state)
{
    json_t *hosts = json_loads("[{\"rank\": 2, \"ready\": true}, {\"rank\": 0}]", 0, NULL);
    char who[128];

    (void)state;
    assert_int_equal(roll_missing(hosts, 3, false, who, sizeof who), 1);
    assert_string_equal(who, "1 of 3");
    assert_int_equal(roll_missing(hosts, 4, true, who, sizeof who), 3);
    assert_string_equal(who, "0, 1, 3 of 4");
    assert_int_equal(roll_missing(hosts, 1, false, who, sizeof who), 0);
    assert_int_equal(roll_missing(hosts, 1000, false, who, sizeof who), 998);
    assert_non_null(strstr(who, "20, 21 and 978 more of 1000"));
    json_decref(hosts);
}

static void test_ended(void **state)
{
    json_t *view = json_loads("{\"peers\": [{\"name\": \"a\"}, {\"name\": \"b\", \"result\":"
                              " {\"verdict\": \"fail\", \"reason\": \"it leaked\"}},"
                              " {\"name\": \"c\", \"result\": {\"verdict\": \"pass\"}},"
                              " {\"name\": \"us\", \"result\": {\"verdict\": \"pass\"}}]}",
                              0, NULL);
    char who[128];

    (void)state;
    roll_ended(view, "us", who, sizeof who);
    assert_string_equal(who, "b (fail: it leaked), c (pass)");
    roll_ended(view, "us", who, 8);
    assert_string_equal(who, "b (fail");
    json_decref(view);
}

/* ---- lines ---- */

static void note_line(void *user, char *line)
{
    text_print(user, "%s|", line == NULL ? "too long" : line);
}

static void test_lines(void **state)
{
    struct text noted = {0};
    struct line_input input = {.take = note_line, .user = &noted};
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    input.fd = fds[0];
    assert_int_equal(write(fds[1], "one\n\nth", 7), 7);
    assert_true(line_input_read(&input));
    assert_int_equal(write(fds[1], "ree\nlast", 8), 8);
    assert_true(line_input_read(&input));
    close(fds[1]);
    assert_false(line_input_read(&input));
    assert_text(&noted, "one||three|last|");
    text_free(&input.held);
    close(fds[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_ways),  cmocka_unit_test(test_unequal_ways),
        cmocka_unit_test(test_best_kept),   cmocka_unit_test(test_never_worse_than_told),
        cmocka_unit_test(test_impossible),  cmocka_unit_test(test_text),
        cmocka_unit_test(test_empty_batch), cmocka_unit_test(test_batch_of_points),
        cmocka_unit_test(test_points),      cmocka_unit_test(test_oldest_dropped),
        cmocka_unit_test(test_roll),        cmocka_unit_test(test_ended),
        cmocka_unit_test(test_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
