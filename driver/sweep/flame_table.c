#include "driver/sweep/flame_table.h"

#include "common/base/log.h"
#include "common/base/units.h"
#include "driver/sweep/manifest.h"

#include <glob.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#define CELL 64

/* Columns: heading, width; the first two are texts, to the left. */
#define COLUMN_TABLE(X)      \
    X("implementation", -14) \
    X("version", -22)        \
    X("streams", 8)          \
    X("per stream", 11)      \
    X("per packet", 11)      \
    X("debug", 6)            \
    X("wall s", 9)           \
    X("c1 us/message", 14)   \
    X("s1 us/message", 14)   \
    X("c1 peak", 10)         \
    X("s1 peak", 10)

#define COLUMN_ROW(name, width) {name, width},
static const struct {
    const char *name;
    int width;
} columns[] = {COLUMN_TABLE(COLUMN_ROW)};
#undef COLUMN_ROW
#define COLUMNS (sizeof columns / sizeof *columns)

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "?" : text;
}

static char *size_of(const json_t *object, const char *name, char out[CELL])
{
    json_int_t bytes = json_integer_value(json_object_get(object, name));

    if (bytes <= 0) {
        strcpy(out, "-");
        return out;
    }
    return units_format_size((uint64_t)bytes, out, CELL);
}

static char *real_of(const json_t *object, const char *name, int digits, char out[CELL])
{
    snprintf(out, CELL, "%.*f", digits, json_number_value(json_object_get(object, name)));
    return out;
}

static void put_row(const char *const cells[COLUMNS], FILE *out)
{
    for (size_t i = 0; i < COLUMNS; i++)
        fprintf(out, "%s%*s", i > 0 ? " " : "", columns[i].width, cells[i]);
    putc('\n', out);
}

static void put_heading(FILE *out)
{
    const char *cells[COLUMNS];

    for (size_t i = 0; i < COLUMNS; i++)
        cells[i] = columns[i].name;
    put_row(cells, out);
}

static void put_result(const json_t *manifest, FILE *out)
{
    const json_t *settings = json_object_get(manifest, "settings");
    const json_t *result = json_object_get(manifest, "result");
    const json_t *peaks = json_object_get(result, "peak_rss_bytes");
    char streams[CELL], per_stream[CELL], per_packet[CELL], wall[CELL], client[CELL], server[CELL];
    char client_peak[CELL], server_peak[CELL];
    const char *const cells[COLUMNS] = {
        text_of(settings, "impl"),
        text_of(json_object_get(manifest, "server"), "version"),
        streams,
        size_of(settings, "per_stream_bytes", per_stream),
        size_of(settings, "per_packet_bytes", per_packet),
        json_is_true(json_object_get(settings, "debug")) ? "on" : "off",
        real_of(result, "wall_s", 3, wall),
        real_of(result, "client_cpu_per_message_us", 2, client),
        real_of(result, "server_cpu_per_message_us", 2, server),
        size_of(peaks, "c1", client_peak),
        size_of(peaks, "s1", server_peak),
    };

    snprintf(streams, sizeof streams, "%" JSON_INTEGER_FORMAT,
             json_integer_value(json_object_get(settings, "streams")));
    put_row(cells, out);
}

static bool is_result(const json_t *manifest)
{
    return json_is_true(json_object_get(manifest, "finished")) &&
           strcmp(text_of(manifest, "command"), "flame") == 0;
}

size_t flame_table_print(const char *folder, FILE *out)
{
    char pattern[PATH_MAX], error[PATH_MAX + 256];
    size_t count = 0;
    glob_t found;

    snprintf(pattern, sizeof pattern, "%s/*/*/" MANIFEST_NAME, folder);
    if (glob(pattern, 0, NULL, &found) != 0)
        return 0;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        json_t *manifest;

        *strrchr(found.gl_pathv[i], '/') = '\0';
        manifest = manifest_read(found.gl_pathv[i], error, sizeof error);
        if (manifest == NULL && *error != '\0')
            log_warn("%s", error);
        if (is_result(manifest)) {
            if (count++ == 0)
                put_heading(out);
            put_result(manifest, out);
        }
        json_decref(manifest);
    }
    globfree(&found);
    return count;
}
