/* Scenario files: what they come to, and how wrong ones are refused. */
#include "driver/chaos.h"
#include "driver/fleet.h"
#include "driver/nemesis.h"
#include "driver/scenario_load.h"
#include "driver/scenario_print.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVER "servers:\n  - name: s\n"
#define CLIENT "clients:\n  - {name: c, server: s, pattern: bidi-stream}\n"

static const struct scenario_settings settings = {.base_port = 31300, .server_threads = 1};

/* False: error says why. */
static bool load(const char *text, struct scenario *s, char *error, size_t cap)
{
    struct doc *doc = doc_new_text("f", text, strlen(text), error, cap);
    bool ok;

    *s = (struct scenario){0};
    if (doc == NULL)
        return false;
    ok = scenario_take(doc, &settings, s);
    if (!ok)
        snprintf(error, cap, "%s", doc_error(doc));
    doc_free(doc);
    return ok;
}

static void load_good(const char *text, struct scenario *s)
{
    char error[512] = "";

    if (!load(text, s, error, sizeof error))
        fail_msg("%s", error);
    if (s->components == NULL)
        abort(); /* what the analyzer takes for an end */
}

static char *print(const struct scenario *s)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    scenario_print(s, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_same(const struct scenario *a, const struct scenario *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->duration_ns, b->duration_ns);
    assert_int_equal(a->sample_interval_ns, b->sample_interval_ns);
    assert_int_equal(a->checkpoints, b->checkpoints);
    assert_int_equal(a->checkpoints_given, b->checkpoints_given);
    assert_int_equal(a->chaos_low_ns, b->chaos_low_ns);
    assert_int_equal(a->chaos_high_ns, b->chaos_high_ns);
    assert_int_equal(a->nemeses, b->nemeses);
    assert_int_equal(a->nemesis_low_ns, b->nemesis_low_ns);
    assert_int_equal(a->nemesis_high_ns, b->nemesis_high_ns);
    assert_int_equal(a->seed, b->seed);
    assert_int_equal(a->seed_given, b->seed_given);
    assert_int_equal(a->count, b->count);
    if (a->components == NULL || b->components == NULL)
        abort();
    for (size_t i = 0; i < a->count; i++) {
        const struct component *x = &a->components[i], *y = &b->components[i];

        assert_string_equal(x->name, y->name);
        assert_int_equal(x->server, y->server);
        assert_int_equal(x->stable, y->stable);
        assert_int_equal(x->secure, y->secure);
        assert_int_equal(x->pattern, y->pattern);
        assert_int_equal(x->service, y->service);
        assert_int_equal(x->port, y->port);
        assert_int_equal(x->peer, y->peer);
        if (x->server)
            assert_int_equal(x->threads, y->threads);
        assert_int_equal(x->cap, y->cap);
        assert_int_equal(x->heap_cap, y->heap_cap);
        assert_int_equal(x->group_cap, y->group_cap);
        assert_int_equal(x->ready, y->ready);
        assert_int_equal(x->ready_limit_ns, y->ready_limit_ns);
        assert_int_equal(x->kill, y->kill);
    }
}

/* Commands and the plan of kills, word for word. */
static void assert_same_run(const struct scenario *a, const struct scenario *b)
{
    const struct fleet_paths paths = {"/x/server", "/x/client", "run/tls",          NULL,
                                      NULL,        NULL,        "run/tls/cert.pem", false};
    struct fleet *x = fleet_new(a, &paths), *y = fleet_new(b, &paths);
    const struct chaos chaos = {42, CHAOS_AFTER_LOW_NS, CHAOS_AFTER_HIGH_NS};

    assert_non_null(x);
    assert_non_null(y);
    for (size_t i = 0; i < a->count; i++) {
        struct chaos_kill kill = chaos_plan(&chaos, &a->components[i], 1);
        struct chaos_kill same = chaos_plan(&chaos, &b->components[i], 1);

        assert_string_equal(x->commands[i].shell, y->commands[i].shell);
        assert_int_equal(kill.after_ready_ns, same.after_ready_ns);
        assert_int_equal(kill.signal, same.signal);
    }
    fleet_free(x);
    fleet_free(y);
}

static void what_is_printed_reads_back_the_same(void **state)
{
    static const struct scenario_settings fleets[] = {
        {.matrix = MATRIX_56, .base_port = 31300, .server_threads = 1},
        {.matrix = MATRIX_FULL, .base_port = 20000, .server_threads = 4},
        {.matrix = MATRIX_56, .base_port = 1, .server_heap = 12345678, .client_heap = 64 << 20},
    };

    (void)state;
    for (size_t i = 0; i < sizeof fleets / sizeof *fleets; i++) {
        struct scenario built = {0}, again;
        char *text;

        assert_true(scenario_build(&built, &fleets[i]));
        if (i == 1) {
            built.duration_ns = 90 * NS_PER_S;
            built.sample_interval_ns = 250 * NS_PER_MS;
            built.checkpoints = 0;
            built.chaos_low_ns = 1500001;
            built.chaos_high_ns = 2 * NS_PER_S;
            built.nemeses = 1u << NEMESIS_FREEZE | 1u << NEMESIS_GOAWAY;
            built.nemesis_low_ns = NS_PER_S;
            built.nemesis_high_ns = NS_PER_S;
            built.seed = UINT64_MAX;
            built.seed_given = true;
        }
        for (size_t k = 0; k < built.count && i == 2; k++)
            built.components[k].threads = 1;
        text = print(&built);
        load_good(text, &again);
        assert_same(&built, &again);
        assert_same_run(&built, &again);
        free(text);
        scenario_clear(&built);
        scenario_clear(&again);
    }
}

static void other_peoples_programs_read_back_the_same(void **state)
{
    static const char text[] =
        "servers:\n"
        "  - name: s\n"
        "    command: [/x/serve, '--port={port}', \"it's\\n\\\\\", '${port} {\"a\": 1}']\n"
        "    env: ['PORT={port}', 'EMPTY=']\n"
        "    ready: {by: health, timeout: 2500ms}\n"
        "    coverage: native\n"
        "    kill: SIGTERM\n"
        "    stable: false\n"
        "    secure: true\n"
        "  - {name: t, command: 'exec serve {port}', cap: 512M, ready: {timeout: 7s}}\n"
        "clients:\n"
        "  - {name: c, server: s, command: [/x/call, '{host}:{port}', '{cert}', '{key}'],"
        " cap: {kind: cgroup, size: 96M}}\n"
        "  - {name: d, server: s, patterns: [bidi-stream], env: [A=B]}\n"
        "  - {name: e, server: s, count: 2, arguments: [--routine, peer, --peer, '{name}']}\n";
    struct scenario s, again;
    char *printed;

    (void)state;
    load_good(text, &s);
    assert_int_equal(s.components[1].ready, READY_TCP);
    assert_int_equal(s.components[1].cap, CAP_DATA);
    assert_int_equal(s.components[2].ready, READY_START);
    assert_int_equal(s.components[0].cap, CAP_NONE);
    assert_int_equal(s.components[2].cap, CAP_CGROUP);
    assert_int_equal(s.components[2].heap_cap, 0);
    assert_int_equal(s.components[2].group_cap, 96 << 20);
    printed = print(&s);
    load_good(printed, &again);
    assert_same(&s, &again);
    assert_same_run(&s, &again);
    free(printed);
    scenario_clear(&s);
    scenario_clear(&again);
}

static void limits_are_taken_by_their_units(void **state)
{
    struct scenario s, again;
    char *printed;

    (void)state;
    load_good("limits: {heap-share: 0.8, recovery: 3s, closed: 64K, growth: 2K}\n" SERVER CLIENT,
              &s);
    assert_int_equal(s.limit_count, 4);
    printed = print(&s);
    load_good(printed, &again);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(again.limits[i].name, s.limits[i].name);
        assert_true(again.limits[i].value == s.limits[i].value);
    }
    assert_true(s.limits[0].value == 0.8);
    assert_true(s.limits[1].value == 3e9);
    assert_true(s.limits[2].value == 65536);
    free(printed);
    scenario_clear(&s);
    scenario_clear(&again);
}

static void placeholders_become_what_they_stand_for(void **state)
{
    static const char *const base[] = {"PATH=/bin", "PORT=1", "Z=2", NULL};
    const struct fleet_paths paths = {.server = "/x/server",
                                      .client = "/x/client",
                                      .tls_dir = "/nowhere/tls",
                                      .trust = "/nowhere/tls/cert.pem",
                                      .environment = (char *const *)base};
    struct scenario s;
    struct fleet *fleet;

    (void)state;
    load_good(
        "servers:\n"
        "  - {name: s, command: [/x/s, '{port}', '${port}', 'a{key}b', '{'], env: ['PORT={port}'],"
        " ready: health, secure: true}\n"
        "clients: [{name: c, server: s, command: 'exec /x/c {host}:{port} {cert}'}]\n",
        &s);
    fleet = fleet_new(&s, &paths);
    assert_non_null(fleet);
    assert_string_equal(fleet->commands[0].shell,
                        "env PORT=31300 /x/s 31300 '${port}' a/nowhere/tls/key.pemb '{'");
    assert_string_equal(fleet->commands[0].environment[0], "PORT=31300");
    assert_string_equal(fleet->commands[0].environment[1], "PATH=/bin");
    assert_string_equal(fleet->commands[0].environment[2], "Z=2");
    assert_null(fleet->commands[0].environment[3]);
    assert_string_equal(fleet->commands[0].probe[0], "/x/client");
    assert_string_equal(fleet->commands[1].shell,
                        "/bin/sh -c 'exec /x/c 127.0.0.1:31300 /nowhere/tls/cert.pem'");
    assert_null(fleet->commands[1].environment);
    assert_null(fleet->commands[1].probe);
    fleet_free(fleet);
    scenario_clear(&s);
}

static void our_own_programs_take_arguments(void **state)
{
    const struct fleet_paths paths = {
        .server = "/x/server", .client = "/x/client", .tls_dir = "/nowhere/tls"};
    struct scenario s;
    struct fleet *fleet;

    (void)state;
    load_good("servers: [{name: s, arguments: [--relay-queue, 9]}]\n"
              "clients: [{name: c, server: s, count: 2, arguments: [--peer, '{name}']}]\n",
              &s);
    fleet = fleet_new(&s, &paths);
    assert_non_null(fleet);
    assert_non_null(strstr(fleet->commands[0].shell, " --relay-queue 9"));
    assert_null(strstr(fleet->commands[1].shell, "streaming"));
    assert_non_null(strstr(fleet->commands[1].shell, " --peer c-1"));
    assert_non_null(strstr(fleet->commands[2].shell, " --peer c-2"));
    fleet_free(fleet);
    scenario_clear(&s);
}

static void the_shim_goes_where_the_scenario_states_a_coverage(void **state)
{
    static const char *const base[] = {"PATH=/bin", "LD_PRELOAD=/x/other.so", NULL};
    const struct fleet_paths paths = {.server = "/x/server",
                                      .client = "/x/client",
                                      .tls_dir = "/nowhere/tls",
                                      .probe = "/x/probe.so",
                                      .environment = (char *const *)base};
    struct scenario s;
    struct fleet *fleet;

    (void)state;
    load_good("servers:\n"
              "  - {name: s, command: [/x/s], coverage: exact}\n"
              "  - {name: t, command: [/x/s], coverage: native, env: [A=B, LD_PRELOAD=/x/own.so]}\n"
              "  - {name: u, command: [/x/s], coverage: none}\n" CLIENT,
              &s);
    assert_int_equal(s.components[1].coverage, COVERAGE_NATIVE);
    fleet = fleet_new(&s, &paths);
    assert_non_null(fleet);
    assert_string_equal(fleet->commands[0].shell, "/x/s");
    assert_string_equal(fleet->commands[0].environment[1], "LD_PRELOAD=/x/probe.so:/x/other.so");
    assert_string_equal(fleet->commands[0].environment[2], "FLATLINE_SHIM=3:0000000000");
    assert_null(fleet->commands[0].environment[3]);
    assert_string_equal(fleet->commands[1].environment[1], "LD_PRELOAD=/x/probe.so:/x/own.so");
    assert_string_equal(fleet->commands[1].environment[3], "FLATLINE_SHIM=3:0000000000");
    assert_null(fleet->commands[2].environment);
    fleet_free(fleet);
    scenario_clear(&s);
}

static void what_is_not_said_has_defaults(void **state)
{
    struct scenario s;

    (void)state;
    load_good(SERVER CLIENT, &s);
    assert_int_equal(s.count, 2);
    assert_true(s.components[0].server && s.components[0].stable && !s.components[0].secure);
    assert_int_equal(s.components[0].port, 31300);
    assert_int_equal(s.components[0].heap_cap, scenario_default_cap(&s.components[0], &settings));
    assert_int_equal(s.components[1].peer, 0);
    assert_int_equal(s.components[1].port, 31300);
    assert_int_equal(s.components[1].pattern, PATTERN_BIDI_STREAM);
    assert_int_equal(s.duration_ns, 0);
    assert_false(s.seed_given);
    scenario_clear(&s);
}

static void entries_stand_for_several(void **state)
{
    struct scenario s;

    (void)state;
    /* Clients may stand before the servers that they name. */
    load_good("clients:\n"
              "  - {name: c, server: s-2, count: 2, patterns: [bidi-stream, client-stream]}\n"
              "  - {name: d, server: t, pattern: bidi-stream, cap: none, service: benchmark}\n"
              "servers:\n"
              "  - {name: s, count: 3, secure: true, port: 40000}\n"
              "  - {name: t, service: interop, cap: 64M, threads: 2}\n",
              &s);
    assert_int_equal(s.count, 4 + 4 + 1);
    assert_string_equal(s.components[2].name, "s-3");
    assert_int_equal(s.components[2].port, 40002);
    assert_int_equal(s.components[3].port, 31303);
    assert_int_equal(s.components[3].heap_cap, 64 << 20);
    assert_string_equal(s.components[4].name, "c-client-stream-1");
    assert_string_equal(s.components[7].name, "c-bidi-stream-2");
    assert_true(s.components[7].secure);
    assert_int_equal(s.components[7].peer, 1);
    assert_int_equal(s.components[8].cap, CAP_NONE);
    assert_int_equal(s.components[8].heap_cap, 0);
    assert_int_equal(s.components[8].service, SERVICE_BENCHMARK);
    scenario_clear(&s);
}

static void hundreds_of_components_are_fine(void **state)
{
    struct scenario s;

    (void)state;
    load_good("servers: [{name: s, count: 100}]\n"
              "clients: [{name: c, server: s-7, count: 100, patterns: all}]\n",
              &s);
    assert_int_equal(s.count, 900);
    scenario_clear(&s);
}

static const struct {
    const char *text, *error;
} wrong[] = {
    {"", "f: empty"},
    {"a: [1\n", "f:2:1: did not find expected ',' or ']' while parsing a flow sequence"},
    {"\x01", "f: control characters are not allowed at byte 0"},
    {"a: \xff\xfe", "f: invalid leading UTF-8 octet at byte 3"},
    {"a: *b", "f:1:4: found undefined alias"},
    {"- a", "f:1:1: this is a list; a mapping (KEY: VALUE) belongs here"},
    {"hello", "f:1:1: this is a single value; a mapping (KEY: VALUE) belongs here"},
    {"? [a]\n: b\n", "f:1:3: this is a list; a single value belongs here"},
    {SERVER "  - nam: x\n", "f:3:5: unknown key 'nam'; the nearest that belongs here is 'name'"},
    {SERVER "server: 1\n",
     "f:3:1: unknown key 'server'; the nearest that belongs here is 'servers'"},
    {SERVER "    stable: true\n    stable: true\n" CLIENT,
     "f:4:5: the key 'stable' is here twice; keep one"},
    {CLIENT, "f:1:1: the key 'servers' is missing"},
    {SERVER, "f:1:1: the key 'clients' is missing"},
    {"servers:\n" CLIENT, "f:1:9: this is a single value; a list (- ITEM) belongs here"},
    {"servers: []\n" CLIENT, "f:1:10: the list is empty"},
    {"servers: [{}]\n" CLIENT, "f:1:11: the key 'name' is missing"},
    {"servers: [{name: }]\n" CLIENT, "f:1:18: the value is empty"},
    {"servers: [{name: ../s}]\n" CLIENT,
     "f:1:18: a name has only letters, digits, '-', '_' and '.': it is part of file names"},
    {"servers: [{name: .s}]\n" CLIENT, "f:1:18: a name does not begin with a dot"},
    {"servers: [{name: \"a\\0b\"}]\n" CLIENT, "f:1:18: the value holds a NUL"},
    {"servers:\n  - name: 1234567890123456789012345678901234567890123456789012345678901234\n",
     "f:2:11: a name has at most 63 characters"},
    {"servers:\n  - name: 123456789012345678901234567890123456789012345678901234567890123\n"
     "    count: 2\n" CLIENT,
     "f:2:5: the name '123456789012345678901234567890123456789012345678901234567890123-1' becomes "
     "longer than 63 characters"},
    {SERVER "  - name: s\n" CLIENT, "f:3:5: there is a component 's' already; choose another name"},
    {SERVER "    port: 0\n" CLIENT, "f:3:11: '0' is not a whole number from 1 to 65535"},
    {SERVER "    port: 31301\n  - name: t\n" CLIENT,
     "f:4:5: port 31301 is s's already; choose another port"},
    {SERVER "    port: 65535\n    count: 2\n" CLIENT,
     "f:3:11: from 65535 on there is no room for 2 ports; choose another port"},
    {SERVER "    threads: 33\n" CLIENT, "f:3:14: '33' is not a whole number from 1 to 32"},
    {SERVER "    secure: yes\n" CLIENT, "f:3:13: 'yes' is none of false, true"},
    {SERVER "    secure: \"a\\nb\"\n" CLIENT, "f:3:13: 'a?b' is none of false, true"},
    {SERVER "    service: echo\n" CLIENT, "f:3:14: 'echo' is none of flatline, benchmark, interop"},
    {SERVER "    coverage: exact\n" CLIENT,
     "f:3:15: coverage is of a command; our own programs count for themselves"},
    {SERVER "    command: [a]\n    coverage: all\n" CLIENT,
     "f:4:15: 'all' is none of none, native, exact"},
    {SERVER "    cap: 12Q\n" CLIENT, "f:3:10: '12Q' is not a size (such as 4K, 400M, 1G)"},
    {SERVER "    cap: 4K\n" CLIENT, "f:3:10: a cap below 1M lets nothing start"},
    {SERVER "    cap: {size: 4M}\n" CLIENT, "f:3:10: the key 'kind' is missing"},
    {SERVER "    cap: {kind: data}\n" CLIENT, "f:3:10: the size is missing"},
    {SERVER "    cap: {kind: cgroup}\n" CLIENT, "f:3:10: the size is missing"},
    {SERVER "    cap: {kind: none, size: 4M}\n" CLIENT, "f:3:10: a cap of kind none has no size"},
    {SERVER "clients:\n  - {name: c, server: S, pattern: bidi-stream}\n",
     "f:4:23: there is no server 'S'; the nearest is 's'"},
    {SERVER "clients:\n  - {name: c, server: s}\n",
     "f:4:5: the key 'pattern', 'patterns', 'arguments' or 'command' is missing"},
    {SERVER "clients:\n  - {name: c, server: s, patterns: some}\n",
     "f:4:36: 'some' is neither a list of patterns nor all"},
    {SERVER "clients:\n  - {name: c, server: s, patterns: [bidi-stream, bidi-stream]}\n",
     "f:4:50: the pattern is here twice; for more of it use count"},
    {SERVER "clients:\n  - {name: c, server: s, pattern: bidi-stream, patterns: all}\n",
     "f:4:58: pattern and patterns contradict each other; keep one"},
    {SERVER "clients:\n  - {name: c, server: s, pattern: bidi-stream, command: x}\n",
     "f:4:5: pattern and command contradict each other; keep one"},
    {SERVER "clients:\n  - {name: c, server: s, pattern: bidi-stream, arguments: [x]}\n",
     "f:4:5: pattern and arguments contradict each other; keep one"},
    {SERVER "    command: x\n    arguments: [y]\n" CLIENT,
     "f:4:16: arguments are for one of our own programs; a command has its own"},
    {SERVER "    command: serve --port {prot}\n" CLIENT,
     "f:3:14: {prot} stands for nothing; there are {host}, {port}, {cert}, {key} and {name}"},
    {SERVER "    command: [serve, [a]]\n" CLIENT,
     "f:3:22: this is a list; a single value belongs here"},
    {SERVER "    command: []\n" CLIENT, "f:3:14: the list is empty"},
    {SERVER "    command: serve\n    threads: 2\n" CLIENT,
     "f:4:14: threads are of our own server; a command has its own way to say it"},
    {SERVER "    env: [A]\n" CLIENT, "f:3:11: 'A' is not NAME=VALUE"},
    {SERVER "    env: [=A]\n" CLIENT, "f:3:11: '=A' is not NAME=VALUE"},
    {SERVER "    env: {A: B}\n" CLIENT, "f:3:10: this is a mapping; a list (- ITEM) belongs here"},
    {SERVER "    ready: tpc\n" CLIENT, "f:3:12: 'tpc' is none of page, tcp, health, start"},
    {SERVER "    ready: tcp\n" CLIENT,
     "f:3:12: one of our own programs is ready by page; the others are for a command"},
    {SERVER "    command: x\n    ready: page\n" CLIENT,
     "f:4:12: a command has no page; a server is ready by tcp or health, a client by start"},
    {SERVER "    command: x\n    ready: {by: tcp, timeout: 0s}\n" CLIENT,
     "f:4:31: nothing is ready at once"},
    {SERVER "clients:\n  - {name: c, server: s, command: x, ready: tcp}\n",
     "f:4:45: a client listens on no port; it is ready by start"},
    {SERVER "    kill: SIGINT\n" CLIENT, "f:3:11: 'SIGINT' is none of both, SIGTERM, SIGKILL"},
    {SERVER CLIENT "duration: 5 parsecs\n",
     "f:5:11: '5 parsecs' is not a duration (such as 500ms, 60s, 5m)"},
    {SERVER CLIENT "duration: 0s\n", "f:5:11: a run must last some time"},
    {SERVER CLIENT "limits: {heap-share: 1e9}\n", "f:5:22: '1e9' is not a number (such as 0.9)"},
    {SERVER CLIENT "limits: {recovery: 3B}\n",
     "f:5:20: '3B' is not a duration (such as 500ms, 60s, 5m)"},
    {SERVER CLIENT "limits: {leek: 1}\n",
     "f:5:10: unknown key 'leek'; the nearest that belongs here is 'leak'"},
    {SERVER CLIENT "sample-interval: 1ms\n", "f:5:18: it must lie between 10ms and 10s"},
    {SERVER CLIENT "seed: -1\n",
     "f:5:7: '-1' is not a whole number from 0 to 18446744073709551615"},
    {SERVER CLIENT "checkpoints: 10001\n", "f:5:14: '10001' is not a whole number from 0 to 10000"},
    {SERVER CLIENT "chaos-after: 5s\n",
     "f:5:14: a list of two times belongs here, such as [16s, 20s]"},
    {SERVER CLIENT "chaos-after: [5s, 4s]\n", "f:5:14: the second time is earlier than the first"},
    {SERVER CLIENT "chaos-after: [0s, 4s]\n", "f:5:15: it must be 1ms at least"},
    {SERVER CLIENT "nemesis: [freeze, frost]\n",
     "f:5:19: 'frost' is no nemesis; see driver --help"},
    {SERVER CLIENT "nemesis: {freeze: 1}\n",
     "f:5:10: this is a mapping; a list (- ITEM) belongs here"},
    {SERVER CLIENT "nemesis-after: [1s]\n",
     "f:5:16: a list of two times belongs here, such as [16s, 20s]"},
    {"servers: [{name: s, count: 500}]\n"
     "clients: [{name: c, server: s-1, count: 500, patterns: all}]\n",
     "f:2:11: more than 1000 components"},
};

static void wrong_ones_are_refused_with_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char error[512] = "";
        struct scenario s;

        if (load(wrong[i].text, &s, error, sizeof error))
            fail_msg("taken: %s", wrong[i].text);
        assert_string_equal(error, wrong[i].error);
        scenario_clear(&s);
    }
}

static void files_that_cannot_be_read_are_named(void **state)
{
    char error[512] = "";
    struct scenario s = {0};

    (void)state;
    assert_false(scenario_load("/nowhere/x.yaml", &settings, &s, error, sizeof error));
    assert_string_equal(error, "/nowhere/x.yaml: No such file or directory");
    assert_false(scenario_load("/", &settings, &s, error, sizeof error));
    assert_string_equal(error, "/: Is a directory");
    assert_false(scenario_load("/dev/zero", &settings, &s, error, sizeof error));
    assert_string_equal(error, "/dev/zero: larger than 1048576 bytes: is it the right file?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printed_reads_back_the_same),
        cmocka_unit_test(other_peoples_programs_read_back_the_same),
        cmocka_unit_test(placeholders_become_what_they_stand_for),
        cmocka_unit_test(our_own_programs_take_arguments),
        cmocka_unit_test(the_shim_goes_where_the_scenario_states_a_coverage),
        cmocka_unit_test(limits_are_taken_by_their_units),
        cmocka_unit_test(what_is_not_said_has_defaults),
        cmocka_unit_test(entries_stand_for_several),
        cmocka_unit_test(hundreds_of_components_are_fine),
        cmocka_unit_test(wrong_ones_are_refused_with_their_place),
        cmocka_unit_test(files_that_cannot_be_read_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
