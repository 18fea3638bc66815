/*
 * Children that are killed as soon as they are ready, twenty at a time, again and again: the book
 * of run.db against what was ordered. At the end all are killed at once by a hand that is not the
 * driver's.
 *
 *     KILLS=1000     so many kills are ordered instead of 60
 */
#include "config.h"

#include "common/base/clock.h"
#include "common/base/log.h"
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
#include <sys/prctl.h>
#include <sys/wait.h>

#define CHILDREN 20
#define KILLS 60
/* What a child that does nothing takes to be ready again, on a machine that may stand still. */
#define READY_BOUND_NS (60 * NS_PER_S)

static struct world {
    struct small_fleet f;
    unsigned wanted; /* kills */
    bool struck;     /* by the test itself */
    struct supervisor_counts counts;
    uint64_t begin_ns;
    ev_timer timer;
    unsigned breaches;
} w;

static double milliseconds(uint64_t ns)
{
    return (double)ns / 1e6;
}

static void look_again(void)
{
    ev_timer_stop(w.f.loop, &w.timer);
    ev_timer_set(&w.timer, 0.01, 0.);
    ev_timer_start(w.f.loop, &w.timer);
}

/* Nobody orders these, and nobody reaps them before all have died. */
static void strike_all(void)
{
    uint64_t begun = clock_now_ns();

    for (size_t i = 1; i <= CHILDREN; i++)
        kill(supervisor_process(w.f.supervisor, i)->child.pid, SIGKILL);
    print_message("# killed by another hand: %d, in %.3f ms\n", CHILDREN,
                  milliseconds(clock_now_ns() - begun));
    for (size_t i = 1; i <= CHILDREN; i++) {
        while (!spawn_is_dead(&supervisor_process(w.f.supervisor, i)->child))
            poll(NULL, 0, 1);
    }
}

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    (void)loop, (void)watcher, (void)revents;
    w.counts = supervisor_counts(w.f.supervisor);
    if (w.counts.kills >= w.wanted)
        supervisor_freeze(w.f.supervisor, true);
    if (w.counts.kills >= w.wanted && w.counts.up == CHILDREN + 1) {
        w.struck = true;
        strike_all();
    } else {
        look_again();
    }
}

/* A common moment, from which all of the first kills are planned. */
static void all_up(void *user)
{
    (void)user;
    w.begin_ns = clock_now_ns();
    supervisor_begin(w.f.supervisor, w.begin_ns);
}

static void begun(void *user, uint64_t begin_ns)
{
    (void)user, (void)begin_ns;
    ev_init(&w.timer, on_timer);
    look_again();
}

static void breached(void *user, const struct component *component, enum reason reason,
                     const char *line)
{
    (void)user, (void)component, (void)reason, (void)line;
    w.breaches++;
    supervisor_stop(w.f.supervisor);
}

static void over(void *user)
{
    (void)user;
    ev_break(w.f.loop, EVBREAK_ALL);
}

static int set_up(void **state)
{
    const char *wanted = getenv("KILLS");
    char name[16];

    (void)state;
    memset(&w, 0, sizeof w);
    w.wanted = wanted != NULL ? (unsigned)strtoul(wanted, NULL, 10) : KILLS;
    if (small_fleet_open(&w.f) < 0)
        return -1;
    w.f.settings.duration_ns = 3600 * NS_PER_S;
    w.f.settings.chaos = (struct chaos){7, 0, 0};
    small_fleet_add(&w.f, "server", true, true, "");
    for (int i = 1; i <= CHILDREN; i++) {
        snprintf(name, sizeof name, "c%d", i);
        small_fleet_add(&w.f, name, false, false, "");
        w.f.scenario.components[i].kill = KILL_KILL;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return small_fleet_close(&w.f);
}

/* A life that chaos ended, and its successor's beginning. */
static void assert_restart(const struct run_incarnation_row *row,
                           const struct run_incarnation_row *next, const struct chaos_kill *kill)
{
    assert_int_equal(row->reason, REASON_CHAOS);
    assert_int_equal(row->ordered_signal, SIGKILL);
    assert_int_equal(row->exit_signal, SIGKILL);
    assert_true(row->ready_ns != 0 && row->ordered_ns >= row->ready_ns);
    assert_true(row->exit_ns >= row->ordered_ns);
    assert_int_equal(next->number, row->number + 1);
    assert_true(next->spawn_ns >= row->exit_ns + kill->restart_delay_ns);
    /* However soon it dies: a loop of crashes is slowed to that. */
    assert_true(next->spawn_ns >= row->spawn_ns + NS_PER_S);
    assert_in_range(next->ready_ns, next->spawn_ns, next->spawn_ns + READY_BOUND_NS);
}

static void assert_struck(const struct run_incarnation_row *row)
{
    if (row == NULL) {
        fail_msg("no life is in the book");
        return;
    }
    assert_int_equal(row->reason, REASON_SIGNAL);
    assert_int_equal(row->exit_signal, SIGKILL);
    assert_int_equal(row->ordered_ns, 0);
}

/* The book of one child: its rows, in the order of their numbers; how many kills there are in it.
 */
static unsigned read_book(const struct run_incarnation_row *rows, size_t count, int64_t component)
{
    const struct run_incarnation_row *last = NULL;
    unsigned kills = 0;

    for (size_t i = 0; i < count; i++) {
        struct chaos_kill planned;

        if (rows[i].component != component)
            continue;
        if (last == NULL) {
            assert_int_equal(rows[i].number, 1);
        } else {
            planned = chaos_draw(&w.f.settings.chaos, w.f.scenario.components[component - 1].name,
                                 last->number);
            assert_restart(last, &rows[i], &planned);
            kills++;
        }
        last = &rows[i];
    }
    assert_struck(last);
    return kills;
}

static int compare_times(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void tell_times(const struct run_incarnation_row *rows, size_t count)
{
    uint64_t *took = calloc(count, sizeof *took), first = UINT64_MAX, last = 0;
    size_t restarts = 0;

    assert_non_null(took);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].number > 1)
            took[restarts++] = rows[i].ready_ns - rows[i].spawn_ns;
        if (rows[i].number > 1 || rows[i].reason != REASON_CHAOS)
            continue;
        first = rows[i].ordered_ns < first ? rows[i].ordered_ns : first;
        last = rows[i].ordered_ns > last ? rows[i].ordered_ns : last;
    }
    qsort(took, restarts, sizeof *took, compare_times);
    print_message("# the first %d kills were ordered within %.3f ms\n", CHILDREN,
                  milliseconds(last - first));
    print_message("# %zu restarts; start to ready: median %.1f ms, p99 %.1f ms, worst %.1f ms\n",
                  restarts, milliseconds(took[restarts / 2]),
                  milliseconds(took[restarts * 99 / 100]), milliseconds(took[restarts - 1]));
    free(took);
}

/* Orphans come to this process, which is to have no child at all. */
static void assert_nobody_is_left(void)
{
    siginfo_t info = {0};

    guardian_free(w.f.guardian);
    w.f.guardian = NULL;
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), -1);
    assert_int_equal(errno, ECHILD);
}

static void every_kill_is_in_the_book_once(void **state)
{
    static const struct supervisor_hooks hooks = {
        .all_up = all_up, .begun = begun, .breached = breached, .over = over};
    const struct run_incarnation_row *rows;
    unsigned kills = 0;
    size_t count;

    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    small_fleet_make(&w.f, &hooks);
    small_fleet_run(&w.f);
    assert_true(w.struck);
    assert_int_equal(w.breaches, 1);
    rows = run_reader_incarnations(w.f.reader, &count);
    for (int64_t component = 2; component <= CHILDREN + 1; component++)
        kills += read_book(rows, count, component);
    assert_true(w.counts.kills >= w.wanted);
    assert_int_equal(kills, w.counts.kills);
    assert_int_equal(kills, w.counts.restarts);
    assert_int_equal(count, 1 + CHILDREN + kills);
    tell_times(rows, count);
    assert_nobody_is_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_kill_is_in_the_book_once, set_up, tear_down)};

    log_init("test", LOG_ERROR, false);
    alarm(800);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
