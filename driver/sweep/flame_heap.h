/* What jemalloc wrote of a process's heap at its end, as collapsed stacks. */
#ifndef FLATLINE_DRIVER_SWEEP_FLAME_HEAP_H
#define FLATLINE_DRIVER_SWEEP_FLAME_HEAP_H

#include "driver/guardian.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * DIR/heap.ROLE.PID.N.f.heap, if there is one (a process without jemalloc has left none, and that
 * is no error), becomes DIR/FILE by jeprof: all that was allocated. False: *error holds one line.
 */
bool flame_heap_collapse(const char *dir, const char *role, const char *program, const char *file,
                         const struct guardian *guardian, char *error, size_t cap);

#endif
