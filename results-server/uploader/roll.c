#include "results-server/uploader/roll.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMED_MAX 20

static void append(char *out, size_t cap, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void append(char *out, size_t cap, const char *format, ...)
{
    size_t used = strlen(out);
    va_list args;

    va_start(args, format);
    vsnprintf(out + used, cap - used, format, args);
    va_end(args);
}

static bool is_there(const json_t *hosts, uint64_t rank, bool ready)
{
    size_t i;
    json_t *host;

    json_array_foreach(hosts, i, host)
    {
        if (json_integer_value(json_object_get(host, "rank")) == (json_int_t)rank)
            return !ready || json_is_true(json_object_get(host, "ready"));
    }
    return false;
}

uint64_t roll_missing(const json_t *hosts, uint64_t size, bool ready, char *out, size_t cap)
{
    uint64_t missing = 0;

    *out = '\0';
    for (uint64_t rank = 0; rank < size && missing <= NAMED_MAX; rank++) {
        if (is_there(hosts, rank, ready))
            continue;
        if (++missing <= NAMED_MAX)
            append(out, cap, "%s%" PRIu64, missing == 1 ? "" : ", ", rank);
        else
            append(out, cap, " and more");
    }
    append(out, cap, " of %" PRIu64, size);
    return missing;
}

void roll_ended(const json_t *view, const char *but, char *out, size_t cap)
{
    size_t i;
    json_t *peer;

    *out = '\0';
    json_array_foreach(json_object_get(view, "peers"), i, peer)
    {
        const json_t *result = json_object_get(peer, "result");
        const char *name = json_string_value(json_object_get(peer, "name"));
        const char *verdict = json_string_value(json_object_get(result, "verdict"));
        const char *reason = json_string_value(json_object_get(result, "reason"));

        if (result == NULL || name == NULL || strcmp(name, but) == 0)
            continue;
        append(out, cap, "%s%s (%s%s%s)", *out == '\0' ? "" : ", ", name,
               verdict == NULL ? "?" : verdict, reason == NULL ? "" : ": ",
               reason == NULL ? "" : reason);
    }
}
