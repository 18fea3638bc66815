/* A climb and the way back, on disk: one run of the sweep. */
#include "driver/sweep/capacity.h"

#include "common/base/log.h"
#include "common/base/units.h"
#include "driver/fleet.h"
#include "driver/sweep/capacity_chart.h"
#include "driver/sweep/capacity_finding.h"
#include "driver/sweep/trial_record.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define LINE 2048

static json_t *tell_manifest(const struct trial_plan *plan, const struct capacity_finding *f)
{
    json_t *result = json_object(), *memory = json_object();

    json_object_set_new(result, "clients", json_integer((json_int_t)f->served));
    json_object_set_new(result, "of", json_integer((json_int_t)plan->swarm.clients));
    json_object_set_new(result, "faults", json_integer((json_int_t)f->refused));
    json_object_set_new(result, "ended_by", json_string(f->name));
    json_object_set_new(result, "text", json_string(f->text));
    json_object_set_new(result, "rtt_median_ns", json_integer((json_int_t)f->median_ns));
    json_object_set_new(result, "rtt_p99_ns", json_integer((json_int_t)f->p99_ns));
    json_object_set_new(memory, "kind", json_string(f->memory.live ? "live" : "rss"));
    json_object_set_new(memory, "before_bytes", json_integer(f->memory.before));
    json_object_set_new(memory, "top_bytes", json_integer(f->memory.top));
    json_object_set_new(memory, "after_bytes", json_integer(f->memory.after));
    if (!isnan(f->memory.each))
        json_object_set_new(memory, "bytes_per_client", json_real(f->memory.each));
    json_object_set_new(result, "memory", memory);
    return result;
}

static void tell(const struct trial_plan *plan, const struct capacity_finding *f)
{
    char before[32], top[32], after[32], each[32];

    log_info("%" PRIu64 " of %" PRIu64 " clients were served%s%s", f->served, plan->swarm.clients,
             *f->text != '\0' ? "; " : "", f->text);
    log_info("the server's %s: %s before, %s with all, %s after; %s a client",
             f->memory.live ? "live bytes" : "RSS",
             units_format_size((uint64_t)f->memory.before, before, sizeof before),
             units_format_size((uint64_t)f->memory.top, top, sizeof top),
             units_format_size((uint64_t)f->memory.after, after, sizeof after),
             isnan(f->memory.each)
                 ? "too few samples for what it is"
                 : units_format_size((uint64_t)fmax(f->memory.each, 0), each, sizeof each));
}

static enum exit_status keep(const struct capacity_setting *setting, const struct sweep_run *run,
                             const struct trial_plan *plan, const struct trial *trial)
{
    struct capacity_finding finding;
    char error[LINE];
    char *argv = fleet_quote(setting->argv);
    bool done;

    capacity_judge(plan, trial, 0, &finding);
    done = trial_record_analysis(plan, trial, error, sizeof error) &&
           trial_record_run(plan, trial, setting->options->seed, argv != NULL ? argv : "", error,
                            sizeof error) &&
           capacity_draw(plan, trial, &finding, error, sizeof error);
    free(argv);
    if (!done) {
        log_error("%s", error);
        return STATUS_ENVIRONMENT;
    }
    json_object_set_new(run->manifest, "result", tell_manifest(plan, &finding));
    tell(plan, &finding);
    return STATUS_PASSED;
}

enum exit_status capacity_climb(const struct capacity_setting *setting, const struct sweep_run *run)
{
    const struct capacity_options *o = setting->options;
    struct trial_plan plan = capacity_plan(setting, o->thread_values[run->at[0]], run->dir);
    struct trial trial;
    char error[LINE];
    enum exit_status status = trial_run(&plan, &trial, error, sizeof error);

    if (status == STATUS_PASSED)
        status = keep(setting, run, &plan, &trial);
    else if (status != STATUS_INTERRUPTED)
        log_error("%s", error);
    trial_clear(&trial);
    return status;
}
