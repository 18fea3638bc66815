/*
 * The supervisor over a small fleet of fake children: one server and its clients, each with the
 * command that a test gives it. What happened is read back from run.db.
 */
#include "config.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/run/reader.h"
#include "driver/supervisor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Sanitized children cannot start under a cap. */
#ifdef FL_SANITIZED
#define HEAP_CAP 0
#else
#define HEAP_CAP (64 << 20)
#endif

#define MEMBERS 32
#define WORDS 16 /* of a member's command */

#define LATE_NS NS_PER_S /* a timer on a busy machine; never early */

struct world {
    struct scenario scenario;
    struct fleet fleet;
    struct fleet_command commands[MEMBERS];
    int64_t rows[MEMBERS];
    struct ev_loop *loop;
    struct guardian *guardian;
    struct run_writer *writer;
    struct supervisor *supervisor;
    char dir[64];
    struct supervisor_settings settings;
    uint64_t run_ns;   /* stop so long after the run began */
    unsigned stall_ms; /* the loop sleeps so long as soon as the run begins */
    uint64_t begun_ns, over_ns;
    char breach[512];
    bool calm, revived; /* calm from the begin; then component 1 is revived before the end */
    ev_timer end_timer, watchdog;
    struct run_reader *reader;
};

static struct world w;

static void on_end(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    (void)loop, (void)revents;
    if (w.calm && !w.revived) {
        w.revived = true;
        supervisor_revive(w.supervisor, 1);
        ev_timer_set(watcher, (double)w.run_ns / 1e9, 0.);
        ev_timer_start(w.loop, watcher);
        return;
    }
    supervisor_stop(w.supervisor);
}

static void on_watchdog(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    (void)watcher, (void)revents;
    ev_break(loop, EVBREAK_ALL);
}

static void begun(void *user, uint64_t now_ns)
{
    (void)user;
    w.begun_ns = now_ns;
    ev_timer_init(&w.end_timer, on_end, (double)w.run_ns / 1e9, 0.);
    ev_timer_start(w.loop, &w.end_timer);
    if (w.calm)
        supervisor_calm(w.supervisor);
    for (size_t i = 0; i < w.scenario.count && w.stall_ms != 0; i++)
        page_order(supervisor_process(w.supervisor, i)->page, PAGE_COMMAND_PUBLISH, 0);
    poll(NULL, 0, (int)w.stall_ms);
}

static void breached(void *user, const struct component *component, enum reason reason,
                     const char *line)
{
    (void)user;
    snprintf(w.breach, sizeof w.breach, "%s %s %s", component->name, reason_name(reason), line);
    supervisor_stop(w.supervisor);
}

static void over(void *user)
{
    (void)user;
    w.over_ns = clock_now_ns();
    ev_break(w.loop, EVBREAK_ALL);
}

static const struct supervisor_hooks hooks = {begun, breached, over, NULL};

/* A member's command: words of `orders` after the fake child's name. */
static void add(const char *name, bool server, bool stable, const char *orders)
{
    struct component *c = scenario_add(&w.scenario);
    char **argv = calloc(WORDS, sizeof *argv);
    char *copy = strdup(orders), *rest = copy;
    size_t n = 0;

    w.commands[w.scenario.count - 1].argv = argv;
    c->server = server;
    c->stable = stable;
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
    w.run_ns = 300 * NS_PER_MS;
    strcpy(w.dir, "/tmp/flatline-supervisor.XXXXXX");
    if (mkdtemp(w.dir) == NULL)
        return -1;
    w.guardian = guardian_new(NULL, error, sizeof error);
    w.loop = ev_loop_new(EVFLAG_AUTO);
    w.settings = (struct supervisor_settings){.ready_limit_ns = 5 * NS_PER_S,
                                              .stop_limit_ns = 2 * NS_PER_S,
                                              .duration_ns = 60 * NS_PER_S,
                                              .chaos = {42, 16 * NS_PER_S, 20 * NS_PER_S}};
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    run_reader_free(w.reader);
    supervisor_free(w.supervisor);
    ev_loop_destroy(w.loop);
    guardian_free(w.guardian);
    for (size_t i = 0; i < w.scenario.count; i++) {
        for (char **arg = w.fleet.commands[i].argv; *arg != NULL; arg++)
            free(*arg);
        free(w.fleet.commands[i].argv);
    }
    scenario_clear(&w.scenario);
    snprintf(command, sizeof command, "rm -rf %s", w.dir);
    return system(command);
}

/* Runs the fleet to its end and opens what was recorded. */
static void run(void)
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
    assert_non_null(w.supervisor);
    ev_timer_init(&w.watchdog, on_watchdog, 30., 0.);
    ev_timer_start(w.loop, &w.watchdog);
    supervisor_start(w.supervisor);
    ev_run(w.loop, 0);
    if (!run_writer_finish(w.writer, error, sizeof error))
        fail_msg("%s", error);
    w.reader = run_reader_new(w.dir, error, sizeof error);
    if (w.reader == NULL)
        fail_msg("%s", error);
    assert_true(w.over_ns != 0);
}

/* Incarnation `number` of a component; NULL if there was none. */
static const struct run_incarnation_row *incarnation(const char *name, int number)
{
    int64_t component = scenario_find(&w.scenario, name) + 1;
    const struct run_incarnation_row *rows;
    size_t count;

    rows = run_reader_incarnations(w.reader, &count);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].component == component && rows[i].number == number)
            return &rows[i];
    }
    return NULL;
}

static void assert_reason(const char *name, int number, enum reason reason)
{
    const struct run_incarnation_row *row = incarnation(name, number);

    assert_non_null(row);
    assert_int_equal(row->reason, reason);
}

static void assert_no_child_is_left(void)
{
    siginfo_t info = {0};

    guardian_free(w.guardian);
    w.guardian = NULL;
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), -1);
    assert_int_equal(errno, ECHILD);
}

static void a_quiet_run_ends_in_order(void **state)
{
    (void)state;
    add("server", true, true, "--ready-after 100");
    add("a", false, true, "");
    add("b", false, true, "--losses 3");
    run();
    assert_string_equal(w.breach, "");
    assert_true(w.over_ns - w.begun_ns >= w.run_ns);
    assert_true(w.over_ns - w.begun_ns < w.run_ns + 2 * NS_PER_S);
    assert_reason("server", 1, REASON_STOPPED);
    assert_reason("a", 1, REASON_STOPPED);
    /* Clients start after the server is ready, and it outlives them. */
    assert_true(incarnation("a", 1)->spawn_ns >= incarnation("server", 1)->ready_ns);
    assert_true(incarnation("server", 1)->ordered_ns >= incarnation("a", 1)->exit_ns);
    assert_true(incarnation("a", 1)->ready_ns != 0);
    assert_int_equal(incarnation("a", 1)->exit_code, 0);
    assert_no_child_is_left();
}

#ifndef FL_SANITIZED
static bool count_event(void *arg, const struct run_event_row *row)
{
    int *losses = arg;

    *losses += strcmp(row->kind, "loss-reset") == 0 && row->incarnation == 2;
    return true;
}

static void last_words_of_a_process_are_kept(void **state)
{
    struct histogram rtt;
    int losses = 0;

    (void)state;
    add("server", true, true, "");
    add("a", false, true, "--losses 3 --after 50 --allocate");
    run();
    assert_non_null(strstr(w.breach, "a heap-cap heap overflow: 65536 bytes refused to app (exit "
                                     "status 251)"));
    assert_reason("a", 1, REASON_HEAP_CAP);
    assert_string_equal(incarnation("a", 1)->obituary, "heap overflow: 65536 bytes refused to app");
    assert_true(run_reader_events(w.reader, count_event, &losses));
    assert_int_equal(losses, 3);
    assert_true(run_reader_histogram(w.reader, 2, "rtt", &rtt));
    assert_int_equal(rtt.count, 1);
}
#endif

static void a_clean_exit_is_a_breach_too(void **state)
{
    (void)state;
    add("server", true, true, "");
    add("a", false, true, "--after 100 --exit 0");
    add("b", false, true, "");
    w.run_ns = 10 * NS_PER_S;
    run();
    assert_memory_equal(w.breach, "a clean-exit exit status 0", 26);
    assert_true(w.over_ns - w.begun_ns < 5 * NS_PER_S);
    assert_reason("b", 1, REASON_STOPPED);
    assert_reason("server", 1, REASON_STOPPED);
}

static void a_server_that_cannot_start_stops_the_run(void **state)
{
    (void)state;
    add("server", true, true, "--ready-after never --exit 3");
    add("a", false, true, "");
    run();
    assert_memory_equal(w.breach, "server error-exit exit status 3", 31);
    assert_int_equal(w.begun_ns, 0);
    assert_null(incarnation("a", 1));
}

static void a_program_that_is_missing_stops_the_run(void **state)
{
    (void)state;
    add("server", true, true, "");
    add("a", false, true, "");
    free(w.fleet.commands[1].argv[0]);
    w.fleet.commands[1].argv[0] = strdup("/nowhere/client");
    run();
    assert_non_null(strstr(w.breach, "a spawn-failed /nowhere/client: cannot execute it: No such "
                                     "file or directory; its log: "));
    assert_string_equal(incarnation("a", 1)->obituary,
                        "/nowhere/client: cannot execute it: No such file or directory");
    assert_reason("a", 1, REASON_SPAWN_FAILED);
    assert_reason("server", 1, REASON_STOPPED);
}

static void what_does_not_become_ready_is_given_up(void **state)
{
    (void)state;
    add("server", true, true, "--ready-after never --ignore-term");
    w.settings.ready_limit_ns = 300 * NS_PER_MS;
    run();
    assert_memory_equal(w.breach, "server not-ready ", 17);
    assert_int_equal(incarnation("server", 1)->exit_signal, SIGKILL);
}

static void what_ignores_sigterm_is_killed(void **state)
{
    (void)state;
    add("server", true, true, "");
    add("a", false, true, "--ignore-term");
    w.settings.stop_limit_ns = 300 * NS_PER_MS;
    run();
    assert_string_equal(w.breach, "");
    assert_reason("a", 1, REASON_STOPPED);
    assert_int_equal(incarnation("a", 1)->exit_signal, SIGKILL);
    assert_int_equal(incarnation("a", 1)->ordered_signal, SIGTERM);
}

static void chaos_follows_the_plan(void **state)
{
    const struct run_incarnation_row *first, *second;
    struct chaos_kill kill;

    (void)state;
    add("server", true, false, "");
    add("a", false, false, "");
    add("b", false, true, "");
    w.settings.chaos.after_low_ns = 300 * NS_PER_MS;
    w.settings.chaos.after_high_ns = 400 * NS_PER_MS;
    w.run_ns = 4 * NS_PER_S;
    run();
    assert_string_equal(w.breach, "");
    for (int k = 1; k <= 2; k++) {
        first = incarnation("server", k);
        second = incarnation("server", k + 1);
        kill = chaos_draw(&w.settings.chaos, "server", k);
        assert_int_equal(first->reason, REASON_CHAOS);
        assert_int_equal(first->ordered_signal, kill.signal);
        assert_in_range(first->ordered_ns - first->ready_ns, kill.after_ready_ns,
                        kill.after_ready_ns + LATE_NS);
        assert_in_range(second->spawn_ns - first->exit_ns, kill.restart_delay_ns,
                        kill.restart_delay_ns + LATE_NS);
    }
    assert_reason("a", 1, REASON_CHAOS);
    assert_null(incarnation("b", 2));
    assert_true(supervisor_counts(w.supervisor).kills >= 4);
    assert_true(supervisor_counts(w.supervisor).restarts >= 3);
    assert_no_child_is_left();
}

static void no_kill_is_ordered_near_the_end(void **state)
{
    (void)state;
    add("server", true, false, "");
    w.settings.chaos.after_low_ns = w.settings.chaos.after_high_ns = 200 * NS_PER_MS;
    w.settings.duration_ns = CHAOS_QUIET_NS + 100 * NS_PER_MS;
    w.run_ns = NS_PER_S;
    run();
    assert_reason("server", 1, REASON_STOPPED);
    assert_int_equal(supervisor_counts(w.supervisor).kills, 0);
}

static void a_stalled_loop_loses_no_status(void **state)
{
    char name[16], orders[64];

    (void)state;
    add("server", true, true, "");
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "c%d", i);
        if (i % 2 == 0)
            snprintf(orders, sizeof orders, "--when-told --exit %d", 10 + i);
        else
            snprintf(orders, sizeof orders, "--when-told --signal %d", i % 4 == 1 ? 9 : 11);
        add(name, false, true, orders);
    }
    /* Told to die as soon as all are ready; they do while the loop does not turn. */
    w.stall_ms = 1500;
    run();
    assert_true(w.begun_ns != 0);
    for (int i = 0; i < 20; i++) {
        const struct run_incarnation_row *row;

        snprintf(name, sizeof name, "c%d", i);
        row = incarnation(name, 1);
        assert_non_null(row);
        assert_int_equal(row->exit_code, i % 2 == 0 ? 10 + i : -1);
        assert_int_equal(row->exit_signal, i % 2 == 0 ? 0 : i % 4 == 1 ? 9 : 11);
        assert_int_equal(row->reason, i % 2 == 0 ? REASON_ERROR_EXIT : REASON_SIGNAL);
        assert_int_equal(row->ordered_ns, 0);
    }
    assert_reason("server", 1, REASON_STOPPED);
    assert_no_child_is_left();
}

static void what_dies_after_the_judged_part_is_no_breach(void **state)
{
    (void)state;
    add("server", true, true, "");
    add("a", false, true, "--after 300 --exit 7");
    add("b", false, true, "");
    w.calm = true;
    w.run_ns = 3 * NS_PER_S;
    run();
    assert_string_equal(w.breach, "");
    assert_reason("a", 1, REASON_ERROR_EXIT);
    assert_non_null(incarnation("a", 2));
    assert_true(incarnation("a", 2)->ready_ns > incarnation("a", 1)->exit_ns);
    assert_null(incarnation("b", 2));
    assert_reason("b", 1, REASON_STOPPED);
    assert_no_child_is_left();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_quiet_run_ends_in_order),
#ifndef FL_SANITIZED
        TEST(last_words_of_a_process_are_kept),
#endif
        TEST(a_clean_exit_is_a_breach_too),
        TEST(a_server_that_cannot_start_stops_the_run),
        TEST(a_program_that_is_missing_stops_the_run),
        TEST(what_does_not_become_ready_is_given_up),
        TEST(what_ignores_sigterm_is_killed),
        TEST(chaos_follows_the_plan),
        TEST(no_kill_is_ordered_near_the_end),
        TEST(a_stalled_loop_loses_no_status),
        TEST(what_dies_after_the_judged_part_is_no_breach),
    };

    log_init("test", LOG_ERROR, false);
    alarm(180);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
