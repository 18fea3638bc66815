/* Points of peers that are no driver: free names. What a routine says is drawn, all is kept as the
 * last value. */
#include "results-server/live_internal.h"

#include <string.h>

/* Names of one source whose last value is kept. */
#define MOST_VALUES 64
/* Between two points of a source, before there are two. */
#define FIRST_INTERVAL_NS INT64_C(2000000000)

static double value_of(const json_t *values, const char *name)
{
    return json_number_value(json_object_get(values, name));
}

static void keep_values(struct live_part *part, const json_t *values)
{
    const char *name;
    json_t *value;

    if (part->values == NULL)
        part->values = json_object();
    json_object_foreach((json_t *)values, name, value)
    {
        if (json_object_size(part->values) < MOST_VALUES ||
            json_object_get(part->values, name) != NULL)
            json_object_set_new(part->values, name, json_real(json_number_value(value)));
    }
}

static void draw_memory(struct live_part *part, const json_t *values, int64_t time_ns)
{
    for (unsigned m = 0; m < LIVE_MEASURES; m++) {
        const json_t *memory = json_object_get(values, live_measure_name(m));

        if (memory == NULL)
            continue;
        part->host->test->measures |= 1u << m;
        live_part_hold(part, (int64_t)json_number_value(memory), part->rate);
        live_part_put(part, LIVE_MEMORY, time_ns, json_number_value(memory));
        return;
    }
}

/* It is of all that came since the last point. */
static void draw_latency(struct live_part *part, const json_t *values, int64_t from_ns,
                         int64_t to_ns)
{
    const json_t *latency = json_object_get(values, "latency.p99");
    int64_t width = part->host->test->width_ns;

    if (latency == NULL)
        return;
    for (int64_t t = to_ns; t >= 0 && t / width > from_ns / width; t -= width) {
        live_part_put(part, LIVE_LATENCY, t, json_number_value(latency));
        live_host_put(part->host, LIVE_LATENCY, t, json_number_value(latency));
    }
}

/* was_ns: of the point before. */
static void draw_rate(struct live_batch *batch, struct live_part *part, const json_t *values,
                      int64_t was_ns)
{
    double rate = value_of(values, "sent.per_s") + value_of(values, "received.per_s");
    int64_t time_ns = part->counter.time_ns;

    if (json_object_get(values, "sent.per_s") == NULL &&
        json_object_get(values, "received.per_s") == NULL)
        return;
    live_part_hold(part, part->memory, rate);
    live_part_flow(part, &(struct live_flow){was_ns, time_ns, batch->latest_ns,
                                             rate * (double)(time_ns - was_ns) / 1e9});
}

static void take_point(struct live_batch *batch, struct live_part *part, const json_t *values,
                       int64_t time_ns)
{
    int64_t was_ns = part->counter.id == 0 ? time_ns - FIRST_INTERVAL_NS : part->counter.time_ns;
    int64_t since_start;

    if (was_ns >= time_ns)
        return;
    keep_values(part, values);
    part->counter = (struct live_counter){1, time_ns, 0};
    draw_rate(batch, part, values, was_ns);
    if (!live_host_time(batch->host, time_ns, batch->latest_ns, &since_start))
        return;
    live_batch_heard(batch, since_start);
    draw_memory(part, values, since_start);
    draw_latency(part, values, since_start - (time_ns - was_ns), since_start);
}

void live_take_points(struct live_batch *batch, const json_t *points)
{
    const json_t *point;
    size_t i;

    json_array_foreach(points, i, point)
    {
        const char *source = json_string_value(json_object_get(point, "source"));
        const json_t *values = json_object_get(point, "values");
        json_int_t time_ns = json_integer_value(json_object_get(point, "time_ns"));
        struct live_part *part = source == NULL ? NULL : live_host_part(batch->host, source);

        if (part != NULL && time_ns > FIRST_INTERVAL_NS)
            take_point(batch, part, values, time_ns);
    }
}
