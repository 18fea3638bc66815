#include "common/contract/leak_spec.h"

#include "common/base/units.h"

#include <stdio.h>
#include <string.h>

static const char *const leaks[LEAK_SHAPES] = {
#define LEAK_SHAPE_NAME(ident, function, name, ...) [LEAK_##ident] = (name),
    LEAK_SHAPE_TABLE(LEAK_SHAPE_NAME)
#undef LEAK_SHAPE_NAME
};

static const char *const healthy[HEALTHY_SHAPES] = {
#define HEALTHY_SHAPE_NAME(ident, name, ...) [HEALTHY_##ident] = (name),
    HEALTHY_SHAPE_TABLE(HEALTHY_SHAPE_NAME)
#undef HEALTHY_SHAPE_NAME
};

/* What both forms have: the index of the shape's name, two numbers. */
struct parsed {
    int shape;
    uint64_t bytes, every;
};

const char *leak_shape_name(enum leak_shape shape)
{
    return leaks[shape];
}

const char *healthy_shape_name(enum healthy_shape shape)
{
    return healthy[shape];
}

static int find_shape(const char *const *names, int count, const char *name)
{
    int shape = 0;

    while (shape < count && strcmp(names[shape], name) != 0)
        shape++;
    return shape < count ? shape : -1;
}

static bool parse(const char *text, const char *const *names, int count, struct parsed *out)
{
    char copy[96], *bytes, *every;

    if (strlen(text) >= sizeof copy)
        return false;
    memcpy(copy, text, strlen(text) + 1);
    bytes = strchr(copy, ':');
    if (bytes == NULL)
        return false;
    *bytes++ = '\0';
    every = strchr(bytes, '/');
    if (every != NULL)
        *every++ = '\0';
    out->every = 1;
    out->shape = find_shape(names, count, copy);
    return out->shape >= 0 && units_parse_size(bytes, &out->bytes) && out->bytes > 0 &&
           (every == NULL || (units_parse_u64(every, &out->every) && out->every > 0));
}

bool leak_spec_parse(const char *text, struct leak_spec *out, char *why, size_t cap)
{
    struct parsed p;

    if (parse(text, leaks, LEAK_SHAPES, &p)) {
        *out = (struct leak_spec){(enum leak_shape)p.shape, p.bytes, p.every};
        return true;
    }
    snprintf(why, cap,
             "'%s' is not SHAPE:BYTES[/EVERY], such as call:1K; there are the "
             "shapes" LEAK_SHAPE_WORDS,
             text);
    return false;
}

bool healthy_spec_parse(const char *text, struct healthy_spec *out, char *why, size_t cap)
{
    struct parsed p;

    if (parse(text, healthy, HEALTHY_SHAPES, &p)) {
        *out = (struct healthy_spec){(enum healthy_shape)p.shape, p.bytes, p.every};
        return true;
    }
    snprintf(why, cap,
             "'%s' is not SHAPE:BYTES[/EVERY], such as cache:1M/10; there are the "
             "shapes" HEALTHY_SHAPE_WORDS,
             text);
    return false;
}
