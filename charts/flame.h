/*
 * Flame pages: RUN/evidence/NAME/flame.html for each component that has stacks there, by
 * d3-flame-graph, whose code is copied in: a page needs no network. Pure function of the stacks.
 */
#ifndef FLATLINE_CHARTS_FLAME_H
#define FLATLINE_CHARTS_FLAME_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Each page is replaced atomically; without stacks there is nothing to do. False: *error holds one
 * line, such as that this build has no d3-flame-graph, and the pages drawn before stay.
 */
bool charts_flames(const char *run_dir, char *error, size_t cap);

#endif
