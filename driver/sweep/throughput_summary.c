#include "driver/sweep/throughput_summary.h"

#include "charts/sweep_throughput.h"
#include "common/base/log.h"
#include "driver/sweep/figures.h"
#include "driver/sweep/tree.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE 1024

/* Of a cell and role, over its runs. */
struct pooled {
    struct spread spread;
    double rate, rate_low, rate_high; /* mean, least and greatest of the runs */
    uint64_t missing;
};

/* --- one cell -------------------------------------------------------------------------------- */

struct cell {
    struct pooled roles[ROLES];
    json_t *missing[ROLES]; /* a number for each run; not owned once put in place */
};

static void pool(struct cell *cell, const struct figure figures[ROLES], unsigned runs_before)
{
    for (int role = 0; role < ROLES; role++) {
        struct pooled *p = &cell->roles[role];
        double rate = figures[role].events_per_second;

        p->rate_low = runs_before == 0 || rate < p->rate_low ? rate : p->rate_low;
        p->rate_high = runs_before == 0 || rate > p->rate_high ? rate : p->rate_high;
        p->rate += rate;
        p->missing += figures[role].missing;
        json_array_append_new(cell->missing[role], json_integer((json_int_t)figures[role].missing));
    }
}

static bool read_cell(const struct throughput_options *o, const struct sweep_plan *plan,
                      const size_t *at, struct cell *cell, char *error, size_t cap)
{
    const struct figures_plan due = {o->events, o->subscribers};
    struct times times[ROLES] = {0};
    struct figure figures[ROLES];
    char path[PATH_MAX];
    bool done = true;

    for (unsigned run = 1; done && run <= plan->repeats; run++) {
        sweep_run_path(plan, at, run, path, sizeof path);
        done = figures_read(path, &due, figures, times, error, cap);
        if (done)
            pool(cell, figures, run - 1);
    }
    for (int role = 0; role < ROLES; role++) {
        cell->roles[role].rate /= plan->repeats;
        cell->roles[role].spread = times_spread(&times[role]);
        times_free(&times[role]);
    }
    return done;
}

/* --- what is made of it ---------------------------------------------------------------------- */

static json_t *number(double value, bool known)
{
    return known ? json_real(value) : json_null();
}

static json_t *role_json(const struct pooled *p)
{
    const struct spread *s = &p->spread;
    bool known = s->count > 0;

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "min", number(s->min, known), "max",
                     number(s->max, known), "mean", number(s->mean, known), "std",
                     number(s->std, known), "median", number(s->median, known), "p99",
                     number(s->p99, known), "events_per_second", json_real(p->rate));
}

static json_t *cell_json(const struct cell *cell)
{
    json_t *object = json_object(), *missing = json_object();

    for (int role = 0; role < ROLES; role++) {
        json_object_set_new(object, role_name((enum role)role), role_json(&cell->roles[role]));
        json_object_set_new(missing, role_name((enum role)role), cell->missing[role]);
    }
    json_object_set_new(object, "missing", missing);
    return object;
}

static void fill_chart(const struct cell *cell, struct throughput_chart_cell *out)
{
    for (int role = 0; role < ROLES; role++) {
        const struct pooled *p = &cell->roles[role];

        out->roles[role] = (struct throughput_chart_role){.rate = p->rate,
                                                          .rate_low = p->rate_low,
                                                          .rate_high = p->rate_high,
                                                          .known = p->spread.count > 0,
                                                          .mean = p->spread.mean,
                                                          .std = p->spread.std,
                                                          .missing = (double)p->missing};
    }
}

static void print_heading(void)
{
    printf("%-9s %-8s %12s %14s %14s %14s %9s\n", "latency", "clients", "events/s", "author ms",
           "broker ms", "subscriber ms", "missing");
}

static void print_cell(const struct throughput_options *o, const size_t *at,
                       const struct cell *cell)
{
    uint64_t missing = 0;

    printf("%6" PRIu64 " ms %8" PRIu64 " %12.0f", o->latency_ms[at[0]], o->clients[at[1]],
           cell->roles[ROLE_SUBSCRIBER].rate);
    for (int role = 0; role < ROLES; role++) {
        if (cell->roles[role].spread.count > 0)
            printf(" %14.3f", cell->roles[role].spread.median);
        else
            printf(" %14s", "-");
        missing += cell->roles[role].missing;
    }
    printf(" %9" PRIu64 "\n", missing);
}

/* --- all cells ------------------------------------------------------------------------------- */

struct summary {
    const struct throughput_options *options;
    const struct sweep_plan *plan;
    json_t *root;
    struct throughput_chart_cell *cells;
    size_t count;
};

static bool add_cell(struct summary *s, const size_t *at, char *error, size_t cap)
{
    const struct throughput_options *o = s->options;
    struct throughput_chart_cell *chart = &s->cells[s->count++];
    struct cell cell = {0};
    char latency[32];
    json_t *row;

    for (int role = 0; role < ROLES; role++)
        cell.missing[role] = json_array();
    if (!read_cell(o, s->plan, at, &cell, error, cap)) {
        for (int role = 0; role < ROLES; role++)
            json_decref(cell.missing[role]);
        return false;
    }
    snprintf(latency, sizeof latency, "%sms", o->latency_texts[at[0]]);
    row = json_object_get(s->root, latency);
    if (row == NULL) {
        row = json_object();
        json_object_set_new(s->root, latency, row);
    }
    json_object_set_new(row, o->client_texts[at[1]], cell_json(&cell));
    chart->latency_ms = (double)o->latency_ms[at[0]];
    chart->clients = (double)o->clients[at[1]];
    fill_chart(&cell, chart);
    print_cell(o, at, &cell);
    return true;
}

static bool write_summary(const struct summary *s, char *error, size_t cap)
{
    char *text = json_dumps(s->root, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    bool written =
        text != NULL && tree_write_file(s->options->out, "summary.json", text, error, cap);

    if (text == NULL)
        snprintf(error, cap, "no memory");
    free(text);
    return written;
}

static bool draw(const struct summary *s, char *error, size_t cap)
{
    const struct throughput_options *o = s->options;
    char caption[256];

    snprintf(caption, sizeof caption,
             "%" PRIu64 " events of %" PRIu64 " bytes a run%s, %s; %" PRIu64 " %s; %u %s of each",
             o->events, o->event_size,
             o->connection_per_event ? ", each on a connection of its own"
             : o->stream             ? ", streamed"
                                     : "",
             o->secure ? "TLS" : "cleartext", o->subscribers,
             o->subscribers == 1 ? "subscriber" : "subscribers", s->plan->repeats,
             s->plan->repeats == 1 ? "run" : "runs");
    return throughput_charts_render(o->out, &(struct throughput_chart){s->cells, s->count, caption},
                                    error, cap);
}

enum exit_status throughput_summarise(const struct throughput_options *options,
                                      const struct sweep_plan *plan)
{
    struct summary s = {.options = options, .plan = plan, .root = json_object()};
    size_t at[SWEEP_AXES_MAX] = {0};
    char error[LINE];
    bool done = true;

    s.cells = calloc(options->latency_count * options->client_count, sizeof *s.cells);
    if (s.cells == NULL || s.root == NULL) {
        snprintf(error, sizeof error, "no memory");
        done = false;
    } else {
        print_heading();
        do
            done = add_cell(&s, at, error, sizeof error);
        while (done && sweep_next_cell(plan, at));
    }
    done = done && write_summary(&s, error, sizeof error) && draw(&s, error, sizeof error);
    json_decref(s.root);
    free(s.cells);
    if (!done)
        log_error("%s", error);
    return done ? STATUS_PASSED : STATUS_ENVIRONMENT;
}
