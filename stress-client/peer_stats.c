#include "stress-client/peer_stats.h"

#include "common/base/clock.h"
#include "common/base/units.h"

#include <inttypes.h>
#include <string.h>

#define KEY 64 /* a kind, a count, and what is told of it */

/* The kinds that are shown: those of the routine, and the others if any came. */
static const char *kind_name(const struct peer_stats *stats, size_t kind)
{
    const struct peer_amount *other = stats->earlier.kinds[PEER_KINDS - 1].amounts;
    const struct peer_amount *more = stats->recent.kinds[PEER_KINDS - 1].amounts;

    if (kind < stats->script->kind_count)
        return stats->script->kinds[kind].name;
    if (kind < PEER_KINDS - 1)
        return NULL;
    return other[PEER_RECEIVED].count + other[PEER_DUPLICATE].count + more[PEER_RECEIVED].count +
                       more[PEER_DUPLICATE].count >
                   0
               ? SCRIPT_OTHER
               : NULL;
}

static double per_second(uint64_t count, uint64_t ns)
{
    return ns == 0 ? 0. : (double)count * 1e9 / (double)ns;
}

void peer_stats_fold(struct peer_stats *stats, uint64_t interval_ns)
{
    for (size_t kind = 0; kind < PEER_KINDS; kind++) {
        struct peer_kind_counts *into = &stats->earlier.kinds[kind];
        const struct peer_kind_counts *from = &stats->recent.kinds[kind];

        for (size_t i = 0; i < PEER_COUNTS; i++)
            peer_amount_add(&into->amounts[i], from->amounts[i].count, from->amounts[i].bytes);
        histogram_merge(&into->latency, &from->latency);
    }
    memset(&stats->recent, 0, sizeof stats->recent);
    stats->wall_ns += interval_ns;
}

/* --- a data point ----------------------------------------------------------------------------- */

static void put_value(struct json *json, const char *prefix, const char *name, const char *what,
                      uint64_t value)
{
    char key[KEY];

    snprintf(key, sizeof key, "%s%s.%s", prefix, name, what);
    json_number(json, key, value);
}

static void put_kind_values(struct json *json, const char *prefix,
                            const struct peer_kind_counts *earlier,
                            const struct peer_kind_counts *recent, uint64_t interval_ns)
{
    char key[KEY];

    for (int i = 0; i < PEER_COUNTS; i++) {
        const char *name = peer_count_name((enum peer_count)i);
        const struct peer_amount *before = &earlier->amounts[i], *now = &recent->amounts[i];

        put_value(json, prefix, name, "count", before->count + now->count);
        put_value(json, prefix, name, "bytes", before->bytes + now->bytes);
        snprintf(key, sizeof key, "%s%s.per_s", prefix, name);
        json_real(json, key, per_second(now->count, interval_ns));
    }
    if (recent->latency.count == 0)
        return;
#define PUT_PERCENTILE(label, percent) \
    put_value(json, prefix, "latency", label, histogram_percentile(&recent->latency, percent));
    PEER_PERCENTILES(PUT_PERCENTILE)
#undef PUT_PERCENTILE
    put_value(json, prefix, "latency", "max", recent->latency.max);
}

void peer_stats_put_values(const struct peer_stats *stats, uint64_t interval_ns, struct json *json)
{
    static struct peer_kind_counts earlier, recent; /* too large for a stack */
    char prefix[KEY];

    peer_counts_sum(&stats->earlier, &earlier);
    peer_counts_sum(&stats->recent, &recent);
    put_kind_values(json, "", &earlier, &recent, interval_ns);
    for (size_t kind = 0; kind < PEER_KINDS; kind++) {
        const char *name = kind_name(stats, kind);

        if (name == NULL)
            continue;
        snprintf(prefix, sizeof prefix, "%s.", name);
        put_kind_values(json, prefix, &stats->earlier.kinds[kind], &stats->recent.kinds[kind],
                        interval_ns);
    }
    json_number(json, "peers.known", stats->known);
    json_number(json, "peers.connected", stats->connected);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void put_kind(const struct peer_stats *stats, struct json *json, const char *name,
                     const struct peer_kind_counts *counts)
{
    json_begin(json, name);
    for (int i = 0; i < PEER_COUNTS; i++) {
        json_begin(json, peer_count_name((enum peer_count)i));
        json_number(json, "count", counts->amounts[i].count);
        json_number(json, "bytes", counts->amounts[i].bytes);
        json_real(json, "per_s", per_second(counts->amounts[i].count, stats->wall_ns));
        json_end(json);
    }
    json_begin(json, "latency");
    json_number(json, "count", counts->latency.count);
#define PUT_PERCENTILE(label, percent) \
    json_number(json, label "_ns", histogram_percentile(&counts->latency, percent));
    PEER_PERCENTILES(PUT_PERCENTILE)
#undef PUT_PERCENTILE
    json_number(json, "max_ns", counts->latency.max);
    json_end(json);
    json_end(json);
}

void peer_stats_put_json(const struct peer_stats *stats, struct json *json)
{
    static struct peer_kind_counts sum;

    json_begin(json, "routine");
    json_number(json, "peers", stats->peers);
    json_number(json, "rooms", stats->rooms);
    json_number(json, "known", stats->known);
    json_number(json, "connected", stats->connected);
    json_number(json, "connected_most", stats->most);
    json_number(json, "wall_ns", stats->wall_ns);
    peer_counts_sum(&stats->earlier, &sum);
    put_kind(stats, json, "total", &sum);
    json_begin(json, "kinds");
    for (size_t kind = 0; kind < PEER_KINDS; kind++) {
        const char *name = kind_name(stats, kind);

        if (name != NULL)
            put_kind(stats, json, name, &stats->earlier.kinds[kind]);
    }
    json_end(json);
    json_end(json);
}

enum row { ROW_COUNT, ROW_PER_S, ROW_BYTES, ROWS };

static void print_cells(const struct peer_stats *stats, FILE *out,
                        const struct peer_kind_counts *counts, enum row row)
{
    char text[32];

    for (int i = 0; i < PEER_COUNTS; i++) {
        const struct peer_amount *amount = &counts->amounts[i];

        if (row == ROW_COUNT)
            snprintf(text, sizeof text, "%" PRIu64, amount->count);
        else if (row == ROW_PER_S)
            snprintf(text, sizeof text, "%.1f", per_second(amount->count, stats->wall_ns));
        else
            units_format_size(amount->bytes, text, sizeof text);
        fprintf(out, " %10s", text);
    }
}

static void print_latency(FILE *out, const struct histogram *latency)
{
    char text[32];

    if (latency->count == 0)
        return;
#define PRINT_PERCENTILE(label, percent) \
    fprintf(out, " %8s",                 \
            units_format_duration(histogram_percentile(latency, percent), text, sizeof text));
    PEER_PERCENTILES(PRINT_PERCENTILE)
#undef PRINT_PERCENTILE
    fprintf(out, " %8s", units_format_duration(latency->max, text, sizeof text));
}

static void print_kind(const struct peer_stats *stats, FILE *out, const char *name,
                       const struct peer_kind_counts *counts)
{
    static const char *const rows[ROWS] = {"", "per second", "bytes"};

    for (int row = 0; row < ROWS; row++) {
        fprintf(out, "  %-*s %-10s", SCRIPT_KIND_NAME - 10, row == 0 ? name : "", rows[row]);
        print_cells(stats, out, counts, (enum row)row);
        if (row == ROW_COUNT)
            print_latency(out, &counts->latency);
        fputc('\n', out);
    }
}

static void print_heading(FILE *out)
{
    fprintf(out, "  %-*s %-10s", SCRIPT_KIND_NAME - 10, "", "");
    for (int i = 0; i < PEER_COUNTS; i++)
        fprintf(out, " %10s", peer_count_name((enum peer_count)i));
#define PRINT_LABEL(label, percent) fprintf(out, " %8s", label);
    PEER_PERCENTILES(PRINT_LABEL)
#undef PRINT_LABEL
    fprintf(out, " %8s\n", "max");
}

void peer_stats_print_text(const struct peer_stats *stats, FILE *out)
{
    static struct peer_kind_counts sum;
    char text[32];

    fprintf(out,
            "routine: %" PRIu64 " peers in %" PRIu64 " rooms for %s, %" PRIu64
            " others known, at most %" PRIu64 " connected\n",
            stats->peers, stats->rooms, units_format_duration(stats->wall_ns, text, sizeof text),
            stats->known, stats->most);
    if (stats->wall_ns == 0)
        return;
    print_heading(out);
    for (size_t kind = 0; kind < PEER_KINDS; kind++) {
        const char *name = kind_name(stats, kind);

        if (name != NULL)
            print_kind(stats, out, name, &stats->earlier.kinds[kind]);
    }
    peer_counts_sum(&stats->earlier, &sum);
    print_kind(stats, out, "total", &sum);
    fputs("  Latency: of what was received, from when it was due.\n", out);
}
