/* What perf says of its samples, as collapsed stacks. */
#ifndef FLATLINE_DRIVER_COLLAPSE_PERF_H
#define FLATLINE_DRIVER_COLLAPSE_PERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The arguments of `perf script` that make what is read here. */
#define COLLAPSE_PERF_FIELDS "comm,tid,event,ip,sym,dso"

/*
 * Rewrites the output of `perf script -F COLLAPSE_PERF_FIELDS` at `raw` as stacks of
 * common/run/stacks.h at `path`, a sample each: the name of the thread is the root, frames of the
 * kernel end in "_[k]", what has no symbol is named after its file, "[libev.so.4.0.0]", and folders
 * are left out of the places that just-in-time compilers name. *samples becomes their number, which
 * may be 0. False: *error holds one line.
 */
bool collapse_perf(const char *raw, const char *path, uint64_t *samples, char *error, size_t cap);

#endif
