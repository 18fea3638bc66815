/* summary.json, whose schema is docs/summary.schema.json: whoever changes one changes both. */
#include "common/run/host.h"
#include "driver/json_text.h"
#include "driver/report.h"

#include <jansson.h>
#include <math.h>
#include <time.h>

#define SUMMARY_VERSION 2

/* Of these null is JSON's null, and NULL is no memory, which json_pack passes on. */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* -1: never seen. */
static json_t *whole(int64_t value)
{
    return value < 0 ? json_null() : json_integer(value);
}

static json_t *seconds(uint64_t ns)
{
    return json_real((double)ns / NS_PER_S);
}

static json_t *wall_time(uint64_t ns)
{
    time_t at = (time_t)(ns / NS_PER_S);
    char when[40];
    struct tm utc;

    if (ns == 0 || gmtime_r(&at, &utc) == NULL)
        return json_null();
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(when);
}

static json_t *verdict(const struct verdict *v)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "rule", v->rule, "outcome",
                     outcome_name(v->outcome), "unit", v->unit, "value", number(v->value), "low",
                     number(v->low), "high", number(v->high), "limit", number(v->limit), "smallest",
                     number(v->smallest), "text", json_text(v->text));
}

/* Those of a component, or of the whole run for 0. */
static json_t *verdicts_of(const struct report *r, int64_t component)
{
    json_t *array = json_array();

    for (size_t i = 0; i < r->verdicts->count && array != NULL; i++) {
        const struct verdict *v = &r->verdicts->items[i];

        if (v->component == component && json_array_append_new(array, verdict(v)) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

/* A histogram of durations; null if nothing is in it. */
static json_t *durations(const struct report *r, int64_t component, const char *name)
{
    struct histogram h;

    if (!run_reader_histogram(r->run, component, name, &h))
        return NULL;
    if (h.count == 0)
        return json_null();
    return json_pack("{s:I, s:o, s:o, s:o, s:o}", "count", (json_int_t)h.count, "p50_s",
                     seconds(histogram_percentile(&h, 50)), "p99_s",
                     seconds(histogram_percentile(&h, 99)), "p99_9_s",
                     seconds(histogram_percentile(&h, 99.9)), "max_s", seconds(h.max));
}

static json_t *identity(const struct report *r, const struct run_component_row *row)
{
    const struct run_host_row *host = run_reader_host(r->run, row->id);

    return json_pack(
        "{s:o, s:o, s:o, s:b, s:b, s:o, s:i, s:o, s:o, s:o}", "name", json_text(row->name), "host",
        host == NULL ? json_null() : json_text(host->name), "role", json_text(row->role), "stable",
        row->stable, "secure", row->secure, "pattern", json_text(row->pattern), "port", row->port,
        "peer", row->peer == 0 ? json_null() : json_text(report_name(r, row->peer)), "service",
        json_text(row->service), "coverage", json_text(row->coverage));
}

static json_t *memory(const struct summary_row *s)
{
    uint64_t heap_cap = s->first->row->heap_cap, any = heap_cap + s->first->row->group_cap;

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "live_last_bytes", whole(s->live_last),
                     "live_peak_bytes", whole(s->live_peak), "data_peak_bytes", whole(s->data_peak),
                     "heap_cap_bytes", whole(any == 0 ? -1 : (int64_t)any), "cap_kind",
                     json_text(s->first->row->cap_kind), "cap_share",
                     heap_cap == 0 || s->data_peak < 0 ? json_null() : json_real(s->share));
}

static json_t *traffic(const struct summary_row *s)
{
    bool told = s->telling > 0 || s->members == 0;

    return json_pack("{s:o, s:o, s:I, s:I, s:o}", "calls", whole(told ? s->calls : -1),
                     "messages_per_second", told ? json_real(s->rate) : json_null(), "kills",
                     (json_int_t)s->kills, "recoveries", (json_int_t)s->back, "losses",
                     whole(told ? (int64_t)s->losses : -1));
}

static json_t *findings(const struct report *r, const struct summary_row *s)
{
    int64_t id = s->first->row->id;
    char evidence[REPORT_EVIDENCE];

    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "outcome",
                     outcome_name(verdict_list_worst(r->verdicts, id, NULL)), "memory", memory(s),
                     "traffic", traffic(s), "rtt", durations(r, id, "rtt"), "connect",
                     durations(r, id, "connect"), "verdicts", verdicts_of(r, id), "evidence",
                     json_text(report_evidence(r, id, evidence, sizeof evidence)));
}

static json_t *component(const struct report *r, const struct summary_row *s)
{
    json_t *json = identity(r, s->first->row);

    if (json != NULL && json_object_update_new(json, findings(r, s)) != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *components(const struct report *r)
{
    json_t *array = json_array();

    for (size_t i = 0; i < r->summary->count && array != NULL; i++) {
        if (json_array_append_new(array, component(r, &r->summary->rows[i])) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

static json_t *host(const struct report *r, const struct run_host_row *row)
{
    struct summary_row sum = report_host_sum(r, row);
    char end[160];

    return json_pack(
        "{s:o, s:o, s:i, s:b, s:o, s:o, s:o, s:I, s:I, s:I}", "name", json_text(row->name),
        "address", json_text(row->address), "rank", row->rank, "lost", row->lost, "end",
        json_text(run_host_end(r->run, row, end, sizeof end)), "status", whole(row->status),
        "clock_error_s", seconds(row->offset_error_ns), "components", (json_int_t)sum.members,
        "failed", (json_int_t)sum.failed, "inconclusive", (json_int_t)sum.doubtful);
}

static json_t *hosts(const struct report *r)
{
    json_t *array = json_array();

    for (size_t i = 0; i < r->host_count && array != NULL; i++) {
        if (json_array_append_new(array, host(r, &r->hosts[i])) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

static json_t *run_facts(const struct report *r)
{
    const struct run_info *info = r->info;

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:b, s:b}", "flatline_version",
        json_text(info->version), "host", json_text(info->host), "command", json_text(info->argv),
        "repeat", json_text(r->repeat), "seed", (json_int_t)info->seed, "started",
        wall_time(info->start_wall_ns), "duration_s", seconds(info->duration_ns), "lasted_s",
        json_real(report_lasted(r)), "sample_interval_s", seconds(info->sample_interval_ns),
        "finished", info->finished, "interrupted", info->interrupted);
}

static json_t *overall(const struct report *r)
{
    const struct summary_row *total = &r->summary->total;
    const struct verdict *first = r->first;
    bool found = first != NULL && r->outcome != OUTCOME_PASS;

    return json_pack(
        "{s:s, s:I, s:I, s:I, s:o, s:o, s:o}", "outcome", outcome_name(r->outcome), "components",
        (json_int_t)r->summary->count, "failed", (json_int_t)total->failed, "inconclusive",
        (json_int_t)total->doubtful, "component",
        found && first->component != 0 ? json_text(report_name(r, first->component)) : json_null(),
        "rule", found ? json_text(first->rule) : json_null(), "text",
        found ? json_text(first->text) : json_null());
}

bool report_json(const struct report *r, const struct report_style *style, FILE *out, char *error,
                 size_t cap)
{
    json_t *json = json_pack(
        "{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "format", "flatline-summary", "version",
        SUMMARY_VERSION, "verdict", overall(r), "run", run_facts(r), "hosts", hosts(r), "totals",
        traffic(&r->summary->total), "verdicts", verdicts_of(r, 0), "components", components(r));
    bool dumped;

    (void)style;
    if (json == NULL) {
        snprintf(error, cap, "%s: no memory for the report, or its histograms cannot be read",
                 run_reader_dir(r->run));
        return false;
    }
    /* What out does not take is noticed by whoever flushes it. */
    dumped = json_dumpf(json, out, JSON_INDENT(1) | JSON_REAL_PRECISION(12)) == 0 || ferror(out);
    fputc('\n', out);
    json_decref(json);
    if (!dumped)
        snprintf(error, cap, "%s: no memory for the report", run_reader_dir(r->run));
    return dumped;
}
