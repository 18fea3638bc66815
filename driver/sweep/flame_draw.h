/* The flame pages of `driver flame`, from the stacks in a result's folder alone. */
#ifndef FLATLINE_DRIVER_SWEEP_FLAME_DRAW_H
#define FLATLINE_DRIVER_SWEEP_FLAME_DRAW_H

#include "driver/sweep/flame_impl.h"
#include "driver/sweep/flame_options.h"

#include <stdbool.h>
#include <stddef.h>

/* What a pass left in DIR; a build without d3-flame-graph draws none, and says so in the log.
 * False: *error holds one line. */
bool flame_draw_result(const char *dir, const struct flame_options *options,
                       const struct flame_impl *impl, char *error, size_t cap);

/*
 * A page in `out` for each role and kind that both folders have stacks of. *drawn becomes how many.
 * False: *error holds one line.
 */
bool flame_draw_difference(const char *base, const char *changed, const char *out, unsigned *drawn,
                           char *error, size_t cap);

#endif
