/* The view as the page gets it. */
#include "results-server/live_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A host among hosts, or a process among those of its host. */
struct item {
    const char *name, *host, *role;
    const struct live_curves *curves;
    const json_t *values;
    int64_t memory;
    double rate;
    size_t kills, deaths, count; /* count: of its processes */
    bool chosen;
};

/* What one viewer looks at. */
struct look {
    const struct live_test *test;
    const struct live_host *host; /* NULL: items are hosts */
    unsigned from, end;           /* buckets of the items' curves */
    unsigned fold;                /* one of them is 1 << fold of a host's */
};

static struct item item_of_part(const struct live_part *part)
{
    return (struct item){.name = part->name,
                         .host = part->host->name,
                         .role = part->role,
                         .curves = &part->curves,
                         .values = part->values,
                         .memory = part->memory,
                         .rate = part->rate,
                         .kills = part->kills,
                         .deaths = part->deaths,
                         .count = 1,
                         .chosen = part->chosen};
}

static struct item item_of_host(const struct live_host *host)
{
    struct item item = {.name = host->name,
                        .host = host->name,
                        .curves = &host->curves,
                        .memory = host->memory,
                        .rate = host->rate,
                        .count = host->count,
                        .chosen = host->chosen};

    /* Of a single source there is nothing more to pick. */
    if (host->count == 1)
        item.values = host->parts[0]->values;
    for (size_t i = 0; i < host->count; i++) {
        item.kills += host->parts[i]->kills;
        item.deaths += host->parts[i]->deaths;
    }
    return item;
}

static size_t item_count(const struct look *look)
{
    return look->host != NULL ? look->host->count : look->test->count;
}

static struct item item_at(const struct look *look, size_t i)
{
    return look->host != NULL ? item_of_part(look->host->parts[i])
                              : item_of_host(look->test->hosts[i]);
}

static json_t *rise_json(const struct look *look, const struct item *item)
{
    double rise = live_series_rise(&item->curves->series[LIVE_MEMORY], look->end);

    return isfinite(rise) ? json_integer((json_int_t)llround(rise)) : json_null();
}

static json_t *parts_json(const struct look *look)
{
    json_t *parts = json_array();

    for (size_t i = 0; i < item_count(look); i++) {
        struct item item = item_at(look, i);

        json_array_append_new(parts,
                              json_pack("[s,s?,I,o,I,I,I,I]", item.name, item.role,
                                        (json_int_t)item.memory, rise_json(look, &item),
                                        (json_int_t)llround(item.rate), (json_int_t)item.kills,
                                        (json_int_t)item.deaths, (json_int_t)item.count));
    }
    return parts;
}

/* The curves that are not empty. */
static json_t *line_json(const struct look *look, const struct item *item)
{
    json_t *line = json_pack("{s:s}", "name", item->name);

    for (unsigned c = 0; c < LIVE_CURVES; c++) {
        const struct live_series *s = &item->curves->series[c];

        if (s->cells != NULL)
            json_object_set_new(
                line, live_curve_name((enum live_curve)c),
                live_series_json(s, live_curve_kind((enum live_curve)c), look->from, look->end));
    }
    return line;
}

/* From the lowest to the highest of those that are not drawn. */
static json_t *band_json(const struct look *look, enum live_curve curve)
{
    struct live_series band = {malloc(live_series_bytes(LIVE_LEVEL, LIVE_BUCKETS))};
    json_t *json = NULL;
    bool any = false;

    if (band.cells == NULL)
        return NULL;
    for (unsigned i = 0; i < 2 * LIVE_BUCKETS; i++)
        band.cells[i] = NAN;
    for (size_t i = 0; i < item_count(look); i++) {
        struct item item = item_at(look, i);

        if (item.chosen || item.curves->series[curve].cells == NULL)
            continue;
        live_series_cover(band.cells, &item.curves->series[curve], live_curve_kind(curve),
                          look->end);
        any = true;
    }
    if (any)
        json = live_series_json(&band, LIVE_LEVEL, look->from, look->end);
    live_series_clear(&band);
    return json;
}

static void put_curves(json_t *json, const struct look *look)
{
    json_t *lines = json_array(), *band = json_object();
    size_t drawn = 0;

    for (size_t i = 0; i < item_count(look); i++) {
        struct item item = item_at(look, i);

        if (!item.chosen)
            continue;
        drawn++;
        json_array_append_new(lines, line_json(look, &item));
    }
    for (unsigned c = 0; c < LIVE_CURVES; c++)
        json_object_set_new(band, live_curve_name((enum live_curve)c),
                            band_json(look, (enum live_curve)c));
    json_object_set_new(json, "lines", lines);
    json_object_set_new(json, "others", json_integer((json_int_t)(item_count(look) - drawn)));
    json_object_set_new(json, "band", band);
}

/* In buckets of hosts, whatever the items are. */
static json_t *kills_json(const struct look *look, unsigned from)
{
    const struct live_test *test = look->test;
    json_t *kills = json_array();

    for (unsigned b = from; b < test->end; b++) {
        json_int_t sum = 0;

        for (size_t h = 0; h < test->count; h++) {
            const struct live_host *host = test->hosts[h];

            if ((look->host == NULL || look->host == host) && host->kills.cells != NULL &&
                !isnan(host->kills.cells[b]))
                sum += (json_int_t)host->kills.cells[b];
        }
        json_array_append_new(kills, json_integer(sum));
    }
    return kills;
}

static json_t *deaths_json(const struct look *look)
{
    const struct live_test *test = look->test;
    json_t *deaths = json_array();

    for (size_t i = 0; i < test->death_count && i < LIVE_MOST_DEATHS; i++) {
        const struct live_death *death = &test->deaths[i];

        if (look->host == NULL || look->host == death->part->host)
            json_array_append_new(deaths,
                                  json_pack("{s:s,s:s,s:s?,s:I}", "name", death->part->name, "host",
                                            death->part->host->name, "reason", death->reason,
                                            "time_ns", (json_int_t)death->time_ns));
    }
    return deaths;
}

/* What the sources of points said last, in so far as they are drawn. */
static json_t *values_json(const struct look *look)
{
    json_t *values = json_object();

    for (size_t i = 0; i < item_count(look); i++) {
        struct item item = item_at(look, i);

        if (item.chosen && item.values != NULL)
            json_object_set_new(values, item.name, json_deep_copy(item.values));
    }
    return values;
}

/* Until when all those have posted that posted lately. */
static int64_t heard_ns(const struct look *look)
{
    const int64_t lately_ns = INT64_C(5000000000);
    int64_t newest = 0, all;

    if (look->host != NULL)
        return look->host->heard_ns;
    for (size_t h = 0; h < look->test->count; h++) {
        if (look->test->hosts[h]->heard_ns > newest)
            newest = look->test->hosts[h]->heard_ns;
    }
    all = newest;
    for (size_t h = 0; h < look->test->count; h++) {
        int64_t heard = look->test->hosts[h]->heard_ns;

        if (heard < all && heard > newest - lately_ns)
            all = heard;
    }
    return all;
}

static json_t *measures_json(const struct live_test *test)
{
    json_t *measures = json_array();

    for (unsigned m = 0; m < LIVE_MEASURES; m++) {
        if (test->measures >> m & 1)
            json_array_append_new(measures, json_string(live_measure_name(m)));
    }
    return measures;
}

static void put_frame(json_t *json, const struct look *look, unsigned first)
{
    const struct live_test *test = look->test;

    json_object_set_new(json, "of", json_string(look->host == NULL ? "hosts" : "processes"));
    json_object_set_new(json, "host",
                        look->host == NULL ? json_null() : json_string(look->host->name));
    json_object_set_new(json, "generation", json_integer((json_int_t)test->generation));
    json_object_set_new(json, "measures", measures_json(test));
    json_object_set_new(json, "width_ns", json_integer(test->width_ns << look->fold));
    json_object_set_new(json, "from", json_integer(look->from));
    json_object_set_new(json, "to", json_integer(look->end));
    json_object_set_new(json, "heard_ns", json_integer(heard_ns(look)));
    json_object_set_new(json, "duration_ns",
                        test->duration_ns > 0 ? json_integer((json_int_t)test->duration_ns)
                                              : json_null());
    json_object_set_new(json, "pauses", json_boolean(test->pauses));
    json_object_set_new(json, "parts", parts_json(look));
    json_object_set_new(json, "kills_from", json_integer(first));
    json_object_set_new(json, "kills_width_ns", json_integer(test->width_ns));
    json_object_set_new(json, "kills", kills_json(look, first));
    json_object_set_new(json, "deaths", deaths_json(look));
    json_object_set_new(json, "death_count", json_integer((json_int_t)test->death_count));
    json_object_set_new(json, "values", values_json(look));
}

static const struct live_host *find_host(const struct live_test *test, const char *name)
{
    /* Of a single host there is nothing to compare. */
    if (name == NULL)
        return test->count == 1 ? test->hosts[0] : NULL;
    for (size_t h = 0; h < test->count; h++) {
        if (strcmp(test->hosts[h]->name, name) == 0)
            return test->hosts[h];
    }
    return NULL;
}

json_t *live_look(const struct live *live, const char *id, const char *host, bool since)
{
    struct look look = {.test = live_find(live, id)};
    unsigned first;
    json_t *json;

    if (look.test == NULL)
        return NULL;
    look.host = find_host(look.test, host);
    if (host != NULL && look.host == NULL)
        return NULL;
    first = !since                                   ? 0
            : look.test->dirty_from < look.test->end ? look.test->dirty_from
                                                     : look.test->end;
    look.fold = look.host == NULL ? 0 : look.test->folds;
    look.end = look.test->end == 0 ? 0 : ((look.test->end - 1) >> look.fold) + 1;
    look.from = first >> look.fold;
    json = json_object();
    put_frame(json, &look, first);
    put_curves(json, &look);
    return json;
}
