/*
 * OpenMetrics text (RFC draft of the OpenMetrics 1.0 specification, "ABNF" and "Overall
 * Structure"): the verdicts, and the last value of every metric of every component while there
 * was traffic; counters are the sum over its incarnations. Without timestamps, which a textfile
 * collector refuses.
 */
#include "common/base/utf8.h"
#include "common/run/host.h"
#include "driver/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct gather {
    uint64_t until_ns;         /* the end of the traffic: what stands then, not what is left */
    struct metric_values last; /* of this incarnation */
    struct metric_values sum;
    int64_t incarnation;
};

static const struct {
    const char *unit, *suffix;
    double scale;
} units[] = {{"B", "bytes", 1}, {"ns", "seconds", 1e-9}};

/* Memory, while a report is made. */
static bool lacking;

/* A label's value: text with what the format escapes. */
static void put_value(FILE *out, const char *text)
{
    char *clean = utf8_clean(text);

    lacking |= clean == NULL;
    for (const char *at = clean == NULL ? "" : clean; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            putc('\\', out);
        putc(*at, out);
    }
    free(clean);
}

static void put_label(FILE *out, const char *name, const char *value, const char *before)
{
    fprintf(out, "%s%s=\"", before, name);
    put_value(out, value);
    putc('"', out);
}

static void put_family(FILE *out, const char *name, const char *type, const char *unit,
                       const char *help)
{
    fprintf(out, "# TYPE %s %s\n", name, type);
    if (*unit != '\0')
        fprintf(out, "# UNIT %s %s\n", name, unit);
    fprintf(out, "# HELP %s %s\n", name, help);
}

static void put_run(const struct report *r, FILE *out)
{
    char seed[24];

    snprintf(seed, sizeof seed, "%" PRIu64, r->info->seed);
    put_family(out, "flatline_run", "info", "", "The run.");
    put_label(out, "version", r->info->version, "flatline_run_info{");
    put_label(out, "host", r->info->host, ",");
    put_label(out, "seed", seed, ",");
    put_label(out, "outcome", outcome_name(r->outcome), ",");
    put_label(out, "repeat", r->repeat, ",");
    fputs("} 1\n", out);
    put_family(out, "flatline_run_start_seconds", "gauge", "seconds", "When, since 1970.");
    fprintf(out, "flatline_run_start_seconds %.3f\n", (double)r->info->start_wall_ns / NS_PER_S);
    put_family(out, "flatline_run_lasted_seconds", "gauge", "seconds", "Under traffic.");
    fprintf(out, "flatline_run_lasted_seconds %.3f\n", report_lasted(r));
}

static void put_components(const struct report *r, FILE *out)
{
    put_family(out, "flatline_component", "info", "", "What the fleet is made of.");
    for (size_t i = 0; i < r->summary->count; i++) {
        const struct run_component_row *row = r->summary->rows[i].first->row;
        const struct run_host_row *host = r->summary->rows[i].first->host;

        put_label(out, "component", row->name, "flatline_component_info{");
        put_label(out, "role", row->role, ",");
        put_label(out, "stability", row->stable ? "stable" : "unstable", ",");
        put_label(out, "security", row->secure ? "secure" : "insecure", ",");
        put_label(out, "pattern", row->pattern == NULL ? "" : row->pattern, ",");
        put_label(out, "coverage", row->coverage, ",");
        if (host != NULL)
            put_label(out, "host", host->name, ",");
        fputs("} 1\n", out);
    }
}

static void put_verdict_labels(const struct report *r, const struct verdict *v, FILE *out,
                               const char *family)
{
    fprintf(out, "%s{", family);
    put_label(out, "component", v->component == 0 ? "" : report_name(r, v->component), "");
    put_label(out, "rule", v->rule, ",");
}

static void put_verdicts(const struct report *r, FILE *out)
{
    static const enum outcome all[] = {OUTCOME_PASS, OUTCOME_FAIL, OUTCOME_INCONCLUSIVE};

    put_family(out, "flatline_verdict", "stateset", "", "What each rule says of each component.");
    for (size_t i = 0; i < r->verdicts->count; i++) {
        const struct verdict *v = &r->verdicts->items[i];

        for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
            put_verdict_labels(r, v, out, "flatline_verdict");
            put_label(out, "flatline_verdict", outcome_name(all[k]), ",");
            fprintf(out, "} %d\n", v->outcome == all[k]);
        }
    }
    put_family(out, "flatline_verdict_number", "gauge", "", "The numbers of a verdict.");
    for (size_t i = 0; i < r->verdicts->count; i++) {
        const struct verdict *v = &r->verdicts->items[i];
        const struct {
            const char *name;
            double value;
        } numbers[] = {{"value", v->value},
                       {"low", v->low},
                       {"high", v->high},
                       {"limit", v->limit},
                       {"smallest", v->smallest}};

        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
            if (!isfinite(numbers[k].value))
                continue;
            put_verdict_labels(r, v, out, "flatline_verdict_number");
            put_label(out, "unit", v->unit, ",");
            put_label(out, "number", numbers[k].name, ",");
            fprintf(out, "} %.10g\n", numbers[k].value);
        }
    }
}

/* Ends an incarnation: its counters are added up, its gauges stand until newer ones come. */
static void close_incarnation(struct gather *g)
{
    for (int m = 0; m < METRIC_COUNT; m++) {
        if (!metric_has(&g->last, (enum metric)m))
            continue;
        if (metric_info((enum metric)m)->kind == METRIC_COUNTER)
            metric_set(&g->sum, (enum metric)m, g->sum.value[m] + g->last.value[m]);
        else
            metric_set(&g->sum, (enum metric)m, g->last.value[m]);
    }
    memset(&g->last, 0, sizeof g->last);
}

static bool take_sample(void *arg, const struct run_sample_row *row)
{
    struct gather *g = arg;

    if (row->incarnation != g->incarnation)
        close_incarnation(g);
    g->incarnation = row->incarnation;
    for (int m = 0; m < METRIC_COUNT && row->time_ns <= g->until_ns; m++) {
        if (metric_has(&row->values, (enum metric)m))
            metric_set(&g->last, (enum metric)m, row->values.value[m]);
    }
    return true;
}

/* One for each component; NULL: *error holds one line. */
static struct gather *gather_all(const struct report *r, char *error, size_t cap)
{
    struct gather *all = calloc(r->summary->count + 1, sizeof *all);

    if (all == NULL)
        snprintf(error, cap, "%s: no memory for the report", run_reader_dir(r->run));
    for (size_t i = 0; all != NULL && i < r->summary->count; i++) {
        all[i].until_ns = r->evidence->until_ns;
        if (!run_reader_samples(r->run, (int64_t)i + 1, take_sample, &all[i])) {
            snprintf(error, cap, "%s", run_reader_error(r->run));
            free(all);
            return NULL;
        }
        close_incarnation(&all[i]);
    }
    return all;
}

/* A family a metric. A counter's samples end in _total, so its own name must not. */
static void put_metric(const struct report *r, const struct gather *all, enum metric m, FILE *out)
{
    const struct metric_info *info = metric_info(m);
    bool counter = info->kind == METRIC_COUNTER;
    const char *unit = "", *name = m == METRIC_CONNECTIONS_TOTAL ? "connections_made" : info->name;
    double scale = 1;
    char family[80];

    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(units[i].unit, info->unit) != 0)
            continue;
        unit = units[i].suffix;
        scale = units[i].scale;
    }
    snprintf(family, sizeof family, "flatline_%s%s%s", name, *unit == '\0' ? "" : "_", unit);
    put_family(out, family, counter ? "counter" : "gauge", unit,
               info->source == METRIC_PAGE ? "As the process says." : "As the kernel says.");
    for (size_t i = 0; i < r->summary->count; i++) {
        if (!metric_has(&all[i].sum, m))
            continue;
        fprintf(out, "%s%s{", family, counter ? "_total" : "");
        put_label(out, "component", report_name(r, (int64_t)i + 1), "");
        fprintf(out, "} %.17g\n", (double)all[i].sum.value[m] * scale);
    }
}

bool report_openmetrics(const struct report *r, const struct report_style *style, FILE *out,
                        char *error, size_t cap)
{
    struct gather *all = gather_all(r, error, cap);

    (void)style;
    if (all == NULL)
        return false;
    lacking = false;
    put_run(r, out);
    put_components(r, out);
    put_verdicts(r, out);
    for (int m = 0; m < METRIC_COUNT; m++)
        put_metric(r, all, (enum metric)m, out);
    fputs("# EOF\n", out);
    free(all);
    if (lacking)
        snprintf(error, cap, "%s: no memory for the report", run_reader_dir(r->run));
    return !lacking;
}
