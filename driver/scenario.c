#include "driver/scenario.h"

#include "common/base/near.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    const char *const *arguments;
} patterns[PATTERN_COUNT] = {
#define PATTERN_ROW(ident, name, left_out, ...) \
    [PATTERN_##ident] = {name, (const char *const[]){__VA_ARGS__, NULL}},
    PATTERN_TABLE(PATTERN_ROW)
#undef PATTERN_ROW
};

#define NAME_ROW(ident, name) (name),
static const char *const services[SERVICE_COUNT] = {SERVICE_TABLE(NAME_ROW)};
static const char *const caps[CAP_COUNT] = {CAP_TABLE(NAME_ROW)};
static const char *const readies[READY_COUNT] = {READY_TABLE(NAME_ROW)};
static const char *const coverages[COVERAGE_COUNT] = {COVERAGE_TABLE(NAME_ROW)};
static const char *const kills[KILL_COUNT] = {KILL_TABLE(NAME_ROW)};
#undef NAME_ROW

const char *pattern_name(enum pattern pattern)
{
    return patterns[pattern].name;
}

const char *const *pattern_arguments(enum pattern pattern)
{
    return patterns[pattern].arguments;
}

const char *service_name(enum service service)
{
    return services[service];
}

const char *cap_name(enum cap cap)
{
    return caps[cap];
}

const char *ready_name(enum ready ready)
{
    return readies[ready];
}

const char *coverage_name(enum coverage coverage)
{
    return coverages[coverage];
}

const char *kill_name(enum kill kill)
{
    return kills[kill];
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

/* The pointers first, their text behind them. */
struct scenario_words {
    struct scenario_words *next;
    const char *words[];
};

const char *const *scenario_keep(struct scenario *scenario, const char *const *words, size_t count)
{
    size_t size = sizeof(struct scenario_words) + (count + 1) * sizeof *words;
    struct scenario_words *kept;
    char *text;

    for (size_t i = 0; i < count; i++)
        size += strlen(words[i]) + 1;
    kept = calloc(1, size);
    if (kept == NULL)
        return NULL;
    text = (char *)&kept->words[count + 1];
    for (size_t i = 0; i < count; i++) {
        kept->words[i] = text;
        text = stpcpy(text, words[i]) + 1;
    }
    kept->next = scenario->words;
    scenario->words = kept;
    return kept->words;
}

void scenario_clear(struct scenario *scenario)
{
    while (scenario->words != NULL) {
        struct scenario_words *next = scenario->words->next;

        free(scenario->words);
        scenario->words = next;
    }
    free(scenario->components);
    *scenario = (struct scenario){0};
}

int scenario_find(const struct scenario *scenario, const char *name)
{
    for (size_t i = 0; i < scenario->count; i++) {
        if (strcmp(scenario->components[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

size_t scenario_near(const struct scenario *scenario, const char *name, int *out, size_t cap)
{
    unsigned distances[SCENARIO_NEAR];
    size_t count = 0;

    if (cap > SCENARIO_NEAR)
        cap = SCENARIO_NEAR;
    for (size_t i = 0; i < scenario->count; i++) {
        unsigned d = near_distance(scenario->components[i].name, name);
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
