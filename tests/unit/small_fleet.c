#include "config.h"

#include "tests/unit/small_fleet.h"

#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

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

#define WORDS 16 /* of a member's command */
/* All of this takes seconds, on a machine that may stand still for some of its own. */
#define WATCHDOG_S 240.
#define READY_LIMIT_NS (60 * NS_PER_S)
#define STOP_LIMIT_NS (30 * NS_PER_S)

static void on_watchdog(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    (void)watcher, (void)revents;
    ev_break(loop, EVBREAK_ALL);
}

int small_fleet_open(struct small_fleet *f)
{
    char error[256];

    memset(f, 0, sizeof *f);
    f->fleet.scenario = &f->scenario;
    f->fleet.commands = f->commands;
    strcpy(f->dir, "/tmp/flatline-fleet.XXXXXX");
    if (mkdtemp(f->dir) == NULL)
        return -1;
    f->guardian = guardian_new(NULL, error, sizeof error);
    f->loop = ev_loop_new(EVFLAG_AUTO);
    f->settings = (struct supervisor_settings){.ready_limit_ns = READY_LIMIT_NS,
                                               .stop_limit_ns = STOP_LIMIT_NS,
                                               .duration_ns = 60 * NS_PER_S,
                                               .chaos = {42, 16 * NS_PER_S, 20 * NS_PER_S}};
    return 0;
}

int small_fleet_close(struct small_fleet *f)
{
    char command[128];

    run_reader_free(f->reader);
    supervisor_free(f->supervisor);
    ev_loop_destroy(f->loop);
    guardian_free(f->guardian);
    for (size_t i = 0; i < f->scenario.count; i++) {
        for (char **arg = f->commands[i].argv; *arg != NULL; arg++)
            free(*arg);
        free(f->commands[i].argv);
    }
    scenario_clear(&f->scenario);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    return system(command);
}

void small_fleet_add(struct small_fleet *f, const char *name, bool server, bool stable,
                     const char *orders)
{
    struct component *c = scenario_add(&f->scenario);
    char **argv = calloc(WORDS, sizeof *argv);
    char *copy = strdup(orders), *rest = copy;
    size_t n = 0;

    f->commands[f->scenario.count - 1].argv = argv;
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

static void record_members(struct small_fleet *f)
{
    for (size_t i = 0; i < f->scenario.count; i++) {
        const struct component *c = &f->scenario.components[i];
        struct run_component row = {.name = c->name,
                                    .role = c->server ? "server" : "client",
                                    .command = "fake",
                                    .stable = c->stable,
                                    .heap_cap = c->heap_cap};

        assert_true(run_writer_component(f->writer, &row, &f->rows[i]));
    }
}

void small_fleet_make(struct small_fleet *f, const struct supervisor_hooks *hooks)
{
    char error[256] = "", logs[96];

    snprintf(logs, sizeof logs, "%s/logs", f->dir);
    assert_int_equal(mkdir(logs, 0755), 0);
    f->writer = run_writer_new(f->dir, error, sizeof error);
    assert_non_null(f->writer);
    record_members(f);
    f->settings.fleet = &f->fleet;
    f->settings.rows = f->rows;
    f->settings.writer = f->writer;
    f->settings.guardian = f->guardian;
    f->settings.run_dir = f->dir;
    f->supervisor = supervisor_new(f->loop, &f->settings, hooks, NULL);
    assert_non_null(f->supervisor);
}

void small_fleet_run(struct small_fleet *f)
{
    char error[256] = "";

    ev_timer_init(&f->watchdog, on_watchdog, WATCHDOG_S, 0.);
    ev_timer_start(f->loop, &f->watchdog);
    supervisor_start(f->supervisor);
    ev_run(f->loop, 0);
    assert_true(ev_is_active(&f->watchdog));
    if (!run_writer_finish(f->writer, error, sizeof error))
        fail_msg("%s", error);
    f->reader = run_reader_new(f->dir, error, sizeof error);
    if (f->reader == NULL)
        fail_msg("%s", error);
}
