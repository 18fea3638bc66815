#include "driver/scenario.h"

#include "driver/caps.h"

#include <stdio.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)

static const bool left_out[PATTERN_COUNT] = {
#define PATTERN_LEFT_OUT(ident, name, left_out, ...) [PATTERN_##ident] = (left_out),
    PATTERN_TABLE(PATTERN_LEFT_OUT)
#undef PATTERN_LEFT_OUT
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

static const char *stability(bool stable)
{
    return stable ? "stable" : "unstable";
}

static const char *security(bool secure)
{
    return secure ? "secure" : "insecure";
}

uint64_t scenario_default_cap(const struct component *c, const struct scenario_settings *settings)
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
    c->heap_cap = scenario_default_cap(c, settings);
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
    c->heap_cap = scenario_default_cap(c, settings);
    return true;
}

/* Both kinds of clients of one server. */
static bool add_clients(struct scenario *scenario, int server,
                        const struct scenario_settings *settings)
{
    for (int unstable = 0; unstable < 2; unstable++) {
        bool sparse = settings->matrix == MATRIX_56 && unstable && !servers[server].stable;

        for (int p = 0; p < PATTERN_COUNT; p++) {
            if (!(sparse && left_out[p]) &&
                !add_client(scenario, server, !unstable, (enum pattern)p, settings))
                return false;
        }
    }
    return true;
}

bool scenario_build(struct scenario *scenario, const struct scenario_settings *settings)
{
    bool ok = true;

    snprintf(scenario->name, sizeof scenario->name, "built-in");
    scenario->checkpoints = SCENARIO_CHECKPOINTS;
    scenario->checkpoints_given = true;
    for (int i = 0; ok && i < SCENARIO_SERVERS; i++)
        ok = add_server(scenario, i, settings);
    for (int i = 0; ok && i < SCENARIO_SERVERS; i++)
        ok = add_clients(scenario, i, settings);
    return ok;
}
