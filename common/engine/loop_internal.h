/* The engine's own view of a loop: scratch memory and the turn. */
#ifndef FLATLINE_ENGINE_LOOP_INTERNAL_H
#define FLATLINE_ENGINE_LOOP_INTERNAL_H

#include "common/base/waker.h"
#include "common/engine/loop.h"
#include "common/engine/mem.h"
#include "common/engine/rest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOOP_READ_SIZE (64u << 10)
#define LOOP_WRITE_SIZE (64u << 10)
#define LOOP_FRAME_SIZE (17u << 10) /* 16 KiB of payload, its header and a padding length */

/* Something with work to do before the loop sleeps. Embedded in its owner. */
struct loop_task {
    struct loop_task *next, *prev;
    void (*run)(struct loop_task *task); /* may free the owner */
    bool queued;
};

struct engine_loop {
    struct ev_loop *ev;
    struct waker waker;
    ev_prepare prepare;
    ev_idle idle;
    struct loop_task tasks; /* ring head */
    size_t held, held_max;  /* bytes of messages under assembly; guard.h */
    struct loop_task late;  /* another: who waits for a turn to do heavy work */
    uint64_t worked_ns;     /* in heavy work, this turn */
    uint64_t slice_ns;      /* of it left to the late task that runs, whoever else waits */
    struct rest_list rests;
    struct engine_stats stats;
    struct mem_pool pool;
    ev_timer give_back;             /* what the pool keeps, soon after it keeps anything */
    struct codec *codec;            /* made when the first message is compressed */
    uint8_t read[LOOP_READ_SIZE];   /* incoming bytes, valid during one read */
    uint8_t write[LOOP_WRITE_SIZE]; /* frames gathered for one write */
    uint8_t frame[LOOP_FRAME_SIZE]; /* where nghttp2 makes each (h2_memory.h) */
};

/* Runs the task once before the loop next sleeps; a task that queues itself again runs in the next
 * turn. */
void loop_task_queue(struct engine_loop *loop, struct loop_task *task);
void loop_task_cancel(struct loop_task *task);

/*
 * Heavy work: what costs far more than the bytes that ask for it, such as unpacking a message. All
 * of it together gets GUARD_WORK_NS of a turn, so that those who ask for none are served meanwhile;
 * who finds no time left, or others before him, waits for a turn of his own, a GUARD_SLICE_NS. What
 * has begun is finished, all the same.
 */
bool loop_may_work(const struct engine_loop *loop);
void loop_worked(struct engine_loop *loop, uint64_t ns);

/* Runs the task once, after those that were put off before it. */
void loop_task_put_off(struct engine_loop *loop, struct loop_task *task);

/* Somebody waits like that. */
static inline bool loop_is_late(const struct engine_loop *loop)
{
    return loop->late.next != &loop->late;
}

/* A connection is no more; opened: it was usable once. */
void loop_count_end(struct engine_loop *loop, bool opened);

/* The loop's codec; NULL: out of memory. */
struct codec *loop_codec(struct engine_loop *loop);

#endif
