/*
 * Checkpoints over a small fleet of fake children that have the page but no traffic: the plan as a
 * pure function, then what is recorded of those who obey, who do not, and who do not fall quiet.
 */
#include "config.h"

#include "common/base/clock.h"
#include "common/run/reader.h"
#include "driver/checkpoint.h"
#include "driver/supervisor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Sanitized children cannot start under a cap. */
#ifdef FL_SANITIZED
#define HEAP_CAP 0
#else
#define HEAP_CAP (64 << 20)
#endif

#define MEMBERS 8
#define WORDS 16
#define READINGS 64
#define WATCHDOG_S 60.
/* The plan's spacing is seconds; the tests let it begin that much in the past. */
#define LOOK_NS (1200 * NS_PER_MS) /* when the first look is due */
#define AHEAD_NS (CHECKPOINT_SPACING_NS - LOOK_NS)

struct world {
    struct scenario scenario;
    struct fleet fleet;
    struct fleet_command commands[MEMBERS];
    int64_t rows[MEMBERS];
    struct ev_loop *loop;
    struct guardian *guardian;
    struct run_writer *writer;
    struct supervisor *supervisor;
    struct checkpoints *checkpoints;
    struct supervisor_settings settings;
    struct checkpoint_plan plan;
    char dir[64];
    uint64_t run_ns;
    ev_timer end_timer, watchdog;
    struct run_reader *reader;
    struct run_reading_row readings[READINGS];
    char why[READINGS][64];
    size_t reading_count;
};

static struct world w;

static void stop(void)
{
    checkpoints_end(w.checkpoints);
    supervisor_stop(w.supervisor);
}

static void on_end(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    (void)loop, (void)watcher, (void)revents;
    stop();
}

static void on_watchdog(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    (void)watcher, (void)revents;
    ev_break(loop, EVBREAK_ALL);
}

static void begun(void *user, uint64_t now_ns)
{
    (void)user;
    ev_timer_init(&w.end_timer, on_end, (double)w.run_ns / 1e9, 0.);
    ev_timer_start(w.loop, &w.end_timer);
    checkpoints_begin(w.checkpoints, now_ns - AHEAD_NS);
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
    ev_break(w.loop, EVBREAK_ALL);
}

static void clients_gone(void *user)
{
    (void)user;
    checkpoints_close(w.checkpoints);
}

static const struct supervisor_hooks hooks = {begun, breached, over, clients_gone};

static void add(const char *name, bool server, bool stable, const char *orders)
{
    struct component *c = scenario_add(&w.scenario);
    char **argv = calloc(WORDS, sizeof *argv);
    char *copy = strdup(orders), *rest = copy;
    size_t n = 0;

    w.commands[w.scenario.count - 1].argv = argv;
    c->server = server;
    c->stable = stable;
    c->pattern = PATTERN_MANY_CALLS;
    c->peer = server ? -1 : 0;
    c->heap_cap = HEAP_CAP;
    snprintf(c->name, sizeof c->name, "%s", name);
    argv[n++] = strdup(FAKE_CHILD);
    argv[n++] = strdup("--telemetry-fd");
    argv[n++] = strdup("3");
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        if (*word != '\0')
            argv[n++] = strdup(word);
    }
    free(copy);
}

static int set_up(void **state)
{
    char error[256];

    (void)state;
    memset(&w, 0, sizeof w);
    w.fleet.scenario = &w.scenario;
    w.fleet.commands = w.commands;
    strcpy(w.dir, "/tmp/flatline-checkpoint.XXXXXX");
    if (mkdtemp(w.dir) == NULL)
        return -1;
    w.guardian = guardian_new(NULL, error, sizeof error);
    w.loop = ev_loop_new(EVFLAG_AUTO);
    w.plan = (struct checkpoint_plan){42, 2 * CHECKPOINT_SPACING_NS, 1};
    w.run_ns = 3 * NS_PER_S;
    w.settings = (struct supervisor_settings){.ready_limit_ns = 20 * NS_PER_S,
                                              .stop_limit_ns = 5 * NS_PER_S,
                                              .duration_ns = 60 * NS_PER_S,
                                              .chaos = {42, 16 * NS_PER_S, 20 * NS_PER_S}};
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    run_reader_free(w.reader);
    checkpoints_free(w.checkpoints);
    supervisor_free(w.supervisor);
    ev_loop_destroy(w.loop);
    guardian_free(w.guardian);
    for (size_t i = 0; i < w.scenario.count; i++) {
        for (char **arg = w.commands[i].argv; *arg != NULL; arg++)
            free(*arg);
        free(w.commands[i].argv);
    }
    scenario_clear(&w.scenario);
    snprintf(command, sizeof command, "rm -rf %s", w.dir);
    return system(command);
}

static bool take_reading(void *arg, const struct run_reading_row *row)
{
    (void)arg;
    assert_true(w.reading_count < READINGS);
    snprintf(w.why[w.reading_count], sizeof w.why[0], "%s", row->why == NULL ? "" : row->why);
    w.readings[w.reading_count++] = *row;
    return true;
}

static void make_fleet(void)
{
    char error[256] = "", logs[96];

    snprintf(logs, sizeof logs, "%s/logs", w.dir);
    assert_int_equal(mkdir(logs, 0755), 0);
    w.writer = run_writer_new(w.dir, error, sizeof error);
    assert_non_null(w.writer);
    for (size_t i = 0; i < w.scenario.count; i++) {
        const struct component *c = &w.scenario.components[i];
        struct run_component row = {.name = c->name,
                                    .role = c->server ? "server" : "client",
                                    .command = "fake",
                                    .stable = c->stable,
                                    .heap_cap = c->heap_cap};

        assert_true(run_writer_component(w.writer, &row, &w.rows[i]));
    }
    w.settings.fleet = &w.fleet;
    w.settings.rows = w.rows;
    w.settings.writer = w.writer;
    w.settings.guardian = w.guardian;
    w.settings.run_dir = w.dir;
    w.supervisor = supervisor_new(w.loop, &w.settings, &hooks, NULL);
    w.checkpoints =
        checkpoints_new(w.loop, &(struct checkpoint_settings){.supervisor = w.supervisor,
                                                              .scenario = &w.scenario,
                                                              .rows = w.rows,
                                                              .writer = w.writer,
                                                              .plan = w.plan});
    assert_true(w.supervisor != NULL && w.checkpoints != NULL);
}

/* Runs the fleet to its end and opens what was recorded. */
static void run(void)
{
    char error[256] = "";

    make_fleet();
    ev_timer_init(&w.watchdog, on_watchdog, WATCHDOG_S, 0.);
    ev_timer_start(w.loop, &w.watchdog);
    supervisor_start(w.supervisor);
    ev_run(w.loop, 0);
    assert_true(ev_is_active(&w.watchdog));
    if (!run_writer_finish(w.writer, error, sizeof error))
        fail_msg("%s", error);
    w.reader = run_reader_new(w.dir, error, sizeof error);
    if (w.reader == NULL)
        fail_msg("%s", error);
    assert_true(run_reader_readings(w.reader, 0, take_reading, NULL));
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
    checkpoints = run_reader_checkpoints(w.reader, &count);
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
    add("server", true, true, "--obey");
    add("deaf", false, true, "");
    add("restless", false, true, "--obey --restless");
    run();
    checkpoints = run_reader_checkpoints(w.reader, &count);
    assert_int_equal(count, 2);
    /* A loaded machine may stall us, but not without end. */
    assert_true(checkpoints[0].end_ns - checkpoints[0].start_ns >= 600 * NS_PER_MS);
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
    add("server", true, true, "--obey");
    add("a", false, true, "--obey");
    add("growing", false, true, "--obey --more-after 2500");
    add("victim", false, false, "--obey");
    w.plan.duration_ns = 3 * CHECKPOINT_SPACING_NS;
    w.plan.wanted = 2;
    w.run_ns = 4500 * NS_PER_MS;
    w.settings.chaos.after_low_ns = w.settings.chaos.after_high_ns = 900 * NS_PER_MS;
    while (strcmp(checkpoint_plan_held(&w.plan, 2), "calls") != 0)
        w.plan.seed++;
    run();
    checkpoints = run_reader_checkpoints(w.reader, &count);
    assert_int_equal(count, 3);
    assert_string_equal(checkpoints[1].held, "calls");
    holds = run_reader_holds(w.reader, &count);
    assert_int_equal(count, 2); /* the stable clients */
    assert_int_equal(holds[0].component, 2);
    assert_in_range(holds[0].from_ns, checkpoints[0].start_ns, checkpoints[0].end_ns);
    assert_int_equal(holds[0].to_ns, checkpoints[1].start_ns);
    assert_reading(1, 1, "");
    assert_reading(1, 3, "");
    assert_reading(1, 4, "");
    assert_reading(2, 2, "");
    assert_reading(2, 3, "connections 2, were 1");
    rows = run_reader_incarnations(w.reader, &count);
    assert_true(count > 4);
    assert_int_equal(rows[3].component, 4);
    assert_int_equal(rows[3].reason, REASON_CHAOS);
    assert_true(rows[3].ordered_ns + NS_PER_MS >= checkpoints[0].end_ns);
}

static void without_checkpoints_there_is_none(void **state)
{
    size_t count;

    (void)state;
    add("server", true, true, "--obey");
    add("a", false, true, "--obey");
    w.plan.wanted = 0;
    w.run_ns = 300 * NS_PER_MS;
    run();
    run_reader_checkpoints(w.reader, &count);
    assert_int_equal(count, 0);
}

/* Who was told to be silent is not left so when the run ends in the midst of it. */
static void an_end_in_a_pause_leaves_no_checkpoint(void **state)
{
    size_t count;

    (void)state;
    add("server", true, true, "--obey --connections 0");
    add("deaf", false, true, "");
    w.run_ns = LOOK_NS + 300 * NS_PER_MS;
    run();
    run_reader_checkpoints(w.reader, &count);
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
