#include "stress-client/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WORDS 16

/* One step of a command line: 'c' --concurrent, 'n' --num-connections, 'r' --num-calls, else a
 * kind. */
struct word {
    char what;
    uint64_t count;
};

static const char kinds[CALL_KINDS + 1] = "NCSB";

/* Applies the words; the first complaint, or that of plan_check, lands in error. */
static bool spell(struct plan *plan, const struct word *words, char *error, size_t cap)
{
    for (; words->what != '\0'; words++) {
        bool fine = true;

        if (words->what == 'c')
            fine = plan_set_concurrent(plan, error, cap);
        else if (words->what == 'n')
            fine = plan_set_connections(plan, words->count, error, cap);
        else if (words->what == 'r')
            fine = plan_set_repeats(plan, words->count, error, cap);
        else
            plan_add_call(plan, (enum call_kind)(strchr(kinds, words->what) - kinds), words->count);
        if (!fine)
            return false;
    }
    return plan_check(plan, error, cap);
}

static void groups_begin_where_an_option_follows_a_call(void **unused)
{
    /* The manual's example, then a crowd, then a plain call list of two. */
    static const struct word words[] = {{'n', 3}, {'r', 5}, {'C', 1234}, {'S', 500},
                                        {'c', 0}, {'n', 7}, {'B', 2},    {'r', 9},
                                        {'N', 1}, {'B', 4}, {0}};
    struct plan *plan = plan_new(WORDS);
    char error[256] = "";
    const struct plan_group *g;

    (void)unused;
    assert_true(spell(plan, words, error, sizeof error));
    assert_int_equal(plan_group_count(plan), 3);
    g = plan_group(plan, 0);
    assert_int_equal(g->connections, 3);
    assert_int_equal(g->repeats, 5);
    assert_false(g->concurrent);
    assert_int_equal(g->call_count, 2);
    assert_int_equal(plan_call(plan, g, 0)->kind, CALL_CLIENT_STREAMING);
    assert_int_equal(plan_call(plan, g, 0)->messages, 1234);
    assert_int_equal(plan_call(plan, g, 1)->kind, CALL_SERVER_STREAMING);
    assert_int_equal(plan_call(plan, g, 1)->messages, 500);
    g = plan_group(plan, 1);
    assert_true(g->concurrent);
    assert_int_equal(g->connections, 7);
    assert_int_equal(g->repeats, 1);
    assert_int_equal(g->call_count, 1);
    g = plan_group(plan, 2);
    assert_false(g->concurrent);
    assert_int_equal(g->connections, 1);
    assert_int_equal(g->repeats, 9);
    assert_int_equal(g->call_count, 2);
    assert_int_equal(plan_call(plan, g, 1)->messages, 4);
    assert_int_equal(plan_widest(plan), 7);
    plan_free(plan);
}

static void what_cannot_be_done_is_named(void **unused)
{
    static const struct {
        struct word words[WORDS];
        const char *error; /* "": fine */
    } cases[] = {
        {{{0}}, "nothing to do: name a call, for example --non-streaming"},
        {{{'N', 1}}, ""},
        {{{'B', 0}}, ""},
        {{{'n', 0}, {'N', 1}}, ""},
        {{{'r', 0}, {'C', 10}}, ""},
        {{{'c', 0}, {'n', 9}, {'B', 0}}, ""},
        {{{'N', 1}, {'r', 0}, {'N', 1}, {'B', 3}}, ""},
        {{{'n', 2}}, "group 1 has no call: add --non-streaming or another"},
        {{{'N', 1}, {'c', 0}}, "group 2 has no call: add --non-streaming or another"},
        {{{'n', 2}, {'n', 3}, {'N', 1}}, "--num-connections is given twice in group 1"},
        {{{'c', 0}, {'c', 0}, {'N', 1}}, "--concurrent is given twice in group 1"},
        {{{'N', 1}, {'r', 2}, {'r', 3}, {'N', 1}}, "--num-calls is given twice in group 2"},
        {{{'c', 0}, {'n', 0}, {'N', 1}},
         "group 1: --num-connections 0 (for ever) cannot be --concurrent: give a number"},
        {{{'S', 0}, {'N', 1}},
         "--non-streaming would never start: it stands after the endless --server-streaming 0 of "
         "group 1"},
        {{{'r', 2}, {'B', 0}},
         "group 1: --num-calls cannot repeat an endless stream: leave it out"},
        {{{'r', 0}, {'B', 0}},
         "group 1: --num-calls cannot repeat an endless stream: leave it out"},
        {{{'n', 2}, {'r', 0}, {'N', 1}},
         "group 1: its first connection runs for ever, the next would never start: add "
         "--concurrent"},
        {{{'n', 0}, {'C', 0}},
         "group 1: its first connection runs for ever, the next would never start: add "
         "--concurrent"},
        {{{'n', 0}, {'N', 1}, {'n', 1}, {'N', 1}},
         "group 2 would never start: group 1 runs for ever"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan *plan = plan_new(WORDS);
        char error[256] = "";

        assert_int_equal(spell(plan, cases[i].words, error, sizeof error),
                         cases[i].error[0] == '\0');
        assert_string_equal(error, cases[i].error);
        plan_free(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_begin_where_an_option_follows_a_call),
        cmocka_unit_test(what_cannot_be_done_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
