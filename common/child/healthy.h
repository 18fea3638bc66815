/*
 * Memory that grows for good reasons (HEALTHY_SHAPE_TABLE in common/contract/leak_spec.h): counted
 * in MEM_APP and written to, as a planted leak is, but bounded. A step is taken once per EVERY
 * messages of the loop, sent or received.
 */
#ifndef FLATLINE_CHILD_HEALTHY_H
#define FLATLINE_CHILD_HEALTHY_H

#include "common/contract/leak_spec.h"
#include "common/engine/loop.h"

struct healthy;

/* Follows the loop at the end of each of its turns. NULL: out of memory. */
struct healthy *healthy_new(const struct healthy_spec *spec, struct engine_loop *loop);

/* Gives all of it back. Before engine_loop_free. Takes NULL: none planted. */
void healthy_free(struct healthy *healthy);

/* Takes the steps that are due. */
void healthy_follow(struct healthy *healthy);

#endif
