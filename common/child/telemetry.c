#include "common/child/telemetry.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/child/jemalloc_stats.h"
#include "common/child/profile.h"
#include "common/engine/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct telemetry {
    struct page *page;
    /*
     * The page has one writer at a time: the loop's thread, or whichever thread dies. Recursive,
     * since that may be the loop's thread in the midst of a publication.
     */
    pthread_mutex_t writing;
    struct engine_loop *loop; /* NULL before telemetry_start */
    const struct telemetry_hooks *hooks;
    void *user;
    ev_timer publish;
    ev_prepare commands;
    const char *profile_dir;       /* or NULL */
    int64_t live_boot;             /* live bytes when it became ready; 0 before */
    struct page_snapshot snapshot; /* state and ready_ns persist, the rest is set anew each time */
};

static int64_t sum_live(void)
{
    int64_t sum = 0;

    for (int zone = 0; zone < MEM_ZONES; zone++)
        sum += mem_live((enum mem_zone)zone);
    return sum;
}

static void fill_memory(struct metric_values *m)
{
    static const enum metric live[MEM_ZONES] = {
        [MEM_APP] = METRIC_LIVE_APP,         [MEM_NGHTTP2] = METRIC_LIVE_NGHTTP2,
        [MEM_OPENSSL] = METRIC_LIVE_OPENSSL, [MEM_EV] = METRIC_LIVE_EV,
        [MEM_ZLIB] = METRIC_LIVE_ZLIB,
    };
    int64_t sum = 0;

    for (int zone = 0; zone < MEM_ZONES; zone++) {
        int64_t bytes = mem_live((enum mem_zone)zone);

        metric_set(m, live[zone], bytes);
        sum += bytes;
    }
    metric_set(m, METRIC_LIVE, sum);
    metric_set(m, METRIC_REFUSED, (int64_t)mem_refused());
}

static void fill_traffic(struct metric_values *m, const struct engine_stats *s)
{
    metric_set(m, METRIC_CONNECTIONS, (int64_t)s->connections);
    metric_set(m, METRIC_CONNECTIONS_TOTAL, (int64_t)s->connections_total);
    metric_set(m, METRIC_STREAMS, (int64_t)s->streams);
    metric_set(m, METRIC_CALLS_STARTED, (int64_t)s->calls_started);
    metric_set(m, METRIC_CALLS_DONE, (int64_t)s->calls_done);
    metric_set(m, METRIC_CALLS_FAILED, (int64_t)s->calls_failed);
    metric_set(m, METRIC_MESSAGES_SENT, (int64_t)s->messages_sent);
    metric_set(m, METRIC_MESSAGES_RECEIVED, (int64_t)s->messages_received);
    metric_set(m, METRIC_BYTES_SENT, (int64_t)s->bytes_sent);
    metric_set(m, METRIC_BYTES_RECEIVED, (int64_t)s->bytes_received);
    metric_set(m, METRIC_ACCEPTS_REFUSED, (int64_t)s->accepts_refused);
    metric_set(m, METRIC_CONNECTIONS_REFUSED, (int64_t)s->connections_refused);
    metric_set(m, METRIC_LIMITED, (int64_t)s->limited);
    metric_set(m, METRIC_RESETS, (int64_t)s->resets);
    metric_set(m, METRIC_CANCELS, (int64_t)s->cancels);
    metric_set(m, METRIC_FAILED_CONNECTS, (int64_t)s->unopened);
    metric_set(m, METRIC_STALLS, (int64_t)s->stalls);
    if (s->first_message_ns != 0)
        metric_set(m, METRIC_FIRST_MESSAGE, (int64_t)s->first_message_ns);
}

static void fill_own_traffic(struct telemetry *t)
{
    struct engine_stats sum = {0};

    if (t->hooks->traffic == NULL) {
        fill_traffic(&t->snapshot.metrics, engine_loop_stats(t->loop));
        return;
    }
    t->hooks->traffic(t->user, &sum);
    fill_traffic(&t->snapshot.metrics, &sum);
}

/*
 * The last words, of whichever thread: the lock is never given back. The program's fill is left
 * out: a refusal can strike in the midst of whatever the program was doing, while the counters of
 * engine and allocator are whole at any moment.
 */
static void die_of_refusal(void *arg, enum mem_zone zone, size_t size)
{
    struct telemetry *t = arg;
    char text[PAGE_OBITUARY];
    int64_t live = sum_live();

    pthread_mutex_lock(&t->writing);
    snprintf(text, sizeof text,
             "heap overflow: %zu bytes refused to %s with %" PRId64 " live bytes", size,
             mem_zone_name(zone), live);
    page_put_obituary(t->page, text);
    fill_memory(&t->snapshot.metrics);
    if (t->loop != NULL)
        fill_own_traffic(t);
    page_publish(t->page, &t->snapshot);
    log_error("%s", text);
    _exit(STATUS_HEAP_OVERFLOW);
}

static void init_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

struct telemetry *telemetry_new(int fd, char *error, size_t cap)
{
    struct page *page = page_attach(fd);
    struct telemetry *t;

    if (page == NULL) {
        snprintf(error, cap, "--telemetry-fd %d is not a telemetry page of this version: %s", fd,
                 strerror(errno));
        return NULL;
    }
    t = mem_calloc(MEM_APP, 1, sizeof *t);
    if (t == NULL) {
        snprintf(error, cap, "no memory for the telemetry");
        page_free(page);
        return NULL;
    }
    /* It was made close-on-exec and inherited on purpose; it ends here. */
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    t->page = page;
    init_lock(&t->writing);
    mem_set_refusal(die_of_refusal, t);
    return t;
}

void telemetry_set_profile_dir(struct telemetry *t, const char *dir)
{
    if (t != NULL)
        t->profile_dir = dir;
}

void telemetry_free(struct telemetry *t)
{
    if (t == NULL)
        return;
    mem_set_refusal(NULL, NULL);
    if (t->loop != NULL) {
        struct ev_loop *ev = engine_loop_ev(t->loop);

        /* Undo the ev_unref of telemetry_start, which stopping a watcher expects. */
        ev_ref(ev);
        ev_timer_stop(ev, &t->publish);
        ev_ref(ev);
        ev_prepare_stop(ev, &t->commands);
    }
    page_free(t->page);
    pthread_mutex_destroy(&t->writing);
    mem_free(MEM_APP, t);
}

void telemetry_put_obituary(struct telemetry *t, const char *text)
{
    if (t != NULL)
        page_put_obituary(t->page, text);
}

void telemetry_publish(struct telemetry *t)
{
    struct metric_values *m;

    if (t == NULL)
        return;
    pthread_mutex_lock(&t->writing);
    m = &t->snapshot.metrics;
    m->present = 0;
    fill_own_traffic(t);
    fill_memory(m);
    if (t->live_boot != 0)
        metric_set(m, METRIC_LIVE_BOOT, t->live_boot);
    jemalloc_stats_fill(m);
    if (t->hooks->fill != NULL)
        t->hooks->fill(t->user, &t->snapshot);
    page_publish(t->page, &t->snapshot);
    pthread_mutex_unlock(&t->writing);
}

/* False: not done yet. */
static bool carry_out(struct telemetry *t, enum page_command_op op, uint64_t argument,
                      enum page_command_result *result)
{
    switch (op) {
    case PAGE_COMMAND_PUBLISH:
        *result = PAGE_RESULT_DONE;
        return true;
    case PAGE_COMMAND_PROFILE_START:
    case PAGE_COMMAND_PROFILE_DUMP:
    case PAGE_COMMAND_PROFILE_STOP:
        *result = profile_obey(t->profile_dir, op, argument);
        return true;
    default:
        return t->hooks->command == NULL || t->hooks->command(t->user, op, argument, result);
    }
}

static void obey(struct telemetry *t)
{
    uint64_t argument = 0;
    enum page_command_op op = page_pending(t->page, &argument);
    enum page_command_result result = PAGE_RESULT_UNSUPPORTED;

    if (op == PAGE_COMMAND_NONE || !carry_out(t, op, argument, &result))
        return;
    /* So that whoever sees the acknowledgement also sees a snapshot made after the command. */
    telemetry_publish(t);
    page_acknowledge(t->page, result);
}

static void on_publish(struct ev_loop *ev, ev_timer *w, int revents)
{
    struct telemetry *t = w->data;

    (void)ev, (void)revents;
    telemetry_publish(t);
}

/* Once per turn of the loop: at once under traffic, within a period of the timer when idle. */
static void on_prepare(struct ev_loop *ev, ev_prepare *w, int revents)
{
    struct telemetry *t = w->data;

    (void)ev, (void)revents;
    obey(t);
}

void telemetry_start(struct telemetry *t, struct engine_loop *loop,
                     const struct telemetry_hooks *hooks, void *user)
{
    const double period = (double)PAGE_PUBLISH_NS / (double)NS_PER_S;
    struct ev_loop *ev;

    if (t == NULL)
        return;
    t->hooks = hooks;
    t->user = user;
    t->loop = loop;
    ev = engine_loop_ev(loop);
    t->publish.data = t;
    ev_timer_init(&t->publish, on_publish, period, period);
    ev_timer_start(ev, &t->publish);
    ev_unref(ev);
    t->commands.data = t;
    ev_prepare_init(&t->commands, on_prepare);
    ev_prepare_start(ev, &t->commands);
    ev_unref(ev);
    telemetry_publish(t);
}

/* At rest whoever waits for it looks for two publications that are the same. */
static void set_pace(struct telemetry *t)
{
    uint64_t period_ns = t->snapshot.state == PAGE_PAUSED ? PAGE_PAUSED_NS : PAGE_PUBLISH_NS;
    double period = (double)period_ns / (double)NS_PER_S;

    if (t->publish.repeat == period)
        return;
    t->publish.repeat = period;
    ev_timer_again(engine_loop_ev(t->loop), &t->publish);
}

void telemetry_set_state(struct telemetry *t, enum page_state state)
{
    if (t == NULL)
        return;
    pthread_mutex_lock(&t->writing);
    t->snapshot.state = state;
    if (state == PAGE_READY && t->snapshot.ready_ns == 0) {
        t->snapshot.ready_ns = clock_now_ns();
        t->live_boot = sum_live();
    }
    set_pace(t);
    telemetry_publish(t);
    pthread_mutex_unlock(&t->writing);
}

void telemetry_event(struct telemetry *t, enum page_event_kind kind, uint32_t connection,
                     int32_t detail)
{
    if (t != NULL)
        page_put_event(t->page, kind, connection, detail);
}
