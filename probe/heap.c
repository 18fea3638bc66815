/*
 * The functions that a program allocates with, in place of the allocator's own: each hands on to it
 * and counts what the allocator says that the block holds (malloc_usable_size), which is the same
 * when it comes and when it goes. glibc, and operator new of libstdc++, call these too.
 */
#include "probe/next.h"
#include "probe/tally.h"

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

static int64_t held(const struct next *next, void *p)
{
    return p == NULL ? 0 : (int64_t)next->usable(p);
}

/* What no address space could hold is a mistake of the program, and no lack of memory. */
static void *count(const struct next *next, void *p, size_t asked)
{
    if (p != NULL)
        tally_add(held(next, p));
    else if (asked <= PTRDIFF_MAX && errno == ENOMEM)
        tally_refuse();
    return p;
}

/* The C library names them with underscores.
 * NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

EXPORT void *malloc(size_t size)
{
    const struct next *next = next_get();

    if (next == NULL)
        return next_arena_take(size);
    return count(next, next->malloc(size), size);
}

EXPORT void *calloc(size_t n, size_t size)
{
    const struct next *next = next_get();
    size_t whole;

    if (__builtin_mul_overflow(n, size, &whole))
        whole = SIZE_MAX;
    if (next == NULL)
        return next_arena_take(whole);
    return count(next, next->calloc(n, size), whole);
}

EXPORT void free(void *p)
{
    const struct next *next = next_get();

    if (p == NULL || next_arena_has(p) || next == NULL)
        return;
    tally_add(-held(next, p));
    next->free(p);
}

/* Out of the arena, where it can be. */
static void *move(void *p, size_t size)
{
    void *moved = malloc(size);
    size_t had = next_arena_size(p);

    if (moved != NULL)
        memcpy(moved, p, had < size ? had : size);
    return moved;
}

EXPORT void *realloc(void *p, size_t size)
{
    const struct next *next;
    int64_t had;
    void *moved;

    if (p == NULL)
        return malloc(size);
    if (next_arena_has(p))
        return move(p, size);
    next = next_get();
    had = held(next, p);
    moved = next->realloc(p, size);
    if (moved != NULL)
        tally_add(held(next, moved) - had);
    else if (size == 0) /* it was freed */
        tally_add(-had);
    else
        (void)count(next, NULL, size);
    return moved;
}

EXPORT void *reallocarray(void *p, size_t n, size_t size)
{
    size_t whole;

    if (__builtin_mul_overflow(n, size, &whole)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(p, whole);
}

EXPORT int posix_memalign(void **out, size_t alignment, size_t size)
{
    const struct next *next = next_get();
    int error = next == NULL ? ENOMEM : next->posix_memalign(out, alignment, size);

    if (error == 0)
        tally_add(held(next, *out));
    else if (error == ENOMEM && size <= PTRDIFF_MAX)
        tally_refuse();
    return error;
}

/* The lookup itself wants no alignment; who comes in its midst is refused. */
static void *refuse(void)
{
    tally_refuse();
    errno = ENOMEM;
    return NULL;
}

EXPORT void *memalign(size_t alignment, size_t size)
{
    const struct next *next = next_get();

    return next == NULL ? refuse() : count(next, next->memalign(alignment, size), size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    const struct next *next = next_get();

    return next == NULL ? refuse() : count(next, next->aligned_alloc(alignment, size), size);
}

EXPORT void *valloc(size_t size)
{
    const struct next *next = next_get();

    return next == NULL ? refuse() : count(next, next->valloc(size), size);
}

EXPORT void *pvalloc(size_t size)
{
    const struct next *next = next_get();

    return next == NULL ? refuse() : count(next, next->pvalloc(size), size);
}

EXPORT size_t malloc_usable_size(void *p)
{
    const struct next *next = next_get();

    if (p == NULL || next_arena_has(p))
        return p == NULL ? 0 : next_arena_size(p);
    return next == NULL ? 0 : next->usable(p);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
