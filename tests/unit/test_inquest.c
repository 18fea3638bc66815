/* Suspects that cannot be profiled: each is given up at once, and its folder says why. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/run/stacks.h"
#include "driver/inquest.h"
#include "driver/keepsake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct component component;
static struct inquest inquest;

static int set_up(void **state)
{
    char path[PATH_MAX];

    (void)state;
    strcpy(folder, "/tmp/flatline-inquest.XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/" RUN_EVIDENCE, folder);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/logs", folder);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/logs/server.1.log", folder);
    keepsake_write_line(path, "of the first");
    snprintf(path, sizeof path, "%s/logs/server.2.log", folder);
    keepsake_write_line(path, "of the second");
    component = (struct component){.name = "server"};
    inquest = (struct inquest){.component = &component, .program = "server", .run_dir = folder};
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void begin(void)
{
    char error[256] = "";

    if (!inquest_begin(&inquest, "driver --seed 1", error, sizeof error))
        fail_msg("%s", error);
}

static void assert_first_line(const char *file, const char *expected)
{
    char path[PATH_MAX], line[256];

    keepsake_first_line(run_evidence_path(folder, "server", file, path, sizeof path), line,
                        sizeof line);
    assert_string_equal(line, expected);
}

static void what_is_known_before_is_kept(void **state)
{
    (void)state;
    begin();
    assert_first_line(KEEPSAKE_COMMAND, "driver --seed 1");
    assert_first_line(KEEPSAKE_LOG, "of the second");
    assert_int_equal(inquest.step, INQUEST_READY);
    inquest_step(&inquest, NULL, clock_now_ns(), 0);
    assert_int_equal(inquest.step, INQUEST_READY);
}

static void time_that_is_over_is_a_reason(void **state)
{
    (void)state;
    begin();
    inquest_end(&inquest, "no time");
    assert_int_equal(inquest.step, INQUEST_OVER);
    assert_false(inquest.explained);
    assert_first_line(RUN_WHY_FILE, "no time");
    inquest_end(&inquest, "again");
    assert_first_line(RUN_WHY_FILE, "no time");
}

static void a_program_of_others_is_not_profiled(void **state)
{
    static const char *const command[] = {"python3", NULL};
    struct process process = {.child = {.pid = getpid()}};

    (void)state;
    component.command = command;
    begin();
    inquest_step(&inquest, &process, clock_now_ns(), 0);
    assert_int_equal(inquest.step, INQUEST_OVER);
    assert_first_line(RUN_WHY_FILE, "it is not a program of ours, whose heap could be profiled");
    assert_first_line(KEEPSAKE_DESCRIPTORS, "0 -> /dev/null");
}

static void a_process_that_died_is_given_up(void **state)
{
    (void)state;
    begin();
    inquest.step = INQUEST_GATHERED;
    inquest.pid = 1;
    inquest_step(&inquest, NULL, clock_now_ns(), 0);
    assert_int_equal(inquest.step, INQUEST_OVER);
    assert_first_line(RUN_WHY_FILE, "it died before its second heap profile");
}

static void a_seed_that_was_drawn_is_in_the_command(void **state)
{
    char driver[] = "driver", given[] = "--seed=7";
    char *drawn_argv[] = {driver, NULL}, *given_argv[] = {driver, given, NULL};
    char *drawn = keepsake_command(drawn_argv, 42), *as_given = keepsake_command(given_argv, 7);

    (void)state;
    assert_string_equal(drawn, "driver --seed 42");
    assert_string_equal(as_given, "driver --seed=7");
    free(drawn);
    free(as_given);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_known_before_is_kept),
        TEST(time_that_is_over_is_a_reason),
        TEST(a_program_of_others_is_not_profiled),
        TEST(a_process_that_died_is_given_up),
        TEST(a_seed_that_was_drawn_is_in_the_command),
    };

    log_init("test", LOG_ERROR, false);
    /* So that what is open is known. */
    return freopen("/dev/null", "r", stdin) == NULL ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
