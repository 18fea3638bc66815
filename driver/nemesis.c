#include "driver/nemesis.h"

#include "common/base/rng.h"

#include <stdio.h>
#include <string.h>

static const struct nemesis_info table[NEMESES] = {
#define NEMESIS_ROW(ident, name, hold_ms, loss, deed, effect) \
    [NEMESIS_##ident] = {name, loss, deed, effect, (hold_ms)*NS_PER_MS},
    NEMESIS_TABLE(NEMESIS_ROW)
#undef NEMESIS_ROW
};

const struct nemesis_info *nemesis_info(enum nemesis nemesis)
{
    return &table[nemesis];
}

static enum nemesis find(const char *name, size_t length)
{
    int i = 0;

    while (i < NEMESES &&
           (strlen(table[i].name) != length || strncmp(table[i].name, name, length) != 0))
        i++;
    return (enum nemesis)i;
}

enum nemesis nemesis_find(const char *name)
{
    return find(name, strlen(name));
}

bool nemesis_parse(const char *list, unsigned *chosen, char *why, size_t cap)
{
    bool all = strcmp(list, "all") == 0;

    *chosen = all ? NEMESIS_ALL : 0;
    if (all || strcmp(list, "none") == 0)
        return true;
    for (;;) {
        size_t length = strcspn(list, ",");
        enum nemesis nemesis = find(list, length);

        if (nemesis == NEMESES) {
            snprintf(why, cap, "'%.*s' is no nemesis; see driver --help", (int)length, list);
            return false;
        }
        *chosen |= 1u << nemesis;
        if (list[length] == '\0')
            return true;
        list += length + 1;
    }
}

/* Somebody else's program obeys no command and publishes nothing that could show an effect. */
static bool is_ours(const struct component *c)
{
    return c->command == NULL;
}

/*
 * What a client's pattern offers to see. A call that is soon over may not have begun at the server,
 * or be done, when it is cancelled; and it takes many of them to fill a window that is held shut.
 */
static bool keeps_its_connection(const struct component *c)
{
    return c->pattern != PATTERN_MANY_CONNECTIONS;
}

static bool is_endless(const struct component *c)
{
    return c->pattern == PATTERN_CLIENT_STREAM || c->pattern == PATTERN_SERVER_STREAM ||
           c->pattern == PATTERN_BIDI_STREAM;
}

bool nemesis_sends(const struct component *client)
{
    return client->pattern == PATTERN_CLIENT_STREAM;
}

/* What it does, and how many connections it has, is its own: no effect can be told from it. */
static bool has_no_pattern(const struct component *c)
{
    return c->pattern == PATTERN_NONE;
}

static bool befalls_client(enum nemesis nemesis, const struct component *c)
{
    if (has_no_pattern(c))
        return nemesis == NEMESIS_FREEZE;
    switch (nemesis) {
    case NEMESIS_FREEZE:
        return true;
    case NEMESIS_RESET:
        return keeps_its_connection(c);
    case NEMESIS_CANCEL:
        return is_endless(c);
    case NEMESIS_STALL:
        return c->pattern == PATTERN_SERVER_STREAM;
    case NEMESIS_ABORTIVE:
        return !keeps_its_connection(c);
    default:
        return false;
    }
}

static bool has_client(const struct scenario *s, size_t server,
                       bool (*is)(const struct component *c))
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->components[i].peer == (int)server && is_ours(&s->components[i]) &&
            is(&s->components[i]))
            return true;
    }
    return false;
}

static bool is_any(const struct component *c)
{
    (void)c;
    return true;
}

bool nemesis_has_house(const struct scenario *scenario, size_t i)
{
    const struct component *c = &scenario->components[i];

    return c->server && is_ours(c) && has_client(scenario, i, is_any);
}

bool nemesis_needs_lines(unsigned chosen)
{
    return (chosen & (1u << NEMESIS_LATENCY | 1u << NEMESIS_HALF_OPEN)) != 0;
}

/* Its round trips are measured. */
static bool is_answered(const struct component *c)
{
    return c->pattern != PATTERN_CLIENT_STREAM && c->pattern != PATTERN_SERVER_STREAM;
}

/* All secure servers read the same files, so one alone can be sure to find another pair there. */
static size_t first_secure(const struct scenario *s)
{
    size_t i = 0;

    while (i < s->count &&
           !(s->components[i].server && s->components[i].secure && is_ours(&s->components[i]) &&
             has_client(s, i, keeps_its_connection) && !has_client(s, i, has_no_pattern)))
        i++;
    return i;
}

bool nemesis_befalls(enum nemesis nemesis, const struct scenario *scenario, size_t i)
{
    const struct component *c = &scenario->components[i];

    if (!is_ours(c) || (!c->server && !is_ours(&scenario->components[c->peer])))
        return false;
    if (!c->server)
        return befalls_client(nemesis, c);
    if (has_client(scenario, i, has_no_pattern))
        return nemesis == NEMESIS_FREEZE;
    switch (nemesis) {
    case NEMESIS_FREEZE:
        return true;
    case NEMESIS_RESET:
    case NEMESIS_GOAWAY:
    case NEMESIS_HALF_OPEN:
        return has_client(scenario, i, keeps_its_connection);
    case NEMESIS_CERTIFICATE:
        return i == first_secure(scenario);
    case NEMESIS_STALL:
        return has_client(scenario, i, nemesis_sends);
    case NEMESIS_LATENCY:
        return has_client(scenario, i, is_answered);
    default:
        return false;
    }
}

static bool belongs(const struct scenario *s, size_t server, size_t i)
{
    return i == server || s->components[i].peer == (int)server;
}

static size_t count_clients(const struct nemesis_plan *plan, size_t server, enum nemesis nemesis)
{
    size_t count = 0;

    for (size_t i = 0; i < plan->scenario->count; i++)
        count += i != server && belongs(plan->scenario, server, i) &&
                 nemesis_befalls(nemesis, plan->scenario, i);
    return count;
}

/* The server as often as all its clients together. */
static size_t draw_victim(const struct nemesis_plan *plan, size_t server, enum nemesis nemesis,
                          struct rng *rng)
{
    bool it_can = nemesis_befalls(nemesis, plan->scenario, server);
    size_t clients = count_clients(plan, server, nemesis), i = 0;
    bool it_is = rng_next(rng) & 1;
    uint64_t number = rng_range(rng, 0, clients == 0 ? 0 : clients - 1);

    if (clients == 0 || (it_can && it_is))
        return server;
    for (;; i++) {
        if (i != server && belongs(plan->scenario, server, i) &&
            nemesis_befalls(nemesis, plan->scenario, i) && number-- == 0)
            return i;
    }
}

/* Those that can befall the house, shuffled (Fisher-Yates). */
static size_t shuffle(const struct nemesis_plan *plan, size_t server, uint64_t seed,
                      enum nemesis order[NEMESES])
{
    struct rng rng = {rng_at(seed, 0), 0};
    size_t count = 0;

    for (int n = 0; n < NEMESES; n++) {
        uint64_t at;

        if (!(plan->chosen >> n & 1) ||
            (!nemesis_befalls((enum nemesis)n, plan->scenario, server) &&
             count_clients(plan, server, (enum nemesis)n) == 0))
            continue;
        at = rng_range(&rng, 0, count);
        order[count++] = order[at];
        order[at] = (enum nemesis)n;
    }
    return count;
}

bool nemesis_draw(const struct nemesis_plan *plan, size_t server, unsigned k,
                  struct nemesis_stroke *out)
{
    uint64_t seed = rng_seed_named(plan->seed ^ UINT64_C(0x6e656d65736973), /* not as the kills */
                                   plan->scenario->components[server].name);
    struct rng rng = {rng_at(seed, k), 0};
    enum nemesis order[NEMESES] = {NEMESIS_FREEZE};
    size_t count = shuffle(plan, server, seed, order);

    if (count == 0)
        return false;
    out->nemesis = order[(k - 1) % count];
    out->after_ns = rng_range(&rng, plan->low_ns, plan->high_ns);
    out->victim = draw_victim(plan, server, out->nemesis, &rng);
    return true;
}
