#include "results-server/live_internal.h"

#include "common/base/clock.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* So fine that a minute has 120 buckets, and coarse enough for two or more samples in each. */
#define FIRST_WIDTH_NS ((int64_t)(NS_PER_S / 2))
/* Ids beyond this are no run's. */
#define MOST_IDS (1 << 20)

static const struct {
    const char *name;
    enum live_kind kind;
} curves_are[] = {
#define CURVE_ROW(ident, name, kind) [LIVE_##ident] = {name, LIVE_##kind},
    LIVE_CURVE_TABLE(CURVE_ROW)
#undef CURVE_ROW
};

enum live_kind live_curve_kind(enum live_curve curve)
{
    return curves_are[curve].kind;
}

const char *live_curve_name(enum live_curve curve)
{
    return curves_are[curve].name;
}

const char *live_measure_name(unsigned measure)
{
#define MEASURE_ROW(name) name,
    static const char *const names[] = {LIVE_MEASURE_TABLE(MEASURE_ROW)};
#undef MEASURE_ROW

    return names[measure];
}

unsigned live_part_buckets(const struct live_test *test)
{
    return LIVE_BUCKETS >> test->folds;
}

static size_t curves_bytes(const struct live_curves *curves, unsigned buckets)
{
    size_t bytes = 0;

    for (unsigned c = 0; c < LIVE_CURVES; c++)
        bytes +=
            curves->series[c].cells == NULL ? 0 : live_series_bytes(curves_are[c].kind, buckets);
    return bytes;
}

static void clear_curves(struct live_test *test, struct live_curves *curves, unsigned buckets)
{
    test->live->bytes -= curves_bytes(curves, buckets);
    for (unsigned c = 0; c < LIVE_CURVES; c++)
        live_series_clear(&curves->series[c]);
}

struct live_test *live_test_new(struct live *live, const char *id)
{
    struct live_test *test = calloc(1, sizeof *test);

    if (test == NULL || (test->id = strdup(id)) == NULL) {
        free(test);
        return NULL;
    }
    test->live = live;
    test->width_ns = FIRST_WIDTH_NS;
    test->dirty_from = UINT_MAX;
    test->generation = ++live->generation;
    live->bytes += sizeof *test;
    return test;
}

static void free_part(struct live_part *part)
{
    struct live_test *test = part->host->test;

    clear_curves(test, &part->curves, live_part_buckets(test));
    test->live->bytes -= sizeof *part + strlen(part->name);
    json_decref(part->values);
    free(part->role);
    free(part->name);
    free(part);
}

static void free_ids(struct live_host *host, struct live_ids *ids)
{
    host->test->live->bytes -= ids->size * sizeof *ids->part;
    free(ids->part);
}

static void free_host(struct live_host *host)
{
    for (size_t i = 0; i < host->count; i++)
        free_part(host->parts[i]);
    clear_curves(host->test, &host->curves, LIVE_BUCKETS);
    if (host->kills.cells != NULL)
        host->test->live->bytes -= live_series_bytes(LIVE_FLOW, LIVE_BUCKETS);
    live_series_clear(&host->kills);
    free_ids(host, &host->components);
    free_ids(host, &host->incarnations);
    host->test->live->bytes -= sizeof *host + strlen(host->name);
    free(host->parts);
    free(host->name);
    free(host);
}

void live_test_free(struct live_test *test)
{
    for (size_t i = 0; i < test->count; i++)
        free_host(test->hosts[i]);
    for (size_t i = 0; i < LIVE_MOST_DEATHS && i < test->death_count; i++)
        free(test->deaths[i].reason);
    test->live->bytes -= sizeof *test;
    free(test->hosts);
    free(test->id);
    free(test);
}

/* The list of pointers, moved if it was full; NULL: no memory, it is as it was. */
static void *with_room(void *list, size_t count, size_t *room)
{
    size_t wanted = *room == 0 ? 8 : 2 * *room;

    if (count < *room)
        return list;
    list = realloc(list, wanted * sizeof(void *));
    if (list != NULL)
        *room = wanted;
    return list;
}

void live_test_renew(struct live_test *test)
{
    test->generation = ++test->live->generation;
    test->changed = true;
}

struct live_host *live_test_host(struct live_test *test, const char *name)
{
    struct live_host *host, **hosts;

    for (size_t i = 0; i < test->count; i++) {
        if (strcmp(test->hosts[i]->name, name) == 0)
            return test->hosts[i];
    }
    if (test->count == LIVE_MOST_HOSTS)
        return NULL;
    hosts = with_room(test->hosts, test->count, &test->room);
    if (hosts == NULL)
        return NULL;
    test->hosts = hosts;
    host = calloc(1, sizeof *host);
    if (host == NULL || (host->name = strdup(name)) == NULL) {
        free(host);
        return NULL;
    }
    host->test = test;
    host->rank = -1;
    test->hosts[test->count++] = host;
    test->live->bytes += sizeof *host + strlen(name);
    live_test_renew(test);
    return host;
}

/* Every process's curves have half as many buckets from now on. */
static void halve_parts(struct live_test *test)
{
    unsigned buckets = live_part_buckets(test);

    for (size_t h = 0; h < test->count; h++) {
        for (size_t p = 0; p < test->hosts[h]->count; p++) {
            struct live_curves *curves = &test->hosts[h]->parts[p]->curves;

            for (unsigned c = 0; c < LIVE_CURVES; c++)
                live_series_halve(&curves->series[c], curves_are[c].kind, buckets);
        }
    }
    test->live->bytes -= test->curve_bytes / 2;
    test->curve_bytes /= 2;
    test->folds++;
    live_test_renew(test);
}

struct live_part *live_host_part(struct live_host *host, const char *name)
{
    struct live_part *part, **parts;

    for (size_t i = 0; i < host->count; i++) {
        if (strcmp(host->parts[i]->name, name) == 0)
            return host->parts[i];
    }
    if (host->test->part_count == LIVE_MOST_PARTS)
        return NULL;
    parts = with_room(host->parts, host->count, &host->room);
    if (parts == NULL)
        return NULL;
    host->parts = parts;
    part = calloc(1, sizeof *part);
    if (part == NULL || (part->name = strdup(name)) == NULL) {
        free(part);
        return NULL;
    }
    part->host = host;
    host->parts[host->count++] = part;
    host->test->part_count++;
    host->test->live->bytes += sizeof *part + strlen(name);
    live_test_renew(host->test);
    return part;
}

void live_ids_set(struct live_host *host, struct live_ids *ids, json_int_t id,
                  const struct live_part *part)
{
    size_t size = ids->size == 0 ? 64 : ids->size;
    uint32_t index = 0, *more;

    if (id < 0 || id >= MOST_IDS)
        return;
    while (size <= (size_t)id)
        size *= 2;
    if (size > ids->size) {
        more = realloc(ids->part, size * sizeof *more);
        if (more == NULL)
            return;
        memset(more + ids->size, 0xff, (size - ids->size) * sizeof *more);
        host->test->live->bytes += (size - ids->size) * sizeof *more;
        *ids = (struct live_ids){more, size};
    }
    while (host->parts[index] != part)
        index++;
    ids->part[id] = index;
}

struct live_part *live_ids_get(const struct live_host *host, const struct live_ids *ids,
                               json_int_t id)
{
    if (id < 0 || (size_t)id >= ids->size || ids->part[id] >= host->count)
        return NULL;
    return host->parts[ids->part[id]];
}

bool live_host_time(const struct live_host *host, int64_t time_ns, int64_t latest_ns, int64_t *out)
{
    int64_t started = host->test->started_ns, server;

    if (started == 0 || __builtin_add_overflow(time_ns, host->offset_ns, &server) ||
        server < started || server > latest_ns)
        return false;
    *out = server - started;
    return true;
}

static void fold_curves(struct live_curves *curves, unsigned buckets)
{
    for (unsigned c = 0; c < LIVE_CURVES; c++)
        live_series_fold(&curves->series[c], curves_are[c].kind, buckets);
}

/* Twice the width for all. */
static void fold(struct live_test *test)
{
    for (size_t h = 0; h < test->count; h++) {
        struct live_host *host = test->hosts[h];

        fold_curves(&host->curves, LIVE_BUCKETS);
        live_series_fold(&host->kills, LIVE_FLOW, LIVE_BUCKETS);
        for (size_t p = 0; p < host->count; p++)
            fold_curves(&host->parts[p]->curves, live_part_buckets(test));
    }
    test->width_ns *= 2;
    test->end = (test->end + 1) / 2;
    test->dirty_from = 0;
    live_test_renew(test);
}

/* The bucket of a time, of hosts; notes that it changes. */
static unsigned touch(struct live_test *test, int64_t time_ns)
{
    unsigned bucket;

    while (time_ns / test->width_ns >= LIVE_BUCKETS)
        fold(test);
    bucket = (unsigned)(time_ns / test->width_ns);
    if (bucket < test->dirty_from)
        test->dirty_from = bucket;
    if (bucket >= test->end)
        test->end = bucket + 1;
    test->changed = true;
    return bucket;
}

/* False: nothing was allocated for it. */
static bool put(struct live_test *test, struct live_series *s, enum live_kind kind,
                unsigned buckets, unsigned bucket, double value)
{
    bool fresh = s->cells == NULL;

    if (!live_series_put(s, kind, buckets, bucket, value) || !fresh)
        return false;
    test->live->bytes += live_series_bytes(kind, buckets);
    return true;
}

void live_part_put(struct live_part *part, enum live_curve curve, int64_t time_ns, double value)
{
    struct live_test *test = part->host->test;
    struct live_series *s = &part->curves.series[curve];
    enum live_kind kind = curves_are[curve].kind;
    unsigned bucket = touch(test, time_ns);

    while (s->cells == NULL && test->folds < LIVE_MAX_FOLDS &&
           test->curve_bytes + live_series_bytes(kind, live_part_buckets(test)) >
               LIVE_MOST_CELLS * sizeof(float))
        halve_parts(test);
    if (put(test, s, kind, live_part_buckets(test), bucket >> test->folds, value))
        test->curve_bytes += live_series_bytes(kind, live_part_buckets(test));
}

void live_host_put(struct live_host *host, enum live_curve curve, int64_t time_ns, double value)
{
    unsigned bucket = touch(host->test, time_ns);

    put(host->test, &host->curves.series[curve], curves_are[curve].kind, LIVE_BUCKETS, bucket,
        value);
}

void live_part_flow(struct live_part *part, const struct live_flow *flow)
{
    struct live_host *host = part->host;
    int64_t from, to, next;
    double each;

    if (!live_host_time(host, flow->to_ns, flow->latest_ns, &to))
        return;
    if (!live_host_time(host, flow->from_ns, flow->latest_ns, &from))
        from = to;
    touch(host->test, to); /* so that buckets are as wide as they will be */
    each = flow->messages / (double)(to > from ? to - from : 1);
    do { /* each bucket gets its share of the time */
        int64_t width = host->test->width_ns;
        double share;

        next = (from / width + 1) * width;
        share = to > from ? each * (double)((next < to ? next : to) - from) : flow->messages;
        live_part_put(part, LIVE_TRAFFIC, from, share);
        live_host_put(host, LIVE_TRAFFIC, from, share);
        from = next;
    } while (next < to);
}

void live_host_kill(struct live_host *host, int64_t time_ns)
{
    unsigned bucket = touch(host->test, time_ns);

    put(host->test, &host->kills, LIVE_FLOW, LIVE_BUCKETS, bucket, 1);
}

void live_part_hold(struct live_part *part, int64_t memory, double rate)
{
    part->host->memory += memory - part->memory;
    part->host->rate += rate - part->rate;
    part->memory = memory;
    part->rate = rate;
}

bool live_part_lives(const struct live_part *part)
{
    return part->number > part->ended;
}

void live_test_death(struct live_test *test, const struct live_part *part, int64_t time_ns,
                     const char *reason)
{
    struct live_death *death = &test->deaths[test->death_count];

    if (test->death_count < LIVE_MOST_DEATHS)
        *death = (struct live_death){strdup(reason), part, time_ns};
    test->death_count++;
    live_test_renew(test);
}
