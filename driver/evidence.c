#include "driver/evidence.h"

#include "common/contract/page.h"
#include "common/contract/reason.h"
#include "driver/faults.h"
#include "driver/forgive.h"
#include "driver/hearsay.h"
#include "driver/hosts.h"
#include "driver/restarts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is looked at of a sample, here and by the series; no more is read. */
#define METRICS                                                                \
    (SERIES_METRICS | METRIC_BIT(METRIC_DATA) | METRIC_BIT(METRIC_REFUSED) |   \
     METRIC_BIT(METRIC_MESSAGES_SENT) | METRIC_BIT(METRIC_MESSAGES_RECEIVED) | \
     METRIC_BIT(METRIC_CALLS_DONE) | METRIC_BIT(METRIC_CONNECTIONS_TOTAL) |    \
     METRIC_BIT(METRIC_ERRORS) | METRIC_BIT(METRIC_FIRST_MESSAGE) | METRIC_BIT(METRIC_LATENESS))

/* One component's samples as they come. */
struct gather {
    struct evidence *e;
    struct evidence_component *c;
    struct evidence_incarnation *current; /* NULL before the first */
    struct restart_watch watch;
    struct histogram lateness;
    bool no_memory;
};

bool evidence_is_mute(const struct evidence_component *c)
{
    return !c->row->own;
}

bool evidence_ordered(const struct run_incarnation_row *row)
{
    return row->ordered_ns != 0 || row->reason == REASON_STOPPED;
}

static int compare_plan(const void *key, const void *item)
{
    const struct run_incarnation_row *row = key;
    const struct run_plan_row *plan = item;

    if (row->component != plan->component)
        return row->component < plan->component ? -1 : 1;
    return (row->number > plan->incarnation) - (row->number < plan->incarnation);
}

const struct run_plan_row *evidence_plan(const struct evidence *e,
                                         const struct run_incarnation_row *row)
{
    if (e->plan_count == 0)
        return NULL;
    return bsearch(row, e->plan, e->plan_count, sizeof *e->plan, compare_plan);
}

bool evidence_life(const struct evidence *e, const struct run_incarnation_row *row, uint64_t *from,
                   uint64_t *to)
{
    *from = row->ready_ns;
    *to = e->components[row->component - 1].until_ns;
    if (row->exit_ns != 0 && row->exit_ns < *to)
        *to = row->exit_ns;
    if (row->ordered_ns != 0 && row->ordered_ns < *to)
        *to = row->ordered_ns;
    return *from != 0 && *from < *to;
}

bool evidence_unjudged_end(const struct evidence *e, const struct run_incarnation_row *row)
{
    return row->exit_ns != 0 && row->ordered_ns == 0 &&
           run_phase_unjudged(&e->components[row->component - 1].phase, row->exit_ns);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

struct evidence_sum evidence_sum(const struct evidence *e, const struct evidence_component *c)
{
    struct evidence_sum sum = {.data_peak = -1, .live_peak = -1, .live_last = -1};

    for (size_t i = 0; i < c->count; i++) {
        const struct evidence_incarnation *inc = &c->incarnations[i];
        uint64_t from, to;

        sum.data_peak = larger(sum.data_peak, inc->data_peak);
        sum.live_peak = larger(sum.live_peak, inc->live_peak);
        if (inc->live_last >= 0)
            sum.live_last = inc->live_last;
        sum.messages += inc->messages;
        sum.calls += inc->calls;
        sum.errors += inc->errors;
        sum.samples += inc->samples;
        sum.stale += inc->stale;
        sum.kills += inc->row->reason == REASON_CHAOS;
        if (evidence_life(e, inc->row, &from, &to))
            sum.alive_ns += to - from;
    }
    return sum;
}

/* A metric, or what was known before. */
static int64_t newer(const struct metric_values *v, enum metric metric, int64_t before)
{
    return metric_has(v, metric) ? v->value[metric] : before;
}

static void take_page(struct gather *g, const struct run_sample_row *row)
{
    struct evidence_incarnation *inc = g->current;
    const struct metric_values *v = &row->values;
    int64_t messages = newer(v, METRIC_MESSAGES_SENT, 0) + newer(v, METRIC_MESSAGES_RECEIVED, 0);

    inc->calls = newer(v, METRIC_CALLS_DONE, inc->calls);
    inc->connections = newer(v, METRIC_CONNECTIONS_TOTAL, inc->connections);
    inc->errors = newer(v, METRIC_ERRORS, inc->errors);
    inc->live_last = newer(v, METRIC_LIVE, inc->live_last);
    if (metric_has(v, METRIC_FIRST_MESSAGE))
        inc->first_message_ns = (uint64_t)v->value[METRIC_FIRST_MESSAGE];
    if (messages > inc->messages) {
        inc->messages = messages;
        inc->progress_ns = row->time_ns;
        if (inc->first_progress_ns == 0)
            inc->first_progress_ns = row->time_ns;
    }
    restart_watch_sample(&g->watch, row->time_ns, messages);
}

/* What of the time before a sample nobody ran: the driver, before all others, was due and did not.
 */
static uint64_t stood_still(const struct evidence *e, const struct run_sample_row *row,
                            uint64_t before_ns)
{
    const struct metric_values *v = &row->values;
    uint64_t late = metric_has(v, METRIC_LATENESS) && v->value[METRIC_LATENESS] > 0
                        ? (uint64_t)v->value[METRIC_LATENESS]
                        : 0;

    if (late < e->info->sample_interval_ns)
        return 0;
    return late < row->time_ns - before_ns ? late : row->time_ns - before_ns;
}

static bool take_sample(void *arg, const struct run_sample_row *row)
{
    struct gather *g = arg;
    const struct metric_values *v = &row->values;
    struct evidence_incarnation *inc = g->current == NULL ? g->c->incarnations : g->current;
    uint64_t from, to, stood;

    /* The processes looked into are not what they were, to their end. */
    if (g->c->phase.evidence_ns != 0 && row->time_ns >= g->c->phase.evidence_ns)
        return true;
    while (inc->row->id != row->incarnation)
        inc++; /* they come in this order */
    if (inc != g->current) {
        restart_watch_end(&g->watch, g->current);
        restart_watch_begin(&g->watch);
        g->current = inc;
    }
    /* Memory counts to the last breath, and a counter of refusals is never out of date. */
    inc->data_peak = larger(inc->data_peak, newer(v, METRIC_DATA, -1));
    inc->refused = larger(inc->refused, newer(v, METRIC_REFUSED, 0));
    if (!row->stale)
        inc->live_peak = larger(inc->live_peak, newer(v, METRIC_LIVE, -1));
    if (!evidence_life(g->e, inc->row, &from, &to) || row->time_ns < from || row->time_ns > to)
        return true;
    stood = stood_still(g->e, row, inc->last_ns > from ? inc->last_ns : from);
    inc->stood_ns += inc->first_message_ns == 0 ? stood : 0;
    restart_watch_stood(&g->watch, stood);
    inc->samples++;
    inc->stale += row->stale;
    inc->last_ns = row->time_ns;
    if (metric_has(v, METRIC_LATENESS) && v->value[METRIC_LATENESS] >= 0)
        histogram_record(&g->lateness, (uint64_t)v->value[METRIC_LATENESS]);
    if (!row->stale)
        take_page(g, row);
    g->no_memory = !series_add_sample(&g->c->series, (size_t)(inc - g->c->incarnations), row);
    return !g->no_memory;
}

static bool gather_samples(struct evidence *e, struct evidence_component *c, struct run_reader *run)
{
    struct gather g = {.e = e, .c = c};

    restart_watch_init(&g.watch, e, c);
    if (!series_read(&c->series, e, c, run) ||
        !run_reader_samples_of(run, c->row->id, METRICS, take_sample, &g) || g.no_memory ||
        !series_cut_windows(&c->series, e, c))
        return false;
    restart_watch_end(&g.watch, g.current);
    c->late_p99_ns = histogram_percentile(&g.lateness, 99);
    for (size_t i = 0; i < c->count; i++) {
        uint64_t from, to;

        if (e->info->sample_interval_ns != 0 &&
            evidence_life(e, c->incarnations[i].row, &from, &to))
            c->due += (to - from) / e->info->sample_interval_ns;
    }
    return true;
}

static void note_trouble(struct evidence_trouble *t, const struct run_event_row *event,
                         const struct run_incarnation_row *row)
{
    if (t->count++ > 0)
        return;
    t->first_ns = event->time_ns;
    t->incarnation = row->number;
    snprintf(t->kind, sizeof t->kind, "%s", event->kind);
}

struct event_gather {
    struct evidence *e;
    const struct run_incarnation_row *incarnations;
    size_t count;
};

static bool take_event(void *arg, const struct run_event_row *event)
{
    struct event_gather *g = arg;
    const struct run_incarnation_row *row;
    struct evidence_component *c;

    if (event->incarnation < 1 || (size_t)event->incarnation > g->count)
        return true; /* of the driver itself */
    row = &g->incarnations[event->incarnation - 1];
    c = &g->e->components[row->component - 1];
    if (run_phase_unjudged(&c->phase, event->time_ns) ||
        run_phase_unjudged(&c->phase, row->spawn_ns))
        return true;
    if (strncmp(event->kind, "loss-", 5) == 0) {
        c->losses++;
        if (!forgive_loss(g->e, c, event->time_ns) &&
            !faults_explain_loss(g->e, c, event->kind, event->time_ns))
            note_trouble(&c->unforgiven, event, row);
    } else if (strncmp(event->kind, "error-", 6) == 0) {
        note_trouble(&c->errors, event, row);
    } else if (strcmp(event->kind, "events-lost") == 0) {
        c->overrun += event->detail > 0 ? (uint64_t)event->detail : 0;
    }
    return true;
}

/*
 * The incarnations in one array, those of a component together and in order; without those that the
 * evidence phase started.
 */
static void index_incarnations(struct evidence *e, const struct run_incarnation_row *rows,
                               size_t count)
{
    struct evidence_incarnation *next = e->incarnations;

    for (size_t i = 0; i < count; i++)
        e->components[rows[i].component - 1].count++;
    for (size_t i = 0; i < e->count; i++) {
        e->components[i].incarnations = next;
        next += e->components[i].count;
        e->components[i].count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct evidence_component *c = &e->components[rows[i].component - 1];

        if (run_phase_unjudged(&c->phase, rows[i].spawn_ns))
            continue;
        c->incarnations[c->count++] = (struct evidence_incarnation){
            .row = &rows[i], .data_peak = -1, .live_peak = -1, .live_last = -1};
    }
}

struct evidence *evidence_new(struct run_reader *run, const struct gate_limits *limits, char *error,
                              size_t cap)
{
    size_t incarnations;
    const struct run_incarnation_row *rows = run_reader_incarnations(run, &incarnations);
    struct evidence *e = calloc(1, sizeof *e);
    struct event_gather events = {e, rows, incarnations};
    const struct run_component_row *components;
    bool ok;

    if (e == NULL)
        goto no_memory;
    components = run_reader_components(run, &e->count);
    e->info = run_reader_info(run);
    e->limits = limits;
    e->plan = run_reader_plan(run, &e->plan_count);
    e->checkpoints = run_reader_checkpoints(run, &e->checkpoint_count);
    e->holds = run_reader_holds(run, &e->hold_count);
    e->faults = run_reader_faults(run, &e->fault_count);
    e->components = calloc(e->count + 1, sizeof *e->components);
    e->incarnations = calloc(incarnations + 1, sizeof *e->incarnations);
    if (e->components == NULL || e->incarnations == NULL)
        goto no_memory;
    for (size_t i = 0; i < e->count; i++) {
        int64_t peer = components[i].peer;

        e->components[i].row = &components[i];
        if (peer >= 1 && (size_t)peer <= e->count)
            e->components[i].peer = &e->components[peer - 1];
    }
    ok = hosts_take(e, run);
    index_incarnations(e, rows, incarnations);
    for (size_t i = 0; ok && i < e->count; i++)
        ok = gather_samples(e, &e->components[i], run);
    ok = ok && hearsay_take(e, run);
    if (ok && run_reader_events(run, take_event, &events))
        return e;
    if (*run_reader_error(run) == '\0')
        goto no_memory;
    snprintf(error, cap, "%s", run_reader_error(run));
    evidence_free(e);
    return NULL;
no_memory:
    snprintf(error, cap, "%s: no memory to judge it", run_reader_dir(run));
    evidence_free(e);
    return NULL;
}

void evidence_free(struct evidence *e)
{
    if (e == NULL)
        return;
    for (size_t i = 0; e->components != NULL && i < e->count; i++)
        series_free(&e->components[i].series);
    hosts_free(e);
    free(e->components);
    free(e->incarnations);
    free(e);
}
