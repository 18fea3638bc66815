/*
 * Allocator accounting. Every subsystem allocates through its own zone, so live bytes are exact and
 * attributable. Bytes are counted as the allocator hands them out (malloc_usable_size).
 * Process-wide: OpenSSL and libev only have process-wide hooks.
 */
#ifndef FLATLINE_ENGINE_MEM_H
#define FLATLINE_ENGINE_MEM_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mem_zone { MEM_APP, MEM_NGHTTP2, MEM_OPENSSL, MEM_EV, MEM_ZONES };

/* malloc, calloc, realloc, free: NULL when refused, and then counted and told to the refusal hook.
 */
void *mem_alloc(enum mem_zone zone, size_t size);
void *mem_calloc(enum mem_zone zone, size_t count, size_t size);
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

/* For nghttp2_session_*_new3. */
nghttp2_mem *mem_nghttp2(void);

/*
 * Tests: let `n` more allocations pass and refuse all after; a negative n turns it off. libev's
 * zone is spared: libev cannot unwind.
 */
void mem_fail_after(int64_t n);

const char *mem_zone_name(enum mem_zone zone); /* "app", "nghttp2", "openssl", "libev" */

#endif
