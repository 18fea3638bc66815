/*
 * The event loop of the driver and of its delay line. Where libev gets no memory, or a kernel that
 * refuses what it cannot do without, it would abort: here the process says why and ends with
 * STATUS_ENVIRONMENT; what it has started, the guardian ends.
 */
#ifndef FLATLINE_DRIVER_LOOP_H
#define FLATLINE_DRIVER_LOOP_H

#include "common/base/waker.h"

#include <stddef.h>

/* Ended by waker_close. NULL: *error holds one line. */
struct ev_loop *loop_open(struct waker *waker, char *error, size_t cap);

#endif
