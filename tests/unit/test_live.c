/* What the live page knows of the batches that were posted. */
#include "results-server/live.h"
#include "results-server/live_series.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START INT64_C(1000000000000)
#define S INT64_C(1000000000)
#define DURATION (1000 * S)
#define PLENTY ((size_t)1 << 30)

/* The hosts' clocks are that far behind the server's. */
static int64_t behind;

/* Takes the reference. Peers are hosts n0, n1, ..., or no host. */
static void take(struct live *live, const char *peer, int64_t received_ns, json_t *batch)
{
    struct live_origin origin = {.test = "t",
                                 .peer = peer,
                                 .started_ns = START,
                                 .received_ns = (uint64_t)received_ns,
                                 .rank = *peer == 'n' ? atoi(peer + 1) : -1,
                                 .offset_ns = behind};

    assert_non_null(batch);
    live_take(live, &origin, batch);
    json_decref(batch);
}

static struct live *started(void)
{
    struct live *live = live_new(PLENTY);

    assert_non_null(live);
    behind = 0;
    return live;
}

static json_t *preamble(unsigned components)
{
    json_t *rows = json_array(), *incarnations = json_array();

    for (unsigned c = 1; c <= components; c++) {
        char name[32];

        snprintf(name, sizeof name, "server-%u", c);
        json_array_append_new(rows, json_pack("[i,s,s,n]", (int)c, name, "server"));
        json_array_append_new(incarnations, json_pack("[i,i,i,n,n,n]", (int)c, (int)c, 1));
    }
    return json_pack(
        "{s:i,s:{s:{s:[s,s],s:[[s,I],[s,s]]},s:{s:[s,s,s,s],s:o},s:{s:[s,s,s,s,s,s],s:o}}}",
        "sequence", 1, "tables", "meta", "columns", "key", "value", "rows", "duration_ns",
        (json_int_t)DURATION, "host", "h", "component", "columns", "id", "name", "role", "host",
        "rows", rows, "incarnation", "columns", "id", "component", "number", "ordered_ns",
        "exit_ns", "reason", "rows", incarnations);
}

static json_t *sample(int incarnation, int64_t time_ns, int64_t live_bytes, int64_t messages)
{
    return json_pack("{s:i,s:{s:{s:[s,s,s,s,s,s],s:[[i,I,i,I,I,I]]}}}", "sequence", 2, "tables",
                     "sample", "columns", "incarnation", "time_ns", "stale", "messages_sent",
                     "messages_received", "live", "rows", incarnation, (json_int_t)time_ns, 0,
                     (json_int_t)messages, (json_int_t)messages, (json_int_t)live_bytes);
}

static json_t *ended(int id, int component, int number, int64_t exit_ns, const char *reason)
{
    return json_pack("{s:i,s:{s:{s:[s,s,s,s,s,s],s:[[i,i,i,n,I,s]]}}}", "sequence", 3, "tables",
                     "incarnation", "columns", "id", "component", "number", "ordered_ns", "exit_ns",
                     "reason", "rows", id, component, number, (json_int_t)exit_ns, reason);
}

/* Follows a path of keys and indices, as "lines/0/memory/1/3". */
static const json_t *at(const json_t *json, const char *path)
{
    char word[32];
    int length;

    while (*path != '\0' && json != NULL) {
        length = (int)strcspn(path, "/");
        snprintf(word, sizeof word, "%.*s", length, path);
        json = json_is_array(json) ? json_array_get(json, (size_t)atoi(word))
                                   : json_object_get(json, word);
        path += length + (path[length] == '/');
    }
    return json;
}

static json_int_t number_at(const json_t *json, const char *path)
{
    const json_t *value = at(json, path);

    if (!json_is_integer(value))
        fail_msg("no number at %s", path);
    return json_integer_value(value);
}

static json_t *look(struct live *live, const char *host)
{
    json_t *view;

    live_choose(live, "t");
    view = live_look(live, "t", host, false);
    assert_non_null(view);
    return view;
}

/* ---- curves ---- */

static void test_merging_keeps_spikes_and_sums(void **state)
{
    struct live_series level = {0}, flow = {0};

    (void)state;
    for (unsigned b = 0; b < 8; b++) {
        assert_true(live_series_put(&level, LIVE_LEVEL, 8, b, b == 5 ? 1000 : b));
        assert_true(live_series_put(&flow, LIVE_FLOW, 8, b, 1));
    }
    live_series_fold(&level, LIVE_LEVEL, 8);
    live_series_fold(&flow, LIVE_FLOW, 8);
    live_series_fold(&level, LIVE_LEVEL, 8);
    live_series_fold(&flow, LIVE_FLOW, 8);
    assert_true(level.cells[0] == 0 && level.cells[1] == 3);
    assert_true(level.cells[2] == 4 && level.cells[3] == 1000);
    assert_true(isnan(level.cells[4]) && isnan(level.cells[15]));
    assert_true(flow.cells[0] == 4 && flow.cells[1] == 4 && isnan(flow.cells[2]));
    live_series_clear(&level);
    live_series_clear(&flow);
}

static void test_rise_is_not_moved_by_troughs(void **state)
{
    struct live_series flat = {0}, early = {0}, late = {0}, rising = {0}, empty = {0};

    (void)state;
    for (unsigned b = 0; b < 30; b++) {
        live_series_put(&early, LIVE_LEVEL, 32, b, b == 4 || b == 5 ? 100 : 5000);
        live_series_put(&late, LIVE_LEVEL, 32, b, b == 24 || b == 29 ? 100 : 5000);
        live_series_put(&flat, LIVE_LEVEL, 32, b, b % 5 == 0 ? 100 : 5000);
        live_series_put(&rising, LIVE_LEVEL, 32, b, 100 + 10 * b);
    }
    assert_true(live_series_rise(&flat, 30) == 0);
    assert_true(live_series_rise(&early, 30) == 0);
    assert_true(live_series_rise(&late, 30) == 0);
    assert_true(live_series_rise(&rising, 30) == 200);
    assert_true(live_series_rise(&rising, 2) == -INFINITY);
    assert_true(live_series_rise(&empty, 30) == -INFINITY);
    live_series_clear(&flat);
    live_series_clear(&early);
    live_series_clear(&late);
    live_series_clear(&rising);
}

/* ---- one host ---- */

static void test_memory_and_traffic_of_a_process(void **state)
{
    const int64_t offset = 7 * S, t = START - offset; /* the host's clock */
    struct live *live = started();
    json_t *view;

    (void)state;
    behind = offset;
    take(live, "n0", START, preamble(1));
    take(live, "n0", START + 2 * S, sample(1, t + S / 4, 5000, 100));
    take(live, "n0", START + 2 * S, sample(1, t + S / 2, 7000, 200));
    take(live, "n0", START + 2 * S, sample(1, t + S, 6000, 300));
    view = look(live, NULL);
    assert_string_equal(json_string_value(at(view, "of")), "processes");
    assert_string_equal(json_string_value(at(view, "host")), "n0");
    assert_string_equal(json_string_value(at(view, "measures/0")), "live");
    assert_int_equal(number_at(view, "duration_ns"), DURATION);
    assert_int_equal(number_at(view, "heard_ns"), S);
    assert_int_equal(number_at(view, "to"), 3);
    assert_string_equal(json_string_value(at(view, "parts/0/0")), "server-1");
    assert_int_equal(number_at(view, "parts/0/2"), 6000);
    assert_int_equal(number_at(view, "parts/0/4"), 400); /* 200 of them in half a second */
    assert_int_equal(number_at(view, "lines/0/memory/0/0"), 5000);
    assert_int_equal(number_at(view, "lines/0/memory/1/1"), 7000);
    assert_int_equal(number_at(view, "lines/0/memory/0/2"), 6000);
    assert_int_equal(number_at(view, "lines/0/traffic/0"), 200);
    assert_int_equal(number_at(view, "lines/0/traffic/1"), 200);
    json_decref(view);
    live_free(live);
}

static void test_kills_and_deaths_count_once(void **state)
{
    struct live *live = started();
    json_t *view;

    (void)state;
    take(live, "n0", START, preamble(2));
    for (int again = 0; again < 3; again++) {
        take(live, "n0", START + 3 * S, ended(1, 1, 1, START + 2 * S, "chaos"));
        take(live, "n0", START + 3 * S, ended(2, 2, 1, START + S, "heap-cap"));
    }
    take(live, "n0", START + 9 * S, ended(3, 1, 2, START + 9 * S, "stopped"));
    view = look(live, NULL);
    assert_int_equal(number_at(view, "kills/4"), 1);
    assert_int_equal(number_at(view, "parts/0/5"), 1);
    assert_int_equal(number_at(view, "parts/0/6"), 0);
    assert_int_equal(number_at(view, "parts/1/6"), 1);
    assert_int_equal(json_array_size(at(view, "deaths")), 1);
    assert_string_equal(json_string_value(at(view, "deaths/0/reason")), "heap-cap");
    assert_string_equal(json_string_value(at(view, "deaths/0/name")), "server-2");
    assert_int_equal(number_at(view, "deaths/0/time_ns"), S);
    json_decref(view);
    live_free(live);
}

static void test_a_dead_process_holds_nothing(void **state)
{
    struct live *live = started();
    json_t *view;

    (void)state;
    take(live, "n0", START, preamble(1));
    take(live, "n0", START + S, sample(1, START + S, 5000, 100));
    take(live, "n0", START + 2 * S, ended(1, 1, 1, START + 2 * S, "chaos"));
    take(live, "n0", START + 3 * S, sample(1, START + 2 * S - 1, 5000, 100));
    view = look(live, NULL);
    assert_int_equal(number_at(view, "parts/0/2"), 0);
    assert_int_equal(number_at(view, "parts/0/4"), 0);
    json_decref(view);
    live_free(live);
}

/* Connections are closed, and what is stopped holds nothing: neither is a fall of what was held. */
static void test_the_end_is_no_fall(void **state)
{
    struct live *live = started();
    json_t *view;

    (void)state;
    take(live, "n0", START, preamble(1));
    take(live, "n0", START + DURATION, sample(1, START + DURATION - S, 5000, 100));
    take(live, "n0", START + DURATION, sample(1, START + DURATION + 1, 10, 100));
    take(live, "n0", START + DURATION + S, ended(1, 1, 1, START + DURATION + S, "stopped"));
    view = look(live, NULL);
    assert_int_equal(number_at(view, "parts/0/2"), 5000);
    assert_int_equal(number_at(view, "to"), 250);
    assert_int_equal(number_at(view, "parts/0/5"), 0);
    json_decref(view);
    live_free(live);
}

/* A restarted process counts from 0: its messages are added, nothing is taken away. */
static void test_restart_does_not_lose_traffic(void **state)
{
    struct live *live = started();
    json_t *view, *next = ended(2, 1, 2, 0, "");

    (void)state;
    json_array_set_new(
        json_array_get(json_object_get(
                           json_object_get(json_object_get(next, "tables"), "incarnation"), "rows"),
                       0),
        4, json_null());
    take(live, "n0", START, preamble(1));
    take(live, "n0", START + S, sample(1, START, 5000, 1000));
    take(live, "n0", START + S, sample(1, START + S / 4, 5000, 1500));
    take(live, "n0", START + S, ended(1, 1, 1, START + S / 4 + 1, "chaos"));
    take(live, "n0", START + S, next);
    take(live, "n0", START + S, sample(2, START + S / 3, 100, 7));
    take(live, "n0", START + S, sample(1, START + S / 4 + 1, 5000, 1500)); /* late: passed over */
    view = look(live, NULL);
    assert_int_equal(number_at(view, "lines/0/traffic/0"), 1000 + 14);
    assert_int_equal(number_at(view, "parts/0/2"), 100);
    json_decref(view);
    live_free(live);
}

static void test_what_cannot_be_is_passed_over(void **state)
{
    struct live *live = started();
    json_t *view, *odd;

    (void)state;
    take(live, "n0", START, preamble(1));
    take(live, "n0", START + S, sample(1, START - S, 5000, 1));    /* before the start */
    take(live, "n0", START + S, sample(1, START + 999 * S, 5, 2)); /* not yet */
    take(live, "n0", START + S, sample(1, INT64_MAX, 5, 2));
    take(live, "n0", START + S, sample(77, START, 5, 2)); /* nobody's */
    take(live, "n0", START + S, ended(1 << 30, 1, 2, START, "chaos"));
    odd = json_pack("{s:{s:s,s:[],s:{s:i,s:{}},s:{s:[i,s],s:[i,[],[s,s]]}}}", "tables", "meta", "x",
                    "sample", "component", "columns", 1, "rows", "incarnation", "columns", 5, "id",
                    "rows", 6, "x", "y");
    take(live, "n0", START + S, odd);
    view = look(live, NULL);
    assert_int_equal(number_at(view, "to"), 1); /* the kill */
    assert_null(at(view, "lines/0/memory"));
    json_decref(view);
    live_free(live);
}

/* ---- increments ---- */

static void test_increments_are_the_snapshot(void **state)
{
    struct live *live = started();
    json_t *view, *rest;
    uint64_t generation;

    (void)state;
    take(live, "n0", START, preamble(1));
    take(live, "n0", START + S, sample(1, START + S, 5000, 10));
    view = look(live, NULL);
    generation = live_generation(live, "t");
    live_settle(live);
    rest = live_look(live, "t", NULL, true);
    assert_int_equal(number_at(rest, "from"), number_at(view, "to")); /* nothing new */
    json_decref(rest);
    take(live, "n0", START + 4 * S, sample(1, START + 2 * S, 6000, 20));
    rest = live_look(live, "t", NULL, true);
    assert_int_equal(live_generation(live, "t"), generation);
    assert_int_equal(number_at(rest, "from"), 2); /* the messages since the last sample */
    assert_int_equal(number_at(rest, "to"), 5);
    assert_int_equal(number_at(rest, "lines/0/memory/0/2"), 6000);
    json_decref(rest);
    live_settle(live);
    take(live, "n0", START + 900 * S, sample(1, START + 900 * S, 6000, 30)); /* merges */
    assert_int_not_equal(live_generation(live, "t"), generation);
    rest = live_look(live, "t", NULL, false);
    assert_true(number_at(rest, "to") <= LIVE_BUCKETS);
    assert_int_equal(number_at(rest, "lines/0/memory/0/0"), 5000);
    json_decref(rest);
    json_decref(view);
    live_free(live);
}

/* ---- many ---- */

static void test_the_risen_is_drawn_among_many(void **state)
{
    struct live *live = started();
    json_t *view;
    bool found = false;

    (void)state;
    take(live, "n0", START, preamble(40));
    for (int64_t t = 0; t < 20; t++) {
        for (int c = 1; c <= 40; c++)
            take(live, "n0", START + t * S,
                 sample(c, START + t * S, c == 33 ? 1000 + 100000 * t : 1000000 * c, 10));
    }
    view = look(live, NULL);
    assert_int_equal(json_array_size(at(view, "lines")), LIVE_LINES);
    assert_int_equal(number_at(view, "others"), 40 - LIVE_LINES);
    for (size_t i = 0; i < LIVE_LINES; i++)
        found =
            found ||
            strcmp(json_string_value(json_object_get(json_array_get(at(view, "lines"), i), "name")),
                   "server-33") == 0;
    assert_true(found);
    assert_int_equal(number_at(view, "parts/32/3"), 13 * 100000);
    assert_int_equal(number_at(view, "parts/31/3"), 0);
    assert_true(number_at(view, "band/memory/0/0") < number_at(view, "band/memory/1/0"));
    json_decref(view);
    live_free(live);
}

static void test_hosts_then_one_host(void **state)
{
    struct live *live = started();
    json_t *view;

    (void)state;
    for (unsigned h = 0; h < 3; h++) {
        char name[16];

        snprintf(name, sizeof name, "n%u", h);
        take(live, name, START, preamble(4));
        for (int c = 1; c <= 4; c++)
            take(live, name, START + S, sample(c, START + S, 1000, 5));
    }
    view = look(live, NULL);
    assert_string_equal(json_string_value(at(view, "of")), "hosts");
    assert_int_equal(json_array_size(at(view, "parts")), 3);
    assert_int_equal(number_at(view, "parts/1/2"), 4000);
    assert_int_equal(number_at(view, "parts/1/7"), 4);
    json_decref(view);
    view = look(live, "n2");
    assert_string_equal(json_string_value(at(view, "of")), "processes");
    assert_int_equal(json_array_size(at(view, "parts")), 4);
    json_decref(view);
    assert_null(live_look(live, "t", "n9", false));
    assert_null(live_look(live, "u", NULL, false));
    live_free(live);
}

static void test_what_another_host_runs_is_its_own(void **state)
{
    struct live *live = started();
    json_t *batch = preamble(2), *view;
    json_t *rows =
        json_object_get(json_object_get(json_object_get(batch, "tables"), "component"), "rows");

    (void)state;
    json_array_set_new(json_array_get(rows, 0), 3, json_integer(1));
    json_array_set_new(json_array_get(rows, 1), 3, json_integer(0));
    take(live, "n1", START, batch);
    view = look(live, "n1");
    assert_int_equal(json_array_size(at(view, "parts")), 1);
    assert_string_equal(json_string_value(at(view, "parts/0/0")), "server-1");
    json_decref(view);
    live_free(live);
}

/* ---- points ---- */

static void test_points_of_a_routine(void **state)
{
    struct live *live = started();
    const int64_t away = 500 * S; /* a clock that nobody measured */
    json_t *view;

    (void)state;
    for (int64_t t = 2; t <= 4; t += 2)
        take(live, "peers", START + t * S + S / 100,
             json_pack("{s:i,s:I,s:[{s:I,s:s,s:{s:f,s:i,s:i}}]}", "sequence", (int)t, "sent_ns",
                       (json_int_t)(START - away + t * S), "points", "time_ns",
                       (json_int_t)(START - away + t * S), "source", "room", "values", "sent.per_s",
                       100.5, "received.per_s", 300, "latency.p99", 2000000));
    view = look(live, NULL);
    assert_int_equal(number_at(view, "parts/0/4"), 401);
    assert_int_equal(number_at(view, "lines/0/latency/1/4"), 2000000);
    /* 400.5 a second over four seconds, the same in each half. */
    for (int64_t b = 1; b <= 7; b++) {
        char path[32];

        snprintf(path, sizeof path, "lines/0/traffic/%d", (int)b);
        assert_in_range(number_at(view, path), 199, 201);
    }
    assert_true(json_number_value(at(view, "values/room/sent.per_s")) == 100.5);
    json_decref(view);
    live_free(live);
}

/* ---- bounds ---- */

/* Many ticks of a host's processes in one batch. */
static json_t *ticks(unsigned components, int64_t from_ns, unsigned count)
{
    json_t *batch = sample(1, from_ns, 1000, 1),
           *rows =
               json_object_get(json_object_get(json_object_get(batch, "tables"), "sample"), "rows");

    for (unsigned t = 0; t < count; t++) {
        for (unsigned c = 1; c <= components; c++)
            json_array_append_new(rows,
                                  json_pack("[i,I,i,i,i,i]", (int)c, (json_int_t)from_ns + t * S, 0,
                                            (int)(10 * t), (int)(10 * t), 1000 + (int)t));
    }
    return batch;
}

static void test_a_thousand_hosts_stay_in_bounds(void **state)
{
    const size_t mib = (size_t)1 << 20;
    struct live *live = started();
    json_t *first = preamble(60), *second = ticks(60, START, 3), *view;
    size_t size;
    char *text;

    (void)state;
    for (unsigned h = 0; h < 1000; h++) {
        char name[16];

        snprintf(name, sizeof name, "n%u", h);
        take(live, name, START, json_incref(first));
        take(live, name, START + 400 * S, json_incref(second));
    }
    assert_in_range(live_bytes(live), 50 * mib, 130 * mib);
    view = look(live, NULL);
    text = json_dumps(view, JSON_COMPACT);
    size = strlen(text);
    assert_in_range(size, 20000, 200000);
    assert_int_equal(json_array_size(at(view, "lines")), LIVE_LINES);
    free(text);
    json_decref(view);
    json_decref(first);
    json_decref(second);
    live_free(live);
}

static void test_old_tests_are_forgotten_for_new_ones(void **state)
{
    struct live *live = live_new((size_t)1 << 20);
    json_t *first = preamble(60), *second = ticks(60, START, 3);

    (void)state;
    for (int i = 0; i < 12; i++) {
        char name[16];
        struct live_origin origin = {
            .test = name, .peer = "n0", .started_ns = START, .received_ns = START + 10 * S};

        snprintf(name, sizeof name, "t%d", i);
        live_take(live, &origin, first);
        live_take(live, &origin, second);
        assert_true(live_has(live, name));
        assert_in_range(live_bytes(live), 1, (size_t)1 << 20);
    }
    assert_false(live_has(live, "t0"));
    assert_true(live_has(live, "t10"));
    json_decref(first);
    json_decref(second);
    live_free(live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merging_keeps_spikes_and_sums),
        cmocka_unit_test(test_rise_is_not_moved_by_troughs),
        cmocka_unit_test(test_memory_and_traffic_of_a_process),
        cmocka_unit_test(test_kills_and_deaths_count_once),
        cmocka_unit_test(test_a_dead_process_holds_nothing),
        cmocka_unit_test(test_the_end_is_no_fall),
        cmocka_unit_test(test_restart_does_not_lose_traffic),
        cmocka_unit_test(test_what_cannot_be_is_passed_over),
        cmocka_unit_test(test_increments_are_the_snapshot),
        cmocka_unit_test(test_the_risen_is_drawn_among_many),
        cmocka_unit_test(test_hosts_then_one_host),
        cmocka_unit_test(test_what_another_host_runs_is_its_own),
        cmocka_unit_test(test_points_of_a_routine),
        cmocka_unit_test(test_a_thousand_hosts_stay_in_bounds),
        cmocka_unit_test(test_old_tests_are_forgotten_for_new_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
