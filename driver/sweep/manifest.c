#include "driver/sweep/manifest.h"

#include "common/base/clock.h"
#include "driver/sweep/tree.h"
#include "driver/version.h"

#include <errno.h>
#include <ev.h>
#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define STAMP 32

static json_t *stamp_new(void)
{
    uint64_t now = clock_wall_ns();
    time_t seconds = (time_t)(now / NS_PER_S);
    char text[STAMP], whole[2 * STAMP];
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(whole, sizeof whole, "%s.%03uZ", text, (unsigned)(now % NS_PER_S / NS_PER_MS));
    return json_string(whole);
}

static json_t *versions_new(void)
{
    char libev[32];

    snprintf(libev, sizeof libev, "%d.%d", ev_version_major(), ev_version_minor());
    return json_pack("{s:s, s:s, s:s, s:s}", "flatline", version_number(), "libev", libev, "sqlite",
                     sqlite3_libversion(), "jansson", JANSSON_VERSION);
}

static json_t *host_new(void)
{
    json_int_t memory = (json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    struct utsname name;

    if (uname(&name) < 0)
        memset(&name, 0, sizeof name);
    return json_pack("{s:s, s:s, s:s, s:I, s:I}", "name", name.nodename, "kernel", name.release,
                     "machine", name.machine, "cpus", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN),
                     "memory_bytes", memory);
}

json_t *manifest_new(const char *command, int argc, char **argv, uint64_t seed)
{
    json_t *words = json_array();

    for (int i = 0; i < argc; i++)
        json_array_append_new(words, json_string(argv[i]));
    return json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "schema", MANIFEST_SCHEMA,
                     "command", command, "argv", words, "versions", versions_new(), "host",
                     host_new(), "seed", seed == 0 ? json_null() : json_integer((json_int_t)seed),
                     "started", stamp_new(), "finished", 0);
}

bool manifest_write(json_t *manifest, const char *dir, bool finished, char *error, size_t cap)
{
    char *text;
    bool written;

    json_object_set_new(manifest, "finished", json_boolean(finished));
    if (finished)
        json_object_set_new(manifest, "ended", stamp_new());
    text = json_dumps(manifest, JSON_INDENT(2));
    if (text == NULL) {
        snprintf(error, cap, "no memory");
        return false;
    }
    written = tree_write_file(dir, MANIFEST_NAME, text, error, cap);
    free(text);
    return written;
}

json_t *manifest_read(const char *dir, char *error, size_t cap)
{
    char path[PATH_MAX];
    json_error_t why;
    json_t *manifest;

    *error = '\0';
    snprintf(path, sizeof path, "%s/" MANIFEST_NAME, dir);
    if (access(path, F_OK) < 0)
        return NULL;
    manifest = json_load_file(path, 0, &why);
    if (json_is_object(manifest))
        return manifest;
    if (manifest == NULL)
        snprintf(error, cap, "%s, line %d: %s", path, why.line, why.text);
    else
        snprintf(error, cap, "%s is no manifest", path);
    json_decref(manifest);
    return NULL;
}

bool manifest_is_finished(const char *dir)
{
    char error[PATH_MAX + 256];
    json_t *manifest = manifest_read(dir, error, sizeof error);
    bool finished = json_is_true(json_object_get(manifest, "finished"));

    json_decref(manifest);
    return finished;
}

/* "100", "0ms,20ms" */
static void show(const json_t *value, char *out, size_t cap)
{
    char *text;

    if (json_is_string(value)) {
        snprintf(out, cap, "%s", json_string_value(value));
        return;
    }
    text = value == NULL ? NULL : json_dumps(value, JSON_ENCODE_ANY);
    snprintf(out, cap, "%s", text == NULL ? "nothing" : text);
    free(text);
}

bool manifest_agrees(const json_t *manifest, const json_t *settings, char *error, size_t cap)
{
    const json_t *before = json_object_get(manifest, "settings");
    char then[128], now[128];
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)settings, name, value)
    {
        const json_t *other = json_object_get(before, name);

        if (other != NULL && json_equal(other, value))
            continue;
        show(other, then, sizeof then);
        show(value, now, sizeof now);
        snprintf(error, cap, "--%s was %s and is now %s", name, then, now);
        return false;
    }
    return true;
}
