/*
 * How many connections a server takes, over all of its loops. Shared by their threads; whoever goes
 * beyond is refused: accepted, since only so he is told at once, and ended by RST, which leaves
 * nothing behind here.
 */
#ifndef FLATLINE_ENGINE_ADMISSION_H
#define FLATLINE_ENGINE_ADMISSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Outlives the servers that share it. */
struct admission {
    uint64_t max;
    atomic_uint_fast64_t open;
    atomic_uint_fast64_t told_ns; /* when it was last logged that one was refused; 0: never */
};

/* False: there is no room. A NULL admission has room for all. */
bool admission_take(struct admission *admission);
void admission_give_back(struct admission *admission);

/* Logs that one was refused; at most one line in 10 s. */
void admission_tell(struct admission *admission);

#endif
