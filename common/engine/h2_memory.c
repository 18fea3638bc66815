#include "common/engine/h2_memory.h"

#include "common/engine/mem.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

/* Smaller is something else. */
#define FRAME_MIN (16u << 10)
#define PAGE 4096u /* x86-64; where pages are larger, madvise refuses */

static bool is_frame(const struct h2_memory *m, size_t size)
{
    return m->lends && size > FRAME_MIN && size <= LOOP_FRAME_SIZE;
}

static void *h2_alloc(size_t size, void *arg)
{
    struct h2_memory *m = arg;

    return is_frame(m, size) ? m->loop->frame : mem_pool_alloc(&m->loop->pool, MEM_NGHTTP2, size);
}

static void h2_free(void *ptr, void *arg)
{
    struct h2_memory *m = arg;

    if (ptr == m->table)
        m->table = NULL;
    if (ptr != m->loop->frame)
        mem_pool_free(&m->loop->pool, MEM_NGHTTP2, ptr);
}

static void *h2_calloc(size_t n, size_t size, void *arg)
{
    struct h2_memory *m = arg;
    void *ptr = mem_pool_calloc(&m->loop->pool, MEM_NGHTTP2, n * size);

    if (ptr != NULL && n * size >= PAGE) {
        m->table = ptr;
        m->table_size = n * size;
    }
    return ptr;
}

/* A frame longer than the default's would need a buffer of its own. */
static void *outgrow_frame(const struct h2_memory *m, size_t size)
{
    void *own = mem_alloc(MEM_NGHTTP2, size);

    if (own != NULL)
        memcpy(own, m->loop->frame, size < LOOP_FRAME_SIZE ? size : LOOP_FRAME_SIZE);
    return own;
}

static void *h2_realloc(void *ptr, size_t size, void *arg)
{
    struct h2_memory *m = arg;

    if (ptr == NULL)
        return h2_alloc(size, arg);
    if (ptr == m->table)
        m->table = NULL;
    return ptr == m->loop->frame ? outgrow_frame(m, size) : mem_realloc(MEM_NGHTTP2, ptr, size);
}

nghttp2_mem h2_memory_begin(struct h2_memory *memory, struct engine_loop *loop)
{
    memory->loop = loop;
    memory->lends = true;
    return (nghttp2_mem){memory, h2_alloc, h2_free, h2_calloc, h2_realloc};
}

void h2_memory_end(struct h2_memory *memory)
{
    memory->lends = false;
}

static bool is_zero(const uint8_t *page)
{
    static const uint8_t zeros[PAGE];

    return memcmp(page, zeros, PAGE) == 0;
}

/* Only what is all zero: private memory that is given back reads as zeros, so nothing changes. */
void h2_memory_rest(struct h2_memory *memory)
{
    uint8_t *at = memory->table, *end;

    if (at == NULL)
        return;
    end = at + memory->table_size;
    for (at += -(uintptr_t)at % PAGE; (size_t)(end - at) >= PAGE; at += PAGE) {
        if (is_zero(at))
            madvise(at, PAGE, MADV_DONTNEED);
    }
}
