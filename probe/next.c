#include "probe/next.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA_SIZE (64u * 1024)
#define ARENA_ALIGN 16u /* the size is kept in as much in front */

enum { UNKNOWN, ASKING, KNOWN };

static struct next next;
static atomic_int state;

static _Alignas(ARENA_ALIGN) unsigned char arena[ARENA_SIZE];
static atomic_size_t arena_used;

void *next_arena_take(size_t size)
{
    size_t whole, at;

    if (size > ARENA_SIZE) {
        errno = ENOMEM;
        return NULL;
    }
    whole = ARENA_ALIGN + (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    at = atomic_fetch_add(&arena_used, whole);
    if (at > ARENA_SIZE || whole > ARENA_SIZE - at) {
        errno = ENOMEM;
        return NULL;
    }
    memcpy(&arena[at], &size, sizeof size);
    return &arena[at + ARENA_ALIGN];
}

bool next_arena_has(const void *p)
{
    return (uintptr_t)p >= (uintptr_t)arena && (uintptr_t)p < (uintptr_t)arena + ARENA_SIZE;
}

size_t next_arena_size(const void *p)
{
    size_t size;

    memcpy(&size, (const unsigned char *)p - ARENA_ALIGN, sizeof size);
    return size;
}

/* POSIX lets a data pointer hold a function's address, which ISO C has no cast for. */
static void find(void *function, const char *name)
{
    static const char trouble[] = "flatline-probe: the program has no allocator\n";
    void *address = dlsym(RTLD_NEXT, name);

    if (address == NULL) {
        (void)!write(STDERR_FILENO, trouble, sizeof trouble - 1);
        abort();
    }
    memcpy(function, &address, sizeof address);
}

static void find_all(void)
{
    find(&next.malloc, "malloc");
    find(&next.calloc, "calloc");
    find(&next.realloc, "realloc");
    find(&next.free, "free");
    find(&next.memalign, "memalign");
    find(&next.aligned_alloc, "aligned_alloc");
    find(&next.posix_memalign, "posix_memalign");
    find(&next.valloc, "valloc");
    find(&next.pvalloc, "pvalloc");
    find(&next.usable, "malloc_usable_size");
}

/* Whoever else allocates meanwhile, this thread within dlsym or another one, gets the arena. */
const struct next *next_get(void)
{
    int expected = UNKNOWN;

    if (atomic_load_explicit(&state, memory_order_acquire) == KNOWN)
        return &next;
    if (!atomic_compare_exchange_strong(&state, &expected, ASKING))
        return expected == KNOWN ? &next : NULL;
    find_all();
    atomic_store_explicit(&state, KNOWN, memory_order_release);
    return &next;
}
