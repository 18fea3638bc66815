#include "driver/suspects.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "driver/gate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LINE 1024

/* Those whose findings a heap profile or a list of descriptors explains. */
static const char *const rules[] = {"heap-cap", "heap-limit", "leak", "growth", "fds"};

static bool is_chosen(const struct suspect *chosen, size_t count, int64_t component)
{
    for (size_t i = 0; i < count; i++) {
        if (chosen[i].component->id == component)
            return true;
    }
    return false;
}

/* Of those that failed the rule and are not chosen yet the one with the largest value, or NULL. */
static const struct verdict *find_worst(const struct verdict_list *verdicts, const char *rule,
                                        const struct suspect *chosen, size_t count)
{
    const struct verdict *worst = NULL;

    for (size_t i = 0; i < verdicts->count; i++) {
        const struct verdict *v = &verdicts->items[i];

        if (v->outcome != OUTCOME_FAIL || v->component == 0 || strcmp(v->rule, rule) != 0 ||
            is_chosen(chosen, count, v->component))
            continue;
        if (worst == NULL || isnan(worst->value) || v->value > worst->value)
            worst = v;
    }
    return worst;
}

/* The lowest live bytes in the second and in the last quarter of a life: a sawtooth has no part. */
struct growth {
    int64_t incarnation;
    uint64_t from, to;
    double early, late; /* NaN: never seen */
};

static bool take_sample(void *arg, const struct run_sample_row *row)
{
    struct growth *g = arg;
    double at, live;

    if (row->incarnation != g->incarnation || row->stale || row->time_ns < g->from ||
        row->time_ns > g->to || !metric_has(&row->values, METRIC_LIVE))
        return true;
    at = (double)(row->time_ns - g->from) / (double)(g->to - g->from);
    live = (double)row->values.value[METRIC_LIVE];
    if (at >= 0.25 && at < 0.5)
        g->early = fmin(g->early, live); /* of NaN and a number the number */
    if (at >= 0.75)
        g->late = fmin(g->late, live);
    return true;
}

/* Of its last life that was judged. */
static double measure_growth(struct run_reader *run, const struct run_component_row *component)
{
    const struct run_info *info = run_reader_info(run);
    struct growth g = {.early = NAN, .late = NAN};
    size_t count;
    const struct run_incarnation_row *rows = run_reader_incarnations(run, &count);

    for (size_t i = 0; i < count; i++) {
        if (rows[i].component != component->id || rows[i].ready_ns == 0 ||
            (info->stop_ns != 0 && rows[i].ready_ns >= info->stop_ns))
            continue;
        g.incarnation = rows[i].id;
        g.from = rows[i].ready_ns;
        g.to = rows[i].exit_ns != 0 ? rows[i].exit_ns : info->stop_ns;
    }
    if (g.incarnation == 0 || g.to <= g.from ||
        !run_reader_samples(run, component->id, take_sample, &g) || isnan(g.early) ||
        isnan(g.late) || g.late <= g.early)
        return 0;
    return (g.late - g.early) / ((double)(g.to - g.from) / NS_PER_S / 2);
}

/* What live bytes show, which connections that come and go may hide; or what was found at rest. */
static double growth_of(struct run_reader *run, const struct run_component_row *component,
                        const struct verdict *verdict)
{
    const struct run_info *info = run_reader_info(run);
    double measured = measure_growth(run, component), found = 0;

    if (strcmp(verdict->rule, "leak") == 0 && info->stop_ns > info->ready_ns && info->ready_ns != 0)
        found = verdict->value / ((double)(info->stop_ns - info->ready_ns) / NS_PER_S);
    return fmax(measured, found);
}

size_t suspects_find(struct run_reader *run, const struct verdict_list *verdicts,
                     struct suspect *out)
{
    size_t components, count = 0;
    const struct run_component_row *rows = run_reader_components(run, &components);

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct verdict *worst;

        while (count < SUSPECTS_MAX &&
               (worst = find_worst(verdicts, rules[i], out, count)) != NULL) {
            out[count].component = &rows[worst->component - 1];
            out[count].rule = worst->rule;
            out[count].growth = growth_of(run, out[count].component, worst);
            count++;
        }
    }
    return count;
}

enum exit_status suspects_print(const char *run_dir)
{
    struct verdict_list verdicts = {0};
    struct suspect found[SUSPECTS_MAX];
    char error[LINE];
    struct run_reader *run = run_reader_new(run_dir, error, sizeof error);
    bool ok = run != NULL && gate_judge(run, NULL, &verdicts, error, sizeof error);
    size_t count = ok ? suspects_find(run, &verdicts, found) : 0;

    if (!ok)
        log_error("%s", error);
    for (size_t i = 0; i < count; i++)
        printf("%s %s %.0f\n", found[i].component->name, found[i].rule, found[i].growth);
    verdict_list_free(&verdicts);
    run_reader_free(run);
    return ok ? STATUS_PASSED : STATUS_ENVIRONMENT;
}
