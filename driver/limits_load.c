#include "driver/limits_load.h"

#include "common/doc/doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool take_number(struct doc *doc, doc_node *node, double *value)
{
    const char *text;
    char *end;

    if (!doc_text(doc, node, &text))
        return false;
    *value = strtod(text, &end);
    return *end == '\0' || doc_refuse(doc, node, "'%s' is not a number", text);
}

static bool take_value(struct doc *doc, doc_node *node, const char *name, const char *unit,
                       struct gate_limits *limits)
{
    double value;
    uint64_t whole;

    if (strcmp(unit, "1") == 0) {
        if (!take_number(doc, node, &value))
            return false;
    } else {
        if (strcmp(unit, "ns") == 0 ? !doc_duration(doc, node, &whole)
                                    : !doc_size(doc, node, &whole))
            return false;
        value = (double)whole;
    }
    return limits_set(limits, name, value) || doc_refuse(doc, node, "%s cannot be %g", name, value);
}

#define LIMIT_TAKE(type, field, name, unit, standard, text)                   \
    static bool take_##field(struct doc *doc, doc_node *node, void *into)     \
    {                                                                         \
        return take_value(doc, node, name, unit, (struct gate_limits *)into); \
    }
LIMIT_TABLE(LIMIT_TAKE)
#undef LIMIT_TAKE

static const struct doc_key keys[] = {
#define LIMIT_KEY(type, field, name, unit, standard, text) {name, false, take_##field},
    LIMIT_TABLE(LIMIT_KEY)
#undef LIMIT_KEY
};

bool limits_load(const char *path, struct gate_limits *limits, char *error, size_t cap)
{
    struct doc *doc = doc_new(path, error, cap);
    bool ok;

    if (doc == NULL)
        return false;
    ok = doc_take(doc, doc_root(doc), keys, sizeof keys / sizeof *keys, limits);
    if (!ok)
        snprintf(error, cap, "%s", doc_error(doc));
    doc_free(doc);
    return ok;
}
