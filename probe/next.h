/*
 * The allocator that the program would have without us: the next in the order of symbols, be that
 * glibc's or a library's (jemalloc, tcmalloc). While it is being looked up, which may allocate
 * itself, a small arena serves instead; what comes from there is never counted, and never given
 * back.
 */
#ifndef FLATLINE_PROBE_NEXT_H
#define FLATLINE_PROBE_NEXT_H

#include <stdbool.h>
#include <stddef.h>

struct next {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *p, size_t size);
    void (*free)(void *p);
    void *(*memalign)(size_t alignment, size_t size);
    void *(*aligned_alloc)(size_t alignment, size_t size);
    int (*posix_memalign)(void **out, size_t alignment, size_t size);
    void *(*valloc)(size_t size);
    void *(*pvalloc)(size_t size);
    size_t (*usable)(void *p);
};

/* NULL while it is being looked up: then the arena is to be used. */
const struct next *next_get(void);

/* Zeroed, aligned for anything; NULL with ENOMEM if the arena is full. */
void *next_arena_take(size_t size);
bool next_arena_has(const void *p);
/* The size that was asked for. */
size_t next_arena_size(const void *p);

#endif
