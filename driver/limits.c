#include "driver/limits.h"

#include <math.h>
#include <string.h>

static bool is_sound(const char *name, double value)
{
    /* Beyond a half an interval turns inside out; at zero it has no end. */
    if (strcmp(name, "alpha") == 0)
        return value > 0 && value < 0.5;
    return isfinite(value) && value >= 0;
}

bool limits_set(struct gate_limits *limits, const char *name, double value)
{
    if (!is_sound(name, value))
        return false;
#define LIMIT_SET(type, field, word, unit, standard, text) \
    if (strcmp(name, word) == 0) {                         \
        limits->field = (type)value;                       \
        return true;                                       \
    }
    LIMIT_TABLE(LIMIT_SET)
#undef LIMIT_SET
    return false;
}

struct gate_limits limits_of_run(const struct run_reader *run)
{
    struct gate_limits limits = GATE_LIMITS_DEFAULT;
    size_t count;
    const struct run_limit_row *rows = run_reader_limits(run, &count);

    for (size_t i = 0; i < count; i++)
        (void)limits_set(&limits, rows[i].name, rows[i].value);
    return limits;
}

bool limits_each(const struct gate_limits *limits,
                 bool (*fn)(void *arg, const char *name, double value), void *arg)
{
#define LIMIT_VISIT(type, field, word, unit, standard, text) \
    if (!fn(arg, word, (double)limits->field))               \
        return false;
    LIMIT_TABLE(LIMIT_VISIT)
#undef LIMIT_VISIT
    return true;
}
