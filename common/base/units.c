#include "common/base/units.h"

#include "common/base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *suffix;
    uint64_t scale;
};

static const struct unit durations[] = {
    {"", NS_PER_S},         {"ns", 1},       {"us", NS_PER_US},
    {"ms", NS_PER_MS},      {"s", NS_PER_S}, {"m", 60 * NS_PER_S},
    {"h", 3600 * NS_PER_S}, {NULL, 0},
};

static const struct unit sizes[] = {
    {"", 1},          {"B", 1},        {"K", 1 << 10},   {"KB", 1 << 10},
    {"KiB", 1 << 10}, {"M", 1 << 20},  {"MB", 1 << 20},  {"MiB", 1 << 20},
    {"G", 1 << 30},   {"GB", 1 << 30}, {"GiB", 1 << 30}, {NULL, 0},
};

bool units_parse_u64(const char *text, uint64_t *out)
{
    uint64_t value = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

static bool parse_scaled(const char *text, const struct unit *units, uint64_t *out)
{
    size_t digits = strspn(text, "0123456789.");
    const struct unit *unit;
    char number[32], *end;
    double value;

    if (digits == 0 || digits >= sizeof number)
        return false;
    memcpy(number, text, digits);
    number[digits] = '\0';
    for (unit = units; unit->suffix != NULL; unit++) {
        if (strcmp(text + digits, unit->suffix) == 0)
            break;
    }
    if (unit->suffix == NULL)
        return false;
    if (strchr(number, '.') == NULL) {
        uint64_t whole;

        if (!units_parse_u64(number, &whole) || __builtin_mul_overflow(whole, unit->scale, &whole))
            return false;
        *out = whole;
        return true;
    }
    value = strtod(number, &end) * (double)unit->scale;
    if (*end != '\0' || number[0] == '.' || number[digits - 1] == '.' || value >= 0x1p63)
        return false;
    *out = (uint64_t)llround(value);
    return true;
}

bool units_parse_duration(const char *text, uint64_t *ns)
{
    return parse_scaled(text, durations, ns);
}

bool units_parse_size(const char *text, uint64_t *bytes)
{
    return parse_scaled(text, sizes, bytes);
}

static char *format_scaled(double value, const char *unit, char *out, size_t cap)
{
    int decimals = value >= 100 || value == floor(value) ? 0 : value >= 10 ? 1 : 2;

    snprintf(out, cap, "%.*f %s", decimals, value, unit);
    return out;
}

char *units_format_size(uint64_t bytes, char *out, size_t cap)
{
    if (bytes >= UINT64_C(1) << 30)
        return format_scaled((double)bytes / 0x1p30, "GB", out, cap);
    if (bytes >= UINT64_C(1) << 20)
        return format_scaled((double)bytes / 0x1p20, "MB", out, cap);
    if (bytes >= UINT64_C(1) << 10)
        return format_scaled((double)bytes / 0x1p10, "KB", out, cap);
    return format_scaled((double)bytes, "B", out, cap);
}

char *units_format_duration(uint64_t ns, char *out, size_t cap)
{
    if (ns >= NS_PER_S)
        return format_scaled((double)ns / 1e9, "s", out, cap);
    if (ns >= NS_PER_MS)
        return format_scaled((double)ns / 1e6, "ms", out, cap);
    if (ns >= NS_PER_US)
        return format_scaled((double)ns / 1e3, "us", out, cap);
    return format_scaled((double)ns, "ns", out, cap);
}
