/*
 * Allocator accounting. Every subsystem allocates through its own zone, so live bytes are exact and
 * attributable. Bytes are counted as the allocator hands them out (malloc_usable_size).
 * Process-wide: OpenSSL and libev only have process-wide hooks.
 */
#ifndef FLATLINE_ENGINE_MEM_H
#define FLATLINE_ENGINE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mem_zone { MEM_APP, MEM_NGHTTP2, MEM_OPENSSL, MEM_EV, MEM_ZLIB, MEM_ZONES };

/* malloc, calloc, realloc, free: NULL when refused, and then counted and told to the refusal hook.
 */
void *mem_alloc(enum mem_zone zone, size_t size);
void *mem_calloc(enum mem_zone zone, size_t items, size_t size);
void *mem_realloc(enum mem_zone zone, void *ptr, size_t size);
void mem_free(enum mem_zone zone, void *ptr);

int64_t mem_live(enum mem_zone zone);
uint64_t mem_refused(void); /* allocations refused so far, all zones */

/*
 * Called on each refusal, before it is returned: the program's policy (under the driver an obituary
 * and exit 251; by hand none, the connection is dropped). libev cannot live with a refusal: its
 * zone ends the process with exit 251 and one line if the hook returns.
 */
typedef void (*mem_refusal_fn)(void *arg, enum mem_zone zone, size_t size);
void mem_set_refusal(mem_refusal_fn fn, void *arg);

/* Routes OpenSSL and libev through their zones: the first thing that main does. False if OpenSSL
 * was used. */
bool mem_install(void);

/*
 * Freed blocks of one thread, kept for the next of their size: a call of HTTP/2 takes nine, and its
 * thread has just freed those of the call before. What is kept counts as freed, and a refusal
 * befalls who would get a kept block as well. At most MEM_POOL_BYTES are kept, until
 * mem_pool_empty; nothing before mem_install, and nothing where the allocator is not jemalloc, so
 * that sanitizers see each block end.
 */
#define MEM_POOL_BYTES (256u << 10)
#define MEM_POOL_CLASSES 65 /* by 16 bytes: larger blocks are rare */

struct mem_kept;

/* All zero is empty. */
struct mem_pool {
    struct mem_kept *first[MEM_POOL_CLASSES];
    size_t bytes;
};

void *mem_pool_alloc(struct mem_pool *pool, enum mem_zone zone, size_t size);
void *mem_pool_calloc(struct mem_pool *pool, enum mem_zone zone, size_t size);
void mem_pool_free(struct mem_pool *pool, enum mem_zone zone, void *ptr);
/* Gives back what is kept. */
void mem_pool_empty(struct mem_pool *pool);

/* Whether pools keep anything. Not while the heap is profiled: a block that serves again would
 * still be told as its first user's. */
void mem_set_keeping(bool on);

/*
 * Tests of one thread: let `pass` more allocations through and refuse the `refuse` after them; 0, 0
 * turns it off. libev's zone is spared: libev cannot unwind.
 */
void mem_fail(int64_t pass, int64_t refuse);

const char *mem_zone_name(enum mem_zone zone); /* "app", "nghttp2", "openssl", "libev", "zlib" */

#endif
