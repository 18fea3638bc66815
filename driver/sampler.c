#include "driver/sampler.h"

#include "common/base/clock.h"
#include "driver/pss.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define PSS_NS (5 * NS_PER_S)
#define COMMIT_NS NS_PER_S
#define AGAIN_S 0.1

/* What was last counted of a component. */
struct counted {
    int number; /* of the incarnation */
    uint64_t calls;
    bool recovered;
};

struct sampler {
    struct sampler_settings settings;
    struct ev_loop *loop;
    ev_io watcher;  /* on a timerfd */
    ev_timer again; /* the kernel refused to watch it */
    struct pss *pss;
    uint64_t due_ns;
    uint64_t commit_ns;
    bool failure_told;
    struct sampler_totals totals;
    struct counted counted[]; /* beside the scenario's components */
};

static uint64_t count_calls(struct counted *counted, const struct process *process)
{
    uint64_t calls = metric_has(&process->last, METRIC_CALLS_DONE)
                         ? (uint64_t)process->last.value[METRIC_CALLS_DONE]
                         : counted->calls;
    uint64_t fresh = calls > counted->calls ? calls - counted->calls : 0;

    counted->calls = calls;
    return fresh;
}

static bool has_recovered(struct counted *counted, const struct process *process)
{
    if (process->number == 1 || counted->recovered || process->page == NULL ||
        !metric_has(&process->last, METRIC_FIRST_MESSAGE) ||
        process->last.value[METRIC_FIRST_MESSAGE] == 0)
        return false;
    counted->recovered = true;
    return true;
}

static void count(struct sampler *sampler, size_t i, const struct process *process)
{
    const struct component *component = &sampler->settings.scenario->components[i];
    struct sampler_totals *totals = &sampler->totals;
    struct counted *counted = &sampler->counted[i];
    double share =
        component->heap_cap == 0 ? 0 : (double)process->data / (double)component->heap_cap;

    if (counted->number != process->number)
        *counted = (struct counted){.number = process->number};
    if (!component->server)
        totals->calls += count_calls(counted, process);
    totals->recoveries += has_recovered(counted, process);
    if (totals->share_name == NULL || share > totals->share) {
        totals->share = share;
        totals->share_name = component->name;
    }
}

static int64_t take_pss(struct pss *pss, size_t i, pid_t pid)
{
    int64_t bytes;

    pss_watch(pss, i, pid);
    return pss_take(pss, i, pid, &bytes) ? bytes : -1;
}

static void look(struct sampler *sampler, uint64_t late_ns)
{
    struct sampler_totals *totals = &sampler->totals;

    if (late_ns > totals->worst_late_ns)
        totals->worst_late_ns = late_ns;
    totals->share = 0;
    totals->share_name = NULL;
    for (size_t i = 0; i < sampler->settings.scenario->count; i++) {
        struct process *process = supervisor_process(sampler->settings.supervisor, i);
        struct process_look at = {.time_ns = clock_now_ns(), .lateness_ns = (int64_t)late_ns};

        if (process == NULL) {
            pss_watch(sampler->pss, i, 0);
            continue;
        }
        at.pss = take_pss(sampler->pss, i, process->child.pid);
        process_observe(process, sampler->settings.writer, &at);
        count(sampler, i, process);
    }
}

static void commit(struct sampler *sampler, uint64_t now)
{
    if (now >= sampler->commit_ns) {
        sampler->commit_ns = now + COMMIT_NS;
        (void)run_writer_commit(sampler->settings.writer);
    }
    if (run_writer_error(sampler->settings.writer) != NULL && !sampler->failure_told) {
        sampler->failure_told = true;
        sampler->settings.store_failed(sampler->settings.user);
    }
}

static void on_again(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    struct sampler *sampler = watcher->data;

    (void)revents;
    ev_io_start(loop, &sampler->watcher);
}

static void on_tick(struct ev_loop *loop, ev_io *watcher, int revents)
{
    struct sampler *sampler = watcher->data;
    uint64_t expirations, now = clock_now_ns();

    /* libev could not watch the timer, and has stopped. */
    if ((revents & EV_ERROR) != 0) {
        ev_timer_start(loop, &sampler->again);
        return;
    }
    if (read(watcher->fd, &expirations, sizeof expirations) != (ssize_t)sizeof expirations)
        return;
    /* Ticks that were missed are looked at once, as late as the first of them. */
    look(sampler, now - sampler->due_ns);
    sampler->due_ns += expirations * sampler->settings.interval_ns;
    commit(sampler, now);
}

struct sampler *sampler_new(struct ev_loop *loop, const struct sampler_settings *settings,
                            char *error, size_t cap)
{
    struct sampler *sampler =
        calloc(1, sizeof *sampler + settings->scenario->count * sizeof *sampler->counted);
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

    if (sampler != NULL && fd >= 0)
        sampler->pss = pss_new(settings->scenario->count, PSS_NS);
    if (sampler == NULL || sampler->pss == NULL) {
        snprintf(error, cap, "cannot set up the sampler: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        free(sampler);
        return NULL;
    }
    sampler->loop = loop;
    sampler->settings = *settings;
    ev_io_init(&sampler->watcher, on_tick, fd, EV_READ);
    ev_set_priority(&sampler->watcher, EV_MAXPRI);
    sampler->watcher.data = sampler;
    ev_timer_init(&sampler->again, on_again, AGAIN_S, 0.);
    sampler->again.data = sampler;
    return sampler;
}

void sampler_free(struct sampler *sampler)
{
    if (sampler == NULL)
        return;
    sampler_stop(sampler);
    pss_free(sampler->pss);
    close(sampler->watcher.fd);
    free(sampler);
}

static struct timespec to_timespec(uint64_t ns)
{
    return (struct timespec){(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
}

void sampler_start(struct sampler *sampler)
{
    uint64_t now = clock_now_ns();
    struct itimerspec spec;

    sampler->due_ns = now + sampler->settings.interval_ns;
    sampler->commit_ns = now + COMMIT_NS;
    spec.it_value = to_timespec(sampler->due_ns);
    spec.it_interval = to_timespec(sampler->settings.interval_ns);
    timerfd_settime(sampler->watcher.fd, TFD_TIMER_ABSTIME, &spec, NULL);
    ev_io_start(sampler->loop, &sampler->watcher);
}

void sampler_stop(struct sampler *sampler)
{
    ev_io_stop(sampler->loop, &sampler->watcher);
    ev_timer_stop(sampler->loop, &sampler->again);
}

const struct sampler_totals *sampler_totals(const struct sampler *sampler)
{
    return &sampler->totals;
}
