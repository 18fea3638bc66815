#include "driver/scenario_limits.h"

#include "common/base/units.h"
#include "driver/limits.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum limit {
#define LIMIT_ENUM(type, field, name, unit, value, text) LIMIT_##field,
    LIMIT_TABLE(LIMIT_ENUM)
#undef LIMIT_ENUM
        LIMITS
};

_Static_assert((int)LIMITS <= SCENARIO_LIMITS, "a scenario has room for every limit");

static const struct {
    const char *name, *unit;
} limits[LIMITS] = {
#define LIMIT_ROW(type, field, name, unit, value, text) [LIMIT_##field] = {name, unit},
    LIMIT_TABLE(LIMIT_ROW)
#undef LIMIT_ROW
};

/* A decimal number as people write it: no sign, no exponent, no names of numbers. */
static bool parse_number(const char *text, double *out)
{
    char *end;

    if (text[strspn(text, "0123456789.")] != '\0')
        return false;
    errno = 0;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && errno == 0 && isfinite(*out);
}

static bool take(struct doc *doc, doc_node *node, struct scenario *scenario, enum limit which)
{
    struct scenario_limit *limit = &scenario->limits[scenario->limit_count];
    const char *text, *unit = limits[which].unit;
    uint64_t whole = 0;

    limit->name = limits[which].name;
    if (strcmp(unit, "1") == 0) {
        if (!doc_text(doc, node, &text))
            return false;
        if (!parse_number(text, &limit->value))
            return doc_refuse(doc, node, "'%s' is not a number (such as 0.9)", text);
    } else {
        if (!(strcmp(unit, "ns") == 0 ? doc_duration : doc_size)(doc, node, &whole))
            return false;
        limit->value = (double)whole;
    }
    scenario->limit_count++;
    return true;
}

#define LIMIT_TAKE(type, field, name, unit, value, text)                  \
    static bool take_##field(struct doc *doc, doc_node *node, void *into) \
    {                                                                     \
        return take(doc, node, into, LIMIT_##field);                      \
    }
LIMIT_TABLE(LIMIT_TAKE)
#undef LIMIT_TAKE

bool scenario_limits_take(struct doc *doc, doc_node *node, struct scenario *scenario)
{
    static const struct doc_key keys[LIMITS] = {
#define LIMIT_KEY(type, field, name, unit, value, text) {name, false, take_##field},
        LIMIT_TABLE(LIMIT_KEY)
#undef LIMIT_KEY
    };

    return doc_take(doc, node, keys, LIMITS, scenario);
}

static const char *unit_of(const char *name)
{
    for (int i = 0; i < LIMITS; i++) {
        if (strcmp(limits[i].name, name) == 0)
            return limits[i].unit;
    }
    return "1";
}

void scenario_limits_print(const struct scenario *scenario, FILE *out)
{
    if (scenario->limit_count > 0)
        fputs("limits:\n", out);
    for (size_t i = 0; i < scenario->limit_count; i++) {
        const struct scenario_limit *limit = &scenario->limits[i];
        const char *unit = unit_of(limit->name);

        if (strcmp(unit, "1") == 0)
            fprintf(out, "  %s: %.12f\n", limit->name, limit->value);
        else
            fprintf(out, "  %s: %.0f%s\n", limit->name, limit->value,
                    strcmp(unit, "ns") == 0 ? "ns" : "");
    }
}
