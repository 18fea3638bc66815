#include "results-server/uploader/points.h"

#include "common/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define NAME_MAX_SIZE 64
#define BAD_TOLD 10 /* lines; the others are counted */

struct point {
    STAILQ_ENTRY(point) next;
    size_t size;
    char json[];
};

struct points {
    STAILQ_HEAD(, point) queue;
    uint64_t bytes, bytes_max;
    uint64_t lines, bad, dropped;
};

struct points *points_new(uint64_t bytes_max)
{
    struct points *points = calloc(1, sizeof *points);

    if (points == NULL)
        return NULL;
    points->bytes_max = bytes_max;
    STAILQ_INIT(&points->queue);
    return points;
}

static void drop_first(struct points *points)
{
    struct point *first = STAILQ_FIRST(&points->queue);

    STAILQ_REMOVE_HEAD(&points->queue, next);
    points->bytes -= sizeof *first + first->size;
    free(first);
}

void points_free(struct points *points)
{
    if (points == NULL)
        return;
    while (!STAILQ_EMPTY(&points->queue))
        drop_first(points);
    free(points);
}

/* ---- what a point is: as the server has it, which refuses a batch for one that is none ---- */

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool is_made_of(const char *text, const char *first, const char *all)
{
    size_t size = strspn(text, all);

    return text[size] == '\0' && size > 0 && size <= NAME_MAX_SIZE && strchr(first, *text) != NULL;
}

static const char *why_no_values(const json_t *values)
{
    const char *name;
    json_t *value;

    if (!json_is_object(values))
        return "values is no object";
    json_object_foreach((json_t *)values, name, value)
    {
        if (!is_made_of(name, LOWER, LOWER DIGITS "_.-"))
            return "a name in values is not [a-z][a-z0-9_.-]{0,63}";
        if (!json_is_number(value))
            return "a value is no number";
    }
    return NULL;
}

/* NULL: it is one. */
static const char *why_no_point(const json_t *json)
{
    const json_t *time = json_object_get(json, "time_ns");
    const char *source = json_string_value(json_object_get(json, "source"));

    if (!json_is_object(json) || json_object_size(json) != 3)
        return "not an object of time_ns, source and values";
    if (!json_is_integer(time) || json_integer_value(time) < 0)
        return "time_ns is no whole number";
    if (source == NULL || !is_made_of(source, LOWER UPPER DIGITS, LOWER UPPER DIGITS "._-"))
        return "source is not [A-Za-z0-9][A-Za-z0-9._-]{0,63}";
    return why_no_values(json_object_get(json, "values"));
}

/* ---- taking ---- */

static void complain(struct points *points, const char *why)
{
    points->bad++;
    if (points->bad <= BAD_TOLD)
        log_warn("line %" PRIu64 " is no point: %s", points->lines, why);
}

static void keep(struct points *points, const char *line)
{
    size_t size = strlen(line);
    struct point *point = malloc(sizeof *point + size + 1);

    if (point == NULL) {
        points->dropped++;
        return;
    }
    point->size = size;
    memcpy(point->json, line, size + 1);
    STAILQ_INSERT_TAIL(&points->queue, point, next);
    points->bytes += sizeof *point + size;
    while (points->bytes > points->bytes_max) {
        if (points->dropped++ == 0)
            log_warn("too many points wait for the server: the oldest are dropped");
        drop_first(points);
    }
}

void points_take(struct points *points, const char *line, json_t **result)
{
    json_error_t error;
    json_t *json, *given;
    const char *why;

    errno = 0; /* the parser takes the end of memory for a fault of the text */
    json = line == NULL ? NULL : json_loads(line, JSON_REJECT_DUPLICATES, &error);
    *result = NULL;
    points->lines++;
    if (json == NULL) {
        complain(points, line == NULL      ? "it is too long"
                         : errno == ENOMEM ? "no memory to read it"
                                           : error.text);
        return;
    }
    given = json_object_get(json, "result");
    why = why_no_point(json);
    if (json_is_object(given))
        *result = json_incref(given);
    else if (why != NULL)
        complain(points, why);
    else
        keep(points, line);
    json_decref(json);
}

/* ---- giving ---- */

enum feed_fill points_fill(void *source, struct batch *batch, bool over, uint64_t now_ns)
{
    struct points *points = source;

    (void)over, (void)now_ns;
    while (!STAILQ_EMPTY(&points->queue)) {
        const struct point *first = STAILQ_FIRST(&points->queue);

        if (batch_full(batch))
            return FEED_MORE;
        batch_point(batch, first->json, first->size);
        drop_first(points);
    }
    return FEED_ALL;
}

bool points_complete(const struct points *points)
{
    if (points->dropped > 0)
        log_error(
            "%" PRIu64
            " points were dropped: no memory to hold them, or the server took them too slowly",
            points->dropped);
    if (points->bad > 0)
        log_error("%" PRIu64 " of %" PRIu64 " lines were no points", points->bad, points->lines);
    return points->dropped == 0 && points->bad == 0;
}
