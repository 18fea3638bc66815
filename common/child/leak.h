/*
 * The planted leak (common/contract/leak_spec.h). What it leaks is counted in MEM_APP, written to,
 * and allocated in a function named after its shape (planted_leak_call ...), so that a heap profile
 * names it. The blocks stay chained to a static, so LeakSanitizer does not end a sanitized run.
 * A plan counts the events of one thread; several plans may leak at once.
 */
#ifndef FLATLINE_CHILD_LEAK_H
#define FLATLINE_CHILD_LEAK_H

#include "common/contract/leak_spec.h"

struct leak;

/* NULL: out of memory. */
struct leak *leak_new(const struct leak_spec *spec);

/* Forgets the plan; what was leaked stays leaked, that is its purpose. Takes NULL. */
void leak_free(struct leak *leak);

/* An event of that shape happened. Takes NULL: nothing is planted. */
void leak_hit(struct leak *leak, enum leak_shape shape);

/* The same for an event that is only known by a counter that grows: catches up with `total`. */
void leak_follow(struct leak *leak, enum leak_shape shape, uint64_t total);

#endif
