#include "results-server/live_series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(LIVE_BUCKETS % (1 << (LIVE_MAX_FOLDS + 1)) == 0, "buckets are halved that often");

static unsigned cells_per_bucket(enum live_kind kind)
{
    return kind == LIVE_LEVEL ? 2 : 1;
}

size_t live_series_bytes(enum live_kind kind, unsigned buckets)
{
    return sizeof(float) * cells_per_bucket(kind) * buckets;
}

static bool fill(struct live_series *s, size_t bytes)
{
    s->cells = malloc(bytes);
    if (s->cells == NULL)
        return false;
    for (size_t i = 0; i < bytes / sizeof *s->cells; i++)
        s->cells[i] = NAN;
    return true;
}

static void add_flow(float *cell, float value)
{
    *cell = isnan(*cell) ? value : *cell + value;
}

static void widen(float *lowest, float *highest, float low, float high)
{
    *lowest = fminf(*lowest, low);
    *highest = fmaxf(*highest, high);
}

bool live_series_put(struct live_series *s, enum live_kind kind, unsigned buckets, unsigned bucket,
                     double value)
{
    float v = (float)value;

    if (s->cells == NULL && !fill(s, live_series_bytes(kind, buckets)))
        return false;
    if (kind == LIVE_LEVEL)
        widen(&s->cells[2 * bucket], &s->cells[2 * bucket + 1], v, v);
    else
        add_flow(&s->cells[bucket], v);
    return true;
}

/* Bucket `from` goes into bucket `to`. */
static void merge(float *cells, enum live_kind kind, unsigned to, unsigned from)
{
    if (kind == LIVE_LEVEL)
        widen(&cells[2 * to], &cells[2 * to + 1], cells[2 * from], cells[2 * from + 1]);
    else if (!isnan(cells[from]))
        add_flow(&cells[to], cells[from]);
}

void live_series_fold(struct live_series *s, enum live_kind kind, unsigned buckets)
{
    unsigned width = cells_per_bucket(kind);

    if (s->cells == NULL)
        return;
    for (unsigned b = 0; b < buckets; b++) {
        float *first = &s->cells[(size_t)width * (b / 2)];

        if (b % 2 == 0)
            memmove(first, &s->cells[(size_t)width * b], width * sizeof *first);
        else
            merge(s->cells, kind, b / 2, b);
    }
    for (unsigned i = width * (buckets / 2); i < width * buckets; i++)
        s->cells[i] = NAN;
}

void live_series_halve(struct live_series *s, enum live_kind kind, unsigned buckets)
{
    float *less;

    if (s->cells == NULL || buckets < 2)
        return;
    live_series_fold(s, kind, buckets);
    less = realloc(s->cells, live_series_bytes(kind, buckets / 2));
    if (less != NULL)
        s->cells = less;
}

void live_series_clear(struct live_series *s)
{
    free(s->cells);
    s->cells = NULL;
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* The median of the lowest values of buckets [from, to); NAN: there are none. */
static float middle(const struct live_series *s, unsigned from, unsigned to)
{
    float lowest[LIVE_BUCKETS];
    size_t count = 0;

    for (unsigned b = from; b < to && count < LIVE_BUCKETS; b++) {
        if (!isnan(s->cells[2 * b]))
            lowest[count++] = s->cells[2 * b];
    }
    qsort(lowest, count, sizeof *lowest, compare_floats);
    return count == 0 ? NAN : lowest[count / 2];
}

double live_series_rise(const struct live_series *s, unsigned end)
{
    unsigned begin = 0, third;
    float first, last;

    if (s->cells == NULL)
        return -INFINITY;
    while (begin < end && isnan(s->cells[2 * begin]))
        begin++;
    third = (end - begin) / 3;
    first = middle(s, begin, begin + third);
    last = middle(s, end - third, end);
    return isnan(first) || isnan(last) ? -INFINITY : (double)last - (double)first;
}

static json_t *number(float value)
{
    return isnan(value) ? json_null() : json_integer((json_int_t)llrintf(value));
}

static json_t *every(const struct live_series *s, unsigned step, unsigned offset, unsigned from,
                     unsigned end)
{
    json_t *list = json_array();

    for (unsigned b = from; b < end; b++)
        json_array_append_new(list,
                              s->cells == NULL ? json_null() : number(s->cells[step * b + offset]));
    return list;
}

json_t *live_series_json(const struct live_series *s, enum live_kind kind, unsigned from,
                         unsigned end)
{
    if (kind == LIVE_FLOW)
        return every(s, 1, 0, from, end);
    return json_pack("[o,o]", every(s, 2, 0, from, end), every(s, 2, 1, from, end));
}

void live_series_cover(float *band, const struct live_series *s, enum live_kind kind, unsigned end)
{
    unsigned width = cells_per_bucket(kind);

    for (unsigned b = 0; s->cells != NULL && b < end; b++)
        widen(&band[2 * b], &band[2 * b + 1], s->cells[width * b], s->cells[width * b + width - 1]);
}
