/*
 * The supervisor over a small fleet of fake children: one server and its clients, each with the
 * command that a test gives it. What happened is read back from run.db.
 */
#include "config.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/run/reader.h"
#include "tests/unit/small_fleet.h"

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

#define LATE_NS (30 * NS_PER_S) /* a timer on a busy machine; never early */

struct world {
    struct small_fleet f;
    uint64_t run_ns;      /* stop so long after the run began, */
    bool (*enough)(void); /* and when this holds, unless it is NULL */
    bool stand_still; /* the loop does from the begin, until all clients have died as they were told
                       */
    uint64_t begun_ns, over_ns;
    char breach[512];
    bool freeze;        /* from the begin component 1 is stopped, and 2 was for a moment */
    bool calm, revived; /* calm from the begin, when component 1 is told to die and 2 is killed;
                           then both are revived */
    /* Of a share of a run: its clients wait for what is asked so often, its begin for a moment so
     * long after all are up. */
    unsigned questions;
    uint64_t asked_ns, all_up_ns, wait_ns;
    ev_timer end_timer, begin_timer;
};

static struct world w;

static void look_again(double after)
{
    ev_timer_stop(w.f.loop, &w.end_timer);
    ev_timer_set(&w.end_timer, after, 0.);
    ev_timer_start(w.f.loop, &w.end_timer);
}

static void on_end(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    (void)loop, (void)watcher, (void)revents;
    if (w.enough != NULL && !w.enough()) {
        look_again(0.01);
    } else if (w.calm && !w.revived) {
        w.revived = true;
        supervisor_revive(w.f.supervisor, 1);
        supervisor_revive(w.f.supervisor, 2);
        look_again(0.01);
    } else {
        supervisor_stop(w.f.supervisor);
    }
}

static void stand_still(void)
{
    for (size_t i = 1; i < w.f.scenario.count; i++) {
        struct process *process = supervisor_process(w.f.supervisor, i);

        page_order(process->page, PAGE_COMMAND_PUBLISH, 0);
        while (!spawn_is_dead(&process->child))
            poll(NULL, 0, 5);
    }
}

static void begun(void *user, uint64_t now_ns)
{
    (void)user;
    w.begun_ns = now_ns;
    ev_init(&w.end_timer, on_end);
    look_again((double)w.run_ns / 1e9);
    if (w.calm) {
        supervisor_calm(w.f.supervisor);
        page_order(supervisor_process(w.f.supervisor, 1)->page, PAGE_COMMAND_PUBLISH, 0);
        supervisor_kill(w.f.supervisor, 2);
    }
    if (w.stand_still)
        stand_still();
    if (w.freeze) {
        kill(supervisor_process(w.f.supervisor, 1)->child.pid, SIGSTOP);
        kill(supervisor_process(w.f.supervisor, 2)->child.pid, SIGSTOP);
        while (spawn_stop_signal(&supervisor_process(w.f.supervisor, 2)->child) == 0)
            poll(NULL, 0, 1);
        kill(supervisor_process(w.f.supervisor, 2)->child.pid, SIGCONT);
    }
}

static void breached(void *user, const struct component *component, enum reason reason,
                     const char *line)
{
    (void)user;
    snprintf(w.breach, sizeof w.breach, "%s %s %s", component->name, reason_name(reason), line);
    supervisor_stop(w.f.supervisor);
}

static void over(void *user)
{
    (void)user;
    w.over_ns = clock_now_ns();
    ev_break(w.f.loop, EVBREAK_ALL);
}

static const struct supervisor_hooks hooks = {.begun = begun, .breached = breached, .over = over};

static bool may_connect(void *user)
{
    (void)user;
    w.asked_ns = clock_now_ns();
    return ++w.questions >= 3;
}

static void on_begin(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    (void)loop, (void)watcher, (void)revents;
    supervisor_begin(w.f.supervisor, w.all_up_ns + w.wait_ns);
}

static void all_up(void *user)
{
    (void)user;
    w.all_up_ns = clock_now_ns();
    ev_timer_init(&w.begin_timer, on_begin, (double)w.wait_ns / 1e9, 0.);
    ev_timer_start(w.f.loop, &w.begin_timer);
}

static const struct supervisor_hooks share_hooks = {.may_connect = may_connect,
                                                    .all_up = all_up,
                                                    .begun = begun,
                                                    .breached = breached,
                                                    .over = over};

static int set_up(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    w.run_ns = 300 * NS_PER_MS;
    return small_fleet_open(&w.f);
}

static int tear_down(void **state)
{
    (void)state;
    return small_fleet_close(&w.f);
}

static void add(const char *name, bool server, bool stable, const char *orders)
{
    small_fleet_add(&w.f, name, server, stable, orders);
}

static void run_with(const struct supervisor_hooks *with)
{
    small_fleet_make(&w.f, with);
    small_fleet_run(&w.f);
    assert_true(w.over_ns != 0);
}

static void run(void)
{
    run_with(&hooks);
}

/* Incarnation `number` of a component; NULL if there was none. */
static const struct run_incarnation_row *incarnation(const char *name, int number)
{
    int64_t component = scenario_find(&w.f.scenario, name) + 1;
    const struct run_incarnation_row *rows;
    size_t count;

    rows = run_reader_incarnations(w.f.reader, &count);
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

    guardian_free(w.f.guardian);
    w.f.guardian = NULL;
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
    assert_true(w.over_ns - w.begun_ns < w.run_ns + 60 * NS_PER_S);
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
    assert_true(run_reader_events(w.f.reader, count_event, &losses));
    assert_int_equal(losses, 3);
    assert_true(run_reader_histogram(w.f.reader, 2, "rtt", &rtt));
    assert_int_equal(rtt.count, 1);
}
#endif

static void a_clean_exit_is_a_breach_too(void **state)
{
    (void)state;
    add("server", true, true, "");
    add("a", false, true, "--after 100 --exit 0");
    add("b", false, true, "");
    w.run_ns = 600 * NS_PER_S;
    run();
    assert_memory_equal(w.breach, "a clean-exit exit status 0", 26);
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
    free(w.f.commands[1].argv[0]);
    w.f.commands[1].argv[0] = strdup("/nowhere/client");
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
    w.f.settings.ready_limit_ns = 300 * NS_PER_MS;
    run();
    assert_memory_equal(w.breach, "server not-ready ", 17);
    assert_int_equal(incarnation("server", 1)->exit_signal, SIGKILL);
}

static void what_is_frozen_is_named(void **state)
{
    (void)state;
    add("server", true, true, "");
    add("a", false, true, "");
    add("b", false, true, "");
    w.f.settings.frozen_limit_ns = 500 * NS_PER_MS;
    w.freeze = true;
    w.run_ns = 600 * NS_PER_S;
    run();
    assert_memory_equal(w.breach, "a frozen stopped by signal 19 (Stopped (signal)) for 500 ms",
                        59);
    assert_reason("a", 1, REASON_FROZEN);
    assert_true(incarnation("a", 1)->ordered_ns >= w.begun_ns + 500 * NS_PER_MS);
    assert_non_null(strstr(incarnation("a", 1)->obituary, "not by the driver"));
    assert_reason("b", 1, REASON_STOPPED);
    assert_int_equal(incarnation("b", 1)->exit_code, 0);
}

static void what_ignores_sigterm_is_killed(void **state)
{
    (void)state;
    add("server", true, true, "");
    add("a", false, true, "--ignore-term");
    w.f.settings.stop_limit_ns = 300 * NS_PER_MS;
    run();
    assert_string_equal(w.breach, "");
    assert_reason("a", 1, REASON_STOPPED);
    assert_int_equal(incarnation("a", 1)->exit_signal, SIGKILL);
    assert_int_equal(incarnation("a", 1)->ordered_signal, SIGTERM);
}

static bool server_is_back_twice(void)
{
    const struct supervisor_counts counts = supervisor_counts(w.f.supervisor);

    return supervisor_is_up(w.f.supervisor, 0) &&
           supervisor_process(w.f.supervisor, 0)->number > 2 && counts.kills >= 4 &&
           counts.restarts >= 3;
}

static void chaos_follows_the_plan(void **state)
{
    const struct run_incarnation_row *first, *second;
    struct chaos_kill kill;

    (void)state;
    add("server", true, false, "");
    add("a", false, false, "");
    add("b", false, true, "");
    w.f.settings.chaos.after_low_ns = 300 * NS_PER_MS;
    w.f.settings.chaos.after_high_ns = 400 * NS_PER_MS;
    w.enough = server_is_back_twice;
    run();
    assert_string_equal(w.breach, "");
    for (int k = 1; k <= 2; k++) {
        first = incarnation("server", k);
        second = incarnation("server", k + 1);
        kill = chaos_draw(&w.f.settings.chaos, "server", k);
        assert_int_equal(first->reason, REASON_CHAOS);
        assert_int_equal(first->ordered_signal, kill.signal);
        assert_in_range(first->ordered_ns - first->ready_ns, kill.after_ready_ns,
                        kill.after_ready_ns + LATE_NS);
        assert_in_range(second->spawn_ns - first->exit_ns, kill.restart_delay_ns,
                        kill.restart_delay_ns + LATE_NS);
    }
    assert_reason("a", 1, REASON_CHAOS);
    assert_null(incarnation("b", 2));
    assert_true(supervisor_counts(w.f.supervisor).kills >= 4);
    assert_true(supervisor_counts(w.f.supervisor).restarts >= 3);
    assert_no_child_is_left();
}

static void no_kill_is_ordered_near_the_end(void **state)
{
    (void)state;
    add("server", true, false, "");
    w.f.settings.chaos.after_low_ns = w.f.settings.chaos.after_high_ns = 200 * NS_PER_MS;
    w.f.settings.duration_ns = CHAOS_QUIET_NS + 100 * NS_PER_MS;
    w.run_ns = NS_PER_S;
    run();
    assert_reason("server", 1, REASON_STOPPED);
    assert_int_equal(supervisor_counts(w.f.supervisor).kills, 0);
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
    w.stand_still = true;
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

static bool the_dead_are_known_or_back(void)
{
    for (size_t i = 1; i <= 2; i++) {
        if (w.revived ? !supervisor_is_up(w.f.supervisor, i)
                      : supervisor_process(w.f.supervisor, i) != NULL)
            return false;
    }
    return true;
}

static void what_dies_after_the_judged_part_is_no_breach(void **state)
{
    (void)state;
    add("server", true, true, "");
    add("a", false, true, "--when-told --exit 7");
    add("b", false, false, "");
    add("c", false, true, "");
    w.calm = true;
    w.enough = the_dead_are_known_or_back;
    run();
    assert_string_equal(w.breach, "");
    assert_reason("a", 1, REASON_ERROR_EXIT);
    assert_non_null(incarnation("a", 2));
    assert_true(incarnation("a", 2)->ready_ns > incarnation("a", 1)->exit_ns);
    assert_reason("b", 1, REASON_STOPPED);
    assert_int_equal(incarnation("b", 1)->exit_signal, SIGKILL);
    assert_non_null(incarnation("b", 2));
    assert_true(incarnation("b", 2)->ready_ns > incarnation("b", 1)->exit_ns);
    assert_reason("b", 2, REASON_STOPPED);
    assert_int_equal(incarnation("b", 2)->ordered_signal, SIGTERM);
    assert_null(incarnation("c", 2));
    assert_reason("c", 1, REASON_STOPPED);
    assert_no_child_is_left();
}

static bool victim_is_back(void)
{
    return supervisor_counts(w.f.supervisor).restarts > 0;
}

static void a_share_waits_for_the_others(void **state)
{
    const struct run_incarnation_row *victim;

    (void)state;
    add("server", true, true, "");
    add("there", true, true, "");
    add("a", false, false, "");
    add("b", false, true, "");
    w.f.scenario.components[1].elsewhere = w.f.scenario.components[3].elsewhere = true;
    w.f.settings.chaos = (struct chaos){7, 50 * NS_PER_MS, 50 * NS_PER_MS};
    w.wait_ns = 500 * NS_PER_MS;
    w.enough = victim_is_back;
    run_with(&share_hooks);
    assert_string_equal(w.breach, "");
    assert_int_equal(w.questions, 3);
    assert_null(incarnation("there", 1));
    assert_null(incarnation("b", 1));
    victim = incarnation("a", 1);
    assert_true(victim->spawn_ns >= w.asked_ns);
    /* The begin is the moment that was said, and no kill is planned from before it. */
    assert_int_equal(w.begun_ns, w.all_up_ns + w.wait_ns);
    assert_int_equal(victim->reason, REASON_CHAOS);
    assert_true(victim->ready_ns + 50 * NS_PER_MS < w.begun_ns);
    assert_true(victim->ordered_ns >= w.begun_ns + 50 * NS_PER_MS);
    assert_reason("server", 1, REASON_STOPPED);
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
        TEST(what_is_frozen_is_named),
        TEST(what_ignores_sigterm_is_killed),
        TEST(chaos_follows_the_plan),
        TEST(no_kill_is_ordered_near_the_end),
        TEST(a_stalled_loop_loses_no_status),
        TEST(what_dies_after_the_judged_part_is_no_breach),
        TEST(a_share_waits_for_the_others),
    };

    log_init("test", LOG_ERROR, false);
    alarm(800);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
