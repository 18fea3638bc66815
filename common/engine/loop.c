#include "common/engine/codec.h"
#include "common/engine/guard.h"
#include "common/engine/loop_internal.h"
#include "common/engine/mem.h"

/* s that freed blocks are kept at most: long beside a call, short beside a look at what is live. */
#define KEEP 0.1
#define ROOM 64 /* connections at a time; the driver's fleet has 16 of a server */

static void append(struct loop_task *ring, struct loop_task *task)
{
    if (task->queued)
        return;
    task->queued = true;
    task->next = ring;
    task->prev = ring->prev;
    task->prev->next = task;
    ring->prev = task;
}

void loop_task_queue(struct engine_loop *loop, struct loop_task *task)
{
    append(&loop->tasks, task);
}

void loop_task_put_off(struct engine_loop *loop, struct loop_task *task)
{
    append(&loop->late, task);
}

void loop_task_cancel(struct loop_task *task)
{
    if (!task->queued)
        return;
    task->queued = false;
    task->prev->next = task->next;
    task->next->prev = task->prev;
}

bool loop_may_work(const struct engine_loop *loop)
{
    return loop->slice_ns > 0 || (!loop_is_late(loop) && loop->worked_ns < GUARD_WORK_NS);
}

void loop_worked(struct engine_loop *loop, uint64_t ns)
{
    loop->slice_ns -= ns < loop->slice_ns ? ns : loop->slice_ns;
    loop->worked_ns += ns;
}

/* Who is put off anew stands behind the others. */
static void run_late(struct engine_loop *loop)
{
    struct loop_task end = {.queued = false};

    loop_task_put_off(loop, &end);
    while (loop->late.next != &end && loop->worked_ns < GUARD_WORK_NS) {
        struct loop_task *task = loop->late.next;

        loop_task_cancel(task);
        loop->slice_ns = GUARD_SLICE_NS;
        task->run(task);
        loop->slice_ns = 0;
    }
    loop_task_cancel(&end);
}

/* The timer does not keep the loop running. */
static void start_giving_back(struct engine_loop *loop)
{
    ev_timer_set(&loop->give_back, KEEP, 0.);
    ev_timer_start(loop->ev, &loop->give_back);
    ev_unref(loop->ev);
}

static void on_give_back(struct ev_loop *ev, ev_timer *w, int revents)
{
    struct engine_loop *loop = w->data;

    (void)revents;
    ev_ref(ev);
    mem_pool_empty(&loop->pool);
}

/* Before the loop sleeps: one turn of every queued task. What is queued meanwhile keeps the loop
 * awake. */
static void on_prepare(struct ev_loop *ev, ev_prepare *w, int revents)
{
    struct engine_loop *loop = w->data;
    struct loop_task end = {.queued = false};

    (void)revents;
    loop->worked_ns = 0;
    if (loop->tasks.next != &loop->tasks) {
        loop_task_queue(loop, &end);
        while (loop->tasks.next != &end) {
            struct loop_task *task = loop->tasks.next;

            loop_task_cancel(task);
            task->run(task);
        }
        loop_task_cancel(&end);
    }
    if (loop_is_late(loop))
        run_late(loop);
    if (loop->tasks.next != &loop->tasks || loop_is_late(loop))
        ev_idle_start(ev, &loop->idle);
    else
        ev_idle_stop(ev, &loop->idle);
    if (loop->pool.bytes != 0 && !ev_is_active(&loop->give_back))
        start_giving_back(loop);
}

/* Its being active is its whole effect: the loop polls instead of sleeping. */
static void on_idle(struct ev_loop *ev, ev_idle *w, int revents)
{
    (void)ev, (void)w, (void)revents;
}

static void on_room_io(struct ev_loop *ev, ev_io *w, int revents)
{
    (void)ev, (void)w, (void)revents;
}

static void on_room_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
    (void)ev, (void)w, (void)revents;
}

/*
 * libev's arrays grow with the most that there ever was at a time, and never shrink: a step in the
 * midst of a run, when a few more connections than before happen to overlap, looks like a leak of
 * those bytes. Up to ROOM connections there is none, nor when the loop is kept awake for the first
 * time. The descriptors are only numbers here: nothing of them gets to the kernel before the loop
 * turns.
 */
static bool make_room(struct ev_loop *ev)
{
    struct {
        ev_io io;
        ev_timer timer;
    } *all = mem_calloc(MEM_APP, ROOM, sizeof *all);
    ev_idle idle;

    if (all == NULL)
        return false;
    for (int i = 0; i < ROOM; i++) {
        ev_io_init(&all[i].io, on_room_io, i, EV_READ);
        ev_timer_init(&all[i].timer, on_room_timer, 1., 0.);
        ev_io_start(ev, &all[i].io);
        ev_timer_start(ev, &all[i].timer);
        ev_feed_event(ev, &all[i].timer, EV_TIMER);
    }
    for (int i = 0; i < ROOM; i++) {
        ev_io_stop(ev, &all[i].io);
        ev_timer_stop(ev, &all[i].timer);
    }
    mem_free(MEM_APP, all);
    ev_idle_init(&idle, on_idle);
    ev_idle_start(ev, &idle);
    ev_idle_stop(ev, &idle);
    return true;
}

struct engine_loop *engine_loop_new(void)
{
    struct engine_loop *loop = mem_calloc(MEM_APP, 1, sizeof *loop);

    if (loop == NULL)
        return NULL;
    loop->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (loop->ev == NULL) {
        mem_free(MEM_APP, loop);
        return NULL;
    }
    if (!make_room(loop->ev) || !waker_start(&loop->waker, loop->ev)) {
        ev_loop_destroy(loop->ev);
        mem_free(MEM_APP, loop);
        return NULL;
    }
    loop->held_max = guard_held_max();
    loop->tasks.next = loop->tasks.prev = &loop->tasks;
    loop->late.next = loop->late.prev = &loop->late;
    ev_timer_init(&loop->give_back, on_give_back, 0., 0.);
    ev_prepare_init(&loop->prepare, on_prepare);
    loop->give_back.data = loop->prepare.data = loop;
    ev_prepare_start(loop->ev, &loop->prepare);
    ev_unref(loop->ev);
    ev_idle_init(&loop->idle, on_idle);
    rest_list_init(&loop->rests, loop->ev);
    return loop;
}

void engine_loop_free(struct engine_loop *loop)
{
    if (loop == NULL)
        return;
    ev_idle_stop(loop->ev, &loop->idle);
    rest_list_stop(&loop->rests);
    if (ev_is_active(&loop->give_back)) {
        ev_ref(loop->ev);
        ev_timer_stop(loop->ev, &loop->give_back);
    }
    mem_pool_empty(&loop->pool);
    ev_ref(loop->ev);
    ev_prepare_stop(loop->ev, &loop->prepare);
    waker_close(&loop->waker);
    codec_free(loop->codec);
    mem_free(MEM_APP, loop);
}

void loop_count_end(struct engine_loop *loop, bool opened)
{
    loop->stats.closed += opened;
    loop->stats.unopened += !opened;
    loop->stats.emptied += --loop->stats.connections == 0;
}

struct codec *loop_codec(struct engine_loop *loop)
{
    if (loop->codec == NULL)
        loop->codec = codec_new();
    return loop->codec;
}

struct ev_loop *engine_loop_ev(struct engine_loop *loop)
{
    return loop->ev;
}

struct engine_stats *engine_loop_stats(struct engine_loop *loop)
{
    return &loop->stats;
}

void engine_stats_add(struct engine_stats *sum, const struct engine_stats *more)
{
    uint64_t first = sum->first_message_ns;

    if (first == 0 || (more->first_message_ns != 0 && more->first_message_ns < first))
        first = more->first_message_ns;
    sum->connections += more->connections;
    sum->connections_total += more->connections_total;
    sum->opened += more->opened;
    sum->unopened += more->unopened;
    sum->closed += more->closed;
    sum->emptied += more->emptied;
    sum->handshakes += more->handshakes;
    sum->resumed += more->resumed;
    sum->streams += more->streams;
    sum->calls_started += more->calls_started;
    sum->calls_done += more->calls_done;
    sum->calls_failed += more->calls_failed;
    sum->messages_sent += more->messages_sent;
    sum->messages_received += more->messages_received;
    sum->bytes_sent += more->bytes_sent;
    sum->bytes_received += more->bytes_received;
    sum->protocol_errors += more->protocol_errors;
    sum->limited += more->limited;
    sum->connections_refused += more->connections_refused;
    sum->memory_drops += more->memory_drops;
    sum->accepts_refused += more->accepts_refused;
    sum->resets += more->resets;
    sum->cancels += more->cancels;
    sum->trailers_cut += more->trailers_cut;
    sum->early_ends += more->early_ends;
    sum->streams_closed += more->streams_closed;
    sum->header_blocks += more->header_blocks;
    sum->stalls += more->stalls;
    sum->first_message_ns = first;
}
