#include "driver/sweep/sweep.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/units.h"
#include "driver/sweep/interrupt.h"
#include "driver/sweep/manifest.h"
#include "driver/sweep/tree.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE 1024
#define PARTIAL ".partial"

struct sweep {
    const struct sweep_plan *plan;
    json_t *manifest;
    bool terminal;
    unsigned done, total; /* runs, those of an earlier call too */
    uint64_t predicted_ns, spent_predicted_ns, spent_ns;
};

/* --- cells ----------------------------------------------------------------------------------- */

bool sweep_next_cell(const struct sweep_plan *plan, size_t *at)
{
    for (size_t i = plan->axis_count; i-- > 0;) {
        if (++at[i] < plan->axes[i].count)
            return true;
        at[i] = 0;
    }
    return false;
}

/* "20ms/8c" */
static size_t format_cell(const struct sweep_plan *plan, const size_t *at, char *out, size_t cap)
{
    size_t used = 0;

    *out = '\0';
    for (size_t i = 0; i < plan->axis_count && used < cap; i++)
        used += (size_t)snprintf(out + used, cap - used, "%s%s%s", i == 0 ? "" : "/",
                                 plan->axes[i].values[at[i]], plan->axes[i].unit);
    return used;
}

char *sweep_run_path(const struct sweep_plan *plan, const size_t *at, unsigned repeat, char *out,
                     size_t cap)
{
    char cell[512];

    format_cell(plan, at, cell, sizeof cell);
    snprintf(out, cap, "%s/%s%srun%u", plan->out, cell, *cell == '\0' ? "" : "/", repeat);
    return out;
}

bool sweep_split(const char *list, const char *values[SWEEP_VALUES_MAX], size_t *count,
                 char **storage, char *why, size_t cap)
{
    char *at = strdup(list);

    *storage = at;
    *count = 0;
    if (at == NULL) {
        snprintf(why, cap, "no memory");
        return false;
    }
    for (char *value = strsep(&at, ","); value != NULL; value = strsep(&at, ",")) {
        if (*value == '\0') {
            snprintf(why, cap, "'%s' has an empty part", list);
            return false;
        }
        if (*count == SWEEP_VALUES_MAX) {
            snprintf(why, cap, "more than %d values", SWEEP_VALUES_MAX);
            return false;
        }
        for (size_t i = 0; i < *count; i++) {
            if (strcmp(values[i], value) == 0) {
                snprintf(why, cap, "'%s' has %s twice", list, value);
                return false;
            }
        }
        values[(*count)++] = value;
    }
    return true;
}

/* --- what the user sees ---------------------------------------------------------------------- */

/* "1 h 05 min", "42 s": nobody waits by the millisecond. */
static const char *rough(uint64_t ns, char *out, size_t cap)
{
    unsigned long long s = (ns + NS_PER_S - 1) / NS_PER_S;

    if (s < 100)
        snprintf(out, cap, "%llu s", s);
    else if (s < 6000)
        snprintf(out, cap, "%llu min", (s + 59) / 60);
    else
        snprintf(out, cap, "%llu h %02llu min", s / 3600, s % 3600 / 60);
    return out;
}

/* From what is to come, as predicted, and how wrong predictions were so far. */
static uint64_t time_left(const struct sweep *s)
{
    double ahead = (double)(s->predicted_ns - s->spent_predicted_ns);

    if (s->spent_predicted_ns > 0)
        ahead *= (double)s->spent_ns / (double)s->spent_predicted_ns;
    return (uint64_t)ahead;
}

static void show_progress(const struct sweep *s, const size_t *at, unsigned repeat)
{
    char cell[512], left[32];

    format_cell(s->plan, at, cell, sizeof cell);
    rough(time_left(s), left, sizeof left);
    if (s->terminal)
        fprintf(stderr, "\r\033[K%u of %u runs done, now %s run %u; about %s left\r", s->done,
                s->total, cell, repeat, left);
    else if (repeat == 1)
        log_info("%s: %u of %u runs done; about %s left", cell, s->done, s->total, left);
}

static void clear_progress(const struct sweep *s)
{
    if (s->terminal)
        fputs("\r\033[K", stderr);
}

static bool is_made(const struct sweep *s, const size_t *at, unsigned repeat)
{
    char path[PATH_MAX];

    return manifest_is_finished(sweep_run_path(s->plan, at, repeat, path, sizeof path));
}

static void survey(struct sweep *s)
{
    size_t at[SWEEP_AXES_MAX] = {0};
    char text[32];

    do {
        for (unsigned repeat = 1; repeat <= s->plan->repeats; repeat++) {
            s->total++;
            if (is_made(s, at, repeat))
                s->done++;
            else
                s->predicted_ns += s->plan->predict(s->plan->user, at);
        }
    } while (sweep_next_cell(s->plan, at));
    if (s->done > 0)
        log_info("%u of %u runs are there already", s->done, s->total);
    if (s->done < s->total)
        log_info("%u %s, predicted to take %s", s->total - s->done,
                 s->total - s->done == 1 ? "run" : "runs",
                 rough(s->predicted_ns, text, sizeof text));
}

/* --- one run --------------------------------------------------------------------------------- */

static json_t *run_manifest(const struct sweep *s, const size_t *at, unsigned repeat)
{
    const struct sweep_plan *plan = s->plan;
    json_t *manifest = manifest_new(plan->command, plan->argc, plan->argv, plan->seed);
    json_t *cell = json_object();

    for (size_t i = 0; i < plan->axis_count; i++)
        json_object_set_new(cell, plan->axes[i].name,
                            json_sprintf("%s%s", plan->axes[i].values[at[i]], plan->axes[i].unit));
    json_object_set_new(manifest, "cell", cell);
    json_object_set_new(manifest, "run", json_integer(repeat));
    json_object_set(manifest, "settings", plan->settings);
    return manifest;
}

static enum exit_status fail(const char *error)
{
    log_error("%s", error);
    return STATUS_ENVIRONMENT;
}

/* What ran well is complete once its manifest says so and its folder has its name. */
static enum exit_status complete(json_t *manifest, const char *partial, const char *path)
{
    char error[LINE];

    if (!manifest_write(manifest, partial, true, error, sizeof error))
        return fail(error);
    if (rename(partial, path) == 0)
        return STATUS_PASSED;
    log_error("cannot rename %s to %s: %m", partial, path);
    return STATUS_ENVIRONMENT;
}

static enum exit_status make_run(struct sweep *s, const size_t *at, unsigned repeat)
{
    char path[PATH_MAX], partial[PATH_MAX + sizeof PARTIAL], error[LINE];
    enum exit_status status;
    json_t *manifest;

    sweep_run_path(s->plan, at, repeat, path, sizeof path);
    snprintf(partial, sizeof partial, "%s" PARTIAL, path);
    /* A folder without a finished manifest is none of ours, or damaged: not to be counted. */
    if (!tree_remove(partial, error, sizeof error) || !tree_remove(path, error, sizeof error) ||
        !tree_make(partial, error, sizeof error))
        return fail(error);
    manifest = run_manifest(s, at, repeat);
    status = s->plan->run(
        s->plan->user,
        &(struct sweep_run){.at = at, .repeat = repeat, .dir = partial, .manifest = manifest});
    if (status == STATUS_PASSED)
        status = complete(manifest, partial, path);
    json_decref(manifest);
    if (status == STATUS_INTERRUPTED)
        (void)tree_remove(partial, error, sizeof error);
    return status;
}

static enum exit_status make_one(struct sweep *s, const size_t *at, unsigned repeat)
{
    uint64_t began = clock_now_ns();
    enum exit_status status;

    if (is_made(s, at, repeat))
        return STATUS_PASSED;
    if (interrupt_came())
        return STATUS_INTERRUPTED;
    show_progress(s, at, repeat);
    status = make_run(s, at, repeat);
    s->spent_ns += clock_now_ns() - began;
    s->spent_predicted_ns += s->plan->predict(s->plan->user, at);
    s->done += status == STATUS_PASSED;
    clear_progress(s);
    return status;
}

static enum exit_status make_all(struct sweep *s)
{
    size_t at[SWEEP_AXES_MAX] = {0};
    enum exit_status status = STATUS_PASSED;

    do {
        for (unsigned repeat = 1; status == STATUS_PASSED && repeat <= s->plan->repeats; repeat++)
            status = make_one(s, at, repeat);
    } while (status == STATUS_PASSED && sweep_next_cell(s->plan, at));
    return status;
}

/* --- the whole ------------------------------------------------------------------------------- */

/* Nothing there, or what the same command line began and --resume asks for; else *error. */
static bool may_begin(const struct sweep_plan *plan, const json_t *before, char *error, size_t cap)
{
    const char *command = json_string_value(json_object_get(before, "command"));
    char why[LINE];

    if (before == NULL && tree_is_filled(plan->out))
        snprintf(error, cap, "%s holds something else: choose another place with --out", plan->out);
    else if (before == NULL)
        return true;
    else if (!plan->resume)
        snprintf(
            error, cap,
            "%s holds results already: --resume goes on with them, --out chooses another place",
            plan->out);
    else if (command == NULL || strcmp(plan->command, command) != 0)
        snprintf(error, cap, "%s is not of driver %s: choose another place with --out", plan->out,
                 plan->command);
    else if (!manifest_agrees(before, plan->settings, why, sizeof why))
        snprintf(error, cap, "cannot resume %s: %s; give the same again, or another --out",
                 plan->out, why);
    else
        return true;
    return false;
}

static enum exit_status check_out(const struct sweep_plan *plan)
{
    char error[PATH_MAX + 2 * LINE];
    json_t *before = manifest_read(plan->out, error, sizeof error);
    bool may = (before != NULL || *error == '\0') && may_begin(plan, before, error, sizeof error);

    json_decref(before);
    if (may)
        return STATUS_PASSED;
    log_error("%s", error);
    return STATUS_USAGE;
}

static enum exit_status begin(struct sweep *s)
{
    const struct sweep_plan *plan = s->plan;
    enum exit_status status = check_out(plan);
    char error[LINE];

    if (status != STATUS_PASSED)
        return status;
    s->manifest = manifest_new(plan->command, plan->argc, plan->argv, plan->seed);
    json_object_set(s->manifest, "settings", plan->settings);
    if (!tree_make(plan->out, error, sizeof error) ||
        !manifest_write(s->manifest, plan->out, false, error, sizeof error) ||
        !interrupt_begin(error, sizeof error))
        return fail(error);
    return STATUS_PASSED;
}

enum exit_status sweep_make(const struct sweep_plan *plan)
{
    struct sweep sweep = {.plan = plan};
    enum exit_status status = begin(&sweep);
    char error[LINE];

    if (status == STATUS_PASSED) {
        const char *term = getenv("TERM");

        sweep.terminal = isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
        survey(&sweep);
        status = make_all(&sweep);
        interrupt_end();
    }
    if (status == STATUS_PASSED &&
        !manifest_write(sweep.manifest, plan->out, true, error, sizeof error))
        status = fail(error);
    if (status == STATUS_INTERRUPTED)
        log_info(
            "interrupted: %u of %u runs are done and kept; the same command with --resume goes "
            "on",
            sweep.done, sweep.total);
    json_decref(sweep.manifest);
    return status;
}
