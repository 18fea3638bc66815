/*
 * Anything that a program may do to a client and a server, at random, for some seconds: calls of
 * every method, in every encoding, with deadlines and metadata, cancelled, half closed; windows
 * held shut; connections turned away, reset, closed, made anew. Whatever happens, each call ends
 * exactly once and before its connection, the counters balance, and not a byte is left. What was
 * drawn comes from one seed, which is printed: FLATLINE_TEST_SEED repeats it (not the kernel's part
 * in it).
 */
#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/engine/mem.h"
#include "tests/unit/engine_pair.h"

#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ev.h>

#define TIME_NS (2 * NS_PER_S)
#define STEPS 600 /* of a round, at most */
#define CALLS 40  /* of a round */

struct slot {
    struct pair_result result;
    struct call *call; /* NULL: none was begun */
};

struct round {
    struct pair pair;
    struct rng *rng;
    struct slot slots[CALLS];
    size_t count;
    uint64_t calls;
};

static uint64_t draw(struct round *round, uint64_t most)
{
    return rng_range(round->rng, 0, most);
}

/* One whose call has ended, once; or NULL. */
static struct slot *free_slot(struct round *round)
{
    if (round->count < CALLS)
        return &round->slots[round->count++];
    for (size_t i = 0; i < CALLS; i++) {
        if (round->slots[i].call == NULL || round->slots[i].result.done)
            return &round->slots[i];
    }
    return NULL;
}

static void begin_call(struct round *round)
{
    static const char *const paths[] = {PAIR_ECHO, PAIR_STREAM, PAIR_SINK,
                                        PAIR_FAIL, PAIR_SILENT, PAIR_REFUSED};
    static const struct grpc_metadata metadata = {"x-echo-bin", "\1\2\3", 3};
    struct slot *slot = round->pair.client == NULL ? NULL : free_slot(round);
    uint64_t timeout_ns = draw(round, 3) == 0 ? 1 + draw(round, 20 * NS_PER_MS) : 0;

    if (slot == NULL)
        return;
    if (slot->call != NULL)
        assert_int_equal(slot->result.ends, 1);
    slot->result =
        (struct pair_result){.to_send = draw(round, 200),
                             .encoding = (enum grpc_encoding)draw(round, GRPC_ENCODINGS - 1),
                             .send = draw(round, 3) == 0 ? &metadata : NULL,
                             .stop_at = draw(round, 50)};
    slot->call = pair_call(&round->pair, paths[draw(round, 5)], &slot->result, timeout_ns);
    round->calls += slot->call != NULL;
}

/* One that is under way, or NULL. */
static struct call *some_call(struct round *round)
{
    struct slot *slot = round->count == 0 ? NULL : &round->slots[draw(round, round->count - 1)];

    return slot == NULL || slot->call == NULL || slot->result.done ? NULL : slot->call;
}

static void befall_call(struct round *round)
{
    struct call *call = some_call(round);

    if (call == NULL)
        return;
    if (draw(round, 2) > 0)
        call_cancel(call);
    else
        call_half_close(call);
}

static void check_ended(const struct round *round)
{
    for (size_t i = 0; i < round->count; i++)
        assert_true(round->slots[i].call == NULL || round->slots[i].result.ends == 1);
}

/* Those of a connection that is no more. */
static void forget_calls(struct round *round)
{
    check_ended(round);
    memset(round->slots, 0, sizeof round->slots);
    round->count = 0;
}

static void connect_again(struct round *round)
{
    struct pair *p = &round->pair;

    if (draw(round, 7) == 0)
        client_close(p->client);
    else
        client_abort(p->client);
    assert_true(pair_run(p, &p->ended));
    forget_calls(round);
    assert_true(pair_connect(p) && pair_run(p, &p->decided));
}

static void befall_connection(struct round *round)
{
    struct pair *p = &round->pair;

    switch (draw(round, 9)) {
    case 0:
        server_abort(p->server);
        break;
    case 1:
        server_turn_away(p->server, draw(round, 4 * NS_PER_MS));
        break;
    case 2:
        if (p->client != NULL)
            connect_again(round);
        break;
    case 3:
    case 4:
        server_hold(p->server, draw(round, 1) == 0);
        break;
    default:
        if (p->client != NULL && p->ready)
            client_hold(p->client, draw(round, 1) == 0);
    }
}

static void step(struct round *round)
{
    struct pair *p = &round->pair;
    uint64_t what = draw(round, 29);

    if (p->client == NULL) {
        forget_calls(round);
        assert_true(pair_connect(p) && pair_run(p, &p->decided));
    }
    if (what < 9)
        begin_call(round);
    else if (what < 13)
        befall_call(round);
    else if (what < 14)
        befall_connection(round);
    else
        ev_run(engine_loop_ev(p->loop), EVRUN_NOWAIT);
}

static void play_round(struct round *round, uint64_t deadline)
{
    struct pair *p = &round->pair;
    const struct engine_stats *stats;

    assert_true(pair_open(p) && pair_connect(p) && pair_run(p, &p->decided));
    for (int steps = 0; steps < STEPS && (steps < 100 || clock_now_ns() < deadline); steps++)
        step(round);
    server_hold(p->server, false);
    if (p->client != NULL) {
        client_abort(p->client);
        assert_true(pair_run(p, &p->ended));
    }
    check_ended(round);
    assert_true(pair_settle(p));
    stats = engine_loop_stats(p->loop);
    assert_int_equal(stats->streams, 0);
    assert_int_equal(stats->calls_started, stats->calls_done + stats->calls_failed);
    assert_int_equal(stats->connections_total, stats->closed + stats->unopened);
    assert_int_equal(stats->memory_drops, 0);
    assert_int_equal(stats->protocol_errors, 0);
    pair_close(p);
}

static void test_anything_leaves_nothing(void **state)
{
    const char *given = getenv("FLATLINE_TEST_SEED");
    struct rng rng = {.seed = given != NULL ? strtoull(given, NULL, 10) : rng_seed_random()};
    uint64_t deadline = clock_now_ns() + TIME_NS;
    static struct round round;
    int64_t before[MEM_ZONES];
    uint64_t calls = 0;
    int rounds = 0;

    (void)state;
    print_message("# FLATLINE_TEST_SEED=%" PRIu64 "\n", rng.seed);
    for (int zone = 0; zone < MEM_ZONES; zone++)
        before[zone] = mem_live((enum mem_zone)zone);
    do {
        memset(&round, 0, sizeof round);
        round.rng = &rng;
        play_round(&round, deadline);
        for (int zone = 0; zone < MEM_ZONES; zone++)
            assert_int_equal(mem_live((enum mem_zone)zone), before[zone]);
        calls += round.calls;
        rounds++;
    } while (clock_now_ns() < deadline);
    print_message("# %d rounds, %" PRIu64 " calls\n", rounds, calls);
    assert_true(calls > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_anything_leaves_nothing)};

    signal(SIGPIPE, SIG_IGN);
    if (!mem_install())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
