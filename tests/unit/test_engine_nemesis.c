/* What can befall a connection on purpose: each is seen by the other end, and leaves nothing. */
#include "common/base/clock.h"
#include "common/engine/mem.h"
#include "tests/unit/engine_pair.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define WINDOW 65535 /* of a connection, unless told otherwise: RFC 9113, section 6.9.2 */

static void echo(struct pair *p)
{
    struct pair_result r = {.to_send = 1};

    assert_non_null(pair_call(p, PAIR_ECHO, &r, 0));
    assert_true(pair_run(p, &r.done));
    assert_int_equal(r.code, GRPC_OK);
}

static void connect_again(struct pair *p)
{
    assert_true(pair_connect(p));
    assert_true(pair_run(p, &p->ready));
    echo(p);
}

static void an_aborting_server_is_a_reset_and_serves_on(void **state)
{
    struct pair *p = *state;
    struct pair_result r = {.to_send = 1};

    echo(p);
    assert_non_null(pair_call(p, PAIR_SILENT, &r, 0));
    pair_run_for(p, 0.02);
    server_abort(p->server);
    assert_true(pair_run(p, &p->ended));
    assert_int_equal(p->end, CLIENT_RESET);
    assert_true(r.done);
    assert_int_equal(r.code, GRPC_UNAVAILABLE);
    assert_int_equal(engine_loop_stats(p->loop)->resets, 1);
    connect_again(p);
}

static void an_aborting_client_is_a_reset_to_the_server(void **state)
{
    struct pair *p = *state;

    echo(p);
    client_abort(p->client);
    assert_true(pair_run(p, &p->ended));
    assert_int_equal(p->end, CLIENT_CLOSED);
    assert_true(pair_settle(p));
    assert_int_equal(engine_loop_stats(p->loop)->resets, 1);
    connect_again(p);
}

static void a_server_turns_away_and_serves_on(void **state)
{
    struct pair *p = *state;
    struct pair_result endless = {.to_send = 1}, counted = {.to_send = 100};

    assert_non_null(pair_call(p, PAIR_STREAM, &endless, 0));
    assert_non_null(pair_call(p, PAIR_SINK, &counted, 0));
    pair_run_for(p, 0.01);
    server_turn_away(p->server, 2 * NS_PER_S);
    assert_true(pair_run(p, &p->goaway));
    assert_true(pair_run(p, &p->ended));
    assert_int_equal(p->end, CLIENT_GOAWAY);
    assert_int_equal(counted.code, GRPC_OK);
    assert_true(endless.done);
    assert_int_not_equal(endless.code, GRPC_OK);
    connect_again(p);
    /* Who came later is spared, and the server can do it again. */
    pair_run_for(p, 0.2);
    assert_false(p->goaway);
    server_turn_away(p->server, 10 * NS_PER_MS);
    assert_true(pair_run(p, &p->ended));
    assert_int_equal(p->end, CLIENT_GOAWAY);
}

static void set_flag(void *arg)
{
    *(bool *)arg = true;
}

static void a_drain_overtakes_a_turning_away(void **state)
{
    struct pair *p = *state;
    bool drained = false;

    server_turn_away(p->server, 10 * NS_PER_S);
    server_drain(p->server, 50 * NS_PER_MS, set_flag, &drained);
    assert_true(pair_run(p, &p->ended));
    assert_true(pair_run(p, &drained));
}

/* Before a result that a call still writes to goes out of scope. */
static void hang_up(struct pair *p)
{
    client_abort(p->client);
    assert_true(pair_run(p, &p->ended));
}

/* Waits for a counter to change, or not to. */
static bool goes_on(struct pair *p, const uint64_t *counter)
{
    uint64_t before = *counter;

    for (int i = 0; i < 500 && *counter == before; i++)
        pair_run_for(p, 0.01);
    return *counter != before;
}

static bool stands_still(struct pair *p, const uint64_t *counter)
{
    uint64_t before;
    int tries = 0;

    do {
        before = *counter;
        pair_run_for(p, 0.1);
    } while (*counter != before && ++tries < 50);
    return *counter == before;
}

static void a_slow_reader_stops_the_server(void **state)
{
    struct pair *p = *state;
    struct pair_result r = {.to_send = 1};
    uint64_t before;
    int64_t held;

    assert_non_null(pair_call(p, PAIR_STREAM, &r, 0));
    assert_true(goes_on(p, &r.bytes));
    client_hold(p->client, true);
    before = r.bytes;
    assert_true(stands_still(p, &r.bytes));
    assert_in_range(r.bytes - before, 0, WINDOW);
    held = mem_live(MEM_APP) + mem_live(MEM_NGHTTP2);
    pair_run_for(p, 0.2);
    /* The sender keeps nothing more, however long it waits. */
    assert_int_equal(mem_live(MEM_APP) + mem_live(MEM_NGHTTP2), held);
    client_hold(p->client, false);
    assert_true(goes_on(p, &r.bytes));
    hang_up(p);
}

static void a_slow_server_stops_the_client(void **state)
{
    struct pair *p = *state;
    struct pair_result r = {.to_send = UINT64_MAX};
    const uint64_t *received = &engine_loop_stats(p->loop)->bytes_received;

    assert_non_null(pair_call(p, PAIR_SINK, &r, 0));
    assert_true(goes_on(p, received));
    server_hold(p->server, true);
    assert_true(stands_still(p, received));
    server_hold(p->server, false);
    assert_true(goes_on(p, received));
    hang_up(p);
}

/* Also of a connection that comes while the server holds. */
static void a_slow_server_holds_new_connections_too(void **state)
{
    struct pair *p = *state;
    struct pair_result r = {.to_send = UINT64_MAX};
    const uint64_t *received = &engine_loop_stats(p->loop)->bytes_received;

    hang_up(p);
    server_hold(p->server, true);
    assert_true(pair_connect(p));
    assert_true(pair_run(p, &p->ready));
    assert_non_null(pair_call(p, PAIR_SINK, &r, 0));
    assert_true(stands_still(p, received));
    assert_in_range(*received, 1, WINDOW);
    server_hold(p->server, false);
    assert_true(goes_on(p, received));
    hang_up(p);
}

static void a_hold_is_paid_back_in_full(void **state)
{
    struct pair *p = *state;
    struct pair_result r = {.to_send = 5000};

    for (int i = 0; i < 20; i++) {
        server_hold(p->server, i % 2 == 0);
        client_hold(p->client, i % 2 == 0);
        pair_run_for(p, 0.002);
    }
    assert_non_null(pair_call(p, PAIR_SINK, &r, 0));
    assert_true(pair_run(p, &r.done));
    assert_int_equal(r.code, GRPC_OK);
    echo(p);
}

static void both_ends_count_a_cancelled_call(void **state)
{
    struct pair *p = *state;
    struct pair_result r = {.to_send = 1};
    struct call *call = pair_call(p, PAIR_STREAM, &r, 0);

    assert_non_null(call);
    assert_true(goes_on(p, &r.bytes));
    call_cancel(call);
    assert_true(pair_run(p, &r.done));
    assert_int_equal(r.code, GRPC_CANCELLED);
    pair_run_for(p, 0.05);
    assert_int_equal(engine_loop_stats(p->loop)->cancels, 2);
    echo(p);
}

static int64_t live(void)
{
    return mem_live(MEM_APP) + mem_live(MEM_NGHTTP2);
}

static void befall(struct pair *p, int round)
{
    struct pair_result r = {.to_send = 1};

    if (pair_call(p, PAIR_STREAM, &r, 0) == NULL)
        fail();
    pair_run_for(p, 0.01);
    client_hold(p->client, true);
    server_hold(p->server, true);
    pair_run_for(p, 0.02);
    client_hold(p->client, false);
    server_hold(p->server, false);
    if (round % 2 == 0)
        server_abort(p->server);
    else
        server_turn_away(p->server, 10 * NS_PER_MS);
    assert_true(pair_run(p, &p->ended));
    assert_true(pair_settle(p));
}

static void rest_is_the_same_after_all_of_it(void **state)
{
    struct pair *p = *state;
    int64_t at_rest = 0;

    for (int round = 0; round < 10; round++) {
        befall(p, round);
        connect_again(p);
        pair_run_for(p, 0.02);
        if (round == 1)
            at_rest = live();
    }
    assert_int_equal(live(), at_rest);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, pair_set_up, pair_tear_down)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(an_aborting_server_is_a_reset_and_serves_on),
        CASE(an_aborting_client_is_a_reset_to_the_server),
        CASE(a_server_turns_away_and_serves_on),
        CASE(a_drain_overtakes_a_turning_away),
        CASE(a_slow_reader_stops_the_server),
        CASE(a_slow_server_stops_the_client),
        CASE(a_slow_server_holds_new_connections_too),
        CASE(a_hold_is_paid_back_in_full),
        CASE(both_ends_count_a_cancelled_call),
        CASE(rest_is_the_same_after_all_of_it),
    };

    signal(SIGPIPE, SIG_IGN);
    if (!mem_install())
        return 1;
    return cmocka_run_group_tests_name("engine nemesis", cases, NULL, NULL);
}
