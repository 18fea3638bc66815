#include "common/child/leak.h"

#include "common/engine/mem.h"

#include <stdatomic.h>
#include <string.h>

struct leak {
    struct leak_spec spec;
    uint64_t events; /* of that shape, so far */
};

/* The blocks leaked so far by every thread, each linked through its first bytes. */
static _Atomic(void *) chain;

static void keep(void *block, size_t size)
{
    void *next = atomic_load(&chain);

    if (block == NULL)
        return;
    memset(block, 0xa5, size); /* resident, as a real leak would be */
    do {
        memcpy(block, &next, sizeof next);
    } while (!atomic_compare_exchange_weak(&chain, &next, block));
}

/* One function per shape: the name that a heap profile shows. */
#define DEFINE_PLANTED_LEAK(ident, name, text)                             \
    __attribute__((noinline)) static void planted_leak_##name(size_t size) \
    {                                                                      \
        keep(mem_alloc(MEM_APP, size), size);                              \
    }
LEAK_SHAPE_TABLE(DEFINE_PLANTED_LEAK)
#undef DEFINE_PLANTED_LEAK

static void (*const planted[LEAK_SHAPES])(size_t size) = {
#define PLANTED_LEAK_ROW(ident, name, text) [LEAK_##ident] = planted_leak_##name,
    LEAK_SHAPE_TABLE(PLANTED_LEAK_ROW)
#undef PLANTED_LEAK_ROW
};

struct leak *leak_new(const struct leak_spec *spec)
{
    struct leak *leak = mem_calloc(MEM_APP, 1, sizeof *leak);

    if (leak == NULL)
        return NULL;
    leak->spec = *spec;
    /* No allocator hands out less than a pointer's worth. */
    if (leak->spec.bytes < sizeof chain)
        leak->spec.bytes = sizeof chain;
    return leak;
}

void leak_free(struct leak *leak)
{
    mem_free(MEM_APP, leak);
}

void leak_hit(struct leak *leak, enum leak_shape shape)
{
    if (leak == NULL || leak->spec.shape != shape)
        return;
    if (++leak->events % leak->spec.every == 0)
        planted[shape](leak->spec.bytes);
}

void leak_follow(struct leak *leak, enum leak_shape shape, uint64_t total)
{
    if (leak == NULL || leak->spec.shape != shape)
        return;
    while (leak->events < total)
        leak_hit(leak, shape);
}
