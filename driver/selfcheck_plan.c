#include "driver/selfcheck_plan.h"

#include <stdio.h>
#include <string.h>

/* Far above what any of them takes: that a cap holds is not what is tried here. */
#define CAP_BYTES (UINT64_C(128) << 20)

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* One end of a house: what is planted in it. */
struct end {
    const char *leak, *rule; /* the rule that finds it */
    const char *healthy;
    const char *natural; /* growth that the traffic brings about, nothing is planted; its name */
    int threads;         /* of a server */
    bool unstable;
};

#define NOTHING .leak = NULL
#define LEAKS(shape) .leak = (shape), .rule = "leak"

/*
 * A few hundred blocks in all at the rates of a busy machine. The rarer the events, the larger the
 * blocks: chaos brings a few in a run. What is healthy stays below what a process may keep when all
 * connections have closed (limit "closed"). HPACK's tables fill with headers that are new in each
 * call, to their limit and no further; and each thread has caches and an arena of its own.
 */
static const struct house {
    const char *name;
    bool secure;
    enum pattern pattern;
    const char *const *arguments; /* of the client, instead of the pattern's */
    struct end server, client;
} houses[] = {
    {"calls", false, PATTERN_MANY_CALLS, NULL, {LEAKS("call:64/100")}, {LEAKS("header:64/200")}},
    {"streams", false, PATTERN_SERVER_STREAM_MANY, NULL, {LEAKS("stream:64/100")}, {NOTHING}},
    {"connections",
     false,
     PATTERN_MANY_CONNECTIONS,
     NULL,
     {LEAKS("connection:64/20")},
     {LEAKS("disconnect:64/20")}},
    {"handshakes",
     true,
     PATTERN_MANY_CONNECTIONS,
     NULL,
     {LEAKS("handshake:64/10")},
     {LEAKS("reconnect:64/10")}},
    {"handles",
     false,
     PATTERN_MANY_CONNECTIONS,
     NULL,
     {.leak = "fd:1/500", .rule = "fds"},
     {.leak = "thread:1/500", .rule = "threads"}},
    {"retries", false, PATTERN_MANY_CALLS, NULL, {.unstable = true}, {LEAKS("retry:4K")}},
    {"drops", false, PATTERN_BIDI_STREAM, NULL, {LEAKS("drop:16K")}, {.unstable = true}},
    {"stalls", false, PATTERN_SERVER_STREAM, NULL, {LEAKS("stall:64/20")}, {NOTHING}},
    {"cancels",
     false,
     PATTERN_BIDI_STREAM_MANY,
     ARGUMENTS("--cancel-after", "2", "--num-calls", "0", "--bidi-streaming", "10"),
     {LEAKS("cancel:64/50")},
     {NOTHING}},
    {"trailers",
     false,
     PATTERN_SERVER_STREAM_MANY,
     ARGUMENTS("--cancel-after", "1", "--num-calls", "0", "--server-streaming", "5000"),
     {LEAKS("trailers:64/20")},
     {NOTHING}},
    {"refusals",
     false,
     PATTERN_MANY_CALLS,
     ARGUMENTS("--overrun", "--num-calls", "0", "--non-streaming"),
     {LEAKS("early-end:64/50")},
     {NOTHING}},
    {"caches",
     false,
     PATTERN_MANY_CALLS,
     NULL,
     {.healthy = "cache:128K/10"},
     {.healthy = "warm-up:128K/10"}},
    {"tables",
     false,
     PATTERN_MANY_CALLS,
     ARGUMENTS("--new-header", "--num-calls", "0", "--non-streaming"),
     {.natural = "hpack"},
     {.natural = "hpack"}},
    {"threads",
     true,
     PATTERN_MANY_CONNECTIONS,
     NULL,
     {.natural = "arenas", .threads = 4},
     {NOTHING}},
    {"pools",
     false,
     PATTERN_BIDI_STREAM_MANY,
     NULL,
     {.healthy = "pool:128K/10"},
     {.healthy = "sawtooth:128K/10"}},
};
#define HOUSES (sizeof houses / sizeof *houses)

static const char *planted(const struct end *end)
{
    return end->leak != NULL ? end->leak : end->healthy != NULL ? end->healthy : end->natural;
}

static bool is_of(const char *spec, const char *shape, size_t size)
{
    return spec != NULL && strcspn(spec, ":") == size && strncmp(spec, shape, size) == 0;
}

static bool has(const struct house *house, const char *shape, size_t size)
{
    return is_of(planted(&house->server), shape, size) ||
           is_of(planted(&house->client), shape, size);
}

static const char *next_word(const char *words, size_t *size)
{
    *size = strcspn(words, ",");
    return words[*size] == ',' ? words + *size + 1 : words + *size;
}

bool selfcheck_knows(const char *shapes, char *why, size_t cap)
{
    const char *word = shapes, *next;
    size_t size, i;

    do {
        next = next_word(word, &size);
        for (i = 0; i < HOUSES && !has(&houses[i], word, size); i++)
            ;
        if (i == HOUSES) {
            snprintf(why, cap, "no shape '%.*s' is planted", (int)size, word);
            return false;
        }
        word = next;
    } while (*word != '\0');
    return true;
}

static bool is_wanted(const struct house *house, const char *shapes)
{
    const char *next;
    size_t size;

    if (shapes == NULL)
        return true;
    for (; *shapes != '\0'; shapes = next) {
        next = next_word(shapes, &size);
        if (has(house, shapes, size))
            return true;
    }
    return false;
}

static struct component *add(struct scenario *scenario, const struct house *house, bool server,
                             int port)
{
    const struct end *end = server ? &house->server : &house->client;
    struct component *c = scenario_add(scenario);

    if (c == NULL)
        return NULL;
    c->server = server;
    c->stable = !end->unstable;
    c->secure = house->secure;
    c->pattern = house->pattern;
    c->port = port;
    c->heap_cap = CAP_BYTES;
    c->leak = end->leak;
    c->healthy = end->healthy;
    c->threads = end->threads;
    c->arguments = server ? NULL : house->arguments;
    snprintf(c->name, sizeof c->name, "%s-%s", server ? "server" : "client", house->name);
    return c;
}

bool selfcheck_build(struct scenario *scenario, const char *shapes, int base_port)
{
    int count = 0, client = 0;

    snprintf(scenario->name, sizeof scenario->name, "selfcheck");
    for (size_t i = 0; i < HOUSES; i++) {
        if (is_wanted(&houses[i], shapes) &&
            add(scenario, &houses[i], true, base_port + count++) == NULL)
            return false;
    }
    for (size_t i = 0; i < HOUSES; i++) {
        struct component *c;

        if (!is_wanted(&houses[i], shapes))
            continue;
        c = add(scenario, &houses[i], false, base_port + client);
        if (c == NULL)
            return false;
        c->peer = client++;
    }
    return true;
}

bool selfcheck_find(const char *component, struct selfcheck_plant *out)
{
    for (size_t i = 0; i < HOUSES; i++) {
        bool server = strncmp(component, "server-", 7) == 0;
        const struct end *end = server ? &houses[i].server : &houses[i].client;

        if (strcmp(component + 7, houses[i].name) != 0)
            continue;
        *out = (struct selfcheck_plant){planted(end), end->rule};
        return true;
    }
    return false;
}
