#include "charts/facts.h"

#include "charts/text.h"
#include "common/base/clock.h"
#include "common/contract/reason.h"
#include "common/run/host.h"

#include <math.h>
#include <stdlib.h>

#define GAP_INTERVALS 10 /* of sampling without a sample: the line is broken */
#define CHARTED_MOST 400 /* stable components of several hosts: a page of more nobody reads */

static const struct {
    const char *name;
    enum metric metric, instead;
} table[SERIES_COUNT] = {
#define SERIES_ROW(ident, name, metric, instead) \
    [SERIES_##ident] = {name, METRIC_##metric, METRIC_##instead},
    SERIES_TABLE(SERIES_ROW)
#undef SERIES_ROW
};

/* What the pass over the samples remembers of a component besides its facts. */
struct pass_component {
    int64_t incarnation;
    int64_t calls, losses, errors; /* of the present incarnation */
    int piece[SERIES_COUNT];
    uint64_t seen_ns[SERIES_COUNT]; /* when it was last measured */
};

struct pass {
    struct facts *facts;
    const struct run_incarnation_row *incarnations;
    size_t incarnation_count;
    struct pass_component *components;
};

const char *series_name(enum series series)
{
    return table[series].name;
}

double facts_x(const struct facts *f, uint64_t time_ns)
{
    return (double)(int64_t)(time_ns - f->origin_ns) / f->unit.ns;
}

double facts_share(const struct facts_component *c)
{
    double used = isnan(c->peak[SERIES_DATA]) ? c->peak[SERIES_LIVE] : c->peak[SERIES_DATA];

    return isnan(used) || c->row->heap_cap == 0 ? 0 : used / (double)c->row->heap_cap;
}

/*
 * A stale snapshot repeats what the process said earlier: only the kernel's view is of now. Of a
 * process that has just died that view is zero.
 */
static bool measured(const struct run_sample_row *row, enum metric m)
{
    if (!metric_has(&row->values, m))
        return false;
    if (metric_info(m)->source == METRIC_PROC)
        return row->values.value[m] > 0;
    return !row->stale;
}

static void count_up(int64_t *total, int64_t *last, const struct run_sample_row *row, enum metric m)
{
    if (!metric_has(&row->values, m))
        return;
    *total += row->values.value[m] - *last;
    *last = row->values.value[m];
}

static void take_counters(struct facts_component *c, struct pass_component *p,
                          const struct run_sample_row *row)
{
    if (row->incarnation != p->incarnation)
        p->calls = p->losses = p->errors = 0;
    count_up(&c->calls, &p->calls, row, METRIC_CALLS_DONE);
    count_up(&c->losses, &p->losses, row, METRIC_LOSSES);
    count_up(&c->errors, &p->errors, row, METRIC_ERRORS);
}

/* The peak is of all that was measured; what is drawn ends with the traffic. */
static void take_series(const struct facts *f, struct facts_component *c, struct pass_component *p,
                        const struct run_sample_row *row, int s)
{
    enum metric m = measured(row, table[s].metric) ? table[s].metric : table[s].instead;

    if (!measured(row, m))
        return;
    double value = (double)row->values.value[m];

    c->peak[s] = fmax(c->peak[s], value);
    if (row->incarnation != p->incarnation ||
        row->time_ns - p->seen_ns[s] > GAP_INTERVALS * f->info->sample_interval_ns)
        p->piece[s]++;
    p->seen_ns[s] = row->time_ns;
    if (c->charted && (c->phase.stop_ns == 0 || row->time_ns <= c->phase.stop_ns))
        downsample_add(c->series[s], facts_x(f, row->time_ns), value / FACTS_MB, p->piece[s]);
}

static bool take_sample(void *arg, const struct run_sample_row *row)
{
    struct pass *pass = arg;
    struct facts_component *c;
    struct pass_component *p;

    if (row->incarnation < 1 || (size_t)row->incarnation > pass->incarnation_count)
        return true;
    size_t at = (size_t)pass->incarnations[row->incarnation - 1].component - 1;

    c = &pass->facts->components[at];
    p = &pass->components[at];
    if (c->phase.evidence_ns != 0 && row->time_ns >= c->phase.evidence_ns)
        return true;
    take_counters(c, p, row);
    for (int s = 0; s < SERIES_COUNT; s++)
        take_series(pass->facts, c, p, row, s);
    p->incarnation = row->incarnation;
    return true;
}

static bool take_samples(struct facts *f, char *error, size_t cap)
{
    struct pass pass = {.facts = f};
    uint64_t wanted =
        METRIC_BIT(METRIC_CALLS_DONE) | METRIC_BIT(METRIC_LOSSES) | METRIC_BIT(METRIC_ERRORS);
    bool ok;

    for (int s = 0; s < SERIES_COUNT; s++)
        wanted |= METRIC_BIT(table[s].metric) | METRIC_BIT(table[s].instead);
    pass.incarnations = run_reader_incarnations(f->run, &pass.incarnation_count);
    pass.components = calloc(f->count + 1, sizeof pass.components[0]);
    if (pass.components == NULL)
        return text_fail(error, cap, "charts: out of memory");
    ok = true;
    for (size_t i = 0; ok && i < f->count; i++)
        ok = run_reader_samples_of(f->run, f->components[i].row->id, wanted, take_sample, &pass);
    free(pass.components);
    return ok || text_fail(error, cap, "charts: %s", run_reader_error(f->run));
}

static void take_deaths(struct facts *f)
{
    size_t count;
    const struct run_incarnation_row *rows = run_reader_incarnations(f->run, &count);

    for (size_t i = 0; i < count; i++) {
        struct facts_component *c = &f->components[rows[i].component - 1];

        if (run_phase_unjudged(&c->phase, rows[i].spawn_ns))
            continue;
        c->incarnations++;
        if (rows[i].reason == REASON_CHAOS) {
            c->kills++;
            f->kills++;
        }
        if (rows[i].number > 1 && rows[i].ready_ns != 0) {
            c->recoveries++;
            f->recoveries++;
        }
    }
}

/* From the first spawn to the end of the traffic; to the planned end if the driver never came so
 * far.
 */
static void set_axis(struct facts *f)
{
    const struct run_info *info = f->info;
    uint64_t first = UINT64_MAX, last = info->stop_ns;
    size_t count;
    const struct run_incarnation_row *rows = run_reader_incarnations(f->run, &count);

    f->origin_is_ready = info->ready_ns != 0;
    f->origin_ns = f->origin_is_ready ? info->ready_ns : info->start_ns;
    if (last == 0)
        last = f->origin_ns + info->duration_ns;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].spawn_ns != 0 && rows[i].spawn_ns < first)
            first = rows[i].spawn_ns;
        if (info->stop_ns == 0 && rows[i].exit_ns > last)
            last = rows[i].exit_ns;
    }
    if (first > f->origin_ns)
        first = f->origin_ns;
    if (last < f->origin_ns + NS_PER_S)
        last = f->origin_ns + NS_PER_S;
    f->unit = scale_time_unit(last - f->origin_ns);
    f->x0 = facts_x(f, first);
    f->x1 = facts_x(f, last);
}

/* Whatever failed, and the stable ones, if need be the first of each host. */
static bool is_charted(const struct facts *f, const struct facts_component *c)
{
    size_t before = 0;

    if (c->outcome == OUTCOME_FAIL || !c->row->stable || f->host_count == 0)
        return c->outcome == OUTCOME_FAIL || c->row->stable;
    for (const struct facts_component *other = f->components; other < c && before < f->charted_each;
         other++)
        before += other->host == c->host && other->row->stable;
    return before < f->charted_each;
}

static bool add_component(struct facts *f, size_t i, const struct run_component_row *row)
{
    struct facts_component *c = &f->components[i];

    c->row = row;
    c->host = run_reader_host(f->run, row->id);
    c->phase = run_reader_phase(f->run, row->id);
    c->lost = run_host_broke_off(c->host);
    c->outcome = verdict_list_worst(f->verdicts, row->id, &c->verdict);
    c->charted = is_charted(f, c);
    for (int s = 0; s < SERIES_COUNT; s++) {
        c->peak[s] = NAN;
        if (!c->charted)
            continue;
        c->series[s] = downsample_new(f->x0, f->x1, FACTS_COLUMNS);
        if (c->series[s] == NULL)
            return false;
    }
    return true;
}

/* The host that took a component along, or whom it talks to. */
static const struct run_host_row *find_loss(const struct facts *f, const struct facts_component *c)
{
    if (c->lost)
        return c->host;
    for (size_t i = 0; i < f->count; i++) {
        const struct facts_component *other = &f->components[i];

        if (other->lost && (c->row->peer == other->row->id || other->row->peer == c->row->id))
            return other->host;
    }
    return NULL;
}

static bool add_components(struct facts *f)
{
    const struct run_component_row *rows = run_reader_components(f->run, &f->count);

    f->components = calloc(f->count + 1, sizeof f->components[0]);
    if (f->components == NULL) {
        f->count = 0;
        return false;
    }
    for (size_t i = 0; i < f->count; i++) {
        if (!add_component(f, i, &rows[i]))
            return false;
    }
    for (size_t i = 0; f->host_count > 0 && i < f->count; i++) {
        if (f->components[i].charted)
            f->components[i].loss = find_loss(f, &f->components[i]);
    }
    return true;
}

struct facts *facts_new(struct run_reader *run, const struct verdict_list *verdicts, char *error,
                        size_t cap)
{
    struct facts *f = calloc(1, sizeof *f);

    if (f == NULL) {
        text_fail(error, cap, "charts: out of memory");
        return NULL;
    }
    f->run = run;
    f->info = run_reader_info(run);
    f->verdicts = verdicts;
    f->hosts = run_reader_hosts(run, &f->host_count);
    f->charted_each = f->host_count == 0 ? SIZE_MAX : CHARTED_MOST / f->host_count;
    f->outcome = verdict_list_worst(verdicts, 0, &f->verdict);
    set_axis(f);
    if (!add_components(f)) {
        text_fail(error, cap, "charts: out of memory");
        facts_free(f);
        return NULL;
    }
    take_deaths(f);
    if (!take_samples(f, error, cap)) {
        facts_free(f);
        return NULL;
    }
    return f;
}

void facts_free(struct facts *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->count; i++) {
        for (int s = 0; s < SERIES_COUNT; s++)
            downsample_free(f->components[i].series[s]);
    }
    free(f->components);
    free(f);
}

static int rank(const struct facts_component *c)
{
    return c->outcome == OUTCOME_FAIL ? 0 : c->outcome == OUTCOME_INCONCLUSIVE ? 1 : 2;
}

const struct facts_component **facts_order(const struct facts *f, bool charted_only, size_t *count)
{
    const struct facts_component **order = calloc(f->count + 1, sizeof(struct facts_component *));

    *count = 0;
    if (order == NULL)
        return NULL;
    for (int r = 0; r < 3; r++) {
        for (size_t i = 0; i < f->count; i++) {
            if (rank(&f->components[i]) == r && (f->components[i].charted || !charted_only))
                order[(*count)++] = &f->components[i];
        }
    }
    return order;
}
