/* The allocator's arenas: one for each event loop. */
#ifndef FLATLINE_STRESS_SERVER_ARENA_H
#define FLATLINE_STRESS_SERVER_ARENA_H

/*
 * From here on the calling thread allocates from an arena of its own. In a shared one, objects of
 * different loops lie side by side on cache lines that wander between cores. Without memory for one
 * the thread goes on with the shared one. Does nothing without jemalloc.
 */
void arena_take_own(void);

#endif
