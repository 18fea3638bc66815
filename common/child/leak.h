/*
 * The planted leak (common/contract/leak_spec.h). What it leaks is counted in MEM_APP, written to,
 * and allocated in a function named after its shape (planted_leak_call ...), so that a heap profile
 * names it. The blocks stay chained to a static, so LeakSanitizer does not end a sanitized run.
 *
 * It stays outside the engine, whose counters tell it of the events of one loop; several plans may
 * leak at once.
 */
#ifndef FLATLINE_CHILD_LEAK_H
#define FLATLINE_CHILD_LEAK_H

#include "common/contract/leak_spec.h"
#include "common/engine/loop.h"

struct leak;

/* Leaks for what befalls the loop, at the end of each of its turns. NULL: out of memory. */
struct leak *leak_new(const struct leak_spec *spec, struct engine_loop *loop);

/* Forgets the plan; what was leaked stays leaked, that is its purpose. Before engine_loop_free.
 * Takes NULL: none planted. */
void leak_free(struct leak *leak);

/* Leaks for what has happened and was not leaked for yet. */
void leak_follow(struct leak *leak);

#endif
