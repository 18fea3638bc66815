/* The fleet of driver selfcheck: nothing in it is forgotten, and all of it can be had in parts. */
#include "common/contract/leak_spec.h"
#include "driver/rules.h"
#include "driver/selfcheck_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool is_planted(const struct scenario *s, const char *shape)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct component *c = &s->components[i];
        const char *spec = c->leak != NULL ? c->leak : c->healthy;

        if (spec != NULL && strcspn(spec, ":") == strlen(shape) &&
            strncmp(spec, shape, strlen(shape)) == 0)
            return true;
    }
    return false;
}

static void every_shape_is_planted(void **state)
{
    struct scenario s = {0};
    char why[200];

    (void)state;
    assert_true(selfcheck_build(&s, NULL, 31300));
    for (int i = 0; i < LEAK_SHAPES; i++) {
        assert_true(is_planted(&s, leak_shape_name((enum leak_shape)i)));
        assert_true(selfcheck_knows(leak_shape_name((enum leak_shape)i), why, sizeof why));
    }
    for (int i = 0; i < HEALTHY_SHAPES; i++)
        assert_true(is_planted(&s, healthy_shape_name((enum healthy_shape)i)));
    scenario_clear(&s);
}

static bool is_rule(const char *name)
{
#define RULE_IS(ident, rule, ...) \
    if (strcmp(rule, name) == 0)  \
        return true;
    RULE_TABLE(RULE_IS)
#undef RULE_IS
    return false;
}

/* A misprint in the table would start no process, or expect what cannot be. */
static void what_is_planted_is_well_formed(void **state)
{
    struct scenario s = {0};
    struct selfcheck_plant plant;
    size_t servers;

    (void)state;
    assert_true(selfcheck_build(&s, NULL, 31300));
    servers = s.count / 2;
    for (size_t i = 0; i < s.count; i++) {
        size_t house = i < servers ? i : i - servers;
        const struct component *c = &s.components[i];
        struct healthy_spec healthy;
        struct leak_spec leak;
        char why[300];

        assert_true(c->leak == NULL || leak_spec_parse(c->leak, &leak, why, sizeof why));
        assert_true(c->healthy == NULL ||
                    healthy_spec_parse(c->healthy, &healthy, why, sizeof why));
        assert_true(selfcheck_find(c->name, &plant));
        assert_int_equal(plant.rule != NULL, c->leak != NULL);
        assert_true(plant.rule == NULL || is_rule(plant.rule));
        if (c->leak != NULL || c->healthy != NULL)
            assert_ptr_equal(plant.planted, c->leak != NULL ? c->leak : c->healthy);
        else /* at most what its traffic brings about */
            assert_true(plant.planted == NULL || strchr(plant.planted, ':') == NULL);
        assert_int_equal(scenario_find(&s, c->name), i);
        /* Clients follow their servers, in the same order. */
        assert_int_equal(c->server, i < servers);
        assert_int_equal(c->port, 31300 + (int)house);
        assert_int_equal(c->peer, c->server ? -1 : (int)house);
    }
    assert_false(selfcheck_find("server-stable-secure", &(struct selfcheck_plant){0}));
    scenario_clear(&s);
}

static void parts_of_it(void **state)
{
    struct scenario s = {0};
    char why[200];

    (void)state;
    assert_true(selfcheck_build(&s, "call,thread", 40000));
    assert_int_equal(s.count, 4);
    assert_string_equal(s.components[0].name, "server-calls");
    assert_string_equal(s.components[3].name, "client-handles");
    assert_int_equal(s.components[3].port, 40001);
    scenario_clear(&s);
    assert_true(selfcheck_knows("cache,early-end,hpack,arenas", why, sizeof why));
    assert_false(selfcheck_knows("call,cal", why, sizeof why));
    assert_string_equal(why, "no shape 'cal' is planted");
    assert_false(selfcheck_knows("", why, sizeof why));
    assert_false(selfcheck_knows("call:64", why, sizeof why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_is_planted),
        cmocka_unit_test(what_is_planted_is_well_formed),
        cmocka_unit_test(parts_of_it),
    };

    return cmocka_run_group_tests_name("driver selfcheck", tests, NULL, NULL);
}
