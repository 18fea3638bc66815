#include "common/run/verdict_numbers.h"

#include "common/base/units.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define UNITS_FROM 1024 /* below it three digits say more than the fixed decimals of units.h */

char *verdict_number(double value, const char *unit, char *out)
{
    double size = fabs(value);
    const char *sign = value < 0 ? "-" : "";
    char text[32];

    if (isnan(value)) {
        snprintf(out, VERDICT_NUMBER, "-");
    } else if (strcmp(unit, "ns") == 0 && size < (double)UINT64_MAX) {
        units_format_duration((uint64_t)size, text, sizeof text);
        snprintf(out, VERDICT_NUMBER, "%s%s", sign, text);
    } else if (*unit == 'B' && size >= UNITS_FROM && size < (double)UINT64_MAX) {
        units_format_size((uint64_t)size, text, sizeof text);
        snprintf(out, VERDICT_NUMBER, "%s%s%.8s", sign, text, unit + 1);
    } else {
        snprintf(out, VERDICT_NUMBER, "%.4g%s%.10s", value, strcmp(unit, "1") == 0 ? "" : " ",
                 strcmp(unit, "1") == 0 ? "" : unit);
    }
    return out;
}

char *verdict_numbers(const struct verdict *v, char *out)
{
    char value[VERDICT_NUMBER], low[VERDICT_NUMBER], high[VERDICT_NUMBER];
    size_t used;

    *out = '\0';
    if (isnan(v->low) && isnan(v->high) && isnan(v->smallest))
        return out;
    used = (size_t)snprintf(out, VERDICT_NUMBERS, "%s", verdict_number(v->value, v->unit, value));
    if (!isnan(v->low) || !isnan(v->high))
        used += (size_t)snprintf(out + used, VERDICT_NUMBERS - used, " (%s to %s)",
                                 verdict_number(v->low, v->unit, low),
                                 verdict_number(v->high, v->unit, high));
    if (!isnan(v->limit))
        used += (size_t)snprintf(out + used, VERDICT_NUMBERS - used, ", limit %s",
                                 verdict_number(v->limit, v->unit, value));
    if (!isnan(v->smallest))
        snprintf(out + used, VERDICT_NUMBERS - used, ", could have seen %s",
                 verdict_number(v->smallest, v->unit, value));
    return out;
}
