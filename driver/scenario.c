#include "driver/scenario.h"

#include "driver/caps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)

static const struct {
    const char *name;
    bool left_out;
    const char *const *arguments;
} patterns[PATTERN_COUNT] = {
#define PATTERN_ROW(ident, name, left_out, ...) \
    [PATTERN_##ident] = {name, left_out, (const char *const[]){__VA_ARGS__, NULL}},
    PATTERN_TABLE(PATTERN_ROW)
#undef PATTERN_ROW
};

/* In the order of their ports. */
static const struct {
    bool stable, secure;
} servers[SCENARIO_SERVERS] = {
    {true, false},
    {true, true},
    {false, false},
    {false, true},
};

const char *pattern_name(enum pattern pattern)
{
    return patterns[pattern].name;
}

const char *const *pattern_arguments(enum pattern pattern)
{
    return patterns[pattern].arguments;
}

static const char *stability(bool stable)
{
    return stable ? "stable" : "unstable";
}

static const char *security(bool secure)
{
    return secure ? "secure" : "insecure";
}

static uint64_t cap_of(const struct component *c, const struct scenario_settings *settings)
{
    uint64_t asked = c->server ? settings->server_heap : settings->client_heap;

    if (asked != 0)
        return asked;
    if (c->server) {
        uint64_t threads = c->threads > 1 ? (uint64_t)c->threads : 1;

        return (c->secure ? CAP_SERVER_SECURE_MIB : CAP_SERVER_INSECURE_MIB) * MIB +
               (threads - 1) * CAP_SERVER_THREAD_MIB * MIB;
    }
    return (c->secure ? CAP_CLIENT_SECURE_MIB : CAP_CLIENT_INSECURE_MIB) * MIB;
}

struct component *scenario_add(struct scenario *scenario)
{
    struct component *c = scenario->components;

    if (scenario->count == scenario->room) {
        size_t room = scenario->room == 0 ? 64 : 2 * scenario->room;

        c = realloc(c, room * sizeof *c);
        if (c == NULL)
            return NULL;
        scenario->components = c;
        scenario->room = room;
    }
    c += scenario->count++;
    *c = (struct component){.peer = -1};
    return c;
}

void scenario_clear(struct scenario *scenario)
{
    free(scenario->components);
    *scenario = (struct scenario){0};
}

static bool add_server(struct scenario *scenario, int i, const struct scenario_settings *settings)
{
    struct component *c = scenario_add(scenario);

    if (c == NULL)
        return false;
    c->server = true;
    c->stable = servers[i].stable;
    c->secure = servers[i].secure;
    c->port = settings->base_port + i;
    c->threads = settings->server_threads;
    snprintf(c->name, sizeof c->name, "server-%s-%s", stability(c->stable), security(c->secure));
    c->heap_cap = cap_of(c, settings);
    return true;
}

static bool add_client(struct scenario *scenario, int server, bool stable, enum pattern pattern,
                       const struct scenario_settings *settings)
{
    struct component *c = scenario_add(scenario);

    if (c == NULL)
        return false;
    c->stable = stable;
    c->secure = scenario->components[server].secure;
    c->pattern = pattern;
    c->port = scenario->components[server].port;
    c->peer = server;
    snprintf(c->name, sizeof c->name, "client-%d-%s-%s-%s", c->port, stability(stable),
             security(c->secure), pattern_name(pattern));
    c->heap_cap = cap_of(c, settings);
    return true;
}

/* Both kinds of clients of one server. */
static bool add_clients(struct scenario *scenario, int server,
                        const struct scenario_settings *settings)
{
    for (int unstable = 0; unstable < 2; unstable++) {
        bool sparse = settings->matrix == MATRIX_56 && unstable && !servers[server].stable;

        for (int p = 0; p < PATTERN_COUNT; p++) {
            if (!(sparse && patterns[p].left_out) &&
                !add_client(scenario, server, !unstable, (enum pattern)p, settings))
                return false;
        }
    }
    return true;
}

bool scenario_build(struct scenario *scenario, const struct scenario_settings *settings)
{
    bool ok = true;

    for (int i = 0; ok && i < SCENARIO_SERVERS; i++)
        ok = add_server(scenario, i, settings);
    for (int i = 0; ok && i < SCENARIO_SERVERS; i++)
        ok = add_clients(scenario, i, settings);
    return ok;
}

int scenario_find(const struct scenario *scenario, const char *name)
{
    for (size_t i = 0; i < scenario->count; i++) {
        if (strcmp(scenario->components[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Levenshtein distance; what lies beyond COMPONENT_NAME of either is not looked at. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[COMPONENT_NAME + 1];
    size_t n = strnlen(b, COMPONENT_NAME);

    for (size_t j = 0; j <= n; j++)
        row[j] = (unsigned)j;
    for (size_t i = 0; i < COMPONENT_NAME && a[i] != '\0'; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < n; j++) {
            unsigned above = row[j + 1];

            row[j + 1] = min3(above + 1, row[j] + 1, diagonal + (a[i] != b[j]));
            diagonal = above;
        }
    }
    return row[n];
}

size_t scenario_near(const struct scenario *scenario, const char *name, int *out, size_t cap)
{
    unsigned distances[SCENARIO_NEAR];
    size_t count = 0;

    if (cap > SCENARIO_NEAR)
        cap = SCENARIO_NEAR;

    for (size_t i = 0; i < scenario->count; i++) {
        unsigned d = distance(scenario->components[i].name, name);
        size_t at = count < cap ? count++ : cap;

        /* Insertion into the `cap` best; the one pushed out at the end is dropped. */
        for (; at > 0 && distances[at - 1] > d; at--) {
            if (at < cap) {
                out[at] = out[at - 1];
                distances[at] = distances[at - 1];
            }
        }
        if (at < cap) {
            out[at] = (int)i;
            distances[at] = d;
        }
    }
    return count;
}
