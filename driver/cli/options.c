#include "driver/cli/options.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/base/options.h"
#include "common/base/rng.h"
#include "common/base/units.h"
#include "common/contract/leak_spec.h"
#include "driver/chaos.h"
#include "driver/cli/host_options.h"
#include "driver/cli/verbs.h"
#include "driver/nemesis.h"
#include "driver/scenario_load.h"
#include "driver/version.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BASE_PORT 31300 /* below the kernel's ephemeral range */
#define NEAR_NAMES 3
#define NOT_GIVEN UINT64_MAX

static bool set_seed(void *into, const struct option_spec *spec, const char *value, char *why,
                     size_t cap)
{
    struct options *options = into;

    options->seed_given = true;
    return options_set_u64(into, spec, value, why, cap);
}

static bool set_base_port(void *into, const struct option_spec *spec, const char *value, char *why,
                          size_t cap)
{
    struct options *options = into;

    if (!options_set_port(into, spec, value, why, cap))
        return false;
    if (options->base_port >= 1 && options->base_port <= 65536 - SCENARIO_SERVERS)
        return true;
    snprintf(why, cap, "%d leaves no room for %d ports (1 to %d)", options->base_port,
             SCENARIO_SERVERS, 65536 - SCENARIO_SERVERS);
    return false;
}

static bool set_matrix(void *into, const struct option_spec *spec, const char *value, char *why,
                       size_t cap)
{
    struct options *options = into;

    (void)spec;
    options->matrix_given = true;
    if (strcmp(value, "56") == 0) {
        options->matrix = MATRIX_56;
    } else if (strcmp(value, "full") == 0) {
        options->matrix = MATRIX_FULL;
    } else {
        snprintf(why, cap, "'%s' is not a matrix (56 or full)", value);
        return false;
    }
    return true;
}

static bool add_order(struct options *options, const char *value, bool healthy, char *why,
                      size_t cap)
{
    const char *equals = strchr(value, '=');
    struct healthy_spec growth;
    struct leak_spec leak;

    if (equals == NULL || equals == value) {
        snprintf(why, cap, "'%s' is not COMPONENT=SHAPE:BYTES[/EVERY]", value);
        return false;
    }
    if (options->leak_count == OPTIONS_LEAKS_MAX) {
        snprintf(why, cap, "more than %d are planted", OPTIONS_LEAKS_MAX);
        return false;
    }
    if (healthy ? !healthy_spec_parse(equals + 1, &growth, why, cap)
                : !leak_spec_parse(equals + 1, &leak, why, cap))
        return false;
    options->leaks[options->leak_count++] =
        (struct leak_order){value, (size_t)(equals - value), equals + 1, healthy};
    return true;
}

static bool add_leak(void *into, const struct option_spec *spec, const char *value, char *why,
                     size_t cap)
{
    (void)spec;
    return add_order(into, value, false, why, cap);
}

static bool add_healthy(void *into, const struct option_spec *spec, const char *value, char *why,
                        size_t cap)
{
    (void)spec;
    return add_order(into, value, true, why, cap);
}

static bool set_evidence(void *into, const struct option_spec *spec, const char *value, char *why,
                         size_t cap)
{
    struct options *options = into;

    (void)spec;
    options->no_evidence = strcmp(value, "off") == 0;
    if (options->no_evidence || strcmp(value, "auto") == 0)
        return true;
    snprintf(why, cap, "'%s' is neither auto nor off", value);
    return false;
}

/* LOW,HIGH into two members, one after the other. */
static bool set_range(void *into, const struct option_spec *spec, const char *value, char *why,
                      size_t cap)
{
    uint64_t *range = (uint64_t *)((char *)into + spec->offset);
    const char *comma = strchr(value, ',');
    char low[32];

    if (comma != NULL && (size_t)(comma - value) < sizeof low) {
        memcpy(low, value, (size_t)(comma - value));
        low[comma - value] = '\0';
        if (units_parse_duration(low, &range[0]) && units_parse_duration(comma + 1, &range[1]) &&
            range[0] <= range[1])
            return true;
    }
    snprintf(why, cap, "'%s' is not LOW,HIGH, two times (16s,20s)", value);
    return false;
}

static bool set_checkpoints(void *into, const struct option_spec *spec, const char *value,
                            char *why, size_t cap)
{
    const struct options *options = into;

    if (!options_set_u64(into, spec, value, why, cap))
        return false;
    if (options->checkpoints <= SCENARIO_CHECKPOINTS_MAX)
        return true;
    snprintf(why, cap, "%s is more than %d", value, SCENARIO_CHECKPOINTS_MAX);
    return false;
}

#define MEMBER(name) offsetof(struct options, name)
#define HOSTS_MEMBER(name) offsetof(struct options, hosts.name)

/* "freeze,reset" */
static bool set_nemeses(void *into, const struct option_spec *spec, const char *value, char *why,
                        size_t cap)
{
    struct options *options = into;

    (void)spec;
    options->nemeses_given = true;
    return nemesis_parse(value, &options->nemeses, why, cap);
}

#define NEMESIS_NAME(ident, name, hold_ms, loss, deed, effect) " " name
#define NEMESIS_NAMES NEMESIS_TABLE(NEMESIS_NAME)

static const struct option_spec specs[] = {
    {"duration", 0, "TIME", "how long to run once everything is ready (60s)", options_set_duration,
     MEMBER(duration_ns)},
    {"gen-charts", 0, NULL, "draw the run: an SVG for every stable component and index.html",
     options_set_flag, MEMBER(gen_charts)},
    {"scenario", 0, "FILE", "run the fleet of a YAML file (see driver scenario --print-default)",
     options_set_text, MEMBER(scenario_file)},
    {"working-dir", 0, "DIR", "where each run gets a folder of its own (runs)", options_set_text,
     MEMBER(working_dir)},
    {"seed", 0, "N", "of the chaos plan; the same seed gives the same plan (random)", set_seed,
     MEMBER(seed)},
    {"nemesis", 0, "all|none|NAME,...",
     "what befalls servers and clients beside kills: " NEMESIS_NAMES " (none)", set_nemeses, 0},
    {"evidence", 0, "auto|off",
     "when somebody's memory has failed, go on for at most 30 s, unjudged, to find the code that "
     "did it (auto)",
     set_evidence, 0},
    {"rules", 0, "FILE", "what the run is judged by, a YAML file of limits (docs/methods.md)",
     options_set_text, MEMBER(rules_file)},
    {"allow-inconclusive", 0, NULL,
     "end with 0 instead of 4 when nothing failed but not every rule "
     "could be judged",
     options_set_flag, MEMBER(allow_inconclusive)},
    {"verbose", 'v', NULL, "say more", options_set_flag, MEMBER(verbose)},
    {NULL, OPTIONS_FURTHER, NULL, "More of the run:", NULL, 0},
    {"base-port", 0, "N", "the servers listen on N, N+1 and so on (31300)", set_base_port,
     MEMBER(base_port)},
    {"matrix", 0, "56|full", "how many clients: 56, or the full product of 64 (56)", set_matrix, 0},
    {"server-threads", 0, "N", "event loops of each server, each on a thread of its own (1)",
     options_set_threads, MEMBER(server_threads)},
    {"server-heap", 0, "SIZE", "heap cap of each server, RLIMIT_DATA (as calibrated)",
     options_set_size, MEMBER(server_heap)},
    {"client-heap", 0, "SIZE", "heap cap of each client (as calibrated)", options_set_size,
     MEMBER(client_heap)},
    {"checkpoints", 0, "N",
     "how often all traffic pauses shortly, so that live bytes are read at rest; 0: never (10)",
     set_checkpoints, MEMBER(checkpoints)},
    {"sample-interval", 0, "TIME", "between two looks at every process (100ms)",
     options_set_duration, MEMBER(sample_interval_ns)},
    {NULL, 0, NULL, "On many hosts, or reporting to a results server (docs/hosts.md):", NULL, 0},
    {"report-to", 0, "URL", "the results server, http://HOST:PORT or https://",
     host_options_set_report_to, 0},
    {"test", 0, "ID", "what this run is called there; the same on all hosts", host_options_set_test,
     0},
    {"place", 0, "spread|replicate",
     "each component on one host, clients away from their servers; or the whole scenario on every "
     "host (replicate)",
     host_options_set_place, 0},
    {"hosts", 0, "N", "how many there are (by the launcher's environment; else 1)",
     host_options_set_hosts, 0},
    {"rank", 0, "R", "which of them this is, from 0; rank 0 judges the whole (by the launcher's)",
     host_options_set_rank, 0},
    {"host-name", 0, "NAME", "what this host is called (its own name)", host_options_set_name, 0},
    {"host-address", 0, "IP",
     "where its servers listen and other hosts find them; no other than loopback is ever guessed "
     "(127.0.0.1)",
     host_options_set_address, 0},
    {"barrier-timeout", 0, "TIME", "how long to wait for the other hosts to begin (60s)",
     options_set_period, HOSTS_MEMBER(barrier_ns)},
    {"report-token", 0, "FILE", "holds the results server's token", options_set_text,
     HOSTS_MEMBER(token_file)},
    {"report-ca", 0, "FILE", "PEM: what its certificate is checked against", options_set_text,
     HOSTS_MEMBER(ca_file)},
    {NULL, 0, NULL, "For tests:", NULL, 0},
    {"inject-leak", 0, "COMPONENT=SHAPE:BYTES[/EVERY]",
     "let a component leak BYTES (of fd and thread: so many) per event, or per EVERY of them; "
     "repeatable; SHAPE is one of" LEAK_SHAPE_WORDS,
     add_leak, 0},
    {"inject-healthy", 0, "COMPONENT=SHAPE:BYTES[/EVERY]",
     "let a component grow to BYTES, in steps of EVERY messages, and settle: no leak; repeatable; "
     "SHAPE is one of" HEALTHY_SHAPE_WORDS,
     add_healthy, 0},
    {"chaos-after", 0, "LOW,HIGH",
     "unstable components are killed so long after they became ready (16s,20s), but never in the "
     "last 2.5 s of the run, so that every recovery can be seen",
     set_range, MEMBER(chaos_low_ns)},
    {"nemesis-after", 0, "LOW,HIGH",
     "so long after one --nemesis befell a server or its clients the next one does (3s,6s)",
     set_range, MEMBER(nemesis_low_ns)},
    {0},
};

#define VERB_HELP(ident, word, operands, least, most, text) "  " word ": " text "\n"
#define VERB_OWN_HELP(word, operands, function, text) "  " word ": " text "\n"

static const struct option_set set = {
    .program = "driver",
    .usage = "[OPTION]...\n       driver COMMAND [OPTION]... [RUN]...",
    .summary =
        "Runs gRPC servers and clients under heap caps, kills and restarts the unstable ones, "
        "measures every process, and says whether memory stayed flat. The second form does "
        "something else, as a rule on the folder of an earlier run.",
    .specs = specs,
    .epilogue = "Commands, each with a --help of its own:\n" VERB_TABLE(VERB_HELP)
        VERB_OWN_TABLE(VERB_OWN_HELP) "\n"
                                      "Examples:\n"
                                      "  driver --gen-charts\n"
                                      "  driver --duration 10m --seed 42\n"
                                      "  driver --inject-leak server-stable-secure=call:1K\n"
                                      "  driver gate runs/latest\n",
    .print_version = version_print,
    .operands = true,
};

static void refuse_component(const struct scenario *scenario, const char *option, const char *name)
{
    int near[NEAR_NAMES];
    char names[NEAR_NAMES * (COMPONENT_NAME + 2)];
    size_t count = scenario_near(scenario, name, near, NEAR_NAMES), used = 0;

    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : ", ",
                                 scenario->components[near[i]].name);
    options_exit_bad(&set, "--%s: no component '%s'; near: %s", option, name, names);
}

static void plant_leaks(const struct options *options, struct scenario *scenario)
{
    for (size_t i = 0; i < options->leak_count; i++) {
        const struct leak_order *order = &options->leaks[i];
        char name[2 * COMPONENT_NAME];
        int at;

        snprintf(name, sizeof name, "%.*s", (int)order->length, order->component);
        at = scenario_find(scenario, name);
        if (at < 0)
            refuse_component(scenario, order->healthy ? "inject-healthy" : "inject-leak", name);
        if (order->healthy)
            scenario->components[at].healthy = order->shape;
        else
            scenario->components[at].leak = order->shape;
    }
}

/* The built-in fleet without a file. */
static void make_scenario(struct options *options, const char *file)
{
    const struct scenario_settings settings = {.matrix = options->matrix,
                                               .base_port = options->base_port,
                                               .server_threads = options->server_threads,
                                               .server_heap = options->server_heap,
                                               .client_heap = options->client_heap};
    char error[PATH_MAX + 512];

    if (file == NULL && !scenario_build(&options->scenario, &settings)) {
        log_error("no memory");
        exit(STATUS_ENVIRONMENT);
    }
    if (file != NULL && !scenario_load(file, &settings, &options->scenario, error, sizeof error)) {
        log_error("%s", error);
        exit(STATUS_USAGE);
    }
}

static uint64_t choose(uint64_t given, uint64_t in_file, uint64_t otherwise)
{
    return given != NOT_GIVEN ? given : in_file != 0 ? in_file : otherwise;
}

/* The command line, then the file, then what is built in. */
static void settle(struct options *o)
{
    const struct scenario *s = &o->scenario;

    o->duration_ns = choose(o->duration_ns, s->duration_ns, 60 * NS_PER_S);
    o->sample_interval_ns = choose(o->sample_interval_ns, s->sample_interval_ns, 100 * NS_PER_MS);
    o->chaos_low_ns = choose(o->chaos_low_ns, s->chaos_low_ns, CHAOS_AFTER_LOW_NS);
    o->chaos_high_ns = choose(o->chaos_high_ns, s->chaos_high_ns, CHAOS_AFTER_HIGH_NS);
    o->nemesis_low_ns = choose(o->nemesis_low_ns, s->nemesis_low_ns, NEMESIS_AFTER_LOW_NS);
    o->nemesis_high_ns = choose(o->nemesis_high_ns, s->nemesis_high_ns, NEMESIS_AFTER_HIGH_NS);
    if (o->checkpoints == NOT_GIVEN)
        o->checkpoints = s->checkpoints_given ? s->checkpoints : SCENARIO_CHECKPOINTS;
    if (!o->nemeses_given)
        o->nemeses = s->nemeses;
    if (o->seed_given)
        return;
    if (s->seed_given)
        o->seed = s->seed;
    else if (o->hosts.report_to != NULL)
        o->seed = host_options_seed(&o->hosts);
    else
        o->seed = rng_seed_random() % 1000000; /* short enough to be typed again */
}

static void take_run(struct options *options, int argc, char **argv)
{
    int first = options_parse_or_exit(&set, argc, argv, options);
    char error[512];

    if (first < argc &&
        (verbs_find(argv[first]) != VERB_RUN || verbs_find_own(argv[first]) != NULL))
        options_exit_bad(&set, "'%s' must come first: driver %s [OPTION]...", argv[first],
                         argv[first]);
    if (first < argc)
        options_exit_bad(&set, "unexpected argument '%s'", argv[first]);
    if (options->matrix_given && options->scenario_file != NULL)
        options_exit_bad(&set, "--matrix is of the built-in fleet: with --scenario the file says "
                               "which clients there are");
    if (options->duration_ns == 0)
        options_exit_bad(&set, "--duration: a run must last some time");
    if (options->sample_interval_ns != NOT_GIVEN &&
        (options->sample_interval_ns < SCENARIO_INTERVAL_MIN_NS ||
         options->sample_interval_ns > SCENARIO_INTERVAL_MAX_NS))
        options_exit_bad(&set, "--sample-interval: must lie between 10ms and 10s");
    if (!host_options_settle(&options->hosts, error, sizeof error))
        options_exit_bad(&set, "%s", error);
    make_scenario(options, options->scenario_file);
    plant_leaks(options, &options->scenario);
    settle(options);
    if (!host_options_place(options, error, sizeof error))
        options_exit_bad(&set, "%s", error);
}

enum verb options_take(struct options *options, int argc, char **argv)
{
    enum verb verb;

    *options = (struct options){.duration_ns = NOT_GIVEN,
                                .sample_interval_ns = NOT_GIVEN,
                                .checkpoints = NOT_GIVEN,
                                .working_dir = "runs",
                                .server_threads = 1,
                                .base_port = DEFAULT_BASE_PORT,
                                .chaos_low_ns = NOT_GIVEN,
                                .chaos_high_ns = NOT_GIVEN,
                                .nemesis_low_ns = NOT_GIVEN,
                                .nemesis_high_ns = NOT_GIVEN,
                                .hosts.rank = -1};
    if (argc < 2 || argv[1][0] == '-') {
        take_run(options, argc, argv);
        return VERB_RUN;
    }
    verb = verbs_find(argv[1]);
    if (verb == VERB_RUN) {
        char words[256];

        options_exit_bad(&set, "unknown command '%s'; there are %s", argv[1],
                         verbs_list(words, sizeof words));
    }
    verbs_take(options, verb, argc - 1, argv + 1);
    if (verb == VERB_SELFCHECK)
        settle(options);
    if (verb == VERB_SCENARIO)
        make_scenario(options, options->check_file);
    return verb;
}
