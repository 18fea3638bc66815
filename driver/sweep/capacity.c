#include "driver/sweep/capacity.h"

#include "charts/render.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "driver/sweep/manifest.h"
#include "driver/sweep/tree.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE 2048
#define SEARCH_TRIALS 12 /* about so many, for the prediction */
#define MESSAGE_NS (100 * NS_PER_US)
#define TRIAL_NS (3 * NS_PER_S)   /* to begin and to end */
#define STAY_NS (500 * NS_PER_MS) /* at the top, for some samples with all of them */
#define PATIENCE 20               /* times the prediction, before a swarm is given up */
#define PATIENCE_NS (120 * NS_PER_S)

static uint64_t predict_trial(const struct capacity_options *o)
{
    uint64_t way = o->rate != 0 ? o->clients * NS_PER_S / o->rate : o->clients * NS_PER_MS;
    uint64_t messages = o->clients * ((o->messages_from + o->messages_to) / 2);

    return 2 * (way + messages * MESSAGE_NS) + TRIAL_NS;
}

struct trial_plan capacity_plan(const struct capacity_setting *setting, const char *threads,
                                const char *dir)
{
    const struct capacity_options *o = setting->options;

    return (struct trial_plan){
        .guardian = setting->guardian,
        .programs = setting->programs,
        .dir = dir,
        .server = {.command = o->server != NULL ? o->server_words : NULL,
                   .threads = threads,
                   .heap_cap = o->heap_cap,
                   .descriptors = o->descriptors,
                   .secure = o->secure},
        .swarm = {.clients = o->clients,
                  .messages_from = o->messages_from,
                  .messages_to = o->messages_to,
                  .rate = o->rate,
                  .stay_ns = o->hold ? STAY_NS : 0,
                  .reply_limit_ns = o->reply_limit_ns,
                  .hold = o->hold,
                  .back = true},
        .limit_ns = PATIENCE * predict_trial(o) + PATIENCE_NS + 2 * o->reply_limit_ns,
    };
}

static uint64_t predict(void *user, const size_t *at)
{
    const struct capacity_setting *setting = user;
    const struct capacity_options *o = setting->options;

    (void)at;
    return o->find == FIND_NOTHING ? predict_trial(o) : SEARCH_TRIALS * TRIAL_NS;
}

static enum exit_status make_run(void *user, const struct sweep_run *run)
{
    const struct capacity_setting *setting = user;

    return setting->options->find == FIND_NOTHING ? capacity_climb(setting, run)
                                                  : capacity_search(setting, run);
}

/* What --resume wants equal. */
static json_t *list_settings(const struct capacity_options *o)
{
    json_t *s = json_object();

    json_object_set_new(s, "clients", json_integer((json_int_t)o->clients));
    json_object_set_new(s, "messages",
                        json_sprintf("%" PRIu64 ":%" PRIu64, o->messages_from, o->messages_to));
    json_object_set_new(s, "hold", json_string(o->hold ? "yes" : "no"));
    json_object_set_new(s, "rate", json_integer((json_int_t)o->rate));
    json_object_set_new(s, "server", json_string(o->server != NULL ? o->server : "stress-server"));
    json_object_set_new(s, "server-threads", json_string(o->threads != NULL ? o->threads : "1"));
    json_object_set_new(s, "server-heap", json_integer((json_int_t)o->heap_cap));
    json_object_set_new(s, "server-fds", json_integer((json_int_t)o->descriptors));
    json_object_set_new(s, "secure", json_string(o->secure ? "yes" : "no"));
    json_object_set_new(s, "find", json_integer(o->find));
    json_object_set_new(s, "up-to", json_integer((json_int_t)o->up_to));
    json_object_set_new(s, "rtt-bound", json_integer((json_int_t)o->rtt_bound_ns));
    return s;
}

/* OUT/summary.json: the results of all runs, as their manifests have them. */
static enum exit_status summarise(const struct sweep_plan *plan)
{
    json_t *runs = json_array(), *summary = json_object();
    size_t at[SWEEP_AXES_MAX] = {0};
    char path[PATH_MAX], error[LINE] = "no memory for the summary";
    char *text;
    bool done = true;

    do {
        for (unsigned repeat = 1; done && repeat <= plan->repeats; repeat++) {
            json_t *row = json_object(),
                   *manifest = manifest_read(sweep_run_path(plan, at, repeat, path, sizeof path),
                                             error, sizeof error);

            done = manifest != NULL;
            json_object_set(row, "cell", json_object_get(manifest, "cell"));
            json_object_set_new(row, "run", json_integer(repeat));
            json_object_set(row, "result", json_object_get(manifest, "result"));
            json_array_append_new(runs, row);
            json_decref(manifest);
        }
    } while (done && sweep_next_cell(plan, at));
    json_object_set_new(summary, "schema", json_integer(1));
    json_object_set(summary, "settings", plan->settings);
    json_object_set_new(summary, "runs", runs);
    text = json_dumps(summary, JSON_INDENT(2));
    done = done && text != NULL &&
           tree_write_file(plan->out, "summary.json", text, error, sizeof error);
    free(text);
    json_decref(summary);
    if (done)
        return STATUS_PASSED;
    log_error("%s", error);
    return STATUS_ENVIRONMENT;
}

static enum exit_status make_sweep(struct capacity_setting *setting, int argc, char **argv)
{
    const struct capacity_options *o = setting->options;
    const struct sweep_axis threads = {.name = "server-threads",
                                       .unit = "threads",
                                       .values = o->thread_values,
                                       .count = o->thread_count};
    struct sweep_plan plan = {.command = "capacity",
                              .argc = argc,
                              .argv = argv,
                              .out = o->out,
                              .resume = o->resume,
                              .seed = o->seed,
                              .axes = &threads,
                              .axis_count = o->server == NULL ? 1 : 0,
                              .repeats = (unsigned)o->runs,
                              .settings = list_settings(o),
                              .predict = predict,
                              .run = make_run,
                              .user = setting};
    enum exit_status status = sweep_make(&plan);

    if (status == STATUS_PASSED)
        status = summarise(&plan);
    json_decref(plan.settings);
    return status;
}

enum exit_status capacity_main(int argc, char **argv)
{
    struct capacity_options options;
    struct programs programs;
    struct capacity_setting setting = {.options = &options, .programs = &programs, .argv = argv};
    enum exit_status status = STATUS_ENVIRONMENT;
    char error[LINE];

    capacity_options_take(&options, argc, argv);
    log_init("driver capacity", options.verbose ? LOG_DEBUG : LOG_INFO, false);
    if (!preflight_programs(&programs, error, sizeof error) ||
        !charts_check_gnuplot(error, sizeof error) ||
        (setting.guardian = guardian_new(NULL, error, sizeof error)) == NULL) {
        log_error("%s", error);
    } else {
        status = make_sweep(&setting, argc, argv);
        guardian_free(setting.guardian);
    }
    capacity_options_clear(&options);
    return status;
}
