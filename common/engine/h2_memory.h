/*
 * The memory of one nghttp2 session, counted in MEM_NGHTTP2. Of the 31,000 bytes that nghttp2 1.52
 * allocates for each, 20,480 are the buffer in which it makes a frame; that has nothing in it
 * between two calls of nghttp2_session_mem_send, so all sessions of a loop share one. And 4,096 are
 * its table of streams, all zeros while there is none: at rest its page goes back to the kernel,
 * and comes back as zeros with the next stream.
 *
 * Whoever calls nghttp2_session_mem_send must have taken the bytes before any session of the loop
 * is asked for more. The one exception is the preface, which a client's session puts there when it
 * is made: whoever makes one takes it out at once.
 */
#ifndef FLATLINE_ENGINE_H2_MEMORY_H
#define FLATLINE_ENGINE_H2_MEMORY_H

#include "common/engine/loop_internal.h"

#include <nghttp2/nghttp2.h>
#include <stddef.h>

/* All zero at first; outlives the session. */
struct h2_memory {
    struct engine_loop *loop;
    void *table; /* the last whole page or more that was asked for all zero; NULL: none */
    size_t table_size;
    bool lends; /* while the session is made */
};

/* For one nghttp2_session_*_new3, which copies it. */
nghttp2_mem h2_memory_begin(struct h2_memory *memory, struct engine_loop *loop);
/* After it. */
void h2_memory_end(struct h2_memory *memory);

/* Gives the kernel the pages that have nothing in them. Live bytes stay as they are. */
void h2_memory_rest(struct h2_memory *memory);

#endif
