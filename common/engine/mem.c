#include "common/engine/mem.h"

#include "common/base/exit_status.h"
#include "common/base/log.h"

#include <errno.h>
#include <ev.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Each thread counts in a slot of its own with plain loads and stores, so that counting costs one
 * thread nothing; sums over all slots are exact because memory freed by another thread goes
 * negative there.
 */
#define SLOTS 64

struct slot {
    _Alignas(64) atomic_llong live[MEM_ZONES];
};

static struct slot slots[SLOTS];
static atomic_uint slots_used;
static _Thread_local struct slot *mine;

/* A block while a pool keeps it. */
struct mem_kept {
    struct mem_kept *next;
};

static atomic_bool keeping; /* pools keep what is freed */

static atomic_ullong refused;
/* Tests only: allocations to let pass, then allocations to refuse. */
static atomic_bool failing;
static long long pass_left, refuse_left;

static struct {
    mem_refusal_fn fn;
    void *arg;
} refusal;

static struct slot *take_slot(void)
{
    mine = &slots[atomic_fetch_add(&slots_used, 1) % SLOTS];
    return mine;
}

static inline void count(enum mem_zone zone, long long delta)
{
    atomic_llong *live = &(mine != NULL ? mine : take_slot())->live[zone];

    /* More threads than slots share one, which must not lose a count. */
    if (atomic_load_explicit(&slots_used, memory_order_relaxed) > SLOTS)
        atomic_fetch_add_explicit(live, delta, memory_order_relaxed);
    else
        atomic_store_explicit(live, atomic_load_explicit(live, memory_order_relaxed) + delta,
                              memory_order_relaxed);
}

/*
 * What jemalloc hands out is a function of the size that was asked for, and it need be asked only
 * once for each: asking costs more than the allocation. Not so other allocators, which may leave a
 * block larger than it need be.
 */
extern int mallctl(const char *name, void *old, size_t *old_size, void *fresh, size_t fresh_size)
    __attribute__((weak));

#define CLASS_BYTES 16u
#define SIZE_MOST (CLASS_BYTES * (MEM_POOL_CLASSES - 1))

/* Of each size asked for, what was handed out in units of CLASS_BYTES; 0: not known. */
static atomic_uchar classes[SIZE_MOST + 1];

/* The class of a block, all of which are of the same size; 0: of none. */
static size_t class_of(size_t usable)
{
    return usable % CLASS_BYTES == 0 && usable <= SIZE_MOST ? usable / CLASS_BYTES : 0;
}

static size_t class_known(size_t size)
{
    return size <= SIZE_MOST ? atomic_load_explicit(&classes[size], memory_order_relaxed) : 0;
}

static size_t handed_out(void *ptr, size_t size)
{
    size_t class = class_known(size), usable;

    if (class != 0)
        return class * CLASS_BYTES;
    usable = malloc_usable_size(ptr);
    if (size <= SIZE_MOST && mallctl != NULL)
        atomic_store_explicit(&classes[size], (unsigned char)class_of(usable),
                              memory_order_relaxed);
    return usable;
}

static bool is_next_to_fail(enum mem_zone zone)
{
    if (zone == MEM_EV)
        return false;
    if (pass_left > 0) {
        pass_left--;
        return false;
    }
    return refuse_left > 0 && refuse_left-- > 0;
}

static inline bool told_to_fail(enum mem_zone zone)
{
    return atomic_load_explicit(&failing, memory_order_relaxed) && is_next_to_fail(zone);
}

static void *refuse(enum mem_zone zone, size_t size)
{
    atomic_fetch_add(&refused, 1);
    if (refusal.fn != NULL)
        refusal.fn(refusal.arg, zone, size);
    return NULL;
}

static inline void *granted(enum mem_zone zone, void *ptr, size_t size)
{
    if (ptr == NULL)
        return refuse(zone, size);
    count(zone, (long long)handed_out(ptr, size));
    return ptr;
}

void *mem_alloc(enum mem_zone zone, size_t size)
{
    void *ptr = told_to_fail(zone) ? NULL : malloc(size);

    return granted(zone, ptr, size);
}

void *mem_calloc(enum mem_zone zone, size_t items, size_t size)
{
    void *ptr = told_to_fail(zone) ? NULL : calloc(items, size);

    return granted(zone, ptr, items * size);
}

void *mem_realloc(enum mem_zone zone, void *ptr, size_t size)
{
    size_t before = malloc_usable_size(ptr);
    void *moved = told_to_fail(zone) ? NULL : realloc(ptr, size);

    if (moved != NULL)
        count(zone, -(long long)before);
    return granted(zone, moved, size);
}

void mem_free(enum mem_zone zone, void *ptr)
{
    if (ptr == NULL)
        return;
    count(zone, -(long long)malloc_usable_size(ptr));
    free(ptr);
}

static inline void *take_kept(struct mem_pool *pool, enum mem_zone zone, size_t size)
{
    size_t class = class_known(size), usable = class * CLASS_BYTES;
    struct mem_kept *block = pool->first[class];

    if (block == NULL)
        return NULL;
    pool->first[class] = block->next;
    pool->bytes -= usable;
    count(zone, (long long)usable);
    return block;
}

void *mem_pool_alloc(struct mem_pool *pool, enum mem_zone zone, size_t size)
{
    void *ptr;

    if (told_to_fail(zone))
        return refuse(zone, size);
    ptr = take_kept(pool, zone, size);
    return ptr != NULL ? ptr : granted(zone, malloc(size), size);
}

void *mem_pool_calloc(struct mem_pool *pool, enum mem_zone zone, size_t size)
{
    void *ptr;

    if (told_to_fail(zone))
        return refuse(zone, size);
    ptr = take_kept(pool, zone, size);
    return ptr != NULL ? memset(ptr, 0, size) : granted(zone, calloc(1, size), size);
}

void mem_pool_free(struct mem_pool *pool, enum mem_zone zone, void *ptr)
{
    size_t usable, class;
    struct mem_kept *block = ptr;

    if (ptr == NULL)
        return;
    usable = malloc_usable_size(ptr);
    class = class_of(usable);
    count(zone, -(long long)usable);
    if (class == 0 || pool->bytes + usable > MEM_POOL_BYTES ||
        !atomic_load_explicit(&keeping, memory_order_relaxed)) {
        free(ptr);
        return;
    }
    block->next = pool->first[class];
    pool->first[class] = block;
    pool->bytes += usable;
}

void mem_pool_empty(struct mem_pool *pool)
{
    for (size_t class = 0; class < MEM_POOL_CLASSES; class ++) {
        while (pool->first[class] != NULL) {
            struct mem_kept *block = pool->first[class];

            pool->first[class] = block->next;
            free(block);
        }
    }
    pool->bytes = 0;
}

void mem_set_keeping(bool on)
{
    atomic_store(&keeping, on && mallctl != NULL);
}

int64_t mem_live(enum mem_zone zone)
{
    int64_t sum = 0;

    for (size_t i = 0; i < SLOTS; i++)
        sum += atomic_load_explicit(&slots[i].live[zone], memory_order_relaxed);
    return sum;
}

uint64_t mem_refused(void)
{
    return atomic_load(&refused);
}

void mem_set_refusal(mem_refusal_fn fn, void *arg)
{
    refusal.fn = fn;
    refusal.arg = arg;
}

void mem_fail(int64_t pass, int64_t refuse)
{
    pass_left = pass;
    refuse_left = refuse;
    atomic_store(&failing, refuse > 0);
}

const char *mem_zone_name(enum mem_zone zone)
{
    static const char *const names[MEM_ZONES] = {"app", "nghttp2", "openssl", "libev", "zlib"};

    return names[zone];
}

static void *openssl_alloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return mem_alloc(MEM_OPENSSL, size);
}

static void *openssl_realloc(void *ptr, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return mem_realloc(MEM_OPENSSL, ptr, size);
}

static void openssl_free(void *ptr, const char *file, int line)
{
    (void)file, (void)line;
    mem_free(MEM_OPENSSL, ptr);
}

static void *ev_realloc(void *ptr, long size)
{
    static const char last_words[] = "out of memory in the event loop\n";
    void *moved;

    if (size == 0) {
        mem_free(MEM_EV, ptr);
        return NULL;
    }
    moved = mem_realloc(MEM_EV, ptr, (size_t)size);
    if (moved == NULL) {
        if (write(STDERR_FILENO, last_words, sizeof last_words - 1) < 0)
            _exit(STATUS_HEAP_OVERFLOW);
        _exit(STATUS_HEAP_OVERFLOW);
    }
    return moved;
}

/* It would abort: when the kernel refuses it the descriptor that it waits or is woken with. */
static void ev_refused(const char *what)
{
    log_error("the event loop cannot go on: %s: %s", what, strerror(errno));
    _exit(STATUS_ENVIRONMENT);
}

/* By MALLOC_CONF, from the start. */
static bool is_profiled(void)
{
    bool active = false;
    size_t size = sizeof active;

    return mallctl != NULL && mallctl("prof.active", &active, &size, NULL, 0) == 0 && active;
}

bool mem_install(void)
{
    ev_set_allocator(ev_realloc);
    ev_set_syserr_cb(ev_refused);
    mem_set_keeping(!is_profiled());
    return CRYPTO_set_mem_functions(openssl_alloc, openssl_realloc, openssl_free) == 1;
}
