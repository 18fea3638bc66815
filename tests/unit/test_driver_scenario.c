#include "driver/caps.h"
#include "driver/fleet.h"
#include "driver/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void build(struct scenario *s, enum matrix matrix)
{
    *s = (struct scenario){0};
    assert_true(
        scenario_build(s, &(struct scenario_settings){.matrix = matrix, .base_port = 31300}));
}

static size_t count_of(const struct scenario *s, enum pattern pattern, bool stable)
{
    size_t n = 0;

    for (size_t i = 0; i < s->count; i++)
        n += !s->components[i].server && s->components[i].pattern == pattern &&
             s->components[i].stable == stable;
    return n;
}

static void full_is_the_product(void **state)
{
    struct scenario s;

    (void)state;
    build(&s, MATRIX_FULL);
    assert_int_equal(s.count, 4 + 64);
    for (int p = 0; p < PATTERN_COUNT; p++) {
        assert_int_equal(count_of(&s, (enum pattern)p, true), 4);
        assert_int_equal(count_of(&s, (enum pattern)p, false), 4);
    }
    scenario_clear(&s);
}

static void default_leaves_out_eight(void **state)
{
    static const char *const missing[] = {"non-streaming-many-calls", "client-stream",
                                          "server-stream", "bidi-stream"};
    struct scenario s;
    char name[128];

    (void)state;
    build(&s, MATRIX_56);
    assert_int_equal(s.count, 4 + 56);
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "client-31302-unstable-insecure-%s", missing[i]);
        assert_int_equal(scenario_find(&s, name), -1);
        snprintf(name, sizeof name, "client-31303-unstable-secure-%s", missing[i]);
        assert_int_equal(scenario_find(&s, name), -1);
        snprintf(name, sizeof name, "client-31303-stable-secure-%s", missing[i]);
        assert_true(scenario_find(&s, name) > 0);
        snprintf(name, sizeof name, "client-31301-unstable-secure-%s", missing[i]);
        assert_true(scenario_find(&s, name) > 0);
    }
    scenario_clear(&s);
}

static void clients_are_secure_like_their_server(void **state)
{
    struct scenario s;

    (void)state;
    build(&s, MATRIX_FULL);
    for (size_t i = 0; i < s.count; i++) {
        const struct component *c = &s.components[i];

        assert_int_equal(scenario_find(&s, c->name), (int)i);
        if (c->server) {
            assert_int_equal(c->peer, -1);
            continue;
        }
        assert_true(s.components[c->peer].server);
        assert_int_equal(c->port, s.components[c->peer].port);
        assert_int_equal(c->secure, s.components[c->peer].secure);
    }
    scenario_clear(&s);
}

static void heap_options_override_the_calibration(void **state)
{
    struct scenario s = {0};

    (void)state;
    scenario_build(&s, &(struct scenario_settings){.base_port = 31300, .server_heap = 7});
    assert_int_equal(s.components[0].heap_cap, 7);
    assert_true(s.components[4].heap_cap >= 1 << 20);
    scenario_clear(&s);
}

static void further_threads_widen_the_calibrated_cap(void **state)
{
    struct scenario one = {0}, four = {0};
    struct fleet *fleet;

    (void)state;
    scenario_build(&one, &(struct scenario_settings){.base_port = 31300, .server_threads = 1});
    scenario_build(&four, &(struct scenario_settings){.base_port = 31300, .server_threads = 4});
    assert_int_equal(four.components[0].heap_cap,
                     one.components[0].heap_cap + 3 * (CAP_SERVER_THREAD_MIB << 20));
    assert_int_equal(four.components[4].heap_cap, one.components[4].heap_cap);
    fleet = fleet_new(&four, &(struct fleet_paths){"/x/server", "/x/client", "run/tls", NULL, NULL,
                                                   NULL, "run/tls/cert.pem", true});
    assert_non_null(fleet);
    assert_string_equal(fleet->commands[0].shell,
                        "/x/server --port 31300 --threads 4 --telemetry-fd 3 --keepalive 500ms "
                        "--keepalive-timeout 2s --permit-keepalive 1ms");
    assert_non_null(strstr(fleet->commands[4].shell,
                           "--keepalive 500ms --keepalive-timeout 2s --connect-timeout 3s"));
    assert_null(strstr(fleet->commands[4].shell, "--threads"));
    fleet_free(fleet);
    fleet = fleet_new(&one, &(struct fleet_paths){"/x/server", "/x/client", "run/tls", NULL, NULL,
                                                  NULL, "run/tls/cert.pem", false});
    assert_non_null(fleet);
    assert_string_equal(fleet->commands[0].shell, "/x/server --port 31300 --telemetry-fd 3");
    fleet_free(fleet);
    scenario_clear(&one);
    scenario_clear(&four);
}

static void near_names_come_best_first(void **state)
{
    struct scenario s;
    int near[3];

    (void)state;
    build(&s, MATRIX_56);
    assert_int_equal(scenario_near(&s, "server-stabel-secure", near, 3), 3);
    assert_string_equal(s.components[near[0]].name, "server-stable-secure");
    assert_true(s.components[near[1]].server);
    assert_int_equal(scenario_near(&s, "", near, 1), 1);
    scenario_clear(&s);
}

static void commands_say_what_the_scenario_says(void **state)
{
    struct scenario s;
    struct fleet *fleet;
    int leaky;

    (void)state;
    build(&s, MATRIX_56);
    leaky = scenario_find(&s, "client-31301-stable-secure-client-stream-many-calls");
    s.components[leaky].leak = "call:16/1000";
    s.components[2].healthy = "cache:1M";
    s.components[2].arguments = (const char *const[]){"--drain", "1s", NULL};
    fleet = fleet_new(&s, &(struct fleet_paths){"/x/server", "/x/a client", "run/tls", NULL,
                                                "run/evidence", NULL, "run/tls/cert.pem", false});
    assert_non_null(fleet);
    assert_string_equal(fleet->commands[0].shell,
                        "/x/server --port 31300 --telemetry-fd 3 --profile-dir "
                        "run/evidence/server-stable-insecure");
    assert_string_equal(fleet->commands[1].shell,
                        "/x/server --port 31301 --secure --tls-pub run/tls/cert.pem --tls-priv "
                        "run/tls/key.pem --telemetry-fd 3 --profile-dir "
                        "run/evidence/server-stable-secure");
    assert_string_equal(fleet->commands[2].shell,
                        "/x/server --port 31302 --telemetry-fd 3 --profile-dir "
                        "run/evidence/server-unstable-insecure --inject-healthy cache:1M --drain "
                        "1s");
    assert_string_equal(fleet->commands[leaky].shell,
                        "'/x/a client' --port 31301 --secure --cert-store-from-path "
                        "run/tls/cert.pem --telemetry-fd 3 --profile-dir "
                        "run/evidence/client-31301-stable-secure-client-stream-many-calls "
                        "--inject-leak call:16/1000 --num-calls 0 --client-streaming 10");
    fleet_free(fleet);
    scenario_clear(&s);
}

static void quoting_survives_a_shell(void **state)
{
    char *argv[] = {(char *)"a b", (char *)"", (char *)"it's", (char *)"$x", NULL};
    char *text = fleet_quote(argv);

    (void)state;
    assert_string_equal(text, "'a b' '' 'it'\\''s' '$x'");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_is_the_product),
        cmocka_unit_test(default_leaves_out_eight),
        cmocka_unit_test(clients_are_secure_like_their_server),
        cmocka_unit_test(heap_options_override_the_calibration),
        cmocka_unit_test(further_threads_widen_the_calibrated_cap),
        cmocka_unit_test(near_names_come_best_first),
        cmocka_unit_test(commands_say_what_the_scenario_says),
        cmocka_unit_test(quoting_survives_a_shell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
