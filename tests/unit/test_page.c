#include "common/base/clock.h"
#include "common/contract/page.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Both ends of a page, as driver and child have them. */
struct ends {
    int fd;
    struct page *driver, *child;
    struct page_snapshot in, out;
};

static int setup(void **state)
{
    struct ends *e = calloc(1, sizeof *e);

    e->driver = page_create(&e->fd);
    e->child = page_attach(e->fd);
    *state = e;
    return e->driver != NULL && e->child != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    struct ends *e = *state;

    page_free(e->driver);
    page_free(e->child);
    close(e->fd);
    free(e);
    return 0;
}

static void nap(void)
{
    const struct timespec ms = {.tv_nsec = 1000000};

    nanosleep(&ms, NULL);
}

/* fork, but the child never outlives the test, however that ends. */
static pid_t fork_child(void)
{
    pid_t pid = fork();

    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

/* Every word of the snapshot says `value`, so that a torn one betrays itself. */
static void fill(struct page_snapshot *s, uint64_t value)
{
    memset(s, 0, sizeof *s);
    s->state = (uint32_t)value;
    s->ready_ns = value;
    for (int m = 0; m < METRIC_COUNT; m++)
        metric_set(&s->metrics, (enum metric)m, (int64_t)value);
    s->rtt.count = value;
    s->connect.max = value;
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
        s->rtt.buckets[i] = s->connect.buckets[i] = (uint32_t)value;
}

static bool whole(const struct page_snapshot *s)
{
    uint64_t value = s->ready_ns;
    bool same = s->state == (uint32_t)value && s->rtt.count == value && s->connect.max == value;

    for (int m = 0; m < METRIC_COUNT; m++)
        same = same && (uint64_t)s->metrics.value[m] == value;
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
        same = same && s->rtt.buckets[i] == (uint32_t)value &&
               s->connect.buckets[i] == (uint32_t)value;
    return same;
}

static void test_the_fd_is_closed_on_exec(void **state)
{
    struct ends *e = *state;

    assert_int_equal(fcntl(e->fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void test_attach_refuses_what_is_no_page(void **state)
{
    int small = memfd_create("small", MFD_CLOEXEC), null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct ends *e = *state;
    off_t size = lseek(e->fd, 0, SEEK_END);

    assert_null(page_attach(-1));
    assert_int_equal(errno, EBADF);
    assert_null(page_attach(null));
    assert_int_equal(errno, EPROTO);
    assert_null(page_attach(small));
    assert_int_equal(errno, EPROTO);
    /* The right size, but nothing in it. */
    assert_int_equal(ftruncate(small, size), 0);
    assert_null(page_attach(small));
    assert_int_equal(errno, EPROTO);
    close(small);
    close(null);
}

static void test_nothing_to_read_before_the_first_publication(void **state)
{
    struct ends *e = *state;

    assert_false(page_read(e->driver, &e->out));
    assert_false(page_read_values(e->driver, &e->out));
}

static void test_what_is_published_is_read(void **state)
{
    struct ends *e = *state;

    for (uint64_t n = 1; n < 100; n++) {
        uint64_t before = clock_now_ns();

        fill(&e->in, n);
        page_publish(e->child, &e->in);
        assert_true(page_read(e->driver, &e->out));
        assert_true(whole(&e->out));
        assert_int_equal(e->out.ready_ns, n);
        assert_int_equal(e->out.heartbeat, n);
        assert_in_range(e->out.time_ns, before, clock_now_ns());
    }
}

static void test_the_values_are_read_without_the_histograms(void **state)
{
    struct ends *e = *state;

    fill(&e->in, 1);
    page_publish(e->child, &e->in);
    assert_true(page_read(e->driver, &e->out));
    fill(&e->in, 2);
    page_publish(e->child, &e->in);
    assert_true(page_read_values(e->driver, &e->out));
    assert_int_equal(e->out.heartbeat, 2);
    assert_int_equal(e->out.ready_ns, 2);
    assert_memory_equal(&e->out.metrics, &e->in.metrics, sizeof e->in.metrics);
    fill(&e->in, 1);
    assert_memory_equal(&e->out.rtt, &e->in.rtt, sizeof e->in.rtt);
    assert_memory_equal(&e->out.connect, &e->in.connect, sizeof e->in.connect);
}

/* Publishes 1, 2, 3 ... until it is killed. */
static pid_t fork_publisher(struct ends *e)
{
    pid_t pid = fork_child();

    if (pid == 0) {
        for (uint64_t n = e->in.ready_ns + 1;; n++) {
            fill(&e->in, n);
            page_publish(e->child, &e->in);
        }
    }
    return pid;
}

static void test_a_reader_beside_a_busy_writer_sees_whole_snapshots(void **state)
{
    struct ends *e = *state;
    pid_t pid = fork_publisher(e);
    uint64_t before = 0, reads = 0, begin = clock_now_ns();

    /* 300 ms, and on a busy machine until the two have met often enough. */
    while (clock_now_ns() < begin + 300 * NS_PER_MS ||
           ((before <= 10 || reads <= 10) && clock_now_ns() < begin + 60 * NS_PER_S)) {
        if (!page_read(e->driver, &e->out))
            continue;
        assert_true(whole(&e->out));
        assert_true(e->out.ready_ns >= before);
        before = e->out.ready_ns;
        reads++;
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_true(before > 10);
    assert_true(reads > 10);
}

/* Killed anywhere, mid-write most of the time: what was last complete is there, whole. */
static void test_the_last_values_survive_sigkill(void **state)
{
    struct ends *e = *state;

    for (int round = 0; round < 40; round++) {
        uint64_t before = e->in.ready_ns;
        pid_t pid = fork_publisher(e);

        while (!page_read(e->driver, &e->out) || e->out.ready_ns <= before)
            nap();
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        assert_true(page_read(e->driver, &e->out));
        assert_true(whole(&e->out));
        assert_true(e->out.ready_ns > before);
        e->in.ready_ns = e->out.ready_ns;
    }
}

static void test_events_come_in_order_and_once(void **state)
{
    struct ends *e = *state;
    struct page_cursor cursor = {0};
    struct page_event events[8];

    assert_int_equal(page_take_events(e->driver, &cursor, events, 8), 0);
    page_put_event(e->child, PAGE_LOSS_RESET, 7, ECONNRESET);
    page_put_event(e->child, PAGE_RECOVERED, 8, 0);
    page_put_event(e->child, PAGE_ERROR_STATUS, 9, 14);
    assert_int_equal(page_take_events(e->driver, &cursor, events, 2), 2);
    assert_int_equal(events[0].kind, PAGE_LOSS_RESET);
    assert_int_equal(events[0].connection, 7);
    assert_int_equal(events[0].detail, ECONNRESET);
    assert_int_equal(events[1].kind, PAGE_RECOVERED);
    assert_true(events[1].time_ns >= events[0].time_ns);
    assert_int_equal(page_take_events(e->driver, &cursor, events, 8), 1);
    assert_int_equal(events[0].detail, 14);
    assert_int_equal(page_take_events(e->driver, &cursor, events, 8), 0);
    assert_int_equal(cursor.lost, 0);
}

static void test_an_overrun_loses_the_oldest_and_counts_them(void **state)
{
    struct ends *e = *state;
    struct page_cursor cursor = {0};
    struct page_event events[64];
    uint32_t next;
    size_t n;

    for (uint32_t i = 0; i < 3 * PAGE_EVENTS + 10; i++)
        page_put_event(e->child, PAGE_LOSS_RESET, i, 0);
    next = 2 * PAGE_EVENTS + 11; /* one slot of the ring may be under the pen */
    while ((n = page_take_events(e->driver, &cursor, events, 64)) > 0) {
        for (size_t i = 0; i < n; i++)
            assert_int_equal(events[i].connection, next++);
    }
    assert_int_equal(next, 3 * PAGE_EVENTS + 10);
    assert_int_equal(cursor.lost, 2 * PAGE_EVENTS + 11);
}

/* Puts `count` events numbered in both fields, as fast as it can, then exits. */
static pid_t fork_producer(struct ends *e, uint32_t count)
{
    pid_t pid = fork_child();

    if (pid == 0) {
        for (uint32_t i = 0; i < count; i++)
            page_put_event(e->child, PAGE_LOSS_RESET, i, (int32_t)i);
        _exit(0);
    }
    return pid;
}

static void test_a_racing_producer_never_gives_torn_events(void **state)
{
    enum { COUNT = 2000000 };
    struct ends *e = *state;
    struct page_cursor cursor = {0};
    struct page_event events[200];
    uint64_t taken = 0, next = 0;
    pid_t pid = fork_producer(e, COUNT);

    while (taken + cursor.lost < COUNT) {
        size_t n = page_take_events(e->driver, &cursor, events, 200);

        for (size_t i = 0; i < n; i++) {
            assert_int_equal(events[i].connection, events[i].detail);
            assert_true(events[i].connection >= next);
            next = events[i].connection + 1;
        }
        taken += n;
    }
    waitpid(pid, NULL, 0);
    assert_int_equal(taken + cursor.lost, COUNT);
    assert_int_equal(next, COUNT);
    assert_true(taken > 0);
}

static void test_event_kinds_are_losses_or_errors_or_neither(void **state)
{
    (void)state;
    for (int k = 0; k < PAGE_EVENT_KINDS; k++) {
        const char *name = page_event_name((enum page_event_kind)k);

        assert_int_equal(page_event_is_loss((enum page_event_kind)k),
                         strncmp(name, "loss-", 5) == 0);
        assert_int_equal(page_event_is_error((enum page_event_kind)k),
                         strncmp(name, "error-", 6) == 0);
        assert_true(strlen(page_event_text((enum page_event_kind)k)) > 0);
    }
}

static void test_the_first_obituary_counts(void **state)
{
    struct ends *e = *state;
    char text[PAGE_OBITUARY];

    assert_false(page_read_obituary(e->driver, text, sizeof text));
    page_put_obituary(e->child, "heap overflow");
    page_put_obituary(e->child, "something later");
    assert_true(page_read_obituary(e->driver, text, sizeof text));
    assert_string_equal(text, "heap overflow");
    assert_true(page_read_obituary(e->driver, text, 5));
    assert_string_equal(text, "heap");
}

static void test_a_long_obituary_is_cut(void **state)
{
    struct ends *e = *state;
    char said[2 * PAGE_OBITUARY], text[2 * PAGE_OBITUARY];

    memset(said, 'x', sizeof said - 1);
    said[sizeof said - 1] = '\0';
    page_put_obituary(e->child, said);
    assert_true(page_read_obituary(e->driver, text, sizeof text));
    assert_int_equal(strlen(text), PAGE_OBITUARY - 1);
}

static void test_an_obituary_is_one_line(void **state)
{
    const struct ends *e = *state;
    char out[PAGE_OBITUARY];

    page_put_obituary(e->child, "no memory\nall is well\x1b[2J");
    assert_true(page_read_obituary(e->driver, out, sizeof out));
    assert_string_equal(out, "no memory?all is well?[2J");
}

static void test_the_obituary_of_the_killed(void **state)
{
    struct ends *e = *state;
    char text[PAGE_OBITUARY];
    int status;
    pid_t pid = fork_child();

    if (pid == 0) {
        page_put_obituary(e->child, "heap overflow: 64 bytes refused to app");
        raise(SIGKILL);
    }
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    assert_true(page_read_obituary(e->driver, text, sizeof text));
    assert_string_equal(text, "heap overflow: 64 bytes refused to app");
}

static void test_it_keeps_its_size(void **state)
{
    const struct ends *e = *state;

    assert_int_equal(ftruncate(e->fd, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(e->fd, 1 << 20), -1);
}

static void test_commands_go_there_and_back(void **state)
{
    struct ends *e = *state;
    enum page_command_result result;
    uint64_t argument = 0, number;

    assert_int_equal(page_pending(e->child, &argument), PAGE_COMMAND_NONE);
    number = page_order(e->driver, PAGE_COMMAND_PAUSE, 42);
    assert_false(page_acknowledged(e->driver, number, &result));
    assert_int_equal(page_pending(e->child, &argument), PAGE_COMMAND_PAUSE);
    assert_int_equal(argument, 42);
    assert_int_equal(page_pending(e->child, &argument), PAGE_COMMAND_PAUSE);
    page_acknowledge(e->child, PAGE_RESULT_UNSUPPORTED);
    assert_int_equal(page_pending(e->child, &argument), PAGE_COMMAND_NONE);
    assert_true(page_acknowledged(e->driver, number, &result));
    assert_int_equal(result, PAGE_RESULT_UNSUPPORTED);

    assert_int_equal(page_order(e->driver, PAGE_COMMAND_RESUME, 0), number + 1);
    assert_false(page_acknowledged(e->driver, number + 1, &result));
    assert_int_equal(page_pending(e->child, &argument), PAGE_COMMAND_RESUME);
    page_acknowledge(e->child, PAGE_RESULT_DONE);
    assert_true(page_acknowledged(e->driver, number + 1, &result));
    assert_int_equal(result, PAGE_RESULT_DONE);
}

/* A child that answers every command with its argument's lowest bits. */
static pid_t fork_obedient(struct ends *e)
{
    pid_t pid = fork_child();

    if (pid == 0) {
        for (;;) {
            uint64_t argument;

            if (page_pending(e->child, &argument) != PAGE_COMMAND_NONE)
                page_acknowledge(e->child, (enum page_command_result)(argument % 3));
            else
                sched_yield();
        }
    }
    return pid;
}

static void test_a_thousand_commands_to_another_process(void **state)
{
    struct ends *e = *state;
    pid_t pid = fork_obedient(e);

    for (uint64_t i = 0; i < 1000; i++) {
        enum page_command_result result;
        uint64_t number = page_order(e->driver, PAGE_COMMAND_PUBLISH, i);

        while (!page_acknowledged(e->driver, number, &result))
            sched_yield();
        assert_int_equal(result, i % 3);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

#define PAGE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAGE_TEST(test_the_fd_is_closed_on_exec),
        PAGE_TEST(test_attach_refuses_what_is_no_page),
        PAGE_TEST(test_nothing_to_read_before_the_first_publication),
        PAGE_TEST(test_what_is_published_is_read),
        PAGE_TEST(test_the_values_are_read_without_the_histograms),
        PAGE_TEST(test_a_reader_beside_a_busy_writer_sees_whole_snapshots),
        PAGE_TEST(test_the_last_values_survive_sigkill),
        PAGE_TEST(test_events_come_in_order_and_once),
        PAGE_TEST(test_an_overrun_loses_the_oldest_and_counts_them),
        PAGE_TEST(test_a_racing_producer_never_gives_torn_events),
        PAGE_TEST(test_event_kinds_are_losses_or_errors_or_neither),
        PAGE_TEST(test_the_first_obituary_counts),
        PAGE_TEST(test_a_long_obituary_is_cut),
        PAGE_TEST(test_an_obituary_is_one_line),
        PAGE_TEST(test_the_obituary_of_the_killed),
        PAGE_TEST(test_it_keeps_its_size),
        PAGE_TEST(test_commands_go_there_and_back),
        PAGE_TEST(test_a_thousand_commands_to_another_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
