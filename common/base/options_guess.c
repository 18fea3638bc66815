#include "common/base/near.h"
#include "common/base/options_internal.h"

#include <string.h>

void options_explain_unknown(const struct option_set *set, const char *given, char *error,
                             size_t cap)
{
    char name[NEAR_LENGTH + 1];
    size_t length = (size_t)snprintf(name, sizeof name, "%s", given + strspn(given, "-"));
    unsigned best = (unsigned)length / 3 + 1;
    const char *nearest = NULL;

    name[strcspn(name, "=")] = '\0';
    for (const struct option_spec *spec = set->specs; !options_is_end(spec); spec++) {
        unsigned distance;

        if (spec->name == NULL)
            continue;
        distance =
            strncmp(spec->name, name, strlen(name)) == 0 ? 0 : near_distance(name, spec->name);
        if (distance < best) {
            best = distance;
            nearest = spec->name;
        }
    }
    if (nearest != NULL)
        snprintf(error, cap, "unknown or ambiguous option %s (is --%s meant?)", given, nearest);
    else
        snprintf(error, cap, "unknown option %s", given);
}
