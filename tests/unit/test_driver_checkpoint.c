/*
 * Checkpoints over a small fleet of fake children that have the page but no traffic: the plan as a
 * pure function, then what is recorded of those who obey, who do not, and who do not fall quiet.
 */
#include "config.h"

#include "common/base/clock.h"
#include "common/run/reader.h"
#include "driver/checkpoint.h"
#include "tests/unit/small_fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define READINGS 64
/* The plan's spacing is seconds; the tests let it begin that much in the past. */
#define LOOK_NS (1200 * NS_PER_MS) /* when the first look is due */
#define AHEAD_NS (CHECKPOINT_SPACING_NS - LOOK_NS)
/* A pause ends when all are at rest, and until then it may take what it takes. */
#define PAUSE_NS (60 * NS_PER_S)

struct world {
    struct small_fleet f;
    struct checkpoints *checkpoints;
    struct checkpoint_plan plan;
    uint64_t pause_ns, hold_ns, begun_ns;
    unsigned looks;    /* the run ends after so many, */
    bool stop_in_look; /* or in the midst of the first */
    unsigned seen;     /* looks that are over */
    bool frozen;
    ev_timer watch_timer;
    struct run_reading_row readings[READINGS];
    char why[READINGS][64];
    size_t reading_count;
};

static struct world w;

static void stop(void)
{
    ev_timer_stop(w.f.loop, &w.watch_timer);
    checkpoints_end(w.checkpoints);
    supervisor_stop(w.f.supervisor);
}

static bool server_is_paused(void)
{
    static struct page_snapshot snapshot;
    const struct process *server = supervisor_process(w.f.supervisor, 0);

    return server != NULL && page_read(server->page, &snapshot) && snapshot.state == PAGE_PAUSED;
}

/* A look is over when chaos may kill again. */
static void on_watch(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    bool frozen = supervisor_is_frozen(w.f.supervisor);

    (void)loop, (void)watcher, (void)revents;
    w.seen += w.frozen && !frozen;
    w.frozen = frozen;
    if (w.stop_in_look ? server_is_paused() : w.seen >= w.looks)
        stop();
}

static void begun(void *user, uint64_t now_ns)
{
    (void)user;
    ev_timer_init(&w.watch_timer, on_watch, 0.005, 0.005);
    ev_timer_start(w.f.loop, &w.watch_timer);
    w.begun_ns = now_ns - AHEAD_NS;
    checkpoints_begin(w.checkpoints, w.begun_ns);
}

static void breached(void *user, const struct component *component, enum reason reason,
                     const char *line)
{
    (void)user, (void)component, (void)reason, (void)line;
    stop();
}

static void over(void *user)
{
    (void)user;
    ev_break(w.f.loop, EVBREAK_ALL);
}

static void clients_gone(void *user)
{
    (void)user;
    checkpoints_close(w.checkpoints);
}

static const struct supervisor_hooks hooks = {
    .begun = begun, .breached = breached, .over = over, .clients_gone = clients_gone};

static void add(const char *name, bool server, bool stable, const char *orders)
{
    small_fleet_add(&w.f, name, server, stable, orders);
}

static int set_up(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    w.plan = (struct checkpoint_plan){42, 2 * CHECKPOINT_SPACING_NS, 1};
    w.pause_ns = PAUSE_NS;
    w.looks = 1;
    return small_fleet_open(&w.f);
}

static int tear_down(void **state)
{
    (void)state;
    checkpoints_free(w.checkpoints);
    return small_fleet_close(&w.f);
}

static bool take_reading(void *arg, const struct run_reading_row *row)
{
    (void)arg;
    assert_true(w.reading_count < READINGS);
    snprintf(w.why[w.reading_count], sizeof w.why[0], "%s", row->why == NULL ? "" : row->why);
    w.readings[w.reading_count++] = *row;
    return true;
}

/* Runs the fleet to its end and reads what was recorded. */
static void run(void)
{
    small_fleet_make(&w.f, &hooks);
    w.checkpoints =
        checkpoints_new(w.f.loop, &(struct checkpoint_settings){.supervisor = w.f.supervisor,
                                                                .scenario = &w.f.scenario,
                                                                .rows = w.f.rows,
                                                                .writer = w.f.writer,
                                                                .plan = w.plan,
                                                                .pause_ns = w.pause_ns,
                                                                .hold_ns = w.hold_ns});
    assert_non_null(w.checkpoints);
    small_fleet_run(&w.f);
    assert_true(run_reader_readings(w.f.reader, 0, take_reading, NULL));
}

/* The reading of incarnation `id` at a checkpoint, or NULL. */
static const struct run_reading_row *reading(int64_t checkpoint, int64_t id, const char **why)
{
    for (size_t i = 0; i < w.reading_count; i++) {
        if (w.readings[i].checkpoint == checkpoint && w.readings[i].incarnation == id) {
            *why = w.why[i];
            return &w.readings[i];
        }
    }
    return NULL;
}

static void assert_reading(int64_t checkpoint, int64_t id, const char *expected)
{
    const char *why = "there is none";
    const struct run_reading_row *row = reading(checkpoint, id, &why);

    assert_string_equal(why, expected);
    assert_true(row->valid == (*expected == '\0'));
}

/* ---- the plan ---------------------------------------------------------------------------------
 */

static void looks_are_evenly_spaced(void **state)
{
    struct checkpoint_plan plan = {1, 66 * NS_PER_S, 10};

    (void)state;
    assert_int_equal(checkpoint_plan_count(&plan), 10);
    for (unsigned i = 1; i <= 10; i++)
        assert_int_equal(checkpoint_plan_time(&plan, i), i * 6 * NS_PER_S);
    plan.wanted = 0;
    assert_int_equal(checkpoint_plan_count(&plan), 0);
}

static void a_short_run_has_fewer(void **state)
{
    struct checkpoint_plan plan = {1, 12 * NS_PER_S, 10};

    (void)state;
    assert_int_equal(checkpoint_plan_count(&plan), 5);
    assert_int_equal(checkpoint_plan_time(&plan, 5), 10 * NS_PER_S);
    plan.duration_ns = 3 * NS_PER_S;
    assert_int_equal(checkpoint_plan_count(&plan), 0);
}

static void each_family_has_its_turn(void **state)
{
    struct checkpoint_plan plan = {7, 66 * NS_PER_S, 10}, other = {8, 66 * NS_PER_S, 10};
    bool differs = false;

    (void)state;
    assert_null(checkpoint_plan_held(&plan, 1));
    assert_null(checkpoint_plan_held(&plan, 11));
    for (unsigned i = 2; i <= 6; i++) {
        assert_non_null(checkpoint_plan_held(&plan, i));
        for (unsigned k = 2; k < i; k++)
            assert_string_not_equal(checkpoint_plan_held(&plan, i), checkpoint_plan_held(&plan, k));
        if (i <= 5)
            assert_string_equal(checkpoint_plan_held(&plan, i), checkpoint_plan_held(&plan, i + 5));
    }
    for (uint64_t seed = 8; seed < 20 && !differs; seed++) {
        other.seed = seed;
        differs = strcmp(checkpoint_plan_held(&plan, 2), checkpoint_plan_held(&other, 2)) != 0;
    }
    assert_true(differs);
}

static void only_the_stable_of_the_stable_are_held_back(void **state)
{
    struct checkpoint_plan plan = {7, 66 * NS_PER_S, 10};
    const struct scenario_settings settings = {.base_port = 31300};
    struct scenario scenario = {0};
    size_t held = 0;

    (void)state;
    assert_true(scenario_build(&scenario, &settings));
    for (unsigned i = 1; i <= 6; i++) {
        for (size_t c = 0; c < scenario.count; c++) {
            const struct component *component = &scenario.components[c];

            if (!checkpoint_plan_holds(&plan, i, &scenario, c))
                continue;
            held++;
            assert_true(!component->server && component->stable);
            assert_true(scenario.components[component->peer].stable);
            assert_true(component->pattern != PATTERN_SERVER_STREAM);
        }
    }
    /* Seven patterns of the two stable servers, each once in five turns. */
    assert_int_equal(held, 14);
    scenario_clear(&scenario);
}

/* ---- the looks --------------------------------------------------------------------------------
 */

static void who_obeys_is_read_at_rest_and_when_all_is_closed(void **state)
{
    const struct run_checkpoint_row *checkpoints;
    const struct run_reading_row *row;
    const char *why;
    size_t count;

    (void)state;
    add("server", true, true, "--obey --connections 0");
    add("a", false, true, "--obey");
    run();
    checkpoints = run_reader_checkpoints(w.f.reader, &count);
    assert_int_equal(count, 2);
    assert_true(!checkpoints[0].closed && checkpoints[0].held == NULL);
    assert_true(checkpoints[0].start_ns - checkpoints[0].frozen_ns >= 900 * NS_PER_MS);
    assert_reading(1, 1, "");
    assert_reading(1, 2, "");
    row = reading(1, 2, &why);
    assert_in_range(row->time_ns, checkpoints[0].start_ns, checkpoints[0].end_ns);
    assert_true(metric_has(&row->values, METRIC_FDS)); /* the kernel's view, too */
    assert_int_equal(row->values.value[METRIC_CONNECTIONS], 1);
    assert_true(checkpoints[1].closed);
    assert_reading(2, 1, "");
    assert_reading(2, 2, "connections 1, should be 0"); /* its last words */
}

static void a_pause_has_an_end_whatever_the_others_do(void **state)
{
    const struct run_checkpoint_row *checkpoints;
    size_t count;

    (void)state;
    add("server", true, true, "--obey --connections 0");
    add("deaf", false, true, "");
    add("restless", false, true, "--obey --restless");
    w.pause_ns = NS_PER_S;
    run();
    checkpoints = run_reader_checkpoints(w.f.reader, &count);
    assert_int_equal(count, 2);
    /* A loaded machine may stall us, but not without end. */
    assert_true(checkpoints[0].end_ns - checkpoints[0].start_ns >= w.pause_ns - 100 * NS_PER_MS);
    assert_reading(1, 1, "");
    assert_reading(1, 2, "did not obey");
    assert_reading(1, 3, "did not fall quiet");
}

/* Two looks; a kill falls due in the second before the first. */
static void what_changes_between_two_looks_is_told(void **state)
{
    const struct run_checkpoint_row *checkpoints;
    const struct run_incarnation_row *rows;
    const struct run_hold_row *holds;
    size_t count;

    (void)state;
    add("server", true, true, "--obey --connections 0");
    add("a", false, true, "--obey");
    add("growing", false, true, "--obey --more-after-pauses 2");
    add("victim", false, false, "--obey");
    w.plan.duration_ns = 3 * CHECKPOINT_SPACING_NS;
    w.plan.wanted = 2;
    w.looks = 2;
    w.f.settings.chaos.after_low_ns = w.f.settings.chaos.after_high_ns = 900 * NS_PER_MS;
    while (strcmp(checkpoint_plan_held(&w.plan, 2), "calls") != 0)
        w.plan.seed++;
    run();
    checkpoints = run_reader_checkpoints(w.f.reader, &count);
    assert_int_equal(count, 3);
    assert_string_equal(checkpoints[1].held, "calls");
    holds = run_reader_holds(w.f.reader, &count);
    assert_int_equal(count, 2); /* the stable clients */
    assert_int_equal(holds[0].component, 2);
    assert_in_range(holds[0].from_ns, checkpoints[0].start_ns, checkpoints[0].end_ns);
    assert_int_equal(holds[0].to_ns, checkpoints[1].start_ns);
    assert_reading(1, 1, "");
    assert_reading(1, 3, "");
    assert_reading(2, 2, "");
    assert_reading(2, 3, "connections 2, were 1");
    rows = run_reader_incarnations(w.f.reader, &count);
    assert_true(count > 4);
    assert_int_equal(rows[3].component, 4);
    assert_int_equal(rows[3].reason, REASON_CHAOS);
    /* On a machine that stood still before the first look it may have come before that. */
    if (rows[3].ordered_ns >= checkpoints[0].frozen_ns) {
        assert_true(rows[3].ordered_ns + NS_PER_MS >= checkpoints[0].end_ns);
        assert_reading(1, 4, "");
    }
}

static void without_checkpoints_there_is_none(void **state)
{
    size_t count;

    (void)state;
    add("server", true, true, "--obey --connections 0");
    add("a", false, true, "--obey");
    w.plan.wanted = 0;
    w.looks = 0;
    run();
    run_reader_checkpoints(w.f.reader, &count);
    assert_int_equal(count, 0);
}

/* As if others, elsewhere, paused at the same moments: who is up early does not go on early. */
static void all_hosts_pause_together(void **state)
{
    const struct run_checkpoint_row *checkpoints;
    const char *why;
    uint64_t due_ns;
    size_t count;

    (void)state;
    add("server", true, true, "--obey");
    add("there", true, true, "");
    add("a", false, true, "--obey");
    add("b", false, true, "");
    w.f.scenario.components[1].elsewhere = w.f.scenario.components[3].elsewhere = true;
    w.hold_ns = NS_PER_S;
    run();
    checkpoints = run_reader_checkpoints(w.f.reader, &count);
    assert_int_equal(count, 2);
    due_ns = w.begun_ns + checkpoint_plan_time(&w.plan, 1);
    assert_true(checkpoints[0].start_ns >= due_ns);
    assert_true(checkpoints[0].end_ns >= due_ns + w.hold_ns);
    /* On a machine that stood still they may have been looked at too late to be valid. */
    assert_non_null(reading(1, 1, &why));
    assert_non_null(reading(1, 2, &why));
}

/* Who was told to be silent is not left so when the run ends in the midst of it. */
static void an_end_in_a_pause_leaves_no_checkpoint(void **state)
{
    size_t count;

    (void)state;
    add("server", true, true, "--obey --connections 0");
    add("deaf", false, true, "");
    w.stop_in_look = true;
    run();
    run_reader_checkpoints(w.f.reader, &count);
    assert_int_equal(count, 1); /* the closed one */
    assert_reading(1, 1, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(looks_are_evenly_spaced),
        TEST(a_short_run_has_fewer),
        TEST(each_family_has_its_turn),
        TEST(only_the_stable_of_the_stable_are_held_back),
        TEST(who_obeys_is_read_at_rest_and_when_all_is_closed),
        TEST(a_pause_has_an_end_whatever_the_others_do),
        TEST(what_changes_between_two_looks_is_told),
        TEST(without_checkpoints_there_is_none),
        TEST(an_end_in_a_pause_leaves_no_checkpoint),
        TEST(all_hosts_pause_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
