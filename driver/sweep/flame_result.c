#include "driver/sweep/flame_result.h"

#include "common/base/clock.h"
#include "driver/sweep/manifest.h"
#include "driver/sweep/perf.h"
#include "driver/sweep/tree.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <time.h>

static const char *const suffixes[FLAME_KINDS] = {
#define KIND_SUFFIX(ident, suffix) [FLAME_##ident] = (suffix),
    FLAME_KIND_TABLE(KIND_SUFFIX)
#undef KIND_SUFFIX
};

char *flame_result_file(enum flame_role role, enum flame_kind kind, const char *extension,
                        char *out, size_t cap)
{
    snprintf(out, cap, "%s%s.%s", flame_role_name(role), suffixes[kind], extension);
    return out;
}

char *flame_result_name(const struct flame_options *options, const struct flame_impl *impl,
                        char *out, size_t cap)
{
    time_t now = (time_t)(clock_wall_ns() / NS_PER_S);
    char date[32];
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(date, sizeof date, "%Y%m%dT%H%M%SZ", &tm);
    snprintf(out, cap, "%s-%s-%llu_%s_%s-debug_%s", date, impl->version,
             (unsigned long long)options->streams, options->per_stream_text,
             options->per_packet_text, options->debug ? "on" : "off");
    return out;
}

static json_t *per_message(double seconds, uint64_t messages)
{
    return json_real(messages > 0 ? 1e6 * seconds / (double)messages : 0);
}

static json_t *peaks(const struct flame_result *result)
{
    json_t *peaks = json_object();

    for (int role = 0; role < FLAME_ROLES; role++) {
        if (result->peak_rss[role] > 0)
            json_object_set_new(peaks, flame_role_name((enum flame_role)role),
                                json_integer((json_int_t)result->peak_rss[role]));
    }
    return peaks;
}

static json_t *samples(const struct flame_options *options, const struct flame_result *result)
{
    json_t *samples = json_object();

    for (int role = 0; role < FLAME_ROLES; role++) {
        if (role != FLAME_OBSERVER || options->observer)
            json_object_set_new(samples, flame_role_name((enum flame_role)role),
                                json_integer((json_int_t)result->samples[role]));
    }
    return samples;
}

static json_t *settings_of(const struct flame_options *options, const struct flame_impl *impl)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:b, s:b, s:s, s:s}", "impl", impl->name,
                     "scenario", options->scenario_file != NULL ? options->scenario_file : "",
                     "streams", (json_int_t)options->streams, "per_stream_bytes",
                     (json_int_t)options->per_stream, "per_packet_bytes",
                     (json_int_t)options->per_packet, "observer", options->observer, "debug",
                     options->debug, "call_graph",
                     options->call_graph != NULL ? options->call_graph : "", "only",
                     options->only_cpu    ? "cpu"
                     : options->only_heap ? "heap"
                                          : "");
}

static bool is_of(const char *dir, const json_t *settings, const char *version)
{
    char error[1024];
    json_t *manifest = manifest_read(dir, error, sizeof error);
    const char *its =
        json_string_value(json_object_get(json_object_get(manifest, "server"), "version"));
    bool same = json_is_true(json_object_get(manifest, "finished")) && its != NULL &&
                strcmp(its, version) == 0 &&
                json_equal(json_object_get(manifest, "settings"), settings);

    json_decref(manifest);
    return same;
}

bool flame_result_find(const struct flame_options *options, const struct flame_impl *impl,
                       char *path, size_t cap)
{
    json_t *settings = settings_of(options, impl);
    const struct dirent *entry;
    char parent[PATH_MAX];
    bool found = false;
    DIR *dir;

    snprintf(parent, sizeof parent, "%s/%s", options->out, impl->name);
    dir = opendir(parent);
    while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
        snprintf(path, cap, "%s/%s", parent, entry->d_name);
        found = is_of(path, settings, impl->version);
    }
    if (dir != NULL)
        closedir(dir);
    json_decref(settings);
    return found;
}

void flame_result_describe(json_t *manifest, const struct flame_options *options,
                           const struct flame_impl *impl, const struct flame_result *result)
{
    json_t *found = json_pack("{s:I, s:f, s:f, s:f}", "messages", (json_int_t)result->messages,
                              "wall_s", result->wall_s, "client_cpu_s", result->client_cpu_s,
                              "server_cpu_s", result->server_cpu_s);

    json_object_set_new(manifest, "settings", settings_of(options, impl));
    json_object_set_new(manifest, "server",
                        json_pack("{s:s, s:s, s:s}", "program", impl->program, "version",
                                  impl->version, "says", impl->version_line));
    json_object_set_new(found, "client_cpu_per_message_us",
                        per_message(result->client_cpu_s, result->messages));
    json_object_set_new(found, "server_cpu_per_message_us",
                        per_message(result->server_cpu_s, result->messages));
    json_object_set_new(found, "peak_rss_bytes", peaks(result));
    if (result->call_graph != NULL) {
        json_object_set_new(found, "samples", samples(options, result));
        json_object_set_new(found, "sampled_hz", json_integer(PERF_FREQUENCY));
        json_object_set_new(found, "server_call_graph", json_string(result->call_graph));
    }
    json_object_set_new(manifest, "result", found);
}

bool flame_result_write_duration(const char *dir, const struct flame_result *result, char *error,
                                 size_t cap)
{
    char text[128];

    snprintf(text, sizeof text, "wall %.6f s\ncpu %.6f s\n", result->wall_s, result->client_cpu_s);
    return tree_write_file(dir, FLAME_DURATION, text, error, cap);
}

char *flame_result_label(const char *dir, char *out, size_t cap)
{
    char error[1024];
    json_t *manifest = manifest_read(dir, error, sizeof error);
    const char *impl =
        json_string_value(json_object_get(json_object_get(manifest, "settings"), "impl"));
    const char *version =
        json_string_value(json_object_get(json_object_get(manifest, "server"), "version"));

    if (impl != NULL && version != NULL)
        snprintf(out, cap, "%s %s", impl, version);
    else
        snprintf(out, cap, "%s", dir);
    json_decref(manifest);
    return out;
}
