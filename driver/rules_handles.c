/* File descriptors and threads: at rest where there are checkpoints, else by the floor of windows.
 */
#include "driver/rules.h"

#include "driver/regress.h"
#include "driver/trend.h"

#include <math.h>
#include <string.h>

/* Counts are whole: a quarter keeps one step of one from looking like a trend. */
#define HANDLE_FLOOR 0.25

struct handle {
    enum series_level level;
    const char *what; /* "file descriptors" */
    double (*value)(const struct metric_values *v, const void *arg);
};

/* Each connection has a descriptor of its own; what is there beyond them is looked at. */
static double spare_descriptors(const struct metric_values *v, const void *arg)
{
    (void)arg;
    if (!metric_has(v, METRIC_FDS))
        return NAN;
    return (double)v->value[METRIC_FDS] -
           (metric_has(v, METRIC_CONNECTIONS) ? (double)v->value[METRIC_CONNECTIONS] : 0);
}

static double threads(const struct metric_values *v, const void *arg)
{
    (void)arg;
    return metric_has(v, METRIC_THREADS) ? (double)v->value[METRIC_THREADS] : NAN;
}

static void judge_rest(const struct evidence *e, const struct handle *handle,
                       const struct regress *r, double limit, struct verdict *out)
{
    if (r->kind == REGRESS_GROWS)
        rule_say(out, OUTCOME_FAIL, r->growth, limit,
                 "%s at rest grew by %.0f over %zu readings: %.3g per %s", handle->what, r->growth,
                 r->readings, r->each, regress_word(r->counter));
    else if (r->kind == REGRESS_RISING)
        rule_say(out, OUTCOME_INCONCLUSIVE, r->growth, limit,
                 "%s at rest grew by %.0f, ever less: a longer run would tell", handle->what,
                 r->growth);
    else if (r->smallest > e->limits->handles_blind)
        rule_say(out, OUTCOME_INCONCLUSIVE, r->growth, limit,
                 "%s at rest waver: growth by %.0f could hide", handle->what, r->smallest);
    else
        rule_say(out, OUTCOME_PASS, r->growth, limit,
                 "%s are flat at rest: growth by %.1f would have been seen", handle->what,
                 r->smallest);
    rule_bound(out, r->half, r->smallest);
}

/* Stated for the run: windows tell of seconds. */
static void judge_load(const struct evidence *e, const struct evidence_component *c,
                       const struct handle *handle, double limit, struct verdict *out)
{
    double seconds = (double)evidence_sum(e, c).alive_ns / NS_PER_S;
    struct trend t;

    trend(&c->series,
          &(struct trend_wish){.level = handle->level,
                               .limit = limit / fmax(seconds, 1),
                               .alpha = rule_alpha(e, REGRESS_TESTS)},
          &t);
    if (t.kind == TREND_UNKNOWN)
        rule_say(out, e->info->checkpoints == 0 ? OUTCOME_PASS : OUTCOME_INCONCLUSIVE, NAN, limit,
                 "%s not judged: only %zu readings at rest, %zu windows under load", handle->what,
                 c->series.reading_count, t.windows);
    else if (t.kind == TREND_GROWS)
        rule_say(out, OUTCOME_FAIL, t.slope * seconds, limit,
                 "%s grew by %.0f under load, steadily over %zu windows", handle->what,
                 t.slope * seconds, t.windows);
    else if (t.kind == TREND_RISING)
        rule_say(out, OUTCOME_INCONCLUSIVE, t.slope * seconds, limit, "%s grew by %.0f, %s",
                 handle->what, t.slope * seconds, t.why);
    else
        rule_say(out,
                 t.smallest * seconds > e->limits->handles_blind ? OUTCOME_INCONCLUSIVE
                                                                 : OUTCOME_PASS,
                 t.slope * seconds, limit, "%s under load: growth by %.1f %s", handle->what,
                 t.smallest * seconds,
                 t.smallest * seconds > e->limits->handles_blind ? "could hide"
                                                                 : "would have been seen");
    if (t.kind != TREND_UNKNOWN)
        rule_bound(out, t.half * seconds, t.smallest * seconds);
}

static void judge_handle(const struct evidence *e, const struct evidence_component *c,
                         const struct handle *handle, double limit, struct verdict *out)
{
    struct regress r;

    regress(&c->series,
            &(struct regress_wish){.value = handle->value,
                                   .floor = HANDLE_FLOOR,
                                   .alpha = rule_alpha(e, REGRESS_TESTS),
                                   .limit = limit},
            &r);
    if (r.kind == REGRESS_UNKNOWN)
        judge_load(e, c, handle, limit, out);
    else
        judge_rest(e, handle, &r, limit, out);
}

void rule_fds(const struct evidence *e, const struct evidence_component *c, struct verdict *out)
{
    static const struct handle handle = {SERIES_FDS, "file descriptors", spare_descriptors};

    judge_handle(e, c, &handle, e->limits->descriptors, out);
}

void rule_threads(const struct evidence *e, const struct evidence_component *c, struct verdict *out)
{
    static const struct handle handle = {SERIES_THREADS, "threads", threads};

    judge_handle(e, c, &handle, e->limits->threads, out);
}
