#include "driver/sweep/capacity_chart.h"

#include "charts/sweep_capacity.h"
#include "common/base/units.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define BUCKETS 200 /* of an axis: keeps a sheet below 200 KB */
#define MB (1024. * 1024)
#define KB 1024.

/* Values on their way to a curve; a bucket of the axis becomes its median, least and largest. */
struct heap {
    struct sweep_point *points;
    size_t count, room;
};

static bool heap_add(struct heap *h, double x, double y)
{
    if (h->count == h->room) {
        size_t room = h->room * 2 + 256;
        struct sweep_point *more = realloc(h->points, room * sizeof *more);

        if (more == NULL)
            return false;
        h->points = more;
        h->room = room;
    }
    h->points[h->count++] = (struct sweep_point){x, y, y, y};
    return true;
}

static int compare_x(const void *a, const void *b)
{
    const struct sweep_point *p = a, *q = b;

    return (p->x > q->x) - (p->x < q->x);
}

static int compare_y(const void *a, const void *b)
{
    const struct sweep_point *p = a, *q = b;

    return (p->y > q->y) - (p->y < q->y);
}

/* In place: what is written lies before what is read. */
static struct sweep_curve heap_curve(struct heap *h, double x_top)
{
    double width = x_top / BUCKETS;
    size_t used = 0, from = 0;

    if (h->count == 0)
        return (struct sweep_curve){NULL, 0};
    qsort(h->points, h->count, sizeof *h->points, compare_x);
    while (from < h->count) {
        double bucket = floor(h->points[from].x / width);
        struct sweep_point sum;
        size_t to = from;

        while (to < h->count && floor(h->points[to].x / width) == bucket)
            to++;
        sum.x = h->points[from + (to - from) / 2].x;
        qsort(h->points + from, to - from, sizeof *h->points, compare_y);
        sum.y = h->points[from + (to - from) / 2].y;
        sum.low = h->points[from].y;
        sum.high = h->points[to - 1].y;
        h->points[used++] = sum;
        from = to;
    }
    return (struct sweep_curve){h->points, used};
}

enum panel { CONNECT, ROUND_TRIP, MEMORY, EACH };

struct drawing {
    const struct trial_plan *plan;
    const struct trial *trial;
    const struct capacity_finding *finding;
    struct heap up[SWEEP_CAPACITY_PANELS], down[SWEEP_CAPACITY_PANELS];
    char title[256], subtitle[256], memory[256], each[256];
};

static bool add_turns(struct drawing *d)
{
    bool done = true;

    for (size_t i = 0; i < d->trial->turn_count && done; i++) {
        const struct swarm_turn *t = &d->trial->turns[i];
        struct heap *way = t->phase == SWARM_DOWN ? d->down : d->up;

        if (t->fault != SWARM_FAULT_NONE || (t->phase != SWARM_UP && t->phase != SWARM_DOWN))
            continue;
        done = heap_add(&way[CONNECT], t->client, (double)t->connect_ns / 1e3) &&
               heap_add(&way[ROUND_TRIP], t->client, (double)t->rtt_median_ns / 1e3);
    }
    return done;
}

static bool add_samples(struct drawing *d)
{
    const struct capacity_memory *m = &d->finding->memory;
    bool done = true;

    for (size_t i = 0; i < d->trial->sample_count && done; i++) {
        const struct trial_sample *s = &d->trial->samples[i];
        struct heap *way;
        int64_t bytes;
        double place;
        bool down;

        if (!s->server || s->time_ns < d->trial->ready_ns || !capacity_bytes(d->plan, s, &bytes))
            continue;
        place = capacity_place(d->plan, d->trial, s, &down);
        way = down ? d->down : d->up;
        done = heap_add(&way[MEMORY], place, (double)bytes / MB);
        /* Of a handful the server's own few bytes would be the picture. */
        if (done && place >= 1 && place * 50 >= (double)d->plan->swarm.clients)
            done = heap_add(&way[EACH], place, (double)(bytes - m->before) / place / KB);
    }
    return done;
}

static void put_words(struct drawing *d)
{
    const struct capacity_finding *f = d->finding;
    const struct trial_swarm *s = &d->plan->swarm;
    char each[32], before[32], top[32], after[32], messages[32];

    units_format_size((uint64_t)fmax(f->memory.each, 0), each, sizeof each);
    snprintf(d->title, sizeof d->title, "%" PRIu64 " of %" PRIu64 " clients served%s%s", f->served,
             s->clients, f->end == END_NONE ? ", up and back" : ": ",
             f->end == END_NONE ? "" : f->name);
    snprintf(messages, sizeof messages, "%" PRIu64 " to ", s->messages_from);
    snprintf(d->subtitle, sizeof d->subtitle, "each %s%s, with %s%" PRIu64 " message%s in a row%s",
             s->hold ? "stays connected until its way back" : "connects, sends and leaves",
             d->plan->server.secure ? ", TLS" : "",
             s->messages_from != s->messages_to ? messages : "", s->messages_to,
             s->messages_to == 1 && s->messages_from == 1 ? "" : "s",
             d->plan->server.command != NULL ? ", against somebody else's server" : "");
    snprintf(d->memory, sizeof d->memory, "%s before, %s at the top, %s after",
             units_format_size((uint64_t)f->memory.before, before, sizeof before),
             units_format_size((uint64_t)f->memory.top, top, sizeof top),
             units_format_size((uint64_t)f->memory.after, after, sizeof after));
    if (isnan(f->memory.each))
        snprintf(d->each, sizeof d->each, "not known: too few samples");
    else
        snprintf(d->each, sizeof d->each, "%s%s, by the slope of the way up",
                 f->memory.each < 0 ? "less than " : "", each);
}

static bool draw(struct drawing *d, char *error, size_t cap)
{
    const struct trial_swarm *s = &d->plan->swarm;
    const char *memory =
        d->finding->memory.live ? "Server memory, live bytes, MB" : "Server memory, RSS, MB";
    const struct sweep_panel panels[SWEEP_CAPACITY_PANELS] = {
        [CONNECT] = {.title = "Connect time",
                     .text = d->plan->server.secure ? "TCP and TLS, until the connection is usable"
                                                    : "TCP, until the connection is usable",
                     .durations = true},
        [ROUND_TRIP] = {.title = "Median round trip",
                        .text = "of each client's messages",
                        .durations = true},
        [MEMORY] = {.title = memory, .text = d->memory, .unit = "MB"},
        [EACH] = {.title = s->hold ? "Bytes per connection, KB" : "Bytes left by a client, KB",
                  .text = d->each,
                  .unit = "KB"},
    };
    struct sweep_capacity_sheet sheet = {.title = d->title,
                                         .subtitle = d->subtitle,
                                         .x_name = s->hold ? "open connections" : "client",
                                         .x_top = (double)s->clients};

    for (size_t i = 0; i < SWEEP_CAPACITY_PANELS; i++) {
        sheet.panels[i] = panels[i];
        sheet.panels[i].up = heap_curve(&d->up[i], sheet.x_top);
        sheet.panels[i].down = heap_curve(&d->down[i], sheet.x_top);
    }
    return sweep_capacity_draw(&sheet, d->plan->dir, error, cap);
}

bool capacity_draw(const struct trial_plan *plan, const struct trial *trial,
                   const struct capacity_finding *finding, char *error, size_t cap)
{
    struct drawing d = {.plan = plan, .trial = trial, .finding = finding};
    bool done = false;

    put_words(&d);
    if (add_turns(&d) && add_samples(&d))
        done = draw(&d, error, cap);
    else
        snprintf(error, cap, "no memory for a chart");
    for (size_t i = 0; i < SWEEP_CAPACITY_PANELS; i++) {
        free(d.up[i].points);
        free(d.down[i].points);
    }
    return done;
}
