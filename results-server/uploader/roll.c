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

/* Which of the ranks below size are as they have to be; the caller's. NULL: no memory. */
static bool *call(const json_t *hosts, uint64_t size, bool ready)
{
    bool *here = calloc(size, sizeof *here);
    size_t i;
    json_t *host;

    json_array_foreach(hosts, i, host)
    {
        json_int_t rank = json_integer_value(json_object_get(host, "rank"));

        if (here != NULL && rank >= 0 && (uint64_t)rank < size)
            here[rank] = !ready || json_is_true(json_object_get(host, "ready"));
    }
    return here;
}

uint64_t roll_missing(const json_t *hosts, uint64_t size, bool ready, char *out, size_t cap)
{
    bool *here = call(hosts, size, ready);
    uint64_t missing = 0;

    *out = '\0';
    for (uint64_t rank = 0; rank < size; rank++) {
        if (here != NULL && here[rank])
            continue;
        if (++missing <= NAMED_MAX)
            append(out, cap, "%s%" PRIu64, missing == 1 ? "" : ", ", rank);
    }
    if (missing > NAMED_MAX)
        append(out, cap, " and %" PRIu64 " more", missing - NAMED_MAX);
    append(out, cap, " of %" PRIu64, size);
    free(here);
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
