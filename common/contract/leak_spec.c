#include "common/contract/leak_spec.h"

#include "common/base/units.h"

#include <stdio.h>
#include <string.h>

static const char *const names[LEAK_SHAPES] = {
#define LEAK_SHAPE_NAME(ident, function, name, ...) [LEAK_##ident] = (name),
    LEAK_SHAPE_TABLE(LEAK_SHAPE_NAME)
#undef LEAK_SHAPE_NAME
};

const char *leak_shape_name(enum leak_shape shape)
{
    return names[shape];
}

static bool find_shape(const char *name, enum leak_shape *out)
{
    for (int i = 0; i < LEAK_SHAPES; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum leak_shape)i;
            return true;
        }
    }
    return false;
}

bool leak_spec_parse(const char *text, struct leak_spec *out, char *why, size_t cap)
{
    struct leak_spec spec = {.every = 1};
    char copy[96], *bytes, *every;

    if (strlen(text) < sizeof copy) {
        memcpy(copy, text, strlen(text) + 1);
        bytes = strchr(copy, ':');
        if (bytes != NULL)
            *bytes++ = '\0';
        every = bytes != NULL ? strchr(bytes, '/') : NULL;
        if (every != NULL)
            *every++ = '\0';
        if (bytes != NULL && find_shape(copy, &spec.shape) &&
            units_parse_size(bytes, &spec.bytes) && spec.bytes > 0 &&
            (every == NULL || (units_parse_u64(every, &spec.every) && spec.every > 0))) {
            *out = spec;
            return true;
        }
    }
    snprintf(
        why, cap,
        "'%s' is not SHAPE:BYTES[/EVERY], such as call:1K; there are the shapes" LEAK_SHAPE_WORDS,
        text);
    return false;
}
