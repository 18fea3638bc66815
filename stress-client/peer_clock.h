/*
 * Alarms to the microsecond. The loop's own timers are rounded up to the millisecond of
 * epoll_wait(2), which would be most of what a latency on one host is; a timerfd is not.
 */
#ifndef FLATLINE_CLIENT_PEER_CLOCK_H
#define FLATLINE_CLIENT_PEER_CLOCK_H

#include "common/base/due_heap.h"

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer_clock;

struct peer_alarm {
    struct due due; /* not set: all zero */
    void (*ring)(struct peer_alarm *alarm);
};

/* For so many alarms. NULL: out of memory or descriptors, errno. */
struct peer_clock *peer_clock_new(struct ev_loop *ev, size_t alarms);
/* Takes NULL. */
void peer_clock_free(struct peer_clock *clock);

/* Rings once, at at_ns of CLOCK_MONOTONIC or as soon as it is past, instead of when it was set to
 * before.
 */
void peer_clock_set(struct peer_clock *clock, struct peer_alarm *alarm, uint64_t at_ns);
/* Takes one that is not set. */
void peer_clock_cancel(struct peer_clock *clock, struct peer_alarm *alarm);

#endif
