#include "driver/sweep/flame_options.h"

#include "common/base/options.h"
#include "driver/sweep/sweep.h"
#include "driver/version.h"

#include <stdio.h>
#include <string.h>

/* What a gRPC implementation takes by default, less what stands around a body of ours. */
#define PACKET_MAX ((UINT64_C(4) << 20) - 16)
#define STREAMS_MAX UINT64_C(1000000)

#define MEMBER(name) offsetof(struct flame_options, name)

static bool set_impl(void *into, const struct option_spec *spec, const char *value, char *why,
                     size_t cap)
{
    struct flame_options *o = into;
    const char *names[SWEEP_VALUES_MAX];

    (void)spec;
    if (o->storage != NULL) {
        snprintf(why, cap, "is given twice; names are separated by commas");
        return false;
    }
    o->impls = value;
    if (!sweep_split(value, names, &o->impl_count, &o->storage, why, cap))
        return false;
    if (o->impl_count > FLAME_IMPLS_MAX) {
        snprintf(why, cap, "more than %d names", FLAME_IMPLS_MAX);
        return false;
    }
    for (size_t i = 0; i < o->impl_count; i++) {
        o->impl[i] = names[i];
        if (strspn(names[i],
                   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-") ==
                strlen(names[i]) &&
            names[i][0] != '.')
            continue;
        snprintf(why, cap, "'%s' cannot be the name of a folder", names[i]);
        return false;
    }
    return true;
}

static bool set_bytes(void *into, const struct option_spec *spec, const char *value, char *why,
                      size_t cap)
{
    struct flame_options *o = into;

    if (!options_set_size(into, spec, value, why, cap))
        return false;
    if (spec->offset == MEMBER(per_stream))
        o->per_stream_text = value;
    else
        o->per_packet_text = value;
    return true;
}

static bool set_call_graph(void *into, const struct option_spec *spec, const char *value, char *why,
                           size_t cap)
{
    if (strcmp(value, "fp") == 0 || strcmp(value, "dwarf") == 0)
        return options_set_text(into, spec, value, why, cap);
    snprintf(why, cap, "'%s' is neither fp nor dwarf", value);
    return false;
}

static bool set_only(void *into, const struct option_spec *spec, const char *value, char *why,
                     size_t cap)
{
    struct flame_options *o = into;

    (void)spec;
    o->only_cpu = strcmp(value, "cpu") == 0;
    o->only_heap = strcmp(value, "heap") == 0;
    if (o->only_cpu || o->only_heap)
        return true;
    snprintf(why, cap, "'%s' is neither cpu nor heap", value);
    return false;
}

static bool set_diff(void *into, const struct option_spec *spec, const char *value, char *why,
                     size_t cap)
{
    struct flame_options *o = into;

    (void)spec, (void)value, (void)why, (void)cap;
    o->task = FLAME_DIFF;
    return true;
}

static bool set_table(void *into, const struct option_spec *spec, const char *value, char *why,
                      size_t cap)
{
    struct flame_options *o = into;

    o->task = FLAME_TABLE;
    return options_set_text(into, spec, value, why, cap);
}

static const struct option_spec specs[] = {
    {NULL, 0, NULL, "Record", NULL, 0},
    {"impl", 0, "NAME,...", "whose server: ours, grpc-cpp, grpc-js, grpcio", set_impl, 0},
    {"scenario", 0, "FILE", "its first server without TLS; NAME is just a name then",
     options_set_text, MEMBER(scenario_file)},
    {"streams", 0, "N", "so many, one after another on one connection", options_set_u64,
     MEMBER(streams)},
    {"per-stream", 0, "BYTES", "that the client sends on each", set_bytes, MEMBER(per_stream)},
    {"per-packet", 0, "BYTES", "of each message", set_bytes, MEMBER(per_packet)},
    {"observer", 0, NULL, "record a second client too, which is connected and idle",
     options_set_flag, MEMBER(observer)},
    {"debug", 0, NULL, "both ends log what they can", options_set_flag, MEMBER(debug)},
    {"call-graph", 0, "HOW",
     "perf finds callers by fp or dwarf (dwarf; fp where code is made at run time)", set_call_graph,
     MEMBER(call_graph)},
    {"only", 0, "WHAT", "cpu or heap, instead of both", set_only, 0},
    {"out", 0, "DIR", "the results: DIR/NAME/DATE-VERSION-...", options_set_text, MEMBER(out)},
    {"resume", 0, NULL, "only what has no finished result of the same traffic there yet",
     options_set_flag, MEMBER(resume)},
    {NULL, 0, NULL, "Look at results", NULL, 0},
    {"diff", 0, NULL, "draw what differs from result A to result B, into --out DIR", set_diff, 0},
    {"table", 0, "DIR", "print time, CPU per message and memory of the results in DIR", set_table,
     MEMBER(table)},
    {"verbose", 'v', NULL, "say more", options_set_flag, MEMBER(verbose)},
    {0},
};

static const struct option_set set = {
    .program = "driver flame",
    .usage = "--impl NAME,... --streams N --per-stream B --per-packet B\n"
             "           --out DIR\n"
             "       driver flame --diff A B --out DIR\n"
             "       driver flame --table DIR",
    .summary = "Flame graphs of a client (c1), an idle observer (o1) and a server (s1) under set "
               "traffic: where the time goes, and what is allocated.",
    .specs = specs,
    .epilogue = "Exits 0 done; 1 the traffic failed; 2 usage; 3 environment, such as no perf; 130\n"
                "interrupted.\n"
                "  driver flame --impl ours,grpc-js --streams 100 --per-stream 10M\n"
                "      --per-packet 1K --observer --out flames\n"
                "  driver flame --diff flames/ours/A flames/ours/B --out flames/diff\n",
    .print_version = version_print,
    .operands = true,
};

uint64_t flame_options_packets(const struct flame_options *options)
{
    return options->per_stream / options->per_packet;
}

static void check_record(const struct flame_options *o)
{
    if (o->impl_count == 0)
        options_exit_bad(&set, "--impl is missing");
    if (o->scenario_file != NULL && o->impl_count > 1)
        options_exit_bad(&set, "--scenario names one server: give it one --impl");
    if (o->streams == 0 || o->per_stream == 0 || o->per_packet == 0)
        options_exit_bad(&set, "--streams, --per-stream and --per-packet are needed, and more "
                               "than 0");
    if (o->streams > STREAMS_MAX)
        options_exit_bad(&set, "--streams: more than a million");
    if (o->per_packet > PACKET_MAX)
        options_exit_bad(&set, "--per-packet: more than %llu bytes, which is what servers take",
                         (unsigned long long)PACKET_MAX);
    if (o->per_stream % o->per_packet != 0)
        options_exit_bad(&set, "--per-stream %s is no multiple of --per-packet %s",
                         o->per_stream_text, o->per_packet_text);
}

static void check(const struct flame_options *o, int operands)
{
    bool recording = o->impl_count > 0 || o->scenario_file != NULL || o->streams > 0 ||
                     o->per_stream_text != NULL || o->per_packet_text != NULL || o->observer ||
                     o->debug || o->only_cpu || o->only_heap || o->call_graph != NULL || o->resume;

    if (o->task != FLAME_RECORD && recording)
        options_exit_bad(&set, "%s takes nothing of what records",
                         o->task == FLAME_DIFF ? "--diff" : "--table");
    if (o->task == FLAME_DIFF && operands != 2)
        options_exit_bad(&set, "--diff: give it two results, A and B");
    if (o->task == FLAME_DIFF && o->table != NULL)
        options_exit_bad(&set, "--diff contradicts --table");
    if (o->task != FLAME_DIFF && operands > 0)
        options_exit_bad(&set, "unexpected argument '%s'", o->base);
    if (o->task == FLAME_TABLE && o->out != NULL)
        options_exit_bad(&set, "--table prints, --out is not for it");
    if (o->task != FLAME_TABLE && o->out == NULL)
        options_exit_bad(&set, "--out is missing");
    if (o->task == FLAME_RECORD)
        check_record(o);
}

void flame_options_take(struct flame_options *options, int argc, char **argv)
{
    int first;

    *options = (struct flame_options){.argc = argc, .argv = argv};
    first = options_parse_or_exit(&set, argc, argv, options);
    if (first < argc)
        options->base = argv[first];
    if (first + 1 < argc)
        options->changed = argv[first + 1];
    check(options, argc - first);
}
