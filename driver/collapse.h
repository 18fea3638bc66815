/* What jeprof says of two heap profiles, made readable. */
#ifndef FLATLINE_DRIVER_COLLAPSE_H
#define FLATLINE_DRIVER_COLLAPSE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Rewrites the output of `jeprof --collapsed` at `raw` as stacks of common/run/stacks.h at `path`:
 * without the addresses that it appends to static functions, and without the allocator's own
 * frames, so that the leaf is who asked for the memory. False: *error holds one line.
 */
bool collapse_stacks(const char *raw, const char *path, char *error, size_t cap);

#endif
