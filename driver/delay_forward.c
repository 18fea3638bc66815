#include "driver/delay_forward.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "driver/delay_pair.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BACKLOG 4096
#define ACCEPTS 64  /* in one turn of the loop */
#define AGAIN_S 0.1 /* after there was no descriptor for another connection */

struct delay_forward {
    struct delay_shared shared;
    int listener, alarm;
    uint64_t armed_ns; /* 0: the alarm is not set */
    bool short_of_descriptors;
    ev_io acceptor, ringing;
    ev_timer again;
    ev_prepare prepare;
};

/* ---- time: libev's timers are as fine as a millisecond, a timerfd is finer ---- */

static void set_alarm(struct delay_forward *f, uint64_t at_ns)
{
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(at_ns / NS_PER_S), .tv_nsec = (long)(at_ns % NS_PER_S)}};

    if (at_ns == f->armed_ns)
        return;
    f->armed_ns = at_ns;
    (void)timerfd_settime(f->alarm, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Before the loop sleeps. */
static void on_prepare(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct delay_forward *f = w->data;
    uint64_t now = clock_now_ns();
    struct due *due;

    (void)loop, (void)revents;
    while ((due = due_heap_first(&f->shared.heap)) != NULL && due->at_ns <= now)
        delay_pair_run(due, now);
    set_alarm(f, due == NULL ? 0 : due->at_ns);
}

static void watch_later(struct delay_forward *f)
{
    ev_timer_stop(f->shared.loop, &f->again);
    ev_timer_set(&f->again, AGAIN_S, 0);
    ev_timer_start(f->shared.loop, &f->again);
}

/* It has woken the loop, which is all it is for. */
static void on_alarm(struct ev_loop *loop, ev_io *io, int revents)
{
    struct delay_forward *f = io->data;
    uint64_t times;

    (void)loop;
    if ((revents & EV_ERROR) != 0) {
        log_warn("the kernel refuses to watch a timer; trying again");
        watch_later(f);
        return;
    }
    if (read(f->alarm, &times, sizeof times) == sizeof times)
        f->armed_ns = 0;
}

/* ---- connections ---- */

static void accept_later(struct delay_forward *f)
{
    if (!f->short_of_descriptors)
        log_warn("cannot accept: %s; trying again", strerror(errno));
    f->short_of_descriptors = true;
    ev_io_stop(f->shared.loop, &f->acceptor);
    watch_later(f);
}

static void on_accept(struct ev_loop *loop, ev_io *io, int revents)
{
    struct delay_forward *f = io->data;

    (void)loop;
    if ((revents & EV_ERROR) != 0) {
        errno = ENOMEM; /* libev could not watch it, and has stopped */
        accept_later(f);
        return;
    }
    for (int i = 0; i < ACCEPTS; i++) {
        int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            if (!delay_pair_add(&f->shared, fd, clock_now_ns()))
                log_warn("no memory for another connection");
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            accept_later(f);
        return;
    }
}

static void on_again(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct delay_forward *f = timer->data;

    (void)revents;
    ev_io_start(loop, &f->acceptor);
    ev_io_start(loop, &f->ringing);
}

/* ---- addresses ---- */

static struct addrinfo *resolve(const struct delay_address *address, int flags, char *error,
                                size_t cap)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char port[16];
    int rv;

    snprintf(port, sizeof port, "%u", (unsigned)address->port);
    rv = getaddrinfo(address->host, port, &hints, &list);
    if (rv != 0)
        snprintf(error, cap, "cannot find the address of %s: %s", address->host,
                 rv == EAI_SYSTEM ? strerror(errno) : gai_strerror(rv));
    return list;
}

static bool aim(struct delay_shared *shared, const struct delay_address *to, char *error,
                size_t cap)
{
    struct addrinfo *list = resolve(to, 0, error, cap);

    if (list == NULL)
        return false;
    memcpy(&shared->to, list->ai_addr, list->ai_addrlen);
    shared->to_size = list->ai_addrlen;
    freeaddrinfo(list);
    return true;
}

static int listen_at(const struct addrinfo *at)
{
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), saved;
    const int on = 1;

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
    return -1;
}

static bool open_listener(struct delay_forward *f, const struct delay_address *address, char *error,
                          size_t cap)
{
    struct addrinfo *list = resolve(address, AI_PASSIVE, error, cap);

    if (list == NULL)
        return false;
    for (const struct addrinfo *at = list; f->listener < 0 && at != NULL; at = at->ai_next)
        f->listener = listen_at(at);
    if (f->listener < 0)
        snprintf(error, cap, "cannot listen on %s:%u: %s", address->host, (unsigned)address->port,
                 strerror(errno));
    freeaddrinfo(list);
    return f->listener >= 0;
}

uint16_t delay_forward_port(const struct delay_forward *f)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } own = {0};
    socklen_t size = sizeof own;

    getsockname(f->listener, &own.any, &size);
    return ntohs(own.any.sa_family == AF_INET6 ? own.v6.sin6_port : own.v4.sin_port);
}

/* ---- life ---- */

static void link_init(struct delay_link *link, const struct delay_settings *settings,
                      uint64_t delay_ns, const char *name)
{
    *link = (struct delay_link){.delay_ns = delay_ns,
                                .jitter_ns = settings->jitter_ns,
                                .bytes_per_s = settings->bytes_per_s,
                                .rng = {rng_seed_named(settings->seed, name), 0}};
}

static bool open_alarm(struct delay_forward *f, char *error, size_t cap)
{
    f->alarm = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (f->alarm < 0)
        snprintf(error, cap, "cannot make a timer: %s", strerror(errno));
    return f->alarm >= 0;
}

static void start(struct delay_forward *f)
{
    struct ev_loop *loop = f->shared.loop;

    ev_io_init(&f->acceptor, on_accept, f->listener, EV_READ);
    f->acceptor.data = f;
    ev_io_start(loop, &f->acceptor);
    ev_io_init(&f->ringing, on_alarm, f->alarm, EV_READ);
    f->ringing.data = f;
    ev_io_start(loop, &f->ringing);
    ev_init(&f->again, on_again);
    f->again.data = f;
    ev_prepare_init(&f->prepare, on_prepare);
    f->prepare.data = f;
    ev_prepare_start(loop, &f->prepare);
}

struct delay_forward *delay_forward_new(struct ev_loop *loop, const struct delay_settings *settings,
                                        char *error, size_t cap)
{
    struct delay_forward *f = calloc(1, sizeof *f);

    if (f == NULL) {
        snprintf(error, cap, "no memory");
        return NULL;
    }
    f->shared.loop = loop;
    f->listener = f->alarm = -1;
    link_init(&f->shared.up, settings, settings->up_ns, "up");
    link_init(&f->shared.down, settings, settings->down_ns, "down");
    if (aim(&f->shared, &settings->to, error, cap) &&
        open_listener(f, &settings->listen, error, cap) && open_alarm(f, error, cap)) {
        start(f);
        return f;
    }
    delay_forward_free(f);
    return NULL;
}

void delay_forward_set_rtt(struct delay_forward *f, uint64_t rtt_ns)
{
    f->shared.up.delay_ns = rtt_ns / 2;
    f->shared.down.delay_ns = rtt_ns - rtt_ns / 2;
}

void delay_forward_mute(struct delay_forward *f)
{
    delay_pair_mute_all(&f->shared);
}

struct delay_stats delay_forward_stats(const struct delay_forward *f)
{
    struct delay_stats stats = f->shared.stats;

    stats.held = f->shared.up.held + f->shared.down.held;
    return stats;
}

void delay_forward_free(struct delay_forward *f)
{
    if (f == NULL)
        return;
    delay_pair_free_all(&f->shared);
    due_heap_release(&f->shared.heap);
    if (f->listener >= 0) {
        ev_io_stop(f->shared.loop, &f->acceptor);
        ev_timer_stop(f->shared.loop, &f->again);
        close(f->listener);
    }
    if (f->alarm >= 0) {
        ev_io_stop(f->shared.loop, &f->ringing);
        ev_prepare_stop(f->shared.loop, &f->prepare);
        close(f->alarm);
    }
    free(f);
}
