#include "driver/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* One at a time, and too large for every tick's stack. */
static struct page_snapshot snapshot;
static struct page_event events[PAGE_EVENTS];

bool process_start(struct process *process, struct spawn_request *request, char *error, size_t cap)
{
    bool started;

    memset(process, 0, sizeof *process);
    request->page_fd = -1;
    if (request->page_target > 0) {
        process->page = page_create(&request->page_fd);
        if (process->page == NULL) {
            snprintf(error, cap, "cannot make a telemetry page: %s", strerror(errno));
            return false;
        }
    }
    started = spawn_start(request, &process->child, error, cap);
    if (request->page_fd >= 0)
        close(request->page_fd);
    if (!started) {
        page_free(process->page);
        return false;
    }
    proc_open(&process->proc, process->child.pid);
    return true;
}

uint64_t process_ready_ns(const struct process *process)
{
    return process->page != NULL && page_read_values(process->page, &snapshot) ? snapshot.ready_ns
                                                                               : 0;
}

static void take_events(struct process *process, struct run_writer *writer, uint64_t time_ns)
{
    uint64_t lost = process->cursor.lost;
    size_t n;

    if (process->page == NULL)
        return;
    /* A child that writes faster than we read must not keep us here: one ring's worth a look. */
    n = page_take_events(process->page, &process->cursor, events, PAGE_EVENTS);
    for (size_t i = 0; i < n; i++)
        (void)run_writer_event(writer, process->row, &events[i]);
    lost = process->cursor.lost - lost;
    if (lost != 0)
        (void)run_writer_note(writer, process->row, time_ns, "events-lost",
                              lost < INT64_MAX ? (int64_t)lost : INT64_MAX);
}

/* The page's metrics into process->last; false if they are stale. Without a page all there is comes
 * from the kernel, and is never stale. */
static bool take_snapshot(struct process *process, uint64_t time_ns,
                          bool (*read)(const struct page *page, struct page_snapshot *out))
{
    process->last.present = 0;
    if (process->page == NULL)
        return true;
    if (!read(process->page, &snapshot))
        return false;
    process->last = snapshot.metrics;
    /* The page is the child's to write: only what the catalogue knows is kept. */
    process->last.present &= ~UINT64_C(0) >> (64 - METRIC_COUNT);
    return time_ns < snapshot.time_ns + PAGE_STALE_NS;
}

void process_observe(struct process *process, struct run_writer *writer,
                     const struct process_look *look)
{
    bool fresh = take_snapshot(process, look->time_ns, page_read_values);

    proc_read(&process->proc, &process->last);
    if (look->pss >= 0)
        metric_set(&process->last, METRIC_PSS, look->pss);
    if (metric_has(&process->last, METRIC_DATA))
        process->data = process->last.value[METRIC_DATA];
    metric_set(&process->last, METRIC_LATENESS, look->lateness_ns);
    take_events(process, writer, look->time_ns);
    (void)run_writer_sample(writer, process->row, look->time_ns, !fresh, &process->last);
}

void process_observe_last(struct process *process, struct run_writer *writer, uint64_t time_ns)
{
    bool fresh = take_snapshot(process, time_ns, page_read);

    take_events(process, writer, time_ns);
    if (process->last.present != 0) {
        (void)run_writer_sample(writer, process->row, time_ns, !fresh, &process->last);
        (void)run_writer_histogram(writer, process->row, "rtt", &snapshot.rtt);
        (void)run_writer_histogram(writer, process->row, "connect", &snapshot.connect);
    }
}

bool process_raise_cap(const struct process *process, uint64_t bytes)
{
    struct rlimit limit;

    if (prlimit(process->child.pid, RLIMIT_DATA, NULL, &limit) < 0)
        return false;
    if (limit.rlim_cur >= bytes)
        return true;
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    return prlimit(process->child.pid, RLIMIT_DATA, &limit, NULL) == 0;
}

bool process_obituary(const struct process *process, char *out, size_t cap)
{
    return process->page != NULL && page_read_obituary(process->page, out, cap);
}

void process_release(struct process *process)
{
    proc_close(&process->proc);
    page_free(process->page);
    process->page = NULL;
    spawn_release(&process->child);
}
