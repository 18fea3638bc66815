/* Processes of one experiment: ready, sampled, ended by themselves or told to, and dead unwanted.
 */
#include "common/base/clock.h"
#include "driver/sweep/interrupt.h"
#include "driver/sweep/troupe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_NS (120 * NS_PER_S) /* a loaded machine stalls a process for seconds */
#define SHORT_NS (200 * NS_PER_MS)

static char dir[] = "/tmp/flatline-troupe.XXXXXX";
static struct guardian *guardian;

struct stage {
    struct troupe *troupe;
    unsigned samples, with_data, with_calls;
    char error[TROUPE_LINE], log[PATH_MAX];
};

static void sampled(void *user, const struct member *member, uint64_t now_ns,
                    const struct metric_values *values)
{
    struct stage *stage = user;

    (void)member, (void)now_ns;
    stage->samples++;
    stage->with_data += metric_has(values, METRIC_DATA);
    stage->with_calls += metric_has(values, METRIC_CALLS_DONE);
}

static void open_stage(struct stage *stage)
{
    *stage = (struct stage){0};
    stage->troupe = troupe_new(&(struct troupe_settings){
        .guardian = guardian, .sample_ns = 10 * NS_PER_MS, .sampled = sampled, .user = stage});
    assert_non_null(stage->troupe);
}

static enum troupe_outcome start(struct stage *stage, struct troupe_part part,
                                 const char *const *argv, uint64_t limit_ns, struct member **out)
{
    snprintf(stage->log, sizeof stage->log, "%s/%s.log", dir, part.name);
    part.argv = (char *const *)argv;
    part.log_path = stage->log;
    return troupe_start(stage->troupe, &part, limit_ns, out, stage->error, sizeof stage->error);
}

static bool is_sampled(void *user)
{
    const struct stage *stage = user;

    return stage->samples > 3 && stage->with_calls > 0;
}

static void test_page(void **state)
{
    static const char *const argv[] = {FAKE_CHILD, "--ready-after", "20", NULL};
    struct troupe_part part = {.name = "broker", .page = true, .ready = TROUPE_READY_PAGE};
    struct stage stage;
    struct member *m;

    (void)state;
    open_stage(&stage);
    assert_int_equal(start(&stage, part, argv, LIMIT_NS, &m), TROUPE_DONE);
    assert_non_null(member_page(m));
    assert_string_equal(member_name(m), "broker");
    assert_int_equal(
        troupe_await(stage.troupe, is_sampled, &stage, LIMIT_NS, stage.error, sizeof stage.error),
        TROUPE_DONE);
    assert_int_not_equal(stage.with_data, 0);
    assert_int_equal(troupe_stop(stage.troupe, m, LIMIT_NS, stage.error, sizeof stage.error),
                     TROUPE_DONE);
    assert_false(member_lives(m));
    assert_int_equal(member_code(m), 0);
    troupe_free(stage.troupe);
}

static void test_listening(void **state)
{
    static const char *const argv[] = {
        "/bin/sh", "-c", "echo starting; echo 'listening on 127.0.0.1:4711 (cleartext)'; sleep 60",
        NULL};
    struct troupe_part part = {.name = "listener", .ready = TROUPE_READY_LISTENING};
    struct stage stage;
    struct member *m;
    pid_t pid;

    (void)state;
    open_stage(&stage);
    assert_int_equal(start(&stage, part, argv, LIMIT_NS, &m), TROUPE_DONE);
    assert_int_equal(member_port(m), 4711);
    pid = member_pid(m);
    troupe_free(stage.troupe);
    assert_true(kill(pid, 0) < 0 && errno == ESRCH);
}

static void test_never_ready(void **state)
{
    static const char *const argv[] = {FAKE_CHILD, "--ready-after", "never", NULL};
    struct troupe_part part = {.name = "broker", .page = true, .ready = TROUPE_READY_PAGE};
    struct stage stage;
    struct member *m;

    (void)state;
    open_stage(&stage);
    assert_int_equal(start(&stage, part, argv, SHORT_NS, &m), TROUPE_LATE);
    assert_non_null(strstr(stage.error, "the broker did not become ready"));
    troupe_free(stage.troupe);
}

static void test_no_program(void **state)
{
    static const char *const argv[] = {"/nowhere/at/all", NULL};
    struct troupe_part part = {.name = "broker", .ready = TROUPE_READY_LISTENING};
    struct stage stage;
    struct member *m;

    (void)state;
    open_stage(&stage);
    assert_int_equal(start(&stage, part, argv, LIMIT_NS, &m), TROUPE_DIED);
    assert_non_null(strstr(stage.error, "/nowhere/at/all: cannot execute it"));
    troupe_free(stage.troupe);
}

static void test_unwanted_death(void **state)
{
    char go[64], script[192];
    const char *const dies[] = {"/bin/sh", "-c", script, NULL};
    static const char *const stays[] = {"/bin/sleep", "60", NULL};
    struct troupe_part part = {.name = "author"};
    struct stage stage;
    struct member *author, *other;

    (void)state;
    /* It dies when it is told to: once the other one plays. */
    snprintf(go, sizeof go, "/tmp/flatline-troupe-go.%d", (int)getpid());
    snprintf(script, sizeof script,
             "until [ -e %s ]; do sleep 0.05; done; echo 'sh: no more'; echo a table; exit 7", go);
    open_stage(&stage);
    assert_int_equal(start(&stage, part, dies, LIMIT_NS, &author), TROUPE_DONE);
    part.name = "other";
    assert_int_equal(start(&stage, part, stays, LIMIT_NS, &other), TROUPE_DONE);
    close(open(go, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_int_equal(
        troupe_await_end(stage.troupe, other, LIMIT_NS, stage.error, sizeof stage.error),
        TROUPE_DIED);
    assert_non_null(
        strstr(stage.error, "the author ended: exit status 7; it said: no more (log: "));
    assert_true(member_lives(other));
    unlink(go);
    troupe_free(stage.troupe);
}

static void test_own_end(void **state)
{
    static const char *const ends[] = {"/bin/sh", "-c", "exit 1", NULL};
    static const char *const killed[] = {"/bin/sh", "-c", "kill -9 $$", NULL};
    static const char *const later[] = {"/bin/sh", "-c", "sleep 0.3", NULL};
    struct troupe_part part = {.name = "subscriber", .ends = true};
    struct stage stage;
    struct member *first, *second, *third;

    (void)state;
    open_stage(&stage);
    assert_int_equal(start(&stage, part, ends, LIMIT_NS, &first), TROUPE_DONE);
    part.name = "author";
    part.ends = false;
    assert_int_equal(start(&stage, part, later, LIMIT_NS, &second), TROUPE_DONE);
    assert_int_equal(
        troupe_await_end(stage.troupe, second, LIMIT_NS, stage.error, sizeof stage.error),
        TROUPE_DONE);
    assert_int_equal(
        troupe_await_end(stage.troupe, first, LIMIT_NS, stage.error, sizeof stage.error),
        TROUPE_DONE);
    assert_int_equal(member_code(first), 1);
    assert_int_equal(start(&stage, part, killed, LIMIT_NS, &third), TROUPE_DONE);
    assert_int_equal(
        troupe_await_end(stage.troupe, third, LIMIT_NS, stage.error, sizeof stage.error),
        TROUPE_DIED);
    assert_non_null(strstr(stage.error, "killed by signal 9"));
    troupe_free(stage.troupe);
}

static void test_stubborn(void **state)
{
    static const char *const argv[] = {FAKE_CHILD, "--ignore-term", NULL};
    struct troupe_part part = {.name = "broker", .page = true, .ready = TROUPE_READY_PAGE};
    struct stage stage;
    struct member *m;

    (void)state;
    open_stage(&stage);
    assert_int_equal(start(&stage, part, argv, LIMIT_NS, &m), TROUPE_DONE);
    assert_int_equal(troupe_stop(stage.troupe, m, SHORT_NS, stage.error, sizeof stage.error),
                     TROUPE_LATE);
    assert_non_null(strstr(stage.error, "the broker did not end when it was told to"));
    assert_false(member_lives(m));
    troupe_free(stage.troupe);
}

static void test_interrupt(void **state)
{
    static const char *const argv[] = {"/bin/sleep", "60", NULL};
    struct troupe_part part = {.name = "author"};
    struct stage stage;
    struct member *m;

    (void)state;
    open_stage(&stage);
    assert_true(interrupt_begin(stage.error, sizeof stage.error));
    assert_int_equal(start(&stage, part, argv, LIMIT_NS, &m), TROUPE_DONE);
    raise(SIGTERM);
    assert_int_equal(troupe_await_end(stage.troupe, m, LIMIT_NS, stage.error, sizeof stage.error),
                     TROUPE_INTERRUPTED);
    assert_string_equal(stage.error, "");
    assert_true(member_lives(m));
    troupe_free(stage.troupe);
    interrupt_end();
    assert_false(interrupt_came() && interrupt_fd() >= 0);
}

static int set_up(void **state)
{
    char error[256];

    (void)state;
    guardian = guardian_new(NULL, error, sizeof error);
    return guardian == NULL || mkdtemp(dir) == NULL;
}

static int tear_down(void **state)
{
    char command[PATH_MAX];

    (void)state;
    guardian_free(guardian);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),           cmocka_unit_test(test_listening),
        cmocka_unit_test(test_never_ready),    cmocka_unit_test(test_no_program),
        cmocka_unit_test(test_unwanted_death), cmocka_unit_test(test_own_end),
        cmocka_unit_test(test_stubborn),       cmocka_unit_test(test_interrupt),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
