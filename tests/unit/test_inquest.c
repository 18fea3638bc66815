/*
 * Suspects that cannot be profiled: each is given up at once, and its folder says why. And whose
 * peers are to die while one is profiled, and when.
 */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/run/stacks.h"
#include "driver/inquest.h"
#include "driver/keepsake.h"
#include "driver/victims.h"

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

#define ALL 12

/* Two servers, the second unstable; each has clients, of which the even ones are unstable. */
static void people(struct scenario *scenario, struct component *components)
{
    memset(components, 0, ALL * sizeof *components);
    for (int i = 0; i < ALL; i++) {
        components[i].server = i < 2;
        components[i].stable = i == 0 || (i > 2 && i % 2 == 1);
        components[i].peer = i < 2 ? -1 : i < 6 ? 0 : 1;
    }
    components[1].stable = false;
    *scenario = (struct scenario){.components = components, .count = ALL};
}

static void unstable_peers_of_suspects_are_to_die(void **state)
{
    struct component components[ALL];
    struct scenario scenario;
    struct inquest suspects[2] = {{.index = 0}, {.index = 7}};
    size_t chosen[VICTIMS_MAX];

    (void)state;
    people(&scenario, components);
    /* Of the server its unstable clients, of the client its server; no stable one. */
    assert_int_equal(victims_choose(&scenario, suspects, 2, chosen), 3);
    assert_int_equal(chosen[0], 2);
    assert_int_equal(chosen[1], 4);
    assert_int_equal(chosen[2], 1);
    /* Nobody who is looked into, and not who chaos is to kill in another way. */
    suspects[1].index = 2;
    assert_int_equal(victims_choose(&scenario, suspects, 2, chosen), 1);
    assert_int_equal(chosen[0], 4);
    components[4].kill = KILL_TERM;
    assert_int_equal(victims_choose(&scenario, suspects, 2, chosen), 0);
    /* A server that two of them have in common dies for both, and is one. */
    suspects[0].index = 8;
    suspects[1].index = 9;
    assert_int_equal(victims_choose(&scenario, suspects, 2, chosen), 1);
    assert_int_equal(chosen[0], 1);
    /* Its stable server is not to die for a client. */
    suspects[0].index = 3;
    assert_int_equal(victims_choose(&scenario, suspects, 1, chosen), 0);
}

static void no_more_are_to_die_than_there_is_room_for(void **state)
{
    struct component components[1 + 2 * VICTIMS_EACH] = {{.server = true, .peer = -1}};
    struct scenario scenario = {.components = components, .count = 1 + 2 * VICTIMS_EACH};
    struct inquest suspect = {.index = 0};
    size_t chosen[VICTIMS_MAX];

    (void)state;
    assert_int_equal(victims_choose(&scenario, &suspect, 1, chosen), VICTIMS_EACH);
    assert_int_equal(chosen[VICTIMS_EACH - 1], VICTIMS_EACH);
}

static void peers_die_between_the_profiles_and_not_near_them(void **state)
{
    const uint64_t since = 1000 * NS_PER_S;
    struct inquest s = {.since_ns = since};

    (void)state;
    for (int step = 0; step < INQUEST_STEPS; step++) {
        s.step = (enum inquest_step)step;
        assert_int_equal(inquest_bears_deaths(&s, since),
                         step == INQUEST_SETTLED || step == INQUEST_GATHERED);
    }
    s.step = INQUEST_SETTLED;
    assert_false(inquest_bears_deaths(&s, since + 2 * NS_PER_S));
    s.step = INQUEST_GATHERED;
    assert_true(inquest_bears_deaths(&s, since + 10 * NS_PER_S));
    assert_false(inquest_bears_deaths(&s, since + 14 * NS_PER_S));
    s.growth = 1e6; /* is profiled for a shorter time */
    assert_false(inquest_bears_deaths(&s, since + 10 * NS_PER_S));
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
        cmocka_unit_test(unstable_peers_of_suspects_are_to_die),
        cmocka_unit_test(no_more_are_to_die_than_there_is_room_for),
        cmocka_unit_test(peers_die_between_the_profiles_and_not_near_them),
    };

    log_init("test", LOG_ERROR, false);
    /* So that what is open is known. */
    return freopen("/dev/null", "r", stdin) == NULL ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
