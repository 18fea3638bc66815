#include "charts/dots.h"

#include "common/run/schema.h"

#include <math.h>
#include <string.h>

#define RULE "leak" /* of the gate: whether live bytes at rest grow */

struct gather {
    struct dots *d;
    const struct facts *f;
    const struct run_checkpoint_row *checkpoints;
    size_t total;
};

static bool take_reading(void *arg, const struct run_reading_row *row)
{
    struct gather *g = arg;
    struct dots *d = g->d;

    if (!row->valid || !metric_has(&row->values, METRIC_LIVE) ||
        g->checkpoints[row->checkpoint - 1].closed)
        return true;
    if (g->total++ < DOTS_MAX) {
        d->at[d->count].x = facts_x(g->f, row->time_ns);
        d->at[d->count++].mb = (double)row->values.value[METRIC_LIVE] / FACTS_MB;
    }
    return true;
}

bool dots_take(struct dots *d, const struct facts *f, const struct facts_component *c)
{
    struct gather g = {.d = d, .f = f};
    size_t count;

    memset(d, 0, sizeof *d);
    d->coverage = c->row->coverage;
    g.checkpoints = run_reader_checkpoints(f->run, &count);
    if (!run_reader_readings(f->run, c->row->id, take_reading, &g))
        return false;
    if (g.total > DOTS_MAX)
        d->count = 0;
    for (size_t i = 0; f->verdicts != NULL && i < f->verdicts->count; i++) {
        const struct verdict *v = &f->verdicts->items[i];

        if (v->component == c->row->id && strcmp(v->rule, RULE) == 0 && isfinite(v->value))
            d->fit = v;
    }
    return true;
}

char *dots_caption(const struct dots *d, char *out, size_t cap)
{
    int n;

    out[0] = '\0';
    if (d->count == 0)
        return out;
    if (strcmp(d->coverage, RUN_OWN_COVERAGE) == 0)
        n = snprintf(out, cap, "%zu dots: live bytes at rest, at the checkpoints", d->count);
    else /* "native" is an adjective, too */
        n = snprintf(out, cap, "%zu dots: %s bytes at rest, at the checkpoints", d->count,
                     d->coverage);
    if (d->fit == NULL || n < 0 || (size_t)n >= cap)
        return out;
    if (isfinite(d->fit->low) && isfinite(d->fit->high))
        snprintf(out + n, cap - (size_t)n, "; fitted growth %.0f B (%.0f to %.0f)", d->fit->value,
                 d->fit->low, d->fit->high);
    else
        snprintf(out + n, cap - (size_t)n, "; fitted growth %.0f B", d->fit->value);
    return out;
}
