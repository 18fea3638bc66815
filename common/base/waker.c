#include "common/base/waker.h"

#include <errno.h>
#include <string.h>

static void on_wake(struct ev_loop *ev, ev_async *w, int revents)
{
    struct waker *waker = w->data;

    (void)ev, (void)revents;
    waker->answered = true;
}

/* Between the last look at what has changed and the sleep. */
static void before_sleep(struct ev_loop *ev)
{
    struct waker *waker = ev_userdata(ev);

    if (waker->asked || ev_pending_count(ev) > 0)
        ev_async_send(ev, &waker->async);
}

static void after_sleep(struct ev_loop *ev)
{
    (void)ev;
}

/* In one turn the kernel is told of the descriptor, in the next one it has to tell of it. */
static bool wakes(struct waker *waker)
{
    ev_run(waker->ev, EVRUN_NOWAIT);
    waker->answered = false;
    waker->asked = true;
    ev_run(waker->ev, EVRUN_NOWAIT);
    waker->asked = false;
    return waker->answered;
}

bool waker_start(struct waker *waker, struct ev_loop *ev)
{
    memset(waker, 0, sizeof *waker);
    waker->ev = ev;
    ev_async_init(&waker->async, on_wake);
    waker->async.data = waker;
    ev_async_start(ev, &waker->async);
    ev_set_userdata(ev, waker);
    ev_set_loop_release_cb(ev, before_sleep, after_sleep);
    ev_unref(ev);
    if (wakes(waker))
        return true;
    waker_stop(waker);
    errno = ENOMEM;
    return false;
}

void waker_stop(struct waker *waker)
{
    ev_ref(waker->ev);
    ev_async_stop(waker->ev, &waker->async);
    waker->ev = NULL;
}

struct ev_loop *waker_open(struct waker *waker, unsigned flags)
{
    struct ev_loop *ev = ev_loop_new(flags);

    waker->ev = NULL;
    errno = ENOMEM;
    if (ev != NULL && !waker_start(waker, ev)) {
        ev_loop_destroy(ev);
        ev = NULL;
        errno = ENOMEM;
    }
    return ev;
}

void waker_close(struct waker *waker)
{
    struct ev_loop *ev = waker->ev;

    if (ev == NULL)
        return;
    waker_stop(waker);
    ev_loop_destroy(ev);
}
