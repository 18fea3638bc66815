#include "charts/downsample.h"

#include <stdlib.h>

struct point {
    double x, y;
};

struct column {
    struct point low, high;
    int first_piece, last_piece;
    bool used;
};

struct downsample {
    double x0, x1;
    size_t count;
    bool any;
    struct point first, last;
    struct column columns[];
};

struct downsample *downsample_new(double x0, double x1, size_t columns)
{
    struct downsample *d = calloc(1, sizeof *d + columns * sizeof d->columns[0]);

    if (d == NULL)
        return NULL;
    d->x0 = x0;
    d->x1 = x1;
    d->count = columns;
    return d;
}

void downsample_free(struct downsample *d)
{
    free(d);
}

static size_t column_of(const struct downsample *d, double x)
{
    double at = (x - d->x0) / (d->x1 - d->x0) * (double)d->count;

    if (at < 0)
        return 0;
    return at >= (double)d->count ? d->count - 1 : (size_t)at;
}

/* Takes `next`, which follows in time, into `c`. */
static void column_join(struct column *c, const struct column *next)
{
    if (!next->used)
        return;
    if (!c->used) {
        *c = *next;
        return;
    }
    if (next->low.y < c->low.y)
        c->low = next->low;
    if (next->high.y > c->high.y)
        c->high = next->high;
    c->last_piece = next->last_piece;
}

void downsample_add(struct downsample *d, double x, double y, int piece)
{
    struct point p = {x, y};
    struct column one = {p, p, piece, piece, true};

    if (!d->any)
        d->first = p;
    d->any = true;
    d->last = p;
    column_join(&d->columns[column_of(d, x)], &one);
}

bool downsample_last(const struct downsample *d, double *x, double *y)
{
    *x = d->last.x;
    *y = d->last.y;
    return d->any;
}

double downsample_max(const struct downsample *d)
{
    double max = 0;

    for (size_t i = 0; i < d->count; i++) {
        if (d->columns[i].used && d->columns[i].high.y > max)
            max = d->columns[i].high.y;
    }
    return max;
}

static bool same(struct point a, struct point b)
{
    return a.x == b.x && a.y == b.y;
}

void downsample_emit(const struct downsample *d, size_t merge,
                     void (*fn)(void *arg, double x, double y, bool broken), void *arg)
{
    struct point before = d->first;
    int piece = 0;

    if (!d->any)
        return;
    fn(arg, d->first.x, d->first.y, false);
    for (size_t i = 0, drawn = 0; i < d->count; i += merge) {
        struct column c = {0};

        for (size_t k = i; k < d->count && k < i + merge; k++)
            column_join(&c, &d->columns[k]);
        if (!c.used)
            continue;
        bool broken = drawn++ > 0 && c.first_piece != piece;
        struct point a = c.low.x <= c.high.x ? c.low : c.high;
        struct point b = c.low.x <= c.high.x ? c.high : c.low;

        if (broken || !same(a, before))
            fn(arg, a.x, a.y, broken);
        if (!same(a, b))
            fn(arg, b.x, b.y, false);
        before = b;
        piece = c.last_piece;
    }
    if (!same(before, d->last))
        fn(arg, d->last.x, d->last.y, false);
}
