/* The ready-made apply functions: text into a typed member. */
#include "common/base/options.h"
#include "common/base/units.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

static void *member(void *into, const struct option_spec *spec)
{
    return (char *)into + spec->offset;
}

bool options_set_flag(void *into, const struct option_spec *spec, const char *value, char *why,
                      size_t cap)
{
    (void)value, (void)why, (void)cap;
    *(bool *)member(into, spec) = true;
    return true;
}

bool options_set_text(void *into, const struct option_spec *spec, const char *value, char *why,
                      size_t cap)
{
    if (*value == '\0') {
        snprintf(why, cap, "the value is empty");
        return false;
    }
    *(const char **)member(into, spec) = value;
    return true;
}

bool options_set_u64(void *into, const struct option_spec *spec, const char *value, char *why,
                     size_t cap)
{
    if (units_parse_u64(value, member(into, spec)))
        return true;
    snprintf(why, cap, "'%s' is not a whole number (0 and up)", value);
    return false;
}

/* An int from 0 to max. */
static bool set_int(int *out, const char *value, uint64_t max)
{
    uint64_t number;

    if (!units_parse_u64(value, &number) || number > max)
        return false;
    *out = (int)number;
    return true;
}

bool options_set_port(void *into, const struct option_spec *spec, const char *value, char *why,
                      size_t cap)
{
    if (set_int(member(into, spec), value, UINT16_MAX))
        return true;
    snprintf(why, cap, "'%s' is not a port (0 to 65535)", value);
    return false;
}

bool options_set_threads(void *into, const struct option_spec *spec, const char *value, char *why,
                         size_t cap)
{
    int threads;

    if (set_int(&threads, value, OPTIONS_THREADS_MAX) && threads >= 1) {
        *(int *)member(into, spec) = threads;
        return true;
    }
    snprintf(why, cap, "'%s' is not a number of threads (1 to %d)", value, OPTIONS_THREADS_MAX);
    return false;
}

bool options_set_fd(void *into, const struct option_spec *spec, const char *value, char *why,
                    size_t cap)
{
    if (set_int(member(into, spec), value, INT_MAX))
        return true;
    snprintf(why, cap, "'%s' is not a file descriptor", value);
    return false;
}

bool options_set_duration(void *into, const struct option_spec *spec, const char *value, char *why,
                          size_t cap)
{
    if (units_parse_duration(value, member(into, spec)))
        return true;
    snprintf(why, cap, "'%s' is not a duration (such as 500ms, 60s, 5m)", value);
    return false;
}

bool options_set_period(void *into, const struct option_spec *spec, const char *value, char *why,
                        size_t cap)
{
    if (!options_set_duration(into, spec, value, why, cap))
        return false;
    if (*(const uint64_t *)member(into, spec) != 0)
        return true;
    snprintf(why, cap, "must be longer than 0");
    return false;
}

bool options_set_size(void *into, const struct option_spec *spec, const char *value, char *why,
                      size_t cap)
{
    if (units_parse_size(value, member(into, spec)))
        return true;
    snprintf(why, cap, "'%s' is not a size (such as 16, 4K, 400M)", value);
    return false;
}

bool options_set_size_within(void *into, const struct option_spec *spec, const char *value,
                             uint64_t least, uint64_t most, char *why, size_t cap)
{
    uint64_t size;

    if (!options_set_size(into, spec, value, why, cap))
        return false;
    size = *(const uint64_t *)member(into, spec);
    if (size >= least && size <= most)
        return true;
    snprintf(why, cap, "'%s' is not between %" PRIu64 " and %" PRIu64 " bytes", value, least, most);
    return false;
}

bool options_url_names_user(const char *url, char *why, size_t cap)
{
    if (strchr(url, '@') == NULL)
        return false;
    snprintf(why, cap,
             "a user or a password does not belong there, where all can read it: "
             "http://HOST:PORT");
    return true;
}
