/* The engine's own view of a loop: scratch memory and the turn. */
#ifndef FLATLINE_ENGINE_LOOP_INTERNAL_H
#define FLATLINE_ENGINE_LOOP_INTERNAL_H

#include "common/engine/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOOP_READ_SIZE (64u << 10)
#define LOOP_WRITE_SIZE (64u << 10)

/* Something with work to do before the loop sleeps. Embedded in its owner. */
struct loop_task {
    struct loop_task *next, *prev;
    void (*run)(struct loop_task *task); /* may free the owner */
    bool queued;
};

struct engine_loop {
    struct ev_loop *ev;
    ev_prepare prepare;
    ev_idle idle;
    struct loop_task tasks; /* ring head */
    struct engine_stats stats;
    struct codec *codec;            /* made when the first message is compressed */
    uint8_t read[LOOP_READ_SIZE];   /* incoming bytes, valid during one read */
    uint8_t write[LOOP_WRITE_SIZE]; /* frames gathered for one write */
};

/* Runs the task once before the loop next sleeps; a task that queues itself again runs in the next
 * turn. */
void loop_task_queue(struct engine_loop *loop, struct loop_task *task);
void loop_task_cancel(struct loop_task *task);

/* A connection is no more; opened: it was usable once. */
void loop_count_end(struct engine_loop *loop, bool opened);

/* The loop's codec; NULL: out of memory. */
struct codec *loop_codec(struct engine_loop *loop);

#endif
