#include "common/base/clock.h"
#include "driver/sweep/capacity_finding.h"
#include "driver/sweep/search.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- search ---- */

/* Of a thing that holds up to `truth`; broken_at: whether a failure says where. Returns the trials.
 */
static unsigned find(uint64_t truth, uint64_t limit, bool broken_at, uint64_t *found)
{
    struct search search;
    unsigned trials = 0;
    uint64_t number;

    search_begin(&search, limit);
    while ((number = search_next(&search)) != 0) {
        assert_in_range(number, 1, limit);
        assert_true(++trials < 100);
        if (number <= truth)
            search_held(&search, number);
        else
            search_failed(&search, number, broken_at ? truth + 1 : number);
    }
    *found = search.holds;
    return trials;
}

static void test_every_limit_is_found(void **state)
{
    (void)state;
    for (uint64_t limit = 1; limit <= 70; limit++) {
        for (uint64_t truth = 0; truth <= limit + 1; truth++) {
            uint64_t found;

            find(truth, limit, false, &found);
            assert_true(found == (truth < limit ? truth : limit));
            find(truth, limit, true, &found);
            assert_true(found == (truth < limit ? truth : limit));
        }
    }
}

static void test_a_search_is_short(void **state)
{
    uint64_t found;

    (void)state;
    assert_in_range(find(6000, 10000, false, &found), 1, 21);
    assert_true(found == 6000);
    /* Up by fours, the failure, and the one that it pointed at. */
    assert_int_equal(find(57, 10000, true, &found), 5);
    assert_true(found == 57);
}

/* ---- findings ---- */

#define TURNS 8

struct made {
    struct trial_plan plan;
    struct trial trial;
    struct swarm_turn turns[TURNS + 1];
    struct trial_sample samples[2 * TURNS + 2];
};

static void add_sample(struct made *m, uint64_t time_ns, int64_t connections, int64_t live,
                       int64_t fds)
{
    struct trial_sample *s = &m->samples[m->trial.sample_count++];

    *s = (struct trial_sample){.time_ns = time_ns, .server = true};
    metric_set(&s->values, METRIC_CONNECTIONS, connections);
    metric_set(&s->values, METRIC_LIVE, live);
    metric_set(&s->values, METRIC_FDS, fds);
}

/* Eight clients in eight seconds, 1,000 bytes each, and one sample beside each. */
static void make(struct made *m)
{
    memset(m, 0, sizeof *m);
    m->plan.swarm = (struct trial_swarm){.clients = TURNS, .hold = true};
    m->trial.turns = m->turns;
    m->trial.samples = m->samples;
    m->trial.descriptors = 64;
    m->trial.backlog = 4096;
    add_sample(m, NS_PER_S / 2, 0, 5000, 7);
    for (uint32_t i = 1; i <= TURNS; i++) {
        m->turns[m->trial.turn_count++] = (struct swarm_turn){.phase = SWARM_UP,
                                                              .client = i,
                                                              .open = i,
                                                              .ended_ns = i * NS_PER_S,
                                                              .messages = 1,
                                                              .replies = 1,
                                                              .rtt_median_ns = i * 1000,
                                                              .rtt_p99_ns = i * 10000};
        add_sample(m, i * NS_PER_S + 1, (int64_t)i, 5000 + 1000 * (int64_t)i, 7 + (int64_t)i);
    }
}

static struct swarm_turn *last(struct made *m)
{
    return &m->turns[m->trial.turn_count - 1];
}

static void test_a_climb_without_an_end(void **state)
{
    struct capacity_finding f;
    struct made m;

    (void)state;
    make(&m);
    capacity_judge(&m.plan, &m.trial, 0, &f);
    assert_int_equal(f.served, TURNS);
    assert_int_equal(f.end, END_NONE);
    assert_string_equal(f.name, "none");
    assert_string_equal(f.text, "");
    assert_int_equal(f.memory.before, 5000);
    assert_int_equal(f.memory.top, 13000);
    assert_true(fabs(f.memory.each - 1000) < 0.001);
    assert_int_equal(f.p99_ns, 80000);
    assert_int_equal(f.median_ns, 4000);
}

static void expect_end(struct made *m, enum swarm_fault fault, enum capacity_end end,
                       const char *name, const char *limit)
{
    struct capacity_finding f;

    last(m)->fault = fault;
    capacity_judge(&m->plan, &m->trial, 0, &f);
    assert_int_equal(f.end, end);
    assert_string_equal(f.name, name);
    assert_int_equal(f.served, TURNS - 1);
    assert_non_null(strstr(f.text, "client 8"));
    if (strstr(f.text, limit) == NULL)
        fail_msg("'%s' does not name '%s'", f.text, limit);
}

static void test_every_end_names_its_limit(void **state)
{
    struct made m;

    (void)state;
    make(&m);
    expect_end(&m, SWARM_FAULT_PORTS, END_SWARM, "ports", "net.ipv4.ip_local_port_range");
    expect_end(&m, SWARM_FAULT_DESCRIPTORS, END_SWARM, "client-descriptors", "ulimit -n");
    expect_end(&m, SWARM_FAULT_UNANSWERED, END_SWARM, "unanswered", "ulimit -n");
    expect_end(&m, SWARM_FAULT_CONNECT_TIMEOUT, END_BACKLOG, "backlog",
               "net.core.somaxconn = 4096");
    expect_end(&m, SWARM_FAULT_STATUS, END_SWARM, "status", "other than OK");
    /* The same, with a server that had no descriptor left. */
    m.samples[3].values.value[METRIC_FDS] = 64;
    expect_end(&m, SWARM_FAULT_UNANSWERED, END_SERVER_DESCRIPTORS, "server-descriptors",
               "ulimit -n 64");
    expect_end(&m, SWARM_FAULT_PORTS, END_SWARM, "ports", "net.ipv4.ip_local_port_range");
}

static void test_a_server_that_died_is_the_end(void **state)
{
    struct capacity_finding f;
    struct made m;

    (void)state;
    make(&m);
    last(&m)->fault = SWARM_FAULT_REFUSED;
    m.trial.server_died = true;
    m.trial.server_code = STATUS_HEAP_OVERFLOW;
    snprintf(m.trial.death, sizeof m.trial.death,
             "the server ended: heap overflow; its last line: more of it (log: somewhere)");
    capacity_judge(&m.plan, &m.trial, 0, &f);
    assert_string_equal(f.name, "server-died");
    assert_string_equal(f.text,
                        "the server ended: heap overflow; the limit: its heap cap, --server-heap");
}

static void test_round_trips_have_a_bound(void **state)
{
    struct capacity_finding f;
    struct made m;

    (void)state;
    make(&m);
    capacity_judge(&m.plan, &m.trial, 80000, &f);
    assert_int_equal(f.end, END_NONE);
    capacity_judge(&m.plan, &m.trial, 79999, &f);
    assert_string_equal(f.name, "rtt");
    assert_non_null(strstr(f.text, "--rtt-bound"));
}

/* Who is not held moves the place by its turn; on the way down each leaves one less. */
static void test_places_follow_the_turns(void **state)
{
    struct made m;
    bool down;

    (void)state;
    make(&m);
    m.plan.swarm.hold = false;
    assert_true(capacity_place(&m.plan, &m.trial, &m.samples[0], &down) == 0);
    assert_true(capacity_place(&m.plan, &m.trial, &m.samples[5], &down) == 5);
    assert_false(down);
    m.turns[m.trial.turn_count++] = (struct swarm_turn){
        .phase = SWARM_DOWN, .client = TURNS, .ended_ns = (TURNS + 1) * NS_PER_S};
    add_sample(&m, (TURNS + 2) * NS_PER_S, 0, 5000, 7);
    assert_true(capacity_place(&m.plan, &m.trial, &m.samples[TURNS + 1], &down) == TURNS - 1);
    assert_true(down);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_limit_is_found),
        cmocka_unit_test(test_a_search_is_short),
        cmocka_unit_test(test_a_climb_without_an_end),
        cmocka_unit_test(test_every_end_names_its_limit),
        cmocka_unit_test(test_a_server_that_died_is_the_end),
        cmocka_unit_test(test_round_trips_have_a_bound),
        cmocka_unit_test(test_places_follow_the_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
