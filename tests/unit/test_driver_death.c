#include "driver/death.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>

#define CAP (24 << 20)

static void every_end_has_its_reason(void **state)
{
    static const struct {
        struct death death;
        enum reason reason;
    } rows[] = {
        /* Chaos is chaos whatever the status. */
        {{.order = ORDER_CHAOS, .end = {0, 0}}, REASON_CHAOS},
        {{.order = ORDER_CHAOS, .end = {-1, SIGKILL}, .data = CAP, .heap_cap = CAP}, REASON_CHAOS},
        {{.order = ORDER_CHAOS, .end = {251, 0}, .refused = true}, REASON_CHAOS},
        {{.order = ORDER_STOP, .end = {0, 0}}, REASON_STOPPED},
        {{.order = ORDER_STOP, .end = {-1, SIGTERM}}, REASON_STOPPED},
        {{.order = ORDER_STOP, .forced = true, .end = {-1, SIGKILL}}, REASON_STOPPED},
        /* Told by SIGTERM, and killed by another hand. */
        {{.order = ORDER_STOP, .end = {-1, SIGKILL}}, REASON_SIGNAL},
        /* A crash on the way down is a crash. */
        {{.order = ORDER_STOP, .end = {-1, SIGSEGV}}, REASON_SIGNAL},
        {{.order = ORDER_STOP, .end = {-1, SIGSYS}}, REASON_FORBIDDEN_CALL},
        {{.end = {-1, SIGSYS}, .data = CAP, .heap_cap = CAP}, REASON_FORBIDDEN_CALL},
        {{.order = ORDER_STOP, .end = {1, 0}}, REASON_ERROR_EXIT},
        {{.order = ORDER_STOP, .end = {251, 0}}, REASON_HEAP_CAP},
        /* A shell's way to say that it was terminated: not ours, and for nobody unasked. */
        {{.order = ORDER_STOP, .foreign = true, .end = {143, 0}}, REASON_STOPPED},
        {{.order = ORDER_STOP, .foreign = true, .end = {137, 0}}, REASON_ERROR_EXIT},
        {{.order = ORDER_STOP, .end = {143, 0}}, REASON_ERROR_EXIT},
        {{.foreign = true, .end = {143, 0}}, REASON_ERROR_EXIT},
        {{.order = ORDER_NOT_READY, .end = {-1, SIGKILL}}, REASON_NOT_READY},
        {{.order = ORDER_FROZEN, .forced = true, .end = {-1, SIGKILL}}, REASON_FROZEN},
        {{.end = {0, 0}}, REASON_CLEAN_EXIT},
        {{.end = {0, 0}, .data = CAP, .heap_cap = CAP}, REASON_CLEAN_EXIT},
        {{.end = {3, 0}}, REASON_ERROR_EXIT},
        {{.end = {251, 0}}, REASON_HEAP_CAP},
        {{.end = {1, 0}, .refused = true}, REASON_HEAP_CAP},
        {{.end = {-1, SIGABRT}, .data = CAP / 100 * 96, .heap_cap = CAP}, REASON_HEAP_CAP},
        {{.end = {-1, SIGABRT}, .data = CAP / 100 * 94, .heap_cap = CAP}, REASON_SIGNAL},
        {{.end = {1, 0}, .data = CAP / 100 * 96, .heap_cap = CAP}, REASON_HEAP_CAP},
        {{.end = {-1, SIGKILL}}, REASON_SIGNAL},
        /* In a cgroup: what the kernel has counted, or what is to be guessed. */
        {{.end = {-1, SIGKILL}, .group_cap = CAP, .group_kills = 1}, REASON_HEAP_CAP},
        {{.end = {1, 0}, .group_cap = CAP, .group_kills = 1}, REASON_HEAP_CAP},
        {{.order = ORDER_STOP, .group_cap = CAP, .group_kills = 1}, REASON_HEAP_CAP},
        {{.order = ORDER_CHAOS, .group_cap = CAP, .group_kills = 1}, REASON_CHAOS},
        {{.end = {-1, SIGKILL}, .group_cap = CAP, .group_refusals = 9}, REASON_SIGNAL},
        {{.end = {-1, SIGKILL}, .group_cap = CAP, .group_kills = -1, .group_refusals = 9},
         REASON_HEAP_CAP},
        {{.end = {-1, SIGKILL}, .group_cap = CAP, .group_kills = -1}, REASON_SIGNAL},
        {{.end = {-1, SIGABRT}, .group_cap = CAP, .group_kills = -1, .group_refusals = 9},
         REASON_SIGNAL},
        {{.order = ORDER_STOP,
          .forced = true,
          .end = {-1, SIGKILL},
          .group_cap = CAP,
          .group_kills = -1,
          .group_refusals = 9},
         REASON_STOPPED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(reason_name(death_reason(&rows[i].death)), reason_name(rows[i].reason));
}

static void only_ordered_deaths_are_no_breach(void **state)
{
    (void)state;
    for (int i = 0; i < REASON_COUNT; i++)
        assert_int_equal(death_is_breach((enum reason)i), i != REASON_CHAOS && i != REASON_STOPPED);
}

static void a_description_says_what_is_known(void **state)
{
    char line[128];

    (void)state;
    assert_string_equal(death_describe(&(struct death){.end = {-1, SIGKILL}}, line, sizeof line),
                        "killed by signal 9 (Killed)");
    assert_string_equal(death_describe(&(struct death){.end = {251, 0}, .obituary = "last words"},
                                       line, sizeof line),
                        "last words (exit status 251)");
}

static void a_full_cgroup_is_said_and_a_guess_called_one(void **state)
{
    struct death death = {.end = {-1, SIGKILL}, .group_cap = CAP, .group_kills = 2};
    char line[128];

    (void)state;
    assert_true(death_tell_group(&death, line, sizeof line));
    assert_string_equal(line, "out of memory in its cgroup of 24 MB: 2 killed there");
    death.order = ORDER_CHAOS;
    assert_false(death_tell_group(&death, line, sizeof line));
    death = (struct death){
        .end = {-1, SIGKILL}, .group_cap = CAP, .group_kills = -1, .group_refusals = 1};
    assert_true(death_tell_group(&death, line, sizeof line));
    assert_string_equal(line, "probably out of memory: its cgroup of 24 MB was full");
    death.group_kills = 0;
    assert_false(death_tell_group(&death, line, sizeof line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_end_has_its_reason),
        cmocka_unit_test(only_ordered_deaths_are_no_breach),
        cmocka_unit_test(a_description_says_what_is_known),
        cmocka_unit_test(a_full_cgroup_is_said_and_a_guess_called_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
