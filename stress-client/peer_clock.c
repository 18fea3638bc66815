#include "stress-client/peer_clock.h"

#include "common/base/clock.h"
#include "common/engine/mem.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct peer_clock {
    struct ev_loop *ev;
    struct due_heap heap;
    int fd;
    uint64_t armed_ns; /* what the descriptor is set to; 0: nothing */
    bool ringing;
    ev_io expired;
};

/* Wakes the loop for the first of them. */
static void arm(struct peer_clock *clock)
{
    const struct due *first = due_heap_first(&clock->heap);
    uint64_t at_ns = first != NULL ? first->at_ns : 0;
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(at_ns / NS_PER_S), .tv_nsec = (long)(at_ns % NS_PER_S)}};

    if (clock->ringing || at_ns == clock->armed_ns || (at_ns == 0 && clock->armed_ns == 0))
        return;
    clock->armed_ns = at_ns;
    timerfd_settime(clock->fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void on_expired(struct ev_loop *ev, ev_io *watcher, int revents)
{
    struct peer_clock *clock = watcher->data;
    uint64_t count, now_ns = clock_now_ns();
    ssize_t n = read(clock->fd, &count, sizeof count);
    struct due *due;

    (void)ev, (void)revents;
    if (n < 0 && errno == EAGAIN)
        return; /* it was set anew meanwhile */
    clock->ringing = true;
    clock->armed_ns = 0;
    while ((due = due_heap_first(&clock->heap)) != NULL && due->at_ns <= now_ns) {
        struct peer_alarm *alarm = (struct peer_alarm *)due;

        due_heap_set(&clock->heap, due, UINT64_MAX);
        alarm->ring(alarm);
    }
    clock->ringing = false;
    arm(clock);
}

struct peer_clock *peer_clock_new(struct ev_loop *ev, size_t alarms)
{
    struct peer_clock *clock = mem_calloc(MEM_APP, 1, sizeof *clock);

    if (clock == NULL)
        return NULL;
    clock->ev = ev;
    clock->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (clock->fd < 0 || !due_heap_reserve(&clock->heap, alarms)) {
        peer_clock_free(clock);
        return NULL;
    }
    ev_io_init(&clock->expired, on_expired, clock->fd, EV_READ);
    clock->expired.data = clock;
    ev_io_start(ev, &clock->expired);
    return clock;
}

void peer_clock_free(struct peer_clock *clock)
{
    if (clock == NULL)
        return;
    if (clock->expired.data != NULL)
        ev_io_stop(clock->ev, &clock->expired);
    due_heap_release(&clock->heap);
    if (clock->fd >= 0)
        close(clock->fd);
    mem_free(MEM_APP, clock);
}

void peer_clock_set(struct peer_clock *clock, struct peer_alarm *alarm, uint64_t at_ns)
{
    /* 0 would take the alarm of the descriptor away. */
    due_heap_set(&clock->heap, &alarm->due, at_ns != 0 ? at_ns : 1);
    arm(clock);
}

void peer_clock_cancel(struct peer_clock *clock, struct peer_alarm *alarm)
{
    if (alarm->due.place == 0)
        return;
    due_heap_set(&clock->heap, &alarm->due, UINT64_MAX);
    arm(clock);
}
