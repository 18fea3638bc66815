/* Effects of nemeses are seen on telemetry pages, and only there: pages that tell of one, and pages
 * that do not. */
#include "driver/effect.h"

#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

enum { SERVER, ONE, OTHER, MEMBERS };

static struct component components[MEMBERS] = {
    {.name = "server", .server = true, .peer = -1},
    {.name = "one", .peer = SERVER},
    {.name = "other", .peer = SERVER},
};
static const struct scenario scenario = {.components = components, .count = MEMBERS};
static struct process processes[MEMBERS];
static struct page_snapshot pages[MEMBERS];
static struct effect effect;

/* In place of the supervisor's: all are up. */
struct process *__wrap_supervisor_process(struct supervisor *s, size_t i);
bool __wrap_supervisor_is_up(const struct supervisor *s, size_t i);

struct process *__wrap_supervisor_process(struct supervisor *s, size_t i)
{
    (void)s;
    return &processes[i];
}

bool __wrap_supervisor_is_up(const struct supervisor *s, size_t i)
{
    (void)s, (void)i;
    return true;
}

static void publish(size_t i)
{
    page_publish(processes[i].page, &pages[i]);
}

static void say(size_t i, enum page_event_kind kind)
{
    page_put_event(processes[i].page, kind, 1, 0);
}

static int set_up(void **state)
{
    int fd;

    (void)state;
    for (size_t i = 0; i < MEMBERS; i++) {
        pages[i] = (struct page_snapshot){.state = PAGE_READY};
        metric_set(&pages[i].metrics, METRIC_CONNECTIONS, i == SERVER ? 2 : 1);
        processes[i] = (struct process){.page = page_create(&fd), .number = 1};
        if (processes[i].page == NULL)
            return -1;
        close(fd);
        publish(i);
    }
    return effect_init(&effect, NULL, &scenario) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    effect_release(&effect);
    for (size_t i = 0; i < MEMBERS; i++)
        page_free(processes[i].page);
    return 0;
}

static void strike(enum nemesis nemesis)
{
    assert_true(effect_begin(&effect, &(struct nemesis_stroke){nemesis, SERVER, 0}));
}

static bool seen(void)
{
    char text[EFFECT_TEXT];

    return effect_look(&effect, text);
}

/* ---- half-open ---- */

/* Given up by a client, and another connection made; at the server both are there for a while. */
static void reconnect(size_t client)
{
    say(client, PAGE_LOSS_TIMEOUT);
    say(client, PAGE_RECOVERED);
}

static void a_half_open_connection_is_given_up_by_both(void **state)
{
    (void)state;
    strike(NEMESIS_HALF_OPEN);
    assert_false(seen());
    metric_set(&pages[SERVER].metrics, METRIC_CONNECTIONS, 4);
    publish(SERVER);
    reconnect(ONE);
    reconnect(OTHER);
    assert_false(seen()); /* the server still has the old ones */
    metric_set(&pages[SERVER].metrics, METRIC_CONNECTIONS, 2);
    publish(SERVER);
    assert_true(seen());
}

static void a_half_open_connection_that_is_not_replaced_is_no_effect(void **state)
{
    (void)state;
    strike(NEMESIS_HALF_OPEN);
    say(ONE, PAGE_LOSS_TIMEOUT);
    say(OTHER, PAGE_LOSS_TIMEOUT);
    publish(SERVER);
    assert_false(seen());
}

static void what_was_lost_before_is_no_effect(void **state)
{
    (void)state;
    reconnect(ONE);
    reconnect(OTHER);
    strike(NEMESIS_HALF_OPEN);
    publish(SERVER);
    assert_false(seen());
}

static void another_loss_is_no_effect(void **state)
{
    (void)state;
    strike(NEMESIS_HALF_OPEN);
    for (size_t i = ONE; i <= OTHER; i++) {
        say(i, PAGE_LOSS_RESET);
        say(i, PAGE_RECOVERED);
    }
    publish(SERVER);
    assert_false(seen());
}

/* ---- latency ---- */

static void round_trips(size_t client, unsigned count, uint64_t ns)
{
    for (unsigned i = 0; i < count; i++)
        histogram_record(&pages[client].rtt, ns);
    publish(client);
}

static void both(unsigned count, uint64_t ns)
{
    round_trips(ONE, count, ns);
    round_trips(OTHER, count, ns);
}

static void a_longer_way_is_seen_when_it_is_short_again(void **state)
{
    (void)state;
    both(100, NS_PER_MS);
    strike(NEMESIS_LATENCY);
    assert_false(seen());
    both(3, NEMESIS_LATENCY_NS + 2 * NS_PER_MS);
    assert_false(seen());
    both(50, NS_PER_MS);
    assert_true(seen());
}

static void a_way_that_stays_short_is_no_effect(void **state)
{
    (void)state;
    both(100, NS_PER_MS);
    strike(NEMESIS_LATENCY);
    for (int i = 0; i < 3; i++) {
        both(50, NS_PER_MS);
        assert_false(seen());
    }
    both(5, NEMESIS_LATENCY_NS / 2); /* longer, but not so much */
    assert_false(seen());
    both(50, NS_PER_MS);
    assert_false(seen());
}

static void a_way_that_stays_long_is_no_effect_yet(void **state)
{
    (void)state;
    both(100, NS_PER_MS);
    strike(NEMESIS_LATENCY);
    for (int i = 0; i < 3; i++) {
        both(3, NEMESIS_LATENCY_NS + NS_PER_MS);
        assert_false(seen());
    }
    /* One that is short among them does not end it. */
    for (size_t i = ONE; i <= OTHER; i++)
        histogram_record(&pages[i].rtt, NS_PER_MS);
    both(3, NEMESIS_LATENCY_NS + NS_PER_MS);
    assert_false(seen());
}

int main(void)
{
#define EFFECT_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EFFECT_TEST(a_half_open_connection_is_given_up_by_both),
        EFFECT_TEST(a_half_open_connection_that_is_not_replaced_is_no_effect),
        EFFECT_TEST(what_was_lost_before_is_no_effect),
        EFFECT_TEST(another_loss_is_no_effect),
        EFFECT_TEST(a_longer_way_is_seen_when_it_is_short_again),
        EFFECT_TEST(a_way_that_stays_short_is_no_effect),
        EFFECT_TEST(a_way_that_stays_long_is_no_effect_yet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
