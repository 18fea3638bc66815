/* What is observed of one process, as run.db has it afterwards; PSS by its thread. */
#include "common/base/clock.h"
#include "common/run/reader.h"
#include "driver/process.h"
#include "driver/pss.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_NS (120 * NS_PER_S)

static char dir[] = "/tmp/flatline-process.XXXXXX";

struct seen {
    size_t samples, stale, with_data, with_pss, with_calls, losses;
    int64_t lateness;
};

static bool see_sample(void *arg, const struct run_sample_row *row)
{
    struct seen *seen = arg;

    seen->samples++;
    seen->stale += row->stale;
    seen->with_data += metric_has(&row->values, METRIC_DATA);
    seen->with_pss += metric_has(&row->values, METRIC_PSS);
    seen->with_calls += metric_has(&row->values, METRIC_CALLS_DONE);
    if (metric_has(&row->values, METRIC_LATENESS))
        seen->lateness += row->values.value[METRIC_LATENESS];
    return true;
}

static bool see_event(void *arg, const struct run_event_row *row)
{
    struct seen *seen = arg;

    seen->losses += strcmp(row->kind, "loss-reset") == 0;
    return true;
}

static void await(bool (*what)(const struct process *), const struct process *process)
{
    uint64_t deadline = clock_now_ns() + LIMIT_NS;

    while (!what(process)) {
        assert_true(clock_now_ns() < deadline);
        poll(NULL, 0, 5);
    }
}

static bool is_ready(const struct process *process)
{
    return process_ready_ns(process) != 0;
}

/* So that what is looked at now is not stale, however slowly the machine runs. */
static bool is_fresh(const struct process *process)
{
    static struct page_snapshot snapshot;

    return page_read(process->page, &snapshot) &&
           clock_now_ns() < snapshot.time_ns + PAGE_PUBLISH_NS;
}

static bool is_dead(const struct process *process)
{
    return spawn_is_dead(&process->child);
}

static void start(struct process *process, struct run_writer *writer)
{
    char *argv[] = {(char *)FAKE_CHILD, (char *)"--telemetry-fd",
                    (char *)"3",        (char *)"--losses",
                    (char *)"3",        NULL};
    struct spawn_request request = {
        .argv = argv, .envp = environ, .log_path = "/dev/null", .page_target = 3};
    struct run_component component = {.name = "a", .role = "client", .command = "fake"};
    char error[256] = "";
    int64_t id;

    assert_true(process_start(process, &request, error, sizeof error));
    assert_true(run_writer_component(writer, &component, &id));
    assert_true(
        run_writer_spawn(writer, id, 1, process->child.pid, clock_now_ns(), NULL, &process->row));
}

static void look(struct process *process, struct run_writer *writer, int64_t lateness, int64_t pss)
{
    process_observe(
        process, writer,
        &(struct process_look){.time_ns = clock_now_ns(), .lateness_ns = lateness, .pss = pss});
}

static void what_is_observed_is_recorded(void **state)
{
    struct seen seen = {0};
    struct run_writer *writer;
    struct run_reader *reader;
    struct process process;
    struct histogram rtt;
    struct spawn_end end;
    char error[256] = "";

    (void)state;
    writer = run_writer_new(dir, error, sizeof error);
    assert_non_null(writer);
    start(&process, writer);
    await(is_ready, &process);
    await(is_fresh, &process);
    look(&process, writer, 7, -1);
    await(is_fresh, &process);
    look(&process, writer, 5, 4096);
    assert_true(process.data > 0);
    /* A child that stands still publishes nothing: its page goes stale, /proc does not. */
    spawn_signal(&process.child, SIGSTOP);
    usleep(PAGE_STALE_NS / NS_PER_US + 100000);
    look(&process, writer, 0, -1);
    spawn_signal(&process.child, SIGKILL);
    await(is_dead, &process);
    process_observe_last(&process, writer, clock_now_ns());
    assert_true(spawn_reap(&process.child, &end));
    assert_int_equal(end.signal, SIGKILL);
    process_release(&process);
    assert_true(run_writer_finish(writer, error, sizeof error));

    reader = run_reader_new(dir, error, sizeof error);
    assert_non_null(reader);
    assert_true(run_reader_samples(reader, 1, see_sample, &seen));
    assert_true(run_reader_events(reader, see_event, &seen));
    assert_int_equal(seen.samples, 4);
    assert_int_equal(seen.stale, 2); /* the stopped one, and the last words of a killed one */
    assert_int_equal(seen.with_data, 3);
    assert_int_equal(seen.with_pss, 1);
    assert_int_equal(seen.with_calls, 4);
    assert_int_equal(seen.lateness, 12);
    assert_int_equal(seen.losses, 3);
    assert_true(run_reader_histogram(reader, 1, "rtt", &rtt));
    assert_int_equal(rtt.count, 1);
    run_reader_free(reader);
}

static void pss_is_read_in_the_background(void **state)
{
    struct pss *pss = pss_new(4, 40 * NS_PER_MS);
    uint64_t deadline = clock_now_ns() + LIMIT_NS;
    int64_t bytes = 0;

    (void)state;
    assert_non_null(pss);
    assert_false(pss_take(pss, 2, getpid(), &bytes));
    pss_watch(pss, 2, getpid());
    while (!pss_take(pss, 2, getpid(), &bytes)) {
        assert_true(clock_now_ns() < deadline);
        poll(NULL, 0, 5);
    }
    assert_in_range(bytes, 10 << 10, 1 << 30);
    /* A reading of the process that was there before is not given to the next one. */
    poll(NULL, 0, 200);
    assert_false(pss_take(pss, 2, getpid() + 1, &bytes));
    pss_free(pss);
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_observed_is_recorded),
        cmocka_unit_test(pss_is_read_in_the_background),
    };

    alarm(300);
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
