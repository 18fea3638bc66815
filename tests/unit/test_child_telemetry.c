#include "config.h"

#include "common/child/telemetry.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/engine/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Both ends in one process: the driver's mapping and the child's telemetry. */
struct fixture {
    int fd;
    struct page *page;
    struct telemetry *telemetry;
    struct engine_loop *loop;
    int fills, commands;
    enum page_command_op last;
    bool slow; /* to obey */
};

static void fill(void *user, struct page_snapshot *snapshot)
{
    struct fixture *f = user;

    f->fills++;
    metric_set(&snapshot->metrics, METRIC_LOSSES, 7);
}

static bool obey(void *user, enum page_command_op op, uint64_t argument,
                 enum page_command_result *result)
{
    struct fixture *f = user;

    f->commands++;
    f->last = op;
    *result = argument == 5 ? PAGE_RESULT_DONE : PAGE_RESULT_FAILED;
    return !f->slow;
}

static const struct telemetry_hooks hooks = {.fill = fill, .command = obey};
static const struct telemetry_hooks no_hooks;

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char error[200];

    f->page = page_create(&f->fd);
    f->telemetry = telemetry_new(f->fd, error, sizeof error);
    f->loop = engine_loop_new();
    *state = f;
    return f->page != NULL && f->telemetry != NULL && f->loop != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    telemetry_free(f->telemetry);
    engine_loop_free(f->loop);
    page_free(f->page);
    close(f->fd);
    free(f);
    return 0;
}

static void on_end(struct ev_loop *ev, ev_timer *w, int revents)
{
    (void)w, (void)revents;
    ev_break(ev, EVBREAK_ALL);
}

static void run_for(struct fixture *f, double seconds)
{
    struct ev_loop *ev = engine_loop_ev(f->loop);
    ev_timer end;

    ev_timer_init(&end, on_end, seconds, 0.);
    ev_timer_start(ev, &end);
    ev_run(ev, 0);
    ev_timer_stop(ev, &end);
}

static struct page_snapshot read_page(const struct fixture *f)
{
    struct page_snapshot snapshot;

    assert_true(page_read(f->page, &snapshot));
    return snapshot;
}

static void test_publishes_by_itself(void **state)
{
    struct fixture *f = *state;
    struct page_snapshot s;

    telemetry_start(f->telemetry, f->loop, &hooks, f);
    s = read_page(f);
    assert_int_equal(s.heartbeat, 1);
    assert_int_equal(s.state, PAGE_STARTING);
    run_for(f, 0.55);
    /* A busy machine makes fewer of it, never more. */
    for (int i = 0; i < 50 && read_page(f).heartbeat < 3; i++)
        run_for(f, 0.1);
    s = read_page(f);
    assert_in_range(s.heartbeat, 3, 7);
    assert_int_equal(f->fills, s.heartbeat);
    assert_true(clock_now_ns() - s.time_ns < 60 * NS_PER_S);
}

static void test_publishes_what_it_should(void **state)
{
    struct fixture *f = *state;
    struct page_snapshot s;
    int64_t *live;

    engine_loop_stats(f->loop)->messages_sent = 123;
    telemetry_start(f->telemetry, f->loop, &hooks, f);
    s = read_page(f);
    live = s.metrics.value;
    assert_int_equal(live[METRIC_MESSAGES_SENT], 123);
    assert_int_equal(live[METRIC_LOSSES], 7);
    assert_false(metric_has(&s.metrics, METRIC_FIRST_MESSAGE));
    assert_true(live[METRIC_LIVE_APP] > 0);
    assert_true(live[METRIC_LIVE] == live[METRIC_LIVE_APP] + live[METRIC_LIVE_NGHTTP2] +
                                         live[METRIC_LIVE_OPENSSL] + live[METRIC_LIVE_EV] +
                                         live[METRIC_LIVE_ZLIB]);
#ifdef HAVE_JEMALLOC
    assert_true(metric_has(&s.metrics, METRIC_JE_ALLOCATED));
    assert_true(live[METRIC_JE_ACTIVE] >= live[METRIC_JE_ALLOCATED]);
    assert_true(metric_has(&s.metrics, METRIC_JE_RETAINED));
#else
    assert_false(metric_has(&s.metrics, METRIC_JE_ALLOCATED));
#endif
    assert_false(metric_has(&s.metrics, METRIC_LIVE_BOOT)); /* it has not been ready yet */
    telemetry_set_state(f->telemetry, PAGE_READY);
    s = read_page(f);
    /* All that the process itself publishes is there, but for what only a client or a relay knows.
     */
    for (int m = 0; m < METRIC_JE_ALLOCATED; m++) {
        if (m != METRIC_RECONNECTS && m != METRIC_ERRORS && m != METRIC_FIRST_MESSAGE &&
            m != METRIC_PEER_CERTIFICATE &&
            (m < METRIC_EVENTS_ACCEPTED || m > METRIC_EVENTS_BLOCKED))
            assert_true(metric_has(&s.metrics, (enum metric)m));
    }
}

static void test_live_follows_an_allocation(void **state)
{
    struct fixture *f = *state;
    int64_t before;
    void *block;

    telemetry_start(f->telemetry, f->loop, &hooks, f);
    telemetry_set_state(f->telemetry, PAGE_READY);
    before = read_page(f).metrics.value[METRIC_LIVE_APP];
    block = mem_alloc(MEM_APP, 100000);
    telemetry_set_state(f->telemetry, PAGE_PAUSED);
    telemetry_set_state(f->telemetry, PAGE_READY);
    telemetry_publish(f->telemetry);
    assert_in_range(read_page(f).metrics.value[METRIC_LIVE_APP] - before, 100000, 140000);
    /* Boot is when it was ready first. */
    assert_in_range(read_page(f).metrics.value[METRIC_LIVE] -
                        read_page(f).metrics.value[METRIC_LIVE_BOOT],
                    100000, 140000);
    mem_free(MEM_APP, block);
    telemetry_publish(f->telemetry);
    assert_true(read_page(f).metrics.value[METRIC_LIVE_APP] == before);
}

static void test_states(void **state)
{
    struct fixture *f = *state;
    struct page_snapshot s;
    uint64_t ready;

    telemetry_start(f->telemetry, f->loop, &hooks, f);
    assert_int_equal(read_page(f).ready_ns, 0);
    telemetry_set_state(f->telemetry, PAGE_READY);
    s = read_page(f);
    ready = s.ready_ns;
    assert_int_equal(s.state, PAGE_READY);
    assert_true(ready != 0 && clock_now_ns() - ready < 60 * NS_PER_S);
    telemetry_set_state(f->telemetry, PAGE_PAUSED);
    telemetry_set_state(f->telemetry, PAGE_READY);
    assert_true(read_page(f).ready_ns == ready);
}

static enum page_command_result order(struct fixture *f, enum page_command_op op, uint64_t argument)
{
    enum page_command_result result;
    uint64_t number = page_order(f->page, op, argument), before = read_page(f).heartbeat;

    assert_false(page_acknowledged(f->page, number, &result));
    for (int i = 0; i < 100 && !page_acknowledged(f->page, number, &result); i++)
        run_for(f, 0.1);
    assert_true(page_acknowledged(f->page, number, &result));
    assert_true(read_page(f).heartbeat > before);
    return result;
}

static void test_commands(void **state)
{
    struct fixture *f = *state;

    telemetry_start(f->telemetry, f->loop, &hooks, f);
    assert_int_equal(order(f, PAGE_COMMAND_PUBLISH, 0), PAGE_RESULT_DONE);
    assert_int_equal(f->commands, 0);
    assert_int_equal(order(f, PAGE_COMMAND_PAUSE, 5), PAGE_RESULT_DONE);
    assert_int_equal(f->last, PAGE_COMMAND_PAUSE);
    assert_int_equal(order(f, PAGE_COMMAND_RESUME, 6), PAGE_RESULT_FAILED);
    assert_int_equal(f->commands, 2);
}

/* A command that takes more than one turn of the loop is acknowledged when it is done. */
static void test_slow_command(void **state)
{
    struct fixture *f = *state;
    enum page_command_result result;
    uint64_t number;

    f->slow = true;
    telemetry_start(f->telemetry, f->loop, &hooks, f);
    number = page_order(f->page, PAGE_COMMAND_PAUSE, 5);
    for (int i = 0; i < 100 && f->commands < 2; i++)
        run_for(f, 0.1);
    assert_false(page_acknowledged(f->page, number, &result));
    assert_true(f->commands > 1);
    f->slow = false;
    for (int i = 0; i < 100 && !page_acknowledged(f->page, number, &result); i++)
        run_for(f, 0.1);
    assert_true(page_acknowledged(f->page, number, &result));
    assert_int_equal(result, PAGE_RESULT_DONE);
}

static void test_commands_without_a_hook(void **state)
{
    struct fixture *f = *state;

    telemetry_start(f->telemetry, f->loop, &no_hooks, NULL);
    assert_int_equal(order(f, PAGE_COMMAND_PAUSE, 0), PAGE_RESULT_UNSUPPORTED);
    assert_int_equal(order(f, PAGE_COMMAND_PUBLISH, 0), PAGE_RESULT_DONE);
}

static void test_events(void **state)
{
    struct fixture *f = *state;
    struct page_cursor cursor = {0};
    struct page_event event;

    telemetry_event(f->telemetry, PAGE_LOSS_RESET, 3, -4);
    assert_int_equal(page_take_events(f->page, &cursor, &event, 1), 1);
    assert_int_equal(event.kind, PAGE_LOSS_RESET);
    assert_int_equal(event.connection, 3);
    assert_int_equal(event.detail, -4);
}

static void die_of_refusal(struct fixture *f)
{
    int null = open("/dev/null", O_WRONLY);

    dup2(null, STDERR_FILENO);
    telemetry_start(f->telemetry, f->loop, &hooks, f);
    mem_fail(0, INT64_MAX);
    mem_free(MEM_APP, mem_alloc(MEM_APP, 4321));
    _exit(0); /* never: the policy ends the process */
}

static void test_a_refusal_ends_the_child_with_an_obituary(void **state)
{
    struct fixture *f = *state;
    struct page_snapshot s;
    char words[PAGE_OBITUARY];
    int status;
    pid_t pid = fork();

    if (pid == 0)
        die_of_refusal(f);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), STATUS_HEAP_OVERFLOW);
    assert_true(page_read_obituary(f->page, words, sizeof words));
    assert_non_null(strstr(words, "heap overflow: 4321 bytes refused to app with "));
    s = read_page(f);
    assert_int_equal(s.metrics.value[METRIC_REFUSED], 1);
}

static void test_what_is_not_a_page(void **state)
{
    char error[200];
    int fd = open("/dev/null", O_RDWR);

    (void)state;
    assert_null(telemetry_new(fd, error, sizeof error));
    assert_non_null(strstr(error, "is not a telemetry page of this version"));
    close(fd);
    assert_null(telemetry_new(fd, error, sizeof error));
    assert_non_null(strstr(error, "Bad file descriptor"));
}

static void test_no_telemetry_does_nothing(void **state)
{
    (void)state;
    telemetry_start(NULL, NULL, NULL, NULL);
    telemetry_set_state(NULL, PAGE_READY);
    telemetry_publish(NULL);
    telemetry_event(NULL, PAGE_RECOVERED, 0, 0);
    telemetry_free(NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_publishes_by_itself),
        CASE(test_publishes_what_it_should),
        CASE(test_live_follows_an_allocation),
        CASE(test_states),
        CASE(test_commands),
        CASE(test_slow_command),
        CASE(test_commands_without_a_hook),
        CASE(test_events),
        CASE(test_a_refusal_ends_the_child_with_an_obituary),
        cmocka_unit_test(test_what_is_not_a_page),
        cmocka_unit_test(test_no_telemetry_does_nothing),
    };

    if (!mem_install())
        return 1;
    return cmocka_run_group_tests_name("child telemetry", tests, NULL, NULL);
}
