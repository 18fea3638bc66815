/* The life of a test: what may befall it, who is lost, who waits no more; and bodies that are
 * wrong. */
#include "results-server/app.h"
#include "results-server/server_clock.h"
#include "results-server/test_bodies.h"
#include "results-server/test_model.h"
#include "results-server/test_state.h"
#include "tests/unit/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

/* ---- states ---- */

static void test_states(void **state)
{
    struct refusal refusal;

    (void)state;
    for (int event = 0; event < TEST_EVENTS; event++) {
        refusal.kind = ERROR_NONE;
        assert_false(test_state_allows(TEST_FINISHED, (enum test_event)event, "t", &refusal));
        assert_int_equal(refusal.kind, ERROR_TEST_ALREADY_FINISHED);
        assert_non_null(strstr(refusal.message, "test t is finished"));
        refusal.kind = ERROR_NONE;
        assert_int_equal(test_state_allows(TEST_CREATED, (enum test_event)event, "t", &refusal),
                         event != TEST_EVENT_BATCH);
        assert_int_equal(test_state_allows(TEST_STARTED, (enum test_event)event, "t", &refusal),
                         event != TEST_EVENT_ENTRY);
    }
    assert_false(test_state_allows(TEST_CREATED, TEST_EVENT_BATCH, "t", &refusal));
    assert_int_equal(refusal.kind, ERROR_TEST_NOT_STARTED);
    assert_string_equal(refusal.message, "cannot post metrics: test t is not started: PUT "
                                         "/test/ID/start, or GET /test/ID?wait=started");
    assert_false(test_state_allows(TEST_STARTED, TEST_EVENT_ENTRY, "t", &refusal));
    assert_int_equal(refusal.kind, ERROR_TEST_ALREADY_STARTED);
}

/* ---- the model ---- */

static struct tests *tests;
static struct test *test;

static int set_up(void **state)
{
    (void)state;
    tests = tests_new();
    test = tests_add(tests, "t");
    return test == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    tests_free(tests);
    return 0;
}

static void put_host(int rank, int size, const char *name, bool ready, uint64_t now)
{
    json_t *entry =
        json_pack("{s:i, s:i, s:s, s:b}", "rank", rank, "size", size, "name", name, "ready", ready);

    assert_true(test_put_host(test, entry, now));
    json_decref(entry);
}

static enum test_host_state host_state(int rank)
{
    return test_host_state(test, &test->hosts[rank]);
}

static void finish_peer(const char *name)
{
    test_peer(test, name)->result = json_object();
}

static void test_many(void **state)
{
    char name[16];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "t%d", i * 7919 % 1000);
        assert_non_null(tests_add(tests, name));
        assert_non_null(test_peer(test, name));
    }
    assert_int_equal(tests_count(tests), 1001);
    assert_string_equal(tests_find(tests, "t999")->id, "t999");
    assert_null(tests_find(tests, "t1000"));
    assert_int_equal(test->peer_count, 1000);
    assert_ptr_equal(test_peer(test, "t5"), test_find_peer(test, "t5"));
    assert_null(test_find_peer(test, "x"));
    assert_string_equal(test->peers[1]->name, "t919");
}

/* Host and peer of a name know each other, whichever came first. */
static void test_names(void **state)
{
    (void)state;
    test_heard(test, test_peer(test, "n1"), 5);
    put_host(0, 2, "n1", false, 3);
    put_host(1, 2, "n2", false, 3);
    assert_int_equal(test->hosts[0].last_ns, 5);
    test_heard(test, test_peer(test, "n2"), 9);
    assert_int_equal(test->hosts[1].last_ns, 9);
    put_host(1, 2, "n3", false, 10);
    test_heard(test, test_peer(test, "n2"), 20);
    assert_int_equal(test->hosts[1].last_ns, 10);
    assert_int_equal(test->hosts_present, 2);
    assert_int_equal(test_size(test), 2);
}

static void test_host_life(void **state)
{
    (void)state;
    put_host(0, 2, "n1", false, 1);
    put_host(1, 2, "n2", true, 1);
    assert_int_equal(host_state(0), TEST_HOST_PRESENT);
    assert_int_equal(host_state(1), TEST_HOST_READY);
    assert_false(test_look_for_lost(test, 100 * S, 0, S)); /* none before the start */
    test->started_ns = 100 * S;
    assert_int_equal(host_state(0), TEST_HOST_RUNNING);
    assert_false(test_look_for_lost(test, 101 * S, 0, S));
    test_heard(test, test_peer(test, "n1"), 101 * S);
    assert_true(test_look_for_lost(test, 101 * S + 1, 0, S));
    assert_false(test_look_for_lost(test, 101 * S + 1, 0, S)); /* said once */
    assert_int_equal(host_state(0), TEST_HOST_RUNNING);
    assert_int_equal(host_state(1), TEST_HOST_LOST);
    test_heard(test, test_peer(test, "n2"), 102 * S);
    assert_int_equal(host_state(1), TEST_HOST_RUNNING);
    assert_true(test_look_for_lost(test, 102 * S, 0, S));
    /* A server that was away itself has heard nobody. */
    assert_false(test_look_for_lost(test, 200 * S, 199 * S, S));
    assert_true(test_look_for_lost(test, 201 * S, 199 * S, S));
    finish_peer("n1");
    assert_int_equal(host_state(0), TEST_HOST_DONE);
    assert_true(test_look_for_lost(test, 202 * S, 199 * S, S));
    assert_int_equal(host_state(0), TEST_HOST_DONE);
    test->finished_ns = 203 * S;
    assert_int_equal(host_state(1), TEST_HOST_LOST);
}

static void test_end(void **state)
{
    (void)state;
    assert_false(test_ending(test));
    finish_peer("routine");
    assert_true(test_ending(test)); /* peers alone */
    put_host(0, 1, "n1", false, 1);
    assert_false(test_ending(test)); /* of hosts, only they count */
    finish_peer("n1");
    assert_true(test_ending(test));
}

static unsigned over(void)
{
    unsigned bits = 0;

    for (int wait = 0; wait < TEST_WAITS; wait++)
        bits |= test_wait_over(test, (enum test_wait)wait) ? 1u << wait : 0;
    return bits;
}

#define OVER(ident) (1u << TEST_WAIT_##ident)

static void test_waits(void **state)
{
    (void)state;
    assert_int_equal(test_wait_parse("ready"), TEST_WAIT_READY);
    assert_int_equal(test_wait_parse("soon"), TEST_WAITS);
    assert_int_equal(over(), 0);
    put_host(1, 2, "n2", true, 1);
    assert_int_equal(over(), 0);
    put_host(0, 2, "n1", false, 1);
    assert_int_equal(over(), OVER(TOPOLOGY));
    put_host(0, 2, "n1", true, 1);
    assert_int_equal(over(), OVER(TOPOLOGY) | OVER(READY));
    test->started_ns = S;
    assert_int_equal(over(), OVER(TOPOLOGY) | OVER(READY) | OVER(STARTED));
    finish_peer("n1");
    assert_int_equal(over(), OVER(TOPOLOGY) | OVER(READY) | OVER(STARTED));
    assert_true(test_look_for_lost(test, 9 * S, 0, S));
    assert_int_equal(over(), OVER(TOPOLOGY) | OVER(READY) | OVER(STARTED) | OVER(DONE));
    test->finished_ns = 10 * S;
    assert_int_equal(over(), (1u << TEST_WAITS) - 1);
}

/* Where one has given up before the start, nobody waits for it. */
static void test_no_start(void **state)
{
    (void)state;
    put_host(0, 2, "n1", false, 1);
    finish_peer("n1");
    assert_int_equal(over(), OVER(TOPOLOGY) | OVER(READY) | OVER(STARTED));
}

/* ---- the ticks ---- */

static bool is_lost(struct app *app)
{
    app_tick(app);
    return test_host_state(tests_at(app->tests, 0), &tests_at(app->tests, 0)->hosts[0]) ==
           TEST_HOST_LOST;
}

static void nap(unsigned ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

/* Who was not heard while the server itself stood still is not lost for that. */
static void test_standstill(void **state)
{
    const struct store_config config = {.dir = scratch, .queue_jobs = 1, .queue_bytes = 1};
    struct app app;
    char error[256];

    (void)state;
    assert_true(app_init(&app, &config, S / 5, error, sizeof error));
    test = tests_add(app.tests, "t");
    put_host(0, 1, "n1", true, server_clock_ns());
    test->started_ns = server_clock_ns();
    assert_false(is_lost(&app));
    nap(1100);
    assert_false(is_lost(&app));
    while (!is_lost(&app))
        nap(10);
    app_free(&app);
}

/* ---- bodies ---- */

static void check(const struct body_rule *rules, const char *text, enum error_kind kind,
                  const char *message)
{
    struct refusal refusal = {.kind = ERROR_NONE};
    json_t *body = body_read(text, strlen(text), rules, &refusal);

    if (body != NULL && rules == body_of_batch)
        batch_check(body, &refusal);
    json_decref(body);
    if (refusal.kind != kind || (kind != ERROR_NONE && strcmp(refusal.message, message) != 0))
        print_error("%s: %s\n", text, refusal.message);
    assert_int_equal(refusal.kind, kind);
    if (kind != ERROR_NONE)
        assert_string_equal(refusal.message, message);
}

static void test_bodies(void **state)
{
    (void)state;
    check(body_of_nothing, "", ERROR_NONE, NULL);
    check(body_of_test, "{\"started\": false, \"size\": 100000}", ERROR_NONE, NULL);
    check(body_of_test, "{\"started\": false, \"size\": 100001}", ERROR_WRONG_VALUE,
          "size: 100001 is not between 1 and 100000");
    check(body_of_test, "{\"started\": \xff}", ERROR_BAD_JSON,
          "the body is not JSON: line 1, column 12: unable to decode byte 0xff");
    check(body_of_test, "{\"started\": true,\n \"x\\u0000y\": 1}", ERROR_BAD_JSON,
          "the body is not JSON: line 2, column 11: NUL byte in object key not supported near "
          "'\"x\\u0000y\"'");
    check(body_of_topology, "{\"host\": {\"rank\": 0, \"size\": 1, \"ca\": \"\", \"r\": 1}}",
          ERROR_UNKNOWN_FIELD, "host.r: there is no such member");
    check(body_of_topology, "{\"host\": {\"components\": [\"a\", \"b\", 3]}}", ERROR_WRONG_TYPE,
          "host.components[2]: a text is wanted, not an integer");
    check(body_of_results, "{\"sequence_last\": 1, \"status\": 256}", ERROR_WRONG_VALUE,
          "status: 256 is not between 0 and 255");
    check(body_of_finish, "{\"verdict\": \"pass\", \"summary\": [1]}", ERROR_WRONG_TYPE,
          "summary: an object is wanted, not a list");
}

/* What is repeated of a body stays a line of UTF-8, which the answer can hold. */
static void test_told_in_utf8(void **state)
{
#define NAME_63 "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-abcdefghi"
    (void)state;
    check(body_of_nothing, "{\"" NAME_63 "\xc3\xa4\": 1}", ERROR_UNKNOWN_FIELD,
          NAME_63 " : there is no such member");
    check(body_of_nothing, "{\"a\\nb\\u001b[2J\": 1}", ERROR_UNKNOWN_FIELD,
          "a b [2J: there is no such member");
#undef NAME_63
}

static void test_batches(void **state)
{
    (void)state;
    check(body_of_batch,
          "{\"sequence\": 3, \"sent_ns\": 5, \"points\": [{\"time_ns\": 1, \"source\": \"n1.x\","
          " \"values\": {\"a.b\": 1, \"c\": 2.5}}], \"tables\": {\"sample\":"
          " {\"columns\": [\"a\", \"b\"], \"rows\": [[1, null], [2.5, \"x\"]]}}}",
          ERROR_NONE, NULL);
    check(body_of_batch, "{\"sequence\": 1, \"tables\": {\"file\": {}}}", ERROR_UNKNOWN_FIELD,
          "tables.file: no table of run.db that is posted has this name");
    check(body_of_batch, "{\"sequence\": 1, \"tables\": {\"event\": {\"columns\": [\"a b\"]}}}",
          ERROR_WRONG_VALUE,
          "tables.event.columns[0]: 'a b' is not a name ([a-z][a-z0-9_.-]{0,63})");
    check(body_of_batch,
          "{\"sequence\": 1, \"tables\": {\"event\": {\"columns\": [\"a\"], \"rows\": [[true]]}}}",
          ERROR_WRONG_TYPE,
          "tables.event.rows[0][0]: a number, a text or null is wanted, not a boolean");
    check(body_of_batch,
          "{\"sequence\": 1, \"preamble\": true, \"points\": [{\"time_ns\": 1,"
          " \"source\": \"x\", \"values\": {}}]}",
          ERROR_WRONG_VALUE, "points: a preamble has none, they are measured after the start");
    check(body_of_batch, "{\"sequence\": 9223372036854775808}", ERROR_BAD_JSON,
          "the body is not JSON: line 1, column 32: too big integer near '9223372036854775808'");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(test_states),
        CASE(test_many),
        CASE(test_names),
        CASE(test_host_life),
        CASE(test_end),
        CASE(test_waits),
        CASE(test_no_start),
        cmocka_unit_test_setup_teardown(test_standstill, scratch_set_up, scratch_tear_down),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_told_in_utf8),
        cmocka_unit_test(test_batches),
    };

    return cmocka_run_group_tests(cases, NULL, NULL);
}
