/* A search for the most that a server holds: one run of the sweep, a trial for each number tried.
 */
#include "driver/sweep/capacity.h"

#include "common/base/log.h"
#include "common/base/units.h"
#include "driver/sweep/capacity_finding.h"
#include "driver/sweep/search.h"
#include "driver/sweep/tree.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#define LINE 2048

struct quest {
    const struct capacity_setting *setting;
    const struct sweep_run *run;
    struct search search;
    struct capacity_finding broke; /* of the smallest number that failed */
    uint64_t broke_at;             /* 0: none did */
    unsigned trials;
    FILE *log; /* search.csv */
};

static const char *what(const struct quest *q)
{
    return q->setting->options->find == FIND_CLIENTS ? "clients" : "messages";
}

static struct trial_plan plan_trial(const struct quest *q, uint64_t number, const char *dir)
{
    const struct capacity_options *o = q->setting->options;
    struct trial_plan plan = capacity_plan(q->setting, o->thread_values[q->run->at[0]], dir);

    plan.swarm.together = true;
    plan.swarm.back = false;
    if (o->find == FIND_CLIENTS)
        plan.swarm.clients = number;
    else
        plan.swarm.messages_from = plan.swarm.messages_to = number;
    return plan;
}

static void note(struct quest *q, uint64_t number, const struct capacity_finding *f)
{
    bool held = f->end == END_NONE;
    bool on_the_way = q->setting->options->find == FIND_CLIENTS && f->served < number;

    fprintf(q->log, "%" PRIu64 ",%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%s\n", number,
            held ? "yes" : "no", f->served, f->median_ns / 1000, f->p99_ns / 1000, f->name);
    log_info("%" PRIu64 " %s: %s%s%s", number, what(q), held ? "held" : "not held",
             held ? "" : ": ", f->text);
    if (held) {
        search_held(&q->search, number);
        return;
    }
    search_failed(&q->search, number, on_the_way ? f->served + 1 : number);
    q->broke = *f;
    q->broke_at = q->search.fails;
}

static enum exit_status try_number(struct quest *q, uint64_t number)
{
    char dir[PATH_MAX], error[LINE];
    struct capacity_finding finding;
    struct trial_plan plan;
    struct trial trial;
    enum exit_status status;

    snprintf(dir, sizeof dir, "%s/trial%u-%" PRIu64, q->run->dir, ++q->trials, number);
    if (!tree_make(dir, error, sizeof error)) {
        log_error("%s", error);
        return STATUS_ENVIRONMENT;
    }
    plan = plan_trial(q, number, dir);
    status = trial_run(&plan, &trial, error, sizeof error);
    if (status == STATUS_PASSED) {
        capacity_judge(&plan, &trial, q->setting->options->rtt_bound_ns, &finding);
        note(q, number, &finding);
    } else if (status != STATUS_INTERRUPTED) {
        log_error("%s", error);
    }
    trial_clear(&trial);
    return status;
}

static void conclude(const struct quest *q)
{
    json_t *result = json_object();

    json_object_set_new(result, "find", json_string(what(q)));
    json_object_set_new(result, "holds", json_integer((json_int_t)q->search.holds));
    json_object_set_new(result, "trials", json_integer((json_int_t)q->trials));
    json_object_set_new(result, "ended_by", json_string(q->broke_at != 0 ? q->broke.name : "none"));
    json_object_set_new(result, "text", json_string(q->broke_at != 0 ? q->broke.text : ""));
    json_object_set_new(q->run->manifest, "result", result);
    if (q->broke_at != 0)
        log_info("the server holds %" PRIu64 " %s; at %" PRIu64 ": %s", q->search.holds, what(q),
                 q->broke_at, q->broke.text);
    else
        log_info("the server holds %" PRIu64 " %s, and more were not tried (--up-to)",
                 q->search.holds, what(q));
}

static enum exit_status close_log(struct quest *q, const char *path, enum exit_status status)
{
    bool whole = ferror(q->log) == 0;

    if ((fclose(q->log) == 0 && whole) || status != STATUS_PASSED)
        return status;
    log_error("%s could not be written: %m", path);
    return STATUS_ENVIRONMENT;
}

enum exit_status capacity_search(const struct capacity_setting *setting,
                                 const struct sweep_run *run)
{
    struct quest quest = {.setting = setting, .run = run};
    enum exit_status status = STATUS_PASSED;
    char path[PATH_MAX];
    uint64_t number;

    snprintf(path, sizeof path, "%s/search.csv", run->dir);
    quest.log = fopen(path, "we");
    if (quest.log == NULL) {
        log_error("cannot write %s: %m", path);
        return STATUS_ENVIRONMENT;
    }
    fputs("tried,held,served_clients,rtt_median_us,rtt_p99_us,ended_by\n", quest.log);
    search_begin(&quest.search, setting->options->up_to);
    while (status == STATUS_PASSED && (number = search_next(&quest.search)) != 0)
        status = try_number(&quest, number);
    status = close_log(&quest, path, status);
    if (status == STATUS_PASSED)
        conclude(&quest);
    return status;
}
