#include "driver/compare.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of all comparisons of a run together, half of it for the fleet's few and half for the others:
 * one in a hundred healthy runs is called worse. */
#define FAMILY_ALPHA 0.01
/*
 * What the other components of a role say of a measure's noise counts as so many degrees of freedom
 * beside the few repeats of one component (moderated variances: Smyth 2004, doi
 * 10.2202/1544-6115.1027, with a fixed prior weight).
 */
#define PRIOR_FREEDOM 12.0

struct compare_input {
    struct gate_limits limits;
    struct run_reader *run;
    struct evidence *evidence;
    struct measures *measures; /* one for each component, and behind them the fleet's */
};

#define FLEET "the fleet"

/* What has measures: a component, or the fleet. */
struct subject {
    const char *name;
    enum { ROLE_SERVER, ROLE_CLIENT, ROLE_FLEET } role;
};

/* The values of a measure of one component over several runs. */
struct spread {
    size_t count;
    double mean, variance; /* variance 0 for a single value */
};

static bool load(struct compare_input *in, const char *path, char *error, size_t cap)
{
    in->run = run_reader_new(path, error, cap);
    if (in->run == NULL)
        return false;
    in->limits = limits_of_run(in->run);
    in->evidence = evidence_new(in->run, &in->limits, error, cap);
    if (in->evidence == NULL)
        return false;
    in->measures = calloc(in->evidence->count + 1, sizeof *in->measures);
    if (in->measures == NULL) {
        snprintf(error, cap, "%s: no memory to compare it", path);
        return false;
    }
    return measures_take(in->run, in->evidence, in->measures, &in->measures[in->evidence->count],
                         error, cap);
}

/* For i up to the count of components, with it. */
static struct subject subject_at(const struct compare_input *in, size_t i)
{
    const struct run_component_row *row;

    if (i == in->evidence->count)
        return (struct subject){FLEET, ROLE_FLEET};
    row = in->evidence->components[i].row;
    return (struct subject){row->name, row->server ? ROLE_SERVER : ROLE_CLIENT};
}

/* NULL: that run has no such component. */
static const struct measures *find(const struct compare_input *in, const char *name)
{
    for (size_t i = 0; i <= in->evidence->count; i++) {
        if (strcmp(subject_at(in, i).name, name) == 0)
            return &in->measures[i];
    }
    return NULL;
}

static struct spread spread_of(const struct compare_input *inputs, size_t count, const char *name,
                               enum measure measure)
{
    struct spread s = {0};
    double squares = 0;

    for (size_t i = 0; i < count; i++) {
        const struct measures *m = find(&inputs[i], name);
        double value = m == NULL ? NAN : m->of[measure].value, delta;

        if (isnan(value))
            continue;
        s.count++;
        delta = value - s.mean;
        s.mean += delta / (double)s.count;
        squares += delta * (value - s.mean);
    }
    s.variance = s.count < 2 ? 0 : squares / (double)(s.count - 1);
    return s;
}

/* What a role's components say together of the noise of a measure. */
struct pool {
    double variance; /* of a share of the mean, or of the amount where shares mean nothing */
    double freedom;
};

/* The factor from a pool's variance to that of a value. */
static double scale_of(enum measure measure, double mean)
{
    return measure_info(measure)->least_share > 0 ? mean * mean : 1;
}

/* Adds what the runs themselves show, the least that there is; for the one fleet that each has. */
static void pool_within(struct pool *pool, const struct compare_input *inputs, size_t count,
                        enum measure measure)
{
    for (size_t i = 0; i < count; i++) {
        const struct measured *m = &inputs[i].measures[inputs[i].evidence->count].of[measure];

        if (isnan(m->error) || m->value == 0)
            continue;
        pool->variance += m->freedom * m->error * m->error / scale_of(measure, m->value);
        pool->freedom += m->freedom;
    }
}

/* Adds how the components of a role differ between the runs. */
static void pool_between(struct pool *pool, const struct compare_input *inputs, size_t count,
                         int role, enum measure measure)
{
    for (size_t i = 0; i < inputs[0].evidence->count; i++) {
        struct subject subject = subject_at(&inputs[0], i);
        struct spread s = spread_of(inputs, count, subject.name, measure);
        double scale = scale_of(measure, s.mean);

        if ((int)subject.role != role || s.count < 2 || scale <= 0)
            continue;
        pool->variance += (double)(s.count - 1) * s.variance / scale;
        pool->freedom += (double)(s.count - 1);
    }
}

static struct pool pool_of(const struct compare_input *inputs, size_t count, int role,
                           enum measure measure)
{
    struct pool pool = {0};

    if (role == ROLE_FLEET)
        pool_within(&pool, inputs, count, measure);
    else
        pool_between(&pool, inputs, count, role, measure);
    if (pool.freedom > 0)
        pool.variance /= pool.freedom;
    return pool;
}

/* The variance of one value of a component, and how well it is known. */
struct noise {
    double variance, freedom; /* freedom 0: not known */
};

static struct noise noise_between(const struct compare_input *inputs, size_t count,
                                  const struct subject *subject, enum measure measure)
{
    struct spread s = spread_of(inputs, count, subject->name, measure);
    struct pool pool = pool_of(inputs, count, subject->role, measure);
    double own = s.count < 2 ? 0 : (double)(s.count - 1), prior;

    prior = fmin(PRIOR_FREEDOM, pool.freedom);
    if (own + prior <= 0)
        return (struct noise){0};
    return (struct noise){(own * s.variance + prior * pool.variance * scale_of(measure, s.mean)) /
                              (own + prior),
                          own + prior};
}

static double variance_within(const struct measured *m)
{
    return m->error * m->error;
}

/* Compares a run with the bases; alpha is of one comparison. NaN floor: its noise is not known. */
static struct comparison compare_one(const struct compare *c, size_t run,
                                     const struct subject *subject, enum measure measure,
                                     double alpha)
{
    const struct compare_input *in = &c->inputs[c->base_count + run];
    const struct measured *now = &find(in, subject->name)->of[measure];
    struct spread base = spread_of(c->inputs, c->base_count, subject->name, measure);
    struct comparison out = {
        .component = subject->name, .measure = measure, .base = base.mean, .run = now->value};
    struct noise noise;
    double factor = 1 + 1 / (double)base.count;

    out.floor = NAN;
    out.least = fmax(measure_info(measure)->least_share * fabs(out.base),
                     measure_info(measure)->least_amount);
    if (c->noise == NOISE_WITHIN) {
        const struct measured *before = &find(&c->inputs[0], subject->name)->of[measure];

        noise = (struct noise){variance_within(before) + variance_within(now),
                               before->freedom + now->freedom};
        factor = 1;
    } else if (c->noise == NOISE_BASES) {
        noise = noise_between(c->inputs, c->base_count, subject, measure);
    } else {
        noise = noise_between(c->inputs + c->base_count, c->run_count, subject, measure);
    }
    if (noise.freedom > 0 && !isnan(noise.variance))
        out.floor = gsl_cdf_tdist_Qinv(alpha, noise.freedom) * sqrt(noise.variance * factor);
    return out;
}

static enum compare_outcome decide(const struct comparison *c)
{
    double change = c->run - c->base;

    if (fabs(change) <= fmax(c->floor, c->least))
        return COMPARE_SAME;
    return (change > 0) == (measure_info(c->measure)->worse == MEASURE_HIGHER) ? COMPARE_WORSE
                                                                               : COMPARE_BETTER;
}

/* Whether a measure is known of a component in every base and in the run. */
static bool is_known(const struct compare *c, size_t run, const char *name, enum measure measure)
{
    const struct measures *m = find(&c->inputs[c->base_count + run], name);

    return m != NULL && !isnan(m->of[measure].value) &&
           spread_of(c->inputs, c->base_count, name, measure).count == c->base_count;
}

/* Every comparison that can be made; *items has room for all measures of all subjects. */
static size_t compare_all(const struct compare *c, size_t run, struct comparison *items)
{
    size_t components = c->inputs[0].evidence->count, count = 0;

    for (size_t i = 0; i <= components; i++) {
        struct subject subject = subject_at(&c->inputs[0], i);
        double tests = MEASURE_COUNT * (i == components ? 1 : (double)components);
        bool taken = false; /* the measure that this one would stand in for */

        for (int m = 0; m < MEASURE_COUNT; m++) {
            struct comparison one;

            if (!measure_info((enum measure)m)->stand_in)
                taken = false;
            if (taken || !is_known(c, run, subject.name, (enum measure)m))
                continue;
            one = compare_one(c, run, &subject, (enum measure)m, FAMILY_ALPHA / 2 / tests);
            taken = !isnan(one.floor);
            if (!taken)
                continue;
            one.outcome = decide(&one);
            items[count++] = one;
        }
    }
    return count;
}

/* The names that a has and b has not. */
static const char **missing(const struct compare_input *a, const struct compare_input *b,
                            size_t *count)
{
    const char **names = calloc(a->evidence->count + 1, sizeof(char *));

    *count = 0;
    for (size_t i = 0; names != NULL && i < a->evidence->count; i++) {
        const char *name = subject_at(a, i).name;

        if (find(b, name) == NULL)
            names[(*count)++] = name;
    }
    return names;
}

static bool compare_run(struct compare *c, size_t run, const char *path)
{
    struct compared *out = &c->runs[run];
    const struct compare_input *in = &c->inputs[c->base_count + run];
    size_t room = MEASURE_COUNT * (c->inputs[0].evidence->count + 1);

    out->path = path;
    out->items = calloc(room, sizeof *out->items);
    out->only_base = missing(&c->inputs[0], in, &out->only_base_count);
    out->only_run = missing(in, &c->inputs[0], &out->only_run_count);
    if (out->items == NULL || out->only_base == NULL || out->only_run == NULL)
        return false;
    out->count = compare_all(c, run, out->items);
    for (size_t i = 0; i < out->count; i++) {
        out->worse += out->items[i].outcome == COMPARE_WORSE;
        out->better += out->items[i].outcome == COMPARE_BETTER;
    }
    out->same_duration = true;
    for (size_t i = 0; i < c->base_count; i++)
        out->same_duration &=
            c->inputs[i].evidence->info->duration_ns == in->evidence->info->duration_ns;
    return true;
}

struct compare *compare_new(char *const *bases, size_t base_count, char *const *runs,
                            size_t run_count, char *error, size_t cap)
{
    struct compare *c = calloc(1, sizeof *c);
    bool ok = true;

    snprintf(error, cap, "no memory to compare the runs");
    if (c == NULL)
        return NULL;
    c->bases = bases;
    c->base_count = base_count;
    c->run_count = run_count;
    c->noise = base_count > 1 ? NOISE_BASES : run_count > 1 ? NOISE_RUNS : NOISE_WITHIN;
    c->inputs = calloc(base_count + run_count, sizeof *c->inputs);
    c->runs = calloc(run_count, sizeof *c->runs);
    ok = c->inputs != NULL && c->runs != NULL;
    for (size_t i = 0; ok && i < base_count; i++)
        ok = load(&c->inputs[i], bases[i], error, cap);
    for (size_t i = 0; ok && i < run_count; i++)
        ok = load(&c->inputs[base_count + i], runs[i], error, cap);
    for (size_t i = 0; ok && i < run_count; i++)
        ok = compare_run(c, i, runs[i]);
    if (ok)
        return c;
    compare_free(c);
    return NULL;
}

void compare_free(struct compare *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; c->inputs != NULL && i < c->base_count + c->run_count; i++) {
        free(c->inputs[i].measures);
        evidence_free(c->inputs[i].evidence);
        run_reader_free(c->inputs[i].run);
    }
    for (size_t i = 0; c->runs != NULL && i < c->run_count; i++) {
        free(c->runs[i].items);
        free(c->runs[i].only_base);
        free(c->runs[i].only_run);
    }
    free(c->inputs);
    free(c->runs);
    free(c);
}

enum exit_status compare_status(const struct compare *c)
{
    bool some = true, worse = false;

    for (size_t i = 0; i < c->run_count; i++) {
        some &= c->runs[i].count > 0;
        worse |= c->runs[i].worse > 0;
    }
    return worse ? STATUS_FAILED : some ? STATUS_PASSED : STATUS_INCONCLUSIVE;
}

const char *compare_noise_words(const struct compare *c, char *out, size_t cap)
{
    switch (c->noise) {
    case NOISE_BASES:
        snprintf(out, cap, "from the spread of %zu bases", c->base_count);
        break;
    case NOISE_RUNS:
        snprintf(out, cap, "from the spread of %zu runs, taken for repeats", c->run_count);
        break;
    case NOISE_WITHIN:
        snprintf(out, cap,
                 "from the spread within each run only; more runs show what makes one "
                 "differ from the next");
        break;
    }
    return out;
}
