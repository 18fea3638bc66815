#include "driver/regress.h"

#include <math.h>

/* A slope from fewer degrees of freedom is chance: three steps of a start may be in line. */
#define MIN_FREEDOM 3
/* Less steps of a counter than this are single events, whatever follows them. */
#define MIN_STEPS 3
/* What grows on loses no more than this share of its pace after the first third. */
#define SETTLED_SHARE 0.5
/* Fits this much worse than the best are as good. */
#define AS_GOOD 1.1

const char *regress_word(enum regress_counter counter)
{
    static const char *const words[] = {
#define REGRESS_WORD(ident, word) [REGRESS_##ident] = word,
        REGRESS_TABLE(REGRESS_WORD)
#undef REGRESS_WORD
    };

    return words[counter];
}

static double metric_or_nan(const struct metric_values *v, enum metric metric)
{
    return metric_has(v, metric) ? (double)v->value[metric] : NAN;
}

static double count_of(const struct series_reading *r, enum regress_counter counter)
{
    static const enum metric metrics[REGRESS_COUNTERS] = {
        [REGRESS_CALLS] = METRIC_CALLS_DONE,    [REGRESS_CONNECTIONS] = METRIC_CONNECTIONS_TOTAL,
        [REGRESS_FAILED] = METRIC_CALLS_FAILED, [REGRESS_RECONNECTS] = METRIC_RECONNECTS,
        [REGRESS_LOSSES] = METRIC_LOSSES,       [REGRESS_ERRORS] = METRIC_ERRORS,
        [REGRESS_STALLS] = METRIC_STALLS,       [REGRESS_FAILED_CONNECTS] = METRIC_FAILED_CONNECTS,
    };

    if (counter == REGRESS_TIME)
        return r->seconds;
    if (counter == REGRESS_MESSAGES)
        return metric_or_nan(&r->values, METRIC_MESSAGES_SENT) +
               metric_or_nan(&r->values, METRIC_MESSAGES_RECEIVED);
    return metric_or_nan(&r->values, metrics[counter]);
}

static size_t take_points(const struct series *s, const struct regress_wish *wish,
                          enum regress_counter counter, bool settled, struct stats_point *out)
{
    size_t n = 0;

    for (size_t i = 0; i < s->reading_count; i++) {
        const struct series_reading *r = &s->readings[i];
        struct stats_point p = {count_of(r, counter), wish->value(&r->values, wish->arg),
                                r->incarnation};

        if ((r->settled || !settled) && !isnan(p.x) && !isnan(p.y))
            out[n++] = p;
    }
    return n;
}

struct steps {
    size_t ups;
    double sum, largest;
};

/* The changes of x, or of y, from point to point within the groups. */
static struct steps steps_of(const struct stats_point *p, size_t n, bool y)
{
    struct steps steps = {0};

    for (size_t i = 1; i < n; i++) {
        double step = y ? p[i].y - p[i - 1].y : p[i].x - p[i - 1].x;

        if (p[i].group != p[i - 1].group)
            continue;
        steps.ups += step > 0;
        steps.sum += step;
        steps.largest = fmax(steps.largest, step);
    }
    return steps;
}

/* A counter that moved once or twice, or all at once, would fit any single step. */
static bool tells(const struct stats_point *p, size_t n)
{
    struct steps steps = steps_of(p, n, false);

    return steps.ups >= MIN_STEPS && steps.largest <= steps.sum / 2;
}

static bool single_step(const struct stats_point *p, size_t n)
{
    struct steps steps = steps_of(p, n, true);

    return steps.largest > steps.sum / 2;
}

struct trial {
    bool known, significant;
    struct stats_line line;
    double span; /* of all readings: what the growth of both is stated for */
};

static struct trial try_points(const struct stats_point *p, size_t n,
                               const struct regress_wish *wish, double span)
{
    struct trial t = {0};

    if (!tells(p, n) || !stats_line_fit(p, n, &t.line))
        return t;
    t.span = span > 0 ? span : t.line.span;
    t.known = t.line.df >= MIN_FREEDOM;
    t.significant =
        t.known &&
        (t.line.slope - stats_line_half(&t.line, wish->floor, wish->alpha)) * t.span > wish->limit;
    t.significant = t.significant && !single_step(p, n);
    return t;
}

/*
 * Whether what grew goes on. The pace after the first third counts though a test of its own on so
 * few readings may not be passed.
 */
static enum regress_kind kind_of(const struct trial *all, const struct trial *settled,
                                 const struct stats_point *late, size_t n,
                                 const struct regress_wish *wish)
{
    struct stats_line line;
    double rest;

    if (settled->significant)
        return REGRESS_GROWS;
    if (!all->significant)
        return REGRESS_FLAT;
    if (!stats_line_fit(late, n, &line))
        return REGRESS_RISING;
    if (line.slope >= SETTLED_SHARE * all->line.slope)
        return REGRESS_GROWS;
    /* Not more than what one cannot help. */
    rest = fmax(0, line.slope) * line.span;
    return rest <= 4 * wish->floor || rest <= 0.05 * all->line.slope * all->span ? REGRESS_SETTLED
                                                                                 : REGRESS_RISING;
}

static void state(struct regress *out, enum regress_kind kind, enum regress_counter counter,
                  const struct trial *t, const struct regress_wish *wish)
{
    out->kind = kind;
    out->counter = counter;
    out->each = t->line.slope;
    out->each_half = stats_line_half(&t->line, wish->floor, wish->alpha);
    out->growth = out->each * t->span;
    out->half = out->each_half * t->span;
}

/* Growth in units of what it must exceed; above 1 it is significant. */
static double statistic(const struct regress *r, double limit)
{
    return r->growth / fmax(r->half + limit, 1e-300);
}

/* Whether a line that leaves sd_b unexplained fits as well as one that leaves sd_a. */
static bool fits_as_well(double sd_a, double sd_b, const struct regress_wish *wish)
{
    return sd_a * AS_GOOD >= sd_b || sd_b <= wish->floor / 4;
}

/*
 * Of two that say something the graver counts; of two that find growth the one that leaves less
 * unexplained; else the one nearer to growth.
 */
static bool graver(const struct regress *a, double sd_a, const struct regress *b, double sd_b,
                   const struct regress_wish *wish)
{
    if (a->kind != b->kind)
        return a->kind > b->kind;
    if (a->kind == REGRESS_FLAT)
        return statistic(a, wish->limit) > statistic(b, wish->limit);
    return !fits_as_well(sd_a, sd_b, wish);
}

struct best {
    struct regress result;
    double sd;
    double grows_sd[REGRESS_COUNTERS]; /* what each that finds growth leaves unexplained; else -1 */
};

static void try_counter(const struct series *s, const struct regress_wish *wish,
                        enum regress_counter counter, struct stats_point *points, struct best *best)
{
    size_t n = take_points(s, wish, counter, false, points), m;
    struct trial all = try_points(points, n, wish, 0), settled;
    const struct trial *t = &all;
    struct regress found = {.smallest = INFINITY};

    m = take_points(s, wish, counter, true, points);
    settled = try_points(points, m, wish, all.span);
    if (!all.known && !settled.known)
        return;
    if (all.known)
        found.smallest =
            wish->limit + all.span * stats_line_smallest(&all.line, wish->floor, wish->alpha);
    if (settled.known)
        found.smallest =
            fmin(found.smallest,
                 wish->limit +
                     settled.span * stats_line_smallest(&settled.line, wish->floor, wish->alpha));
    if (!all.known || (settled.significant && !all.significant))
        t = &settled;
    state(&found, kind_of(&all, &settled, points, m, wish), counter, t, wish);
    found.readings = n;
    found.smallest = fmin(found.smallest, best->result.smallest);
    if (found.kind == REGRESS_GROWS)
        best->grows_sd[counter] = t->line.sd;
    if (best->result.kind == REGRESS_UNKNOWN ||
        graver(&found, t->line.sd, &best->result, best->sd, wish)) {
        best->result = found;
        best->sd = t->line.sd;
    }
    best->result.smallest = found.smallest;
}

static unsigned find_alike(const struct best *best, const struct regress_wish *wish)
{
    unsigned alike = 0;

    for (unsigned i = 0; i < REGRESS_COUNTERS; i++) {
        if (i != (unsigned)best->result.counter && best->grows_sd[i] >= 0 &&
            fits_as_well(best->sd, best->grows_sd[i], wish))
            alike |= 1U << i;
    }
    return alike;
}

void regress(const struct series *s, const struct regress_wish *wish, struct regress *out)
{
    struct best best = {.result = {.kind = REGRESS_UNKNOWN, .smallest = INFINITY}};

    best.result.readings = s->reading_count;
    for (int i = 0; i < REGRESS_COUNTERS; i++)
        best.grows_sd[i] = -1;
    for (int i = 0; i < REGRESS_COUNTERS; i++)
        try_counter(s, wish, (enum regress_counter)i, s->points, &best);
    if (best.result.kind == REGRESS_GROWS)
        best.result.alike = find_alike(&best, wish);
    *out = best.result;
}
