/*
 * What is due first: a binary heap of things that know their own place in it, so that each can be
 * moved or removed. It owns nothing but its array.
 */
#ifndef FLATLINE_BASE_DUE_HEAP_H
#define FLATLINE_BASE_DUE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A member of whatever is due. */
struct due {
    uint64_t at_ns;
    size_t place; /* from 1; 0: it is in no heap */
};

struct due_heap {
    struct due **items;
    size_t count, room;
};

void due_heap_release(struct due_heap *heap);

/* Makes room for `count` members. False: no memory. */
bool due_heap_reserve(struct due_heap *heap, size_t count);

/* Puts it in, or moves it, to at_ns; room for it was reserved. UINT64_MAX: takes it out. */
void due_heap_set(struct due_heap *heap, struct due *due, uint64_t at_ns);

/* NULL: nothing is due, ever. */
struct due *due_heap_first(const struct due_heap *heap);

#endif
