#include "driver/series.h"

#include "common/contract/page.h"
#include "driver/evidence.h"
#include "driver/stats_line.h"

#include <gsl/gsl_statistics.h>
#include <stdio.h>
#include <stdlib.h>

/* A long life is cut into so many windows at most; so many of those of short lives are kept. */
#define LIFE_WINDOWS 24

struct series_sample {
    size_t incarnation;
    uint64_t time_ns, state;
    int64_t level[SERIES_LEVELS];
};

static const enum metric metrics[SERIES_LEVELS] = {
    [SERIES_LIVE] = METRIC_LIVE,
    [SERIES_RSS] = METRIC_RSS,
    [SERIES_FDS] = METRIC_FDS,
    [SERIES_THREADS] = METRIC_THREADS,
};

static int64_t value_of(const struct metric_values *v, enum metric metric)
{
    return metric_has(v, metric) ? v->value[metric] : -1;
}

/* The array with room for one more; it doubles at each power of two. NULL: no memory. */
static void *grow(void *items, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return items;
    return reallocarray(items, count == 0 ? 1 : 2 * count, size);
}

struct reading_gather {
    struct series *s;
    const struct evidence *e;
    const struct evidence_component *c;
    const struct run_checkpoint_row *checkpoints;
    size_t count;
    bool no_memory;
};

static size_t incarnation_of(const struct evidence_component *c, int64_t id)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->incarnations[i].row->id == id)
            return i;
    }
    return c->count;
}

static void take_closed(struct series *s, const struct run_reading_row *row)
{
    int64_t live = value_of(&row->values, METRIC_LIVE);
    int64_t boot = value_of(&row->values, METRIC_LIVE_BOOT);

    if (!row->valid || live < 0 || boot < 0 || value_of(&row->values, METRIC_CONNECTIONS) > 0)
        return;
    if (s->closed_count++ == 0 || live - boot > s->closed)
        s->closed = live - boot;
}

static bool take_rest(struct reading_gather *g, const struct run_reading_row *row, size_t at)
{
    struct series *s = g->s;
    struct series_reading *grown = grow(s->readings, s->reading_count, sizeof *grown);
    uint64_t from, to;

    if (grown == NULL) {
        g->no_memory = true;
        return false;
    }
    s->readings = grown;
    if (!evidence_life(g->e, g->c->incarnations[at].row, &from, &to) || row->time_ns < from ||
        row->time_ns > to)
        return true;
    s->readings[s->reading_count++] =
        (struct series_reading){.incarnation = at,
                                .checkpoint = row->checkpoint,
                                .seconds = (double)(row->time_ns - from) / NS_PER_S,
                                .settled = row->time_ns - from >= (to - from) / 3,
                                .values = row->values};
    return true;
}

static bool take_reading(void *arg, const struct run_reading_row *row)
{
    struct reading_gather *g = arg;
    struct series *s = g->s;
    size_t at = incarnation_of(g->c, row->incarnation);

    if (at == g->c->count || row->checkpoint < 1 || (size_t)row->checkpoint > g->count)
        return true;
    if (g->checkpoints[row->checkpoint - 1].closed) {
        /* After an evidence phase it holds what that left behind. */
        if (g->c->phase.evidence_ns == 0)
            take_closed(s, row);
        return true;
    }
    if (row->valid)
        return take_rest(g, row, at);
    if (s->invalid++ == 0)
        snprintf(s->why, sizeof s->why, "%s", row->why == NULL ? "not valid" : row->why);
    return true;
}

static int compare_readings(const void *a, const void *b)
{
    const struct series_reading *p = a, *q = b;

    if (p->incarnation != q->incarnation)
        return p->incarnation < q->incarnation ? -1 : 1;
    return (p->seconds > q->seconds) - (p->seconds < q->seconds);
}

bool series_read(struct series *s, const struct evidence *e, const struct evidence_component *c,
                 struct run_reader *run)
{
    struct reading_gather g = {.s = s, .e = e, .c = c};

    g.checkpoints = run_reader_checkpoints(run, &g.count);
    if (!run_reader_readings(run, c->row->id, take_reading, &g) || g.no_memory)
        return false;
    if (s->reading_count > 0)
        qsort(s->readings, s->reading_count, sizeof *s->readings, compare_readings);
    s->points = calloc(s->reading_count + 1, sizeof *s->points);
    return s->points != NULL;
}

bool series_add_sample(struct series *s, size_t incarnation, const struct run_sample_row *row)
{
    struct series_sample *grown = grow(s->samples, s->sample_count, sizeof *grown), *to;

    if (grown == NULL)
        return false;
    s->samples = grown;
    to = &grown[s->sample_count++];
    *to = (struct series_sample){.incarnation = incarnation, .time_ns = row->time_ns};
    for (int i = 0; i < SERIES_LEVELS; i++)
        to->level[i] = value_of(&row->values, metrics[i]);
    /* What a page says that is out of date is not known; what the kernel says is. */
    if (row->stale)
        to->level[SERIES_LIVE] = -1;
    if (!row->stale && metric_has(&row->values, METRIC_CONNECTIONS))
        to->state = ((uint64_t)row->values.value[METRIC_CONNECTIONS] << 32 |
                     (uint32_t)value_of(&row->values, METRIC_STREAMS)) +
                    1;
    return true;
}

static int compare_states(const void *a, const void *b)
{
    const uint64_t *p = a, *q = b;

    return (*p > *q) - (*p < *q);
}

/* The most frequent state of all samples; false without memory. */
static bool find_modal(const struct series *s, uint64_t *modal)
{
    uint64_t *states = calloc(s->sample_count + 1, sizeof *states);
    size_t most = 0;

    if (states == NULL)
        return false;
    for (size_t i = 0; i < s->sample_count; i++)
        states[i] = s->samples[i].state;
    qsort(states, s->sample_count, sizeof *states, compare_states);
    for (size_t i = 0, n; i < s->sample_count; i += n) {
        for (n = 1; i + n < s->sample_count && states[i + n] == states[i]; n++)
            ;
        if (n > most) {
            most = n;
            *modal = states[i];
        }
    }
    free(states);
    return true;
}

static bool at_checkpoint(const struct evidence_pauses *pauses, uint64_t time_ns)
{
    for (size_t i = 0; i < pauses->count; i++) {
        const struct run_checkpoint_row *c = &pauses->rows[i];

        /* What is seen a moment later was published in it. */
        if (time_ns >= c->start_ns && time_ns <= c->end_ns + 2 * PAGE_PUBLISH_NS)
            return true;
    }
    return false;
}

struct cut {
    const struct evidence_component *c;
    struct series *s;
    uint64_t width_ns, modal;
    const struct series_sample *next;
    double *values; /* room for all samples of one level */
};

static void take_window(const struct cut *cut, const struct series_sample *from,
                        const struct series_sample *to, struct series_window *window)
{
    for (int level = 0; level < SERIES_LEVELS; level++) {
        size_t n = 0;

        for (const struct series_sample *s = from; s < to; s++) {
            if (s->state == cut->modal && s->level[level] >= 0 &&
                !at_checkpoint(&cut->c->pauses, s->time_ns))
                cut->values[n++] = (double)s->level[level];
        }
        if (n > 0)
            window->floor[level] = (int64_t)gsl_stats_select(cut->values, 1, n, (n - 1) / 4);
    }
}

/* The windows of one life; what is left of it at its end is no window. */
static void cut_life(struct cut *cut, size_t incarnation, uint64_t from, uint64_t to)
{
    struct series *s = cut->s;
    const struct series_sample *end = s->samples + s->sample_count;
    size_t count = (size_t)((to - from) / cut->width_ns), first = s->window_count;

    for (size_t i = 0; i < count && first + i < STATS_TREND_MAX; i++)
        s->windows[first + i] = (struct series_window){
            incarnation, ((double)i + 0.5) * (double)cut->width_ns / NS_PER_S, {-1, -1, -1, -1}};
    s->window_count = first + count < STATS_TREND_MAX ? first + count : STATS_TREND_MAX;
    while (cut->next < end && cut->next->incarnation == incarnation) {
        size_t at = (size_t)((cut->next->time_ns - from) / cut->width_ns);
        const struct series_sample *first_of = cut->next;

        do
            cut->next++;
        while (cut->next < end && cut->next->incarnation == incarnation &&
               (cut->next->time_ns - from) / cut->width_ns == at);
        if (first + at < s->window_count)
            take_window(cut, first_of, cut->next, &s->windows[first + at]);
    }
}

/* Windows as wide as asked, but so wide that the longest life has no more than LIFE_WINDOWS. */
static uint64_t find_width(const struct evidence *e, const struct evidence_component *c,
                           size_t *windows)
{
    uint64_t longest = 0, width, from, to;

    for (size_t i = 0; i < c->count; i++) {
        if (evidence_life(e, c->incarnations[i].row, &from, &to) && to - from > longest)
            longest = to - from;
    }
    width = longest / LIFE_WINDOWS > e->limits->window_ns ? longest / LIFE_WINDOWS
                                                          : e->limits->window_ns;
    width = width > PAGE_PUBLISH_NS ? width : PAGE_PUBLISH_NS;
    *windows = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (evidence_life(e, c->incarnations[i].row, &from, &to))
            *windows += (size_t)((to - from) / width);
    }
    return width;
}

bool series_cut_windows(struct series *s, const struct evidence *e,
                        const struct evidence_component *c)
{
    struct cut cut = {.c = c, .s = s, .next = s->samples};
    const struct series_sample *end;
    size_t windows, stride;

    if (s->sample_count == 0)
        return true;
    end = s->samples + s->sample_count;
    cut.values = calloc(s->sample_count + 1, sizeof *cut.values);
    if (cut.values == NULL || !find_modal(s, &cut.modal)) {
        free(cut.values);
        return false;
    }
    cut.width_ns = find_width(e, c, &windows);
    /* Of many lives every so many is looked at. */
    stride = windows == 0 ? 1 : (windows + STATS_TREND_MAX - 1) / STATS_TREND_MAX;
    for (size_t i = 0; i < c->count && cut.next < end; i++) {
        uint64_t from, to;

        while (cut.next < end && cut.next->incarnation < i)
            cut.next++;
        if (i % stride == 0 && evidence_life(e, c->incarnations[i].row, &from, &to))
            cut_life(&cut, i, from, to);
    }
    free(cut.values);
    free(s->samples);
    s->samples = NULL;
    s->sample_count = 0;
    return true;
}

void series_free(struct series *s)
{
    free(s->samples);
    free(s->readings);
    free(s->points);
}
