/*
 * A libev loop that takes a kernel's no. Where epoll_ctl is refused, libev 4.33 stops the watcher
 * and queues EV_ERROR for it, but then sleeps before it says so, for up to a minute: the waker ends
 * that sleep at once. And where the descriptor is refused by which signals and other threads wake a
 * loop, libev says nothing, ever: such a loop is not opened.
 */
#ifndef FLATLINE_BASE_WAKER_H
#define FLATLINE_BASE_WAKER_H

#include <ev.h>
#include <stdbool.h>

struct waker {
    struct ev_loop *ev; /* NULL: it is not open */
    ev_async async;
    bool asked, answered; /* whether it wakes, while it is opened */
};

/*
 * Turns a loop, on which nothing is watched yet, twice; from then on its user data and release
 * callback are the waker's, which does not count as an active watcher. False with errno: it cannot
 * be woken.
 */
bool waker_start(struct waker *waker, struct ev_loop *ev);

/* Before the loop is destroyed. */
void waker_stop(struct waker *waker);

/* The same with a loop of its own, by those flags (ev_loop_new). NULL with errno. */
struct ev_loop *waker_open(struct waker *waker, unsigned flags);

/* Stops and destroys the loop; nothing if it is not open. */
void waker_close(struct waker *waker);

#endif
