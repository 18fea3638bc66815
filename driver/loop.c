#include "driver/loop.h"

#include "common/base/exit_status.h"
#include "common/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *allocate(void *ptr, long size)
{
    static const char last_words[] = "driver: no memory for the event loop\n";
    void *moved;

    if (size == 0) {
        free(ptr);
        return NULL;
    }
    moved = realloc(ptr, (size_t)size);
    if (moved == NULL) {
        /* A log line may take memory itself. */
        (void)!write(STDERR_FILENO, last_words, sizeof last_words - 1);
        _exit(STATUS_ENVIRONMENT);
    }
    return moved;
}

static void refused(const char *what)
{
    log_error("the event loop cannot go on: %s: %s", what, strerror(errno));
    _exit(STATUS_ENVIRONMENT);
}

struct ev_loop *loop_open(struct waker *waker, char *error, size_t cap)
{
    struct ev_loop *loop;

    ev_set_allocator(allocate);
    ev_set_syserr_cb(refused);
    /* Never the default loop: it reaps every child, and loses statuses when it is busy. */
    loop = waker_open(waker, EVFLAG_AUTO);
    if (loop == NULL)
        snprintf(error, cap, "cannot make an event loop: %s", strerror(errno));
    return loop;
}
