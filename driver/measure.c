#include "driver/measure.h"

#include "common/contract/reason.h"
#include "driver/told.h"

#include <gsl/gsl_fit.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 20
#define HALF (BLOCKS / 2)
#define LEAST_BLOCKS 3
#define LEAST_CALLS 100 /* of a component whose calls count; others live on a few endless ones */
#define LEAST_READINGS 4
/* The error of a median over that of a mean, of many normal values: sqrt(pi/2). */
#define MEDIAN_ERROR 1.2533

/* A twentieth of the time under traffic. */
struct block {
    double seconds, calls, messages, cpu; /* advanced in it, of processes that were up */
    double live, rss;                     /* sums over its samples */
    size_t live_count, rss_count;
    double data_peak; /* 0: never seen */
};

struct gather {
    const struct evidence *e;
    const struct evidence_component *c;
    struct block blocks[BLOCKS];
    struct metric_values last; /* of the same incarnation */
    int64_t incarnation;
    uint64_t last_ns;
};

/* The valid readings at rest of a component, at most one for each checkpoint. */
struct readings {
    const struct evidence *e;
    double *calls, *live, *share; /* share: of a connection; NaN: not known */
    int64_t *incarnation;
    size_t count;
};

const struct measure_info *measure_info(enum measure measure)
{
    static const struct measure_info table[MEASURE_COUNT] = {
#define MEASURE_ROW(ident, name, unit, worse, share, amount, stand_in) \
    [MEASURE_##ident] = {name, unit, MEASURE_##worse, share, amount, stand_in},
        MEASURE_TABLE(MEASURE_ROW)
#undef MEASURE_ROW
    };

    return &table[measure];
}

/* --- what samples show ------------------------------------------------------------------------ */

static struct block *block_at(struct gather *g, uint64_t time_ns)
{
    uint64_t from = g->e->info->ready_ns, span = (g->e->until_ns - from) / BLOCKS;
    uint64_t index = span == 0 ? 0 : (time_ns - from) / span;

    return &g->blocks[index < BLOCKS ? index : BLOCKS - 1];
}

static double advanced(const struct gather *g, const struct metric_values *v, enum metric metric)
{
    return metric_has(v, metric) && metric_has(&g->last, metric) &&
                   v->value[metric] > g->last.value[metric]
               ? (double)(v->value[metric] - g->last.value[metric])
               : 0;
}

static void take_progress(struct gather *g, const struct run_sample_row *row, struct block *b)
{
    const struct metric_values *v = &row->values;
    uint64_t silent = told_silent(g->e, g->c->row->id, g->last_ns, row->time_ns);
    uint64_t span = row->time_ns - g->last_ns;

    b->seconds += (double)(span - (silent < span ? silent : span)) / NS_PER_S;
    b->calls += advanced(g, v, METRIC_CALLS_DONE);
    b->messages += advanced(g, v, METRIC_MESSAGES_SENT) + advanced(g, v, METRIC_MESSAGES_RECEIVED);
    b->cpu += advanced(g, v, METRIC_CPU);
}

static bool take_sample(void *arg, const struct run_sample_row *row)
{
    struct gather *g = arg;
    const struct metric_values *v = &row->values;
    struct block *b;

    if (row->stale || row->time_ns < g->e->info->ready_ns || row->time_ns > g->e->until_ns)
        return true;
    b = block_at(g, row->time_ns);
    if (row->incarnation == g->incarnation)
        take_progress(g, row, b);
    if (metric_has(v, METRIC_LIVE)) {
        b->live += (double)v->value[METRIC_LIVE];
        b->live_count++;
    }
    if (metric_has(v, METRIC_RSS)) {
        b->rss += (double)v->value[METRIC_RSS];
        b->rss_count++;
    }
    if (metric_has(v, METRIC_DATA) && (double)v->value[METRIC_DATA] > b->data_peak)
        b->data_peak = (double)v->value[METRIC_DATA];
    g->incarnation = row->incarnation;
    g->last_ns = row->time_ns;
    g->last = *v;
    return true;
}

/* A value with the spread of what it was made from: `scale` times their standard deviation. */
static struct measured with_spread(double value, double deviation, size_t count, double scale)
{
    if (count < LEAST_BLOCKS)
        return (struct measured){.value = value, .error = NAN};
    return (struct measured){value, scale * deviation, (double)count - 1};
}

/*
 * The standard deviation of a level, from its successive differences (von Neumann et al. 1941, doi
 * 10.1214/aoms/1177731746): that it rises all along is no noise, but what is looked for.
 */
static double steps(const double *values, size_t count)
{
    double sum = 0;

    for (size_t i = 1; i < count; i++)
        sum += (values[i] - values[i - 1]) * (values[i] - values[i - 1]);
    return count < 2 ? NAN : sqrt(sum / (2 * ((double)count - 1)));
}

/* The median of values in order of time, which it rearranges. */
static struct measured median_level(double *values, size_t count)
{
    double deviation = steps(values, count);

    if (count == 0)
        return (struct measured){.value = NAN, .error = NAN};
    return with_spread(gsl_stats_median(values, 1, count), deviation, count,
                       MEDIAN_ERROR / sqrt((double)count));
}

enum sum { SUM_SECONDS, SUM_CALLS, SUM_MESSAGES, SUM_CPU };

static double sum_of(const struct block *b, enum sum sum)
{
    switch (sum) {
    case SUM_SECONDS:
        return b->seconds;
    case SUM_CALLS:
        return b->calls;
    case SUM_MESSAGES:
        return b->messages;
    default:
        return b->cpu;
    }
}

/* The ratio of two sums; nothing where the lower one is below `least`. */
static struct measured ratio(const struct gather *g, enum sum upper, enum sum lower, double least)
{
    double values[BLOCKS], over = 0, under = 0;
    size_t count = 0;

    for (size_t i = 0; i < BLOCKS; i++) {
        double below = sum_of(&g->blocks[i], lower);

        over += sum_of(&g->blocks[i], upper);
        under += below;
        if (below > 0)
            values[count++] = sum_of(&g->blocks[i], upper) / below;
    }
    if (under <= 0 || under < least)
        return (struct measured){.value = NAN, .error = NAN};
    return with_spread(over / under, count < 2 ? NAN : gsl_stats_sd(values, 1, count), count,
                       1 / sqrt((double)count));
}

/* The median of a level over the second half of the run: its start is warm-up. */
static struct measured level(const struct gather *g, bool live)
{
    double values[HALF];
    size_t count = 0;

    for (size_t i = HALF; i < BLOCKS; i++) {
        const struct block *b = &g->blocks[i];

        if (live && b->live_count > 0)
            values[count++] = b->live / (double)b->live_count;
        else if (!live && b->rss_count > 0)
            values[count++] = b->rss / (double)b->rss_count;
    }
    return median_level(values, count);
}

/* A peak is as uncertain as the peaks of the blocks differ. */
static struct measured data_peak(const struct gather *g)
{
    double values[BLOCKS], peak = 0;
    size_t count = 0;

    for (size_t i = 0; i < BLOCKS; i++) {
        if (g->blocks[i].data_peak > 0)
            values[count++] = g->blocks[i].data_peak;
        peak = fmax(peak, g->blocks[i].data_peak);
    }
    return count == 0 ? (struct measured){.value = NAN, .error = NAN}
                      : with_spread(peak, steps(values, count), count, 1);
}

static void put_traffic(const struct gather *g, struct measures *out)
{
    double calls = 0;

    for (size_t i = 0; i < BLOCKS; i++)
        calls += g->blocks[i].calls;
    out->of[MEASURE_MESSAGES] = ratio(g, SUM_MESSAGES, SUM_SECONDS, 0);
    out->of[MEASURE_CPU_MESSAGE] = ratio(g, SUM_CPU, SUM_MESSAGES, LEAST_CALLS);
    if (calls < LEAST_CALLS)
        return;
    out->of[MEASURE_CALLS] = ratio(g, SUM_CALLS, SUM_SECONDS, 0);
    out->of[MEASURE_CPU_CALL] = ratio(g, SUM_CPU, SUM_CALLS, LEAST_CALLS);
}

static void put_samples(const struct gather *g, struct measures *out)
{
    out->of[MEASURE_LIVE] = level(g, true);
    out->of[MEASURE_RSS] = level(g, false);
    out->of[MEASURE_DATA_PEAK] = data_peak(g);
    put_traffic(g, out);
}

/* --- what checkpoints show -------------------------------------------------------------------- */

static bool readings_init(struct readings *r, const struct evidence *e)
{
    size_t room = e->checkpoint_count + 1;

    *r = (struct readings){.e = e,
                           .calls = calloc(room, sizeof *r->calls),
                           .live = calloc(room, sizeof *r->live),
                           .share = calloc(room, sizeof *r->share),
                           .incarnation = calloc(room, sizeof *r->incarnation)};
    return r->calls != NULL && r->live != NULL && r->share != NULL && r->incarnation != NULL;
}

static void readings_clear(struct readings *r)
{
    free(r->calls);
    free(r->live);
    free(r->share);
    free(r->incarnation);
}

static bool take_reading(void *arg, const struct run_reading_row *row)
{
    struct readings *r = arg;
    const struct metric_values *v = &row->values;
    size_t i = r->count;

    if (!row->valid || !metric_has(v, METRIC_LIVE) || row->checkpoint < 1 ||
        (size_t)row->checkpoint > r->e->checkpoint_count || i == r->e->checkpoint_count ||
        r->e->checkpoints[row->checkpoint - 1].closed)
        return true;
    r->incarnation[i] = row->incarnation;
    r->live[i] = (double)v->value[METRIC_LIVE];
    r->calls[i] = metric_has(v, METRIC_CALLS_DONE) ? (double)v->value[METRIC_CALLS_DONE] : 0;
    r->share[i] = NAN;
    if (metric_has(v, METRIC_LIVE_BOOT) && metric_has(v, METRIC_CONNECTIONS) &&
        v->value[METRIC_CONNECTIONS] > 0)
        r->share[i] = (r->live[i] - (double)v->value[METRIC_LIVE_BOOT]) /
                      (double)v->value[METRIC_CONNECTIONS];
    r->count++;
    return true;
}

/* The median of what is no NaN; rearranges the values. */
static struct measured median_known(double *values, size_t count)
{
    size_t known = 0;

    for (size_t i = 0; i < count; i++) {
        if (!isnan(values[i]))
            values[known++] = values[i];
    }
    return median_level(values, known);
}

/* How live bytes at rest rise with the calls done, per 1,000 of them, in the longest life. */
static struct measured slope(const struct readings *r)
{
    double c0, c1, cov00, cov01, cov11, sum;
    size_t first = 0, count = 0;

    for (size_t i = 0, next; i < r->count; i = next) {
        for (next = i + 1; next < r->count && r->incarnation[next] == r->incarnation[i];)
            next++;
        if (next - i > count) {
            first = i;
            count = next - i;
        }
    }
    if (count < LEAST_READINGS || r->calls[first + count - 1] - r->calls[first] < LEAST_CALLS)
        return (struct measured){.value = NAN, .error = NAN};
    gsl_fit_linear(&r->calls[first], 1, &r->live[first], 1, count, &c0, &c1, &cov00, &cov01, &cov11,
                   &sum);
    return (struct measured){1000 * c1, 1000 * sqrt(cov11), (double)count - 2};
}

static bool put_readings(struct run_reader *run, const struct evidence *e,
                         const struct evidence_component *c, struct measures *out, char *error,
                         size_t cap)
{
    struct readings r;
    bool ok = readings_init(&r, e);

    if (!ok) {
        snprintf(error, cap, "%s: no memory to compare it", run_reader_dir(run));
    } else if (!run_reader_readings(run, c->row->id, take_reading, &r)) {
        snprintf(error, cap, "%s", run_reader_error(run));
        ok = false;
    } else {
        out->of[MEASURE_PER_CALL] = slope(&r); /* before they are rearranged */
        out->of[MEASURE_REST] = median_known(r.live, r.count);
        out->of[MEASURE_PER_CONNECTION] = median_known(r.share, r.count);
    }
    readings_clear(&r);
    return ok;
}

/* --- what restarts show ----------------------------------------------------------------------- */

/*
 * From ready to the first message: the median over all victims that came back. One component has
 * too few of them, and now and then one takes ten times as long as the next.
 */
static struct measured recovery(const struct evidence *e)
{
    struct measured m = {.value = NAN, .error = NAN};
    double *values;
    size_t count = 0;

    for (size_t i = 0; i < e->count; i++)
        count += e->components[i].count;
    values = calloc(count + 1, sizeof *values);
    count = 0;
    for (size_t i = 0; values != NULL && i < e->count; i++) {
        const struct evidence_component *c = &e->components[i];

        for (size_t k = 1; k < c->count; k++) {
            const struct evidence_incarnation *up = &c->incarnations[k];

            if (c->incarnations[k - 1].row->reason == REASON_CHAOS && up->row->ready_ns != 0 &&
                up->first_message_ns > up->row->ready_ns)
                values[count++] = (double)(up->first_message_ns - up->row->ready_ns);
        }
    }
    if (count > 0)
        m = median_level(values, count);
    free(values);
    return m;
}

/* Adds what a component did to what the fleet did; time is not added up. */
static void add_to_fleet(struct gather *fleet, const struct gather *g)
{
    bool client = !g->c->row->server;

    for (size_t i = 0; i < BLOCKS; i++) {
        struct block *b = &fleet->blocks[i];

        b->calls += client ? g->blocks[i].calls : 0;
        b->messages += client ? g->blocks[i].messages : 0;
        b->cpu += g->blocks[i].cpu;
        b->seconds = fmax(b->seconds, g->blocks[i].seconds);
    }
}

static void clear(struct measures *m)
{
    for (int i = 0; i < MEASURE_COUNT; i++)
        m->of[i] = (struct measured){.value = NAN, .error = NAN};
}

static bool take_component(struct run_reader *run, struct gather *fleet, struct gather *g,
                           struct measures *out, char *error, size_t cap)
{
    if (!run_reader_samples(run, g->c->row->id, take_sample, g)) {
        snprintf(error, cap, "%s", run_reader_error(run));
        return false;
    }
    put_samples(g, out);
    add_to_fleet(fleet, g);
    return put_readings(run, g->e, g->c, out, error, cap);
}

bool measures_take(struct run_reader *run, const struct evidence *e, struct measures *each,
                   struct measures *fleet, char *error, size_t cap)
{
    struct gather all = {.e = e};
    bool ran = e->info->ready_ns != 0 && e->until_ns > e->info->ready_ns;

    clear(fleet);
    for (size_t i = 0; i < e->count; i++) {
        struct gather g = {.e = e, .c = &e->components[i]};

        clear(&each[i]);
        if (ran && !take_component(run, &all, &g, &each[i], error, cap))
            return false;
    }
    if (!ran)
        return true;
    put_traffic(&all, fleet);
    fleet->of[MEASURE_RECOVERY] = recovery(e);
    return true;
}
