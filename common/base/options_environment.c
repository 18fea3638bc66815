/* Options out of the environment, so that a container image needs no command line. */
#include "common/base/options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define VARIABLE_MAX 80

/* "num-calls" -> "FLATLINE_NUM_CALLS" */
static void name_variable(const char *option, char out[VARIABLE_MAX])
{
    size_t used = (size_t)snprintf(out, VARIABLE_MAX, "%s", OPTIONS_VARIABLE_PREFIX);

    for (; *option != '\0' && used + 1 < VARIABLE_MAX; option++)
        out[used++] = *option == '-' ? '_' : (char)toupper((unsigned char)*option);
    out[used] = '\0';
}

static bool is_one_of(const char *value, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcasecmp(value, *words) == 0)
            return true;
    }
    return false;
}

/* An option without argument is given or not. */
static bool take_flag(const struct option_spec *spec, void *into, const char *value, char *why,
                      size_t cap)
{
    static const char *const yes[] = {"1", "yes", "true", "on", NULL};
    static const char *const no[] = {"0", "no", "false", "off", NULL};

    if (is_one_of(value, yes))
        return spec->apply(into, spec, NULL, why, cap);
    if (is_one_of(value, no))
        return true;
    snprintf(why, cap, "'%s' is neither 1 nor 0", value);
    return false;
}

bool options_take_environment(const struct option_set *set, void *into, char *error, size_t cap)
{
    for (const struct option_spec *spec = set->specs; spec->name != NULL || spec->help != NULL;
         spec++) {
        char variable[VARIABLE_MAX], why[768] = "";
        const char *value;

        if (spec->name == NULL)
            continue;
        name_variable(spec->name, variable);
        value = getenv(variable);
        if (value == NULL || *value == '\0')
            continue;
        if (spec->argument != NULL ? spec->apply(into, spec, value, why, sizeof why)
                                   : take_flag(spec, into, value, why, sizeof why))
            continue;
        snprintf(error, cap, "%s in the environment: %s", variable, why);
        return false;
    }
    return true;
}
