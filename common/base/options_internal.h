/* What the parser of options and its help share. */
#ifndef FLATLINE_BASE_OPTIONS_INTERNAL_H
#define FLATLINE_BASE_OPTIONS_INTERNAL_H

#include "common/base/options.h"

/* Whether this is the row of zeros that ends a table. */
static inline bool options_is_end(const struct option_spec *spec)
{
    return spec->name == NULL && spec->help == NULL;
}

/* One line about an option that getopt_long does not know, with the one that may be meant. */
void options_explain_unknown(const struct option_set *set, const char *given, char *error,
                             size_t cap);

#endif
