#include "driver/sweep/flame.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "driver/sweep/flame_draw.h"
#include "driver/sweep/flame_heap.h"
#include "driver/sweep/flame_impl.h"
#include "driver/sweep/flame_options.h"
#include "driver/sweep/flame_result.h"
#include "driver/sweep/flame_stage.h"
#include "driver/sweep/flame_table.h"
#include "driver/sweep/interrupt.h"
#include "driver/sweep/manifest.h"
#include "driver/sweep/perf.h"
#include "driver/sweep/tree.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE (3 * PATH_MAX)
#define LEAST_ROOM 4096 /* bytes */

/* One implementation, from its command to the pages of its result. */
struct take {
    const struct flame_options *options;
    const struct programs *programs;
    struct guardian *guardian;
    struct flame_impl impl;
    json_t *manifest;
    char partial[PATH_MAX]; /* where it is made; empty: not there yet */
    char error[LINE];
};

static enum exit_status fail(const char *error)
{
    log_error("%s", error);
    return STATUS_ENVIRONMENT;
}

static enum exit_status prepare(struct take *take, const char *name)
{
    const struct flame_options *o = take->options;
    char log[PATH_MAX + 32];
    bool usage;

    if (!flame_impl_find(&take->impl, name, o->scenario_file, take->programs, &usage, take->error,
                         sizeof take->error)) {
        log_error("%s", take->error);
        return usage ? STATUS_USAGE : STATUS_ENVIRONMENT;
    }
    snprintf(take->partial, sizeof take->partial, "%s/%s/%d.partial", o->out, name, (int)getpid());
    if (!tree_remove(take->partial, take->error, sizeof take->error) ||
        !tree_make(take->partial, take->error, sizeof take->error))
        return fail(take->error);
    take->manifest = manifest_new("flame", o->argc, o->argv, 0);
    if (take->manifest == NULL ||
        !manifest_write(take->manifest, take->partial, false, take->error, sizeof take->error))
        return fail(take->manifest == NULL ? "no memory" : take->error);
    snprintf(log, sizeof log, "%s/trial.log", take->partial);
    if (!o->only_heap && !perf_is_possible(take->guardian, log, take->error, sizeof take->error))
        return fail(take->error);
    unlink(log);
    flame_impl_ask_version(&take->impl, take->guardian, log);
    unlink(log);
    return STATUS_PASSED;
}

/* For --resume; its own draft is of no use then. */
static bool is_done(struct take *take)
{
    char path[2 * PATH_MAX];

    if (!take->options->resume || !flame_result_find(take->options, &take->impl, path, sizeof path))
        return false;
    log_info("%s is there already", path);
    if (!tree_remove(take->partial, take->error, sizeof take->error))
        log_warn("%s", take->error);
    take->partial[0] = '\0';
    return true;
}

static bool is_there(const char *dir, const char *file)
{
    char path[PATH_MAX + 64];

    snprintf(path, sizeof path, "%s/%s", dir, file);
    return access(path, F_OK) == 0;
}

/* The profiler makes programs slower, so that it has a pass of its own. */
static enum exit_status play_heap(struct take *take, struct flame_stage *stage,
                                  struct flame_result *result)
{
    struct flame_result unused = {0};
    enum exit_status status;
    bool any = false;

    stage->heap = true;
    status = flame_stage_play(stage, stage->options->only_heap ? result : &unused);
    for (int role = 0; role < FLAME_ROLES && status == STATUS_PASSED; role++) {
        char file[32];

        flame_result_file((enum flame_role)role, FLAME_HEAP, "folded", file, sizeof file);
        if (!flame_heap_collapse(take->partial, flame_role_name((enum flame_role)role),
                                 role == FLAME_SERVER ? take->impl.program : take->programs->client,
                                 file, take->guardian, take->error, sizeof take->error))
            status = fail(take->error);
        else if (interrupt_came())
            status = STATUS_INTERRUPTED;
        any = any || is_there(take->partial, file);
    }
    if (status == STATUS_PASSED && !any)
        log_warn("none of them runs on jemalloc: there are no stacks of what was allocated");
    return status;
}

static enum exit_status play(struct take *take, struct flame_result *result)
{
    struct flame_stage stage = {.options = take->options,
                                .impl = &take->impl,
                                .programs = take->programs,
                                .guardian = take->guardian,
                                .dir = take->partial};
    enum exit_status status = STATUS_PASSED;

    if (!take->options->only_heap)
        status = flame_stage_play(&stage, result);
    if (status == STATUS_PASSED && !take->options->only_cpu)
        status = play_heap(take, &stage, result);
    return status;
}

static enum exit_status finish(struct take *take, const struct flame_result *result)
{
    const struct flame_options *o = take->options;
    char name[NAME_MAX], path[PATH_MAX];

    flame_result_describe(take->manifest, o, &take->impl, result);
    if (!flame_result_write_duration(take->partial, result, take->error, sizeof take->error) ||
        !flame_draw_result(take->partial, o, &take->impl, take->error, sizeof take->error) ||
        !manifest_write(take->manifest, take->partial, true, take->error, sizeof take->error))
        return fail(take->error);
    snprintf(path, sizeof path, "%s/%s/%s", o->out, take->impl.name,
             flame_result_name(o, &take->impl, name, sizeof name));
    if (rename(take->partial, path) < 0) {
        log_error("%s: %s", path, strerror(errno));
        return STATUS_ENVIRONMENT;
    }
    take->partial[0] = '\0';
    log_info("%s", path);
    return STATUS_PASSED;
}

/* What failed stays for a look, what was interrupted is of no use. */
static void leave(struct take *take, enum exit_status status)
{
    uint64_t room;

    /* What then fails is whatever writes next, seldom with the right words. */
    if (status != STATUS_PASSED && take->partial[0] != '\0' &&
        tree_room(take->partial, &room, take->error, sizeof take->error) && room < LEAST_ROOM)
        log_error("%s: %s", take->partial, strerror(ENOSPC));
    if (take->partial[0] != '\0' && status == STATUS_INTERRUPTED)
        (void)tree_remove(take->partial, take->error, sizeof take->error);
    else if (take->partial[0] != '\0')
        log_info("what there is of it, is in %s", take->partial);
    json_decref(take->manifest);
    flame_impl_clear(&take->impl);
}

static enum exit_status record_one(const struct flame_options *o, const struct programs *programs,
                                   struct guardian *guardian, const char *name)
{
    struct take take = {.options = o, .programs = programs, .guardian = guardian};
    struct flame_result result = {0};
    enum exit_status status = prepare(&take, name);

    if (status == STATUS_PASSED && !is_done(&take)) {
        status = play(&take, &result);
        if (status == STATUS_PASSED)
            status = finish(&take, &result);
    }
    leave(&take, status);
    return status;
}

static enum exit_status record(const struct flame_options *o)
{
    enum exit_status status = STATUS_PASSED;
    struct guardian *guardian;
    struct programs programs;
    char error[LINE];

    if (!preflight_programs(&programs, error, sizeof error))
        return fail(error);
    guardian = guardian_new(NULL, error, sizeof error);
    if (guardian == NULL)
        return fail(error);
    if (!interrupt_begin(error, sizeof error))
        status = fail(error);
    for (size_t i = 0; i < o->impl_count && status == STATUS_PASSED; i++)
        status = record_one(o, &programs, guardian, o->impl[i]);
    interrupt_end();
    guardian_free(guardian);
    if (status == STATUS_INTERRUPTED)
        log_info("interrupted; results that were finished are kept; the same command with --resume "
                 "goes on");
    if (status == STATUS_PASSED)
        flame_table_print(o->out, stdout);
    return status;
}

static enum exit_status differ(const struct flame_options *o)
{
    char error[LINE];
    unsigned drawn;

    if (!tree_is_filled(o->base) || !tree_is_filled(o->changed)) {
        log_error("%s: no result of driver flame", tree_is_filled(o->base) ? o->changed : o->base);
        return STATUS_ENVIRONMENT;
    }
    if (!flame_draw_difference(o->base, o->changed, o->out, &drawn, error, sizeof error))
        return fail(error);
    if (drawn == 0)
        return fail("the two have no stacks in common: both need a c1.folded, or s1.folded...");
    log_info("%u pages in %s", drawn, o->out);
    return STATUS_PASSED;
}

static enum exit_status tabulate(const struct flame_options *o)
{
    if (flame_table_print(o->table, stdout) > 0)
        return STATUS_PASSED;
    log_error("%s: no result of driver flame in it, such as %s/ours/...", o->table, o->table);
    return STATUS_ENVIRONMENT;
}

enum exit_status flame_main(int argc, char **argv)
{
    static enum exit_status (*const tasks[])(const struct flame_options *o) = {
        [FLAME_RECORD] = record, [FLAME_DIFF] = differ, [FLAME_TABLE] = tabulate};
    struct flame_options options;
    enum exit_status status;

    flame_options_take(&options, argc, argv);
    log_init("driver flame", options.verbose ? LOG_DEBUG : LOG_INFO, false);
    status = tasks[options.task](&options);
    free(options.storage);
    if (fflush(stdout) != 0 && status == STATUS_PASSED) {
        log_error("cannot write to standard output: %s", strerror(errno));
        status = STATUS_ENVIRONMENT;
    }
    return status;
}
