/*
 * Every sample, as CSV (RFC 4180, but for lines that end as on Unix) and as NDJSON: component after
 * component, each in order of time, as run.db has them, so that nothing is sorted or kept and
 * memory stays flat however long the run was.
 */
#include "common/base/utf8.h"
#include "driver/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct stream {
    const struct report *r;
    const struct run_incarnation_row *incarnations;
    FILE *out;
    char *name; /* of the component, as the format quotes it */
    uint64_t origin_ns;
};

/* Times count from here: ready, or the start if nothing ever was. */
static uint64_t origin_of(const struct run_info *info)
{
    return info->ready_ns != 0 ? info->ready_ns : info->start_ns;
}

static double time_of(const struct stream *s, const struct run_sample_row *row)
{
    return ((double)row->time_ns - (double)s->origin_ns) / NS_PER_S;
}

static int number_of(const struct stream *s, const struct run_sample_row *row)
{
    return s->incarnations[row->incarnation - 1].number;
}

/* Streams each component, its name as `quote` has it. A full disk ends it soon. */
static bool put_all(struct stream *s, char *(*quote)(const char *name),
                    bool (*put)(void *arg, const struct run_sample_row *row), char *error,
                    size_t cap)
{
    size_t count;
    bool ok = true;

    s->origin_ns = origin_of(s->r->info);
    s->incarnations = run_reader_incarnations(s->r->run, &count);
    for (size_t i = 0; ok && i < s->r->summary->count; i++) {
        const struct run_component_row *row = s->r->summary->rows[i].first->row;

        s->name = quote(row->name);
        snprintf(error, cap, "%s: no memory for the report", run_reader_dir(s->r->run));
        ok = s->name != NULL;
        if (ok && !run_reader_samples(s->r->run, row->id, put, s)) {
            snprintf(error, cap, "%s", run_reader_error(s->r->run));
            ok = false;
        }
        free(s->name);
    }
    return ok;
}

/* A CSV field in quotes, those in it doubled. */
static char *quote_csv(const char *name)
{
    char *clean = utf8_clean(name), *quoted = NULL, *to;

    if (clean != NULL)
        quoted = malloc(2 * strlen(clean) + 3);
    if (quoted != NULL) {
        to = quoted;
        *to++ = '"';
        for (const char *from = clean; *from != '\0'; from++) {
            if (*from == '"')
                *to++ = '"';
            *to++ = *from;
        }
        memcpy(to, "\"", 2);
    }
    free(clean);
    return quoted;
}

static bool put_csv(void *arg, const struct run_sample_row *row)
{
    const struct stream *s = arg;

    fprintf(s->out, "%.6f,%s,%d,%d", time_of(s, row), s->name, number_of(s, row), row->stale);
    for (int m = 0; m < METRIC_COUNT; m++) {
        if (metric_has(&row->values, (enum metric)m))
            fprintf(s->out, ",%" PRId64, row->values.value[m]);
        else
            putc(',', s->out);
    }
    putc('\n', s->out);
    return ferror(s->out) == 0;
}

bool report_csv(const struct report *r, const struct report_style *style, FILE *out, char *error,
                size_t cap)
{
    struct stream s = {.r = r, .out = out};

    (void)style;
    fputs("time [s],component,incarnation,stale", out);
    for (int m = 0; m < METRIC_COUNT; m++) {
        const struct metric_info *info = metric_info((enum metric)m);

        fprintf(out, strcmp(info->unit, "1") == 0 ? ",%s" : ",%s [%s]", info->name, info->unit);
    }
    putc('\n', out);
    return put_all(&s, quote_csv, put_csv, error, cap);
}

static char *quote_json(const char *name)
{
    char *clean = utf8_clean(name), *quoted;
    json_t *json = clean == NULL ? NULL : json_string(clean);

    quoted = json == NULL ? NULL : json_dumps(json, JSON_ENCODE_ANY);
    json_decref(json);
    free(clean);
    return quoted;
}

static bool put_ndjson(void *arg, const struct run_sample_row *row)
{
    const struct stream *s = arg;

    fprintf(s->out, "{\"time\":%.6f,\"component\":%s,\"incarnation\":%d,\"stale\":%s",
            time_of(s, row), s->name, number_of(s, row), row->stale ? "true" : "false");
    for (int m = 0; m < METRIC_COUNT; m++) {
        if (metric_has(&row->values, (enum metric)m))
            fprintf(s->out, ",\"%s\":%" PRId64, metric_info((enum metric)m)->name,
                    row->values.value[m]);
    }
    fputs("}\n", s->out);
    return ferror(s->out) == 0;
}

/* Its first line is the header: what the keys of the others are measured in. */
bool report_ndjson(const struct report *r, const struct report_style *style, FILE *out, char *error,
                   size_t cap)
{
    struct stream s = {.r = r, .out = out};

    (void)style;
    fprintf(out, "{\"format\":\"flatline-samples\",\"version\":1,\"origin\":\"%s\",",
            r->info->ready_ns != 0 ? "ready" : "start");
    fprintf(out, "\"origin_wall_ns\":%" PRIu64 ",\"units\":{\"time\":\"s\"",
            r->info->start_wall_ns + (origin_of(r->info) - r->info->start_ns));
    for (int m = 0; m < METRIC_COUNT; m++)
        fprintf(out, ",\"%s\":\"%s\"", metric_info((enum metric)m)->name,
                metric_info((enum metric)m)->unit);
    fputs("}}\n", out);
    return put_all(&s, quote_json, put_ndjson, error, cap);
}
