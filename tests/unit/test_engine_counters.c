/* What the engine counts of its connections and calls, beside the traffic: each event by itself. */
#include "common/engine/mem.h"
#include "tests/unit/engine_pair.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct engine_stats *stats_of(const struct pair *p)
{
    return engine_loop_stats(p->loop);
}

/* The loop counts both ends. */
static bool reaches(struct pair *p, const uint64_t *counter, uint64_t count)
{
    for (int i = 0; i < 500 && *counter < count; i++)
        pair_run_for(p, 0.01);
    return *counter == count;
}

static void hang_up(struct pair *p)
{
    client_abort(p->client);
    assert_true(pair_run(p, &p->ended));
    assert_true(pair_settle(p));
}

static void connections_open_and_close(void **state)
{
    struct pair *p = *state;
    const struct engine_stats *stats = stats_of(p);

    assert_true(reaches(p, &stats->opened, 2));
    assert_int_equal(stats->handshakes, p->client_tls == NULL ? 0 : 2);
    assert_int_equal(stats->closed, 0);
    hang_up(p);
    assert_int_equal(stats->closed, 2);
    assert_int_equal(stats->emptied, 1);
    assert_true(pair_connect(p));
    assert_true(pair_run(p, &p->ready));
    assert_true(reaches(p, &stats->opened, 4));
    assert_int_equal(stats->emptied, 1);
    assert_int_equal(stats->unopened, 0);
    hang_up(p);
}

static void a_refused_connection_never_opens(void **state)
{
    struct pair *p = *state;
    const struct engine_stats *stats = stats_of(p);
    uint64_t opened;

    hang_up(p);
    opened = stats->opened;
    server_free(p->server);
    p->server = NULL;
    assert_true(pair_connect(p));
    assert_true(pair_run(p, &p->ended));
    assert_int_equal(p->end, CLIENT_REFUSED);
    assert_int_equal(stats->unopened, 1);
    assert_int_equal(stats->opened, opened);
    assert_int_equal(stats->closed, opened);
}

/* A request, a response and its trailers; a stream at each end. */
static void streams_and_header_blocks(void **state)
{
    struct pair *p = *state;
    struct pair_result r = {.to_send = 1}, refused = {.to_send = 1};
    const struct engine_stats *stats = stats_of(p);

    assert_non_null(pair_call(p, PAIR_ECHO, &r, 0));
    assert_true(pair_run(p, &r.done));
    assert_true(reaches(p, &stats->streams_closed, 2));
    assert_int_equal(stats->header_blocks, 3);
    assert_int_equal(stats->early_ends, 0);
    /* One that comes to no call is a stream all the same. */
    assert_non_null(pair_call(p, PAIR_REFUSED, &refused, 0));
    assert_true(pair_run(p, &refused.done));
    assert_true(reaches(p, &stats->streams_closed, 4));
    assert_int_equal(stats->header_blocks, 5);
}

static void a_server_that_ends_first(void **state)
{
    struct pair *p = *state;
    struct pair_result r = {.to_send = UINT64_MAX};
    const struct engine_stats *stats = stats_of(p);

    assert_non_null(pair_call(p, PAIR_FAIL, &r, 0));
    assert_true(pair_run(p, &r.done));
    assert_int_equal(r.code, GRPC_FAILED_PRECONDITION);
    assert_true(reaches(p, &stats->early_ends, 2));
    assert_int_equal(stats->cancels, 0);
}

/* Each of two streams: one that eats up the window, one whose reply and trailers wait for it. */
static void a_window_that_runs_out(void **state)
{
    struct pair *p = *state;
    struct pair_result endless = {.to_send = 1}, waiting = {.to_send = 1};
    const struct engine_stats *stats = stats_of(p);
    struct call *call;
    uint64_t bytes;

    client_hold(p->client, true);
    assert_non_null(pair_call(p, PAIR_STREAM, &endless, 0));
    do {
        bytes = endless.bytes;
        pair_run_for(p, 0.1);
    } while (endless.bytes != bytes || bytes == 0);
    assert_int_equal(stats->stalls, 0);
    call = pair_call(p, PAIR_ECHO, &waiting, 0);
    assert_non_null(call);
    assert_true(reaches(p, &stats->calls_started, 4));
    pair_run_for(p, 0.05);
    call_cancel(call);
    assert_true(pair_run(p, &waiting.done));
    assert_true(reaches(p, &stats->trailers_cut, 1));
    assert_int_equal(stats->cancels, 2);
    client_hold(p->client, false);
    for (int i = 0; i < 500 && stats->stalls == 0; i++)
        pair_run_for(p, 0.01);
    assert_true(stats->stalls > 0);
    assert_int_equal(stats->trailers_cut, 1);
    hang_up(p);
}

static void the_sum_of_two_loops(void **state)
{
    struct engine_stats one, two;
    uint64_t *fields = (uint64_t *)&one, *more = (uint64_t *)&two;
    size_t count = sizeof one / sizeof *fields;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        fields[i] = i + 1;
        more[i] = 1000;
    }
    one.first_message_ns = 2000;
    engine_stats_add(&one, &two);
    assert_int_equal(one.first_message_ns, 1000);
    one.first_message_ns = 1000 + count;
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fields[i], 1000 + i + 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, pair_set_up, pair_tear_down)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(connections_open_and_close), CASE(a_refused_connection_never_opens),
        CASE(streams_and_header_blocks),  CASE(a_server_that_ends_first),
        CASE(a_window_that_runs_out),     cmocka_unit_test(the_sum_of_two_loops),
    };

    signal(SIGPIPE, SIG_IGN);
    if (!mem_install())
        return 1;
    return cmocka_run_group_tests_name("engine counters", cases, NULL, NULL);
}
