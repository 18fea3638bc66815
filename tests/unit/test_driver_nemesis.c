/* The table of nemeses and the plan of them. */
#include "driver/nemesis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define STROKES 600

static struct scenario scenario;

static int set_up(void **state)
{
    const struct scenario_settings settings = {.matrix = MATRIX_FULL, .base_port = 31300};

    (void)state;
    return scenario_build(&scenario, &settings) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    scenario_clear(&scenario);
    return 0;
}

static struct nemesis_plan plan_of(uint64_t seed, unsigned chosen)
{
    return (struct nemesis_plan){.seed = seed,
                                 .chosen = chosen,
                                 .low_ns = NEMESIS_AFTER_LOW_NS,
                                 .high_ns = NEMESIS_AFTER_HIGH_NS,
                                 .scenario = &scenario};
}

static struct nemesis_stroke draw(const struct nemesis_plan *plan, size_t server, unsigned k)
{
    struct nemesis_stroke stroke;

    assert_true(nemesis_draw(plan, server, k, &stroke));
    return stroke;
}

static bool same(const struct nemesis_stroke *a, const struct nemesis_stroke *b)
{
    return a->nemesis == b->nemesis && a->victim == b->victim && a->after_ns == b->after_ns;
}

static void names_are_parsed(void **state)
{
    char why[128] = "";
    unsigned chosen;

    (void)state;
    for (int i = 0; i < NEMESES; i++) {
        const char *name = nemesis_info((enum nemesis)i)->name;

        assert_int_equal(nemesis_find(name), i);
        assert_true(nemesis_parse(name, &chosen, why, sizeof why));
        assert_int_equal(chosen, 1u << i);
    }
    assert_true(nemesis_parse("all", &chosen, why, sizeof why));
    assert_int_equal(chosen, NEMESIS_ALL);
    assert_true(nemesis_parse("none", &chosen, why, sizeof why));
    assert_int_equal(chosen, 0);
    assert_true(nemesis_parse("goaway,freeze", &chosen, why, sizeof why));
    assert_int_equal(chosen, 1u << NEMESIS_GOAWAY | 1u << NEMESIS_FREEZE);
    assert_string_equal(why, "");
    assert_false(nemesis_parse("freeze,frost,reset", &chosen, why, sizeof why));
    assert_string_equal(why, "'frost' is no nemesis; see driver --help");
    assert_false(nemesis_parse("", &chosen, why, sizeof why));
    assert_false(nemesis_parse("freeze,", &chosen, why, sizeof why));
    assert_false(nemesis_parse("freez", &chosen, why, sizeof why));
    assert_int_equal(nemesis_find("freezer"), NEMESES);
}

/* The charts mark a fault by it. */
static void first_letters_differ(void **state)
{
    (void)state;
    for (int i = 0; i < NEMESES; i++) {
        for (int k = 0; k < i; k++)
            assert_int_not_equal(*nemesis_info((enum nemesis)i)->name,
                                 *nemesis_info((enum nemesis)k)->name);
    }
}

/* Each stroke befalls one of the house, that it can befall, in time. */
static void strokes_befall_their_house(void **state)
{
    struct nemesis_plan plan = plan_of(1, NEMESIS_ALL);

    (void)state;
    for (size_t server = 0; server < SCENARIO_SERVERS; server++) {
        for (unsigned k = 1; k <= STROKES; k++) {
            struct nemesis_stroke s = draw(&plan, server, k);

            assert_true(s.victim == server || scenario.components[s.victim].peer == (int)server);
            assert_true(nemesis_befalls(s.nemesis, &scenario, s.victim));
            assert_in_range(s.after_ns, NEMESIS_AFTER_LOW_NS, NEMESIS_AFTER_HIGH_NS);
        }
    }
}

static void all_that_were_chosen_take_turns(void **state)
{
    struct nemesis_plan plan = plan_of(2, NEMESIS_ALL);
    bool orders_differ = false;

    (void)state;
    for (unsigned k = 1; k + NEMESES <= STROKES; k += NEMESES) {
        unsigned seen = 0;

        for (unsigned i = 0; i < NEMESES; i++) {
            seen |= 1u << draw(&plan, 1, k + i).nemesis;
            orders_differ |= draw(&plan, 0, k + i).nemesis != draw(&plan, 2, k + i).nemesis;
        }
        assert_int_equal(seen, NEMESIS_ALL);
    }
    assert_true(orders_differ);
}

static void servers_and_clients_are_victims(void **state)
{
    struct nemesis_plan plan = plan_of(3, 1u << NEMESIS_FREEZE);
    bool hit[200] = {false};
    unsigned servers = 0;

    (void)state;
    for (unsigned k = 1; k <= STROKES; k++) {
        size_t victim = draw(&plan, 0, k).victim;

        hit[victim] = true;
        servers += victim == 0;
    }
    assert_in_range(servers, STROKES * 2 / 5, STROKES * 3 / 5);
    for (size_t i = 0; i < scenario.count; i++)
        assert_int_equal(hit[i], i == 0 || scenario.components[i].peer == 0);
}

static void the_plan_depends_on_seed_house_and_index_only(void **state)
{
    struct nemesis_plan plan = plan_of(4, NEMESIS_ALL), other = plan_of(5, NEMESIS_ALL);
    struct nemesis_stroke third = draw(&plan, 2, 3), again, fourth, elsewhere, reseeded;

    (void)state;
    fourth = draw(&plan, 2, 4);
    elsewhere = draw(&plan, 3, 3);
    reseeded = draw(&other, 2, 3);
    again = draw(&plan, 2, 3);
    assert_true(same(&third, &again));
    assert_false(same(&third, &fourth));
    assert_false(same(&third, &elsewhere));
    assert_false(same(&third, &reseeded));
}

static void nothing_befalls_who_shows_no_effect(void **state)
{
    struct nemesis_stroke stroke;
    struct nemesis_plan plan = plan_of(6, 0);

    (void)state;
    assert_false(nemesis_draw(&plan, 0, 1, &stroke));
    for (size_t i = 0; i < scenario.count; i++) {
        const struct component *c = &scenario.components[i];
        bool rotates = !c->server && c->pattern == PATTERN_MANY_CONNECTIONS;

        assert_int_equal(nemesis_befalls(NEMESIS_GOAWAY, &scenario, i), c->server);
        assert_int_equal(nemesis_befalls(NEMESIS_CERTIFICATE, &scenario, i), i == 1);
        assert_int_equal(nemesis_befalls(NEMESIS_ABORTIVE, &scenario, i), rotates);
        assert_int_equal(nemesis_befalls(NEMESIS_RESET, &scenario, i), !rotates);
        assert_true(!c->server || !nemesis_befalls(NEMESIS_CANCEL, &scenario, i));
        assert_true(nemesis_befalls(NEMESIS_FREEZE, &scenario, i));
    }
    /* Somebody else's client, and somebody else's server with its clients. */
    for (size_t i = 0; i < 2; i++) {
        static const char *const command[] = {"other", NULL};
        size_t theirs = i == 0 ? scenario.count - 1 : 2;

        scenario.components[theirs].command = command;
        for (int n = 0; n < NEMESES; n++) {
            assert_false(nemesis_befalls((enum nemesis)n, &scenario, theirs));
            for (size_t k = 0; k < scenario.count; k++)
                assert_false(scenario.components[k].peer == 2 && i == 1 &&
                             nemesis_befalls((enum nemesis)n, &scenario, k));
        }
        /* No stroke of their house is drawn, rather than one that would wait to the end. */
        plan = plan_of(6, NEMESIS_ALL);
        for (unsigned k = 1; i == 1 && k <= NEMESES; k++)
            assert_false(nemesis_draw(&plan, theirs, k, &stroke));
        scenario.components[theirs].command = NULL;
    }
    /* A server without clients: nobody would see its connections end. */
    scenario.count = SCENARIO_SERVERS;
    plan = plan_of(6, NEMESIS_ALL & ~(1u << NEMESIS_FREEZE));
    assert_false(nemesis_draw(&plan, 0, 1, &stroke));
    plan.chosen |= 1u << NEMESIS_FREEZE;
    assert_int_equal(draw(&plan, 0, 1).victim, 0);
}

static void who_has_no_pattern_is_only_frozen(void **state)
{
    size_t client = 0;

    (void)state;
    while (scenario.components[client].peer != 1)
        client++;
    scenario.components[client].pattern = PATTERN_NONE;
    for (int n = 0; n < NEMESES; n++) {
        bool freezes = n == NEMESIS_FREEZE;

        assert_int_equal(nemesis_befalls((enum nemesis)n, &scenario, client), freezes);
        assert_int_equal(nemesis_befalls((enum nemesis)n, &scenario, 1), freezes);
    }
    assert_true(nemesis_befalls(NEMESIS_CERTIFICATE, &scenario, 3)); /* the next secure server */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_parsed),
        cmocka_unit_test(first_letters_differ),
        cmocka_unit_test_setup_teardown(strokes_befall_their_house, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_that_were_chosen_take_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(servers_and_clients_are_victims, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_plan_depends_on_seed_house_and_index_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nothing_befalls_who_shows_no_effect, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_has_no_pattern_is_only_frozen, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("driver nemesis", tests, NULL, NULL);
}
