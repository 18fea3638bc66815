/* What many hosts agree on without a word (launcher, place), and the lines of the uploader. */
#include "driver/chaos.h"
#include "driver/fleet.h"
#include "driver/host/launcher.h"
#include "driver/host/link.h"
#include "driver/host/topology.h"
#include "driver/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ERROR 256

/* ---- launcher ---- */

static const char *const variables[] = {
    "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "PMI_RANK",        "PMI_SIZE",
    "SLURM_PROCID",         "SLURM_NTASKS",         "SLURMD_NODENAME", "JOB_COMPLETION_INDEX"};

static int no_launcher(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    return 0;
}

static void expect(int given_rank, int given_size, const char *by, int rank, int size)
{
    char error[ERROR] = "";
    struct launched l;

    if (!launcher_find(given_rank, given_size, &l, error, sizeof error))
        fail_msg("%s", error);
    assert_int_equal(l.rank, rank);
    assert_int_equal(l.size, size);
    if (by == NULL)
        assert_null(l.by);
    else
        assert_string_equal(l.by, by);
}

static void expect_refusal(int given_rank, int given_size, const char *text)
{
    char error[ERROR] = "";
    struct launched l;

    assert_false(launcher_find(given_rank, given_size, &l, error, sizeof error));
    if (strstr(error, text) == NULL)
        fail_msg("'%s' has no '%s'", error, text);
}

static void every_launcher_is_known(void **state)
{
    (void)state;
    expect(-1, 0, NULL, 0, 1);
    setenv("JOB_COMPLETION_INDEX", "3", 1);
    expect(-1, 4, "an indexed Job of Kubernetes", 3, 4);
    setenv("SLURM_PROCID", "1", 1);
    setenv("SLURM_NTASKS", "2", 1);
    expect(-1, 0, "Slurm", 1, 2);
    expect(-1, 2, "Slurm", 1, 2);
    setenv("PMI_RANK", "4", 1);
    setenv("PMI_SIZE", "5", 1);
    expect(-1, 0, "PMI", 4, 5);
    /* mpirun in a batch script of Slurm: the inner one counts. */
    setenv("OMPI_COMM_WORLD_RANK", "6", 1);
    setenv("OMPI_COMM_WORLD_SIZE", "7", 1);
    expect(-1, 0, "Open MPI", 6, 7);
    expect(0, 3, NULL, 0, 3);
}

static void wrong_environments_are_refused(void **state)
{
    static const char *const bad[] = {"", "x", "-1", "1x", " 1", "99999999999"};

    (void)state;
    setenv("SLURM_NTASKS", "2", 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("SLURM_PROCID", bad[i], 1);
        expect_refusal(-1, 0, "SLURM_PROCID");
    }
    setenv("SLURM_PROCID", "2", 1);
    expect_refusal(-1, 0, "SLURM_PROCID in the environment, of Slurm, is 2: there are 2 hosts");
    setenv("SLURM_PROCID", "0", 1);
    expect_refusal(-1, 3, "--hosts is 3, but SLURM_NTASKS is 2");
    unsetenv("SLURM_NTASKS");
    expect_refusal(-1, 0, "SLURM_NTASKS in the environment, of Slurm, is not set");
    no_launcher(state);
    setenv("JOB_COMPLETION_INDEX", "0", 1);
    expect_refusal(-1, 0, "say --hosts");
}

static void wrong_orders_are_refused(void **state)
{
    (void)state;
    expect_refusal(0, 0, "--rank needs --hosts");
    expect_refusal(2, 2, "--rank 2: there are 2 hosts");
    expect_refusal(-1, 2, "which of them is this");
    expect(-1, 1, NULL, 0, 1);
}

static void hosts_have_names(void **state)
{
    char name[LAUNCHER_NAME];

    (void)state;
    launcher_host_name(name);
    assert_true(launcher_is_name(name));
    assert_null(strchr(name, '.'));
    setenv("SLURMD_NODENAME", "n17", 1);
    launcher_host_name(name);
    assert_string_equal(name, "n17");
    assert_true(launcher_is_name("A_b-c.9"));
    assert_false(launcher_is_name(""));
    assert_false(launcher_is_name(".a"));
    assert_false(launcher_is_name("a/b"));
    assert_false(launcher_is_name("a b"));
}

/* ---- place ---- */

static void build(struct scenario *s)
{
    *s = (struct scenario){0};
    assert_true(
        scenario_build(s, &(struct scenario_settings){.matrix = MATRIX_FULL, .base_port = 31300}));
}

static void each_component_has_one_host(void **state)
{
    (void)state;
    for (int size = 1; size <= 9; size++) {
        struct scenario s;
        int hosts[SCENARIO_MAX] = {0};
        size_t own = 0;

        build(&s);
        for (int rank = 0; rank < size; rank++) {
            place_components(&s, PLACE_SPREAD, rank, size);
            own += place_count_own(&s);
            for (size_t i = 0; i < s.count; i++) {
                assert_in_range(s.components[i].host, 0, size - 1);
                assert_int_equal(s.components[i].elsewhere, s.components[i].host != rank);
                /* All ranks say the same. */
                if (rank > 0)
                    assert_int_equal(s.components[i].host, hosts[i]);
                hosts[i] = s.components[i].host;
            }
        }
        assert_int_equal(own, s.count);
        assert_int_equal(place_find_idle(&s, PLACE_SPREAD, size), -1);
        scenario_clear(&s);
    }
}

static void clients_are_away_from_their_servers(void **state)
{
    (void)state;
    for (int size = 2; size <= 9; size++) {
        int least = SCENARIO_MAX, most = 0;
        struct scenario s;

        build(&s);
        place_components(&s, PLACE_SPREAD, 0, size);
        for (size_t i = 0; i < s.count; i++) {
            const struct component *c = &s.components[i];

            if (!c->server)
                assert_int_not_equal(c->host, s.components[c->peer].host);
        }
        for (int rank = 0; rank < size; rank++) {
            int own;

            place_components(&s, PLACE_SPREAD, rank, size);
            own = (int)place_count_own(&s);
            least = own < least ? own : least;
            most = own > most ? own : most;
        }
        if (size == 2)
            assert_int_equal(least, most);
        assert_true(least >= (int)s.count / size / 2);
        scenario_clear(&s);
    }
}

static void replicated_all_is_own(void **state)
{
    struct scenario s;

    (void)state;
    build(&s);
    place_components(&s, PLACE_REPLICATE, 2, 3);
    assert_int_equal(place_count_own(&s), s.count);
    for (size_t i = 0; i < s.count; i++)
        assert_int_equal(s.components[i].host, 2);
    scenario_clear(&s);
}

static void too_many_hosts_have_nothing_to_run(void **state)
{
    struct scenario s;

    (void)state;
    build(&s);
    place_components(&s, PLACE_SPREAD, 0, 100);
    assert_int_not_equal(place_find_idle(&s, PLACE_SPREAD, 100), -1);
    place_components(&s, PLACE_REPLICATE, 0, 100);
    assert_int_equal(place_find_idle(&s, PLACE_REPLICATE, 100), -1);
    scenario_clear(&s);
}

static void a_kill_is_the_same_wherever_it_happens(void **state)
{
    const struct chaos chaos = {42, CHAOS_AFTER_LOW_NS, CHAOS_AFTER_HIGH_NS};
    struct scenario here, there;

    (void)state;
    build(&here);
    build(&there);
    place_components(&here, PLACE_SPREAD, 0, 2);
    place_components(&there, PLACE_SPREAD, 1, 2);
    for (size_t i = 0; i < here.count; i++) {
        struct chaos_kill a = chaos_plan(&chaos, &here.components[i], 1);
        struct chaos_kill b = chaos_plan(&chaos, &there.components[i], 1);

        assert_int_equal(a.after_ready_ns, b.after_ready_ns);
        assert_int_equal(a.signal, b.signal);
    }
    scenario_clear(&here);
    scenario_clear(&there);
}

static void commands_name_the_servers_address(void **state)
{
    const struct fleet_paths paths = {
        .server = "/x/stress-server", .client = "/x/stress-client", .tls_dir = "/x", .trust = "/t"};
    struct fleet *fleet;
    struct scenario s;

    (void)state;
    build(&s);
    place_components(&s, PLACE_SPREAD, 0, 2);
    place_address(&s, 0, "127.0.0.2");
    place_address(&s, 1, "127.0.0.3");
    fleet = fleet_new(&s, &paths);
    assert_non_null(fleet);
    for (size_t i = 0; i < s.count; i++) {
        const struct component *c = &s.components[i];
        int host = c->server ? c->host : s.components[c->peer].host;

        assert_non_null(strstr(fleet->commands[i].shell,
                               host == 0 ? "--host 127.0.0.2 " : "--host 127.0.0.3 "));
    }
    fleet_free(fleet);
    scenario_clear(&s);
}

static void places_have_names(void **state)
{
    (void)state;
    for (int i = 0; i < PLACES; i++)
        assert_int_equal(place_find(place_name((enum place)i)), i);
    assert_int_equal(place_find("beside"), PLACES);
}

/* ---- lines ---- */

struct heard {
    char text[1024];
    unsigned overs;
    char why[ERROR];
};

static void take(void *user, enum link_word word, const char *rest)
{
    struct heard *h = user;
    size_t used = strlen(h->text);

    snprintf(h->text + used, sizeof h->text - used, "%d[%s]", (int)word, rest);
}

static void torn_lines_are_put_together(void **state)
{
    static const char said[] = "start 123\nfinished\nlost n 2\nwhole ok /a b\n";
    char expected[128], error[ERROR];

    (void)state;
    snprintf(expected, sizeof expected, "%d[123]%d[]%d[n 2]%d[ok /a b]", LINK_START, LINK_FINISHED,
             LINK_LOST, LINK_WHOLE);
    for (size_t piece = 1; piece < sizeof said; piece++) {
        struct heard h = {0};
        struct link_reader r;

        link_reader_init(&r, 64);
        for (size_t at = 0; at < sizeof said - 1; at += piece) {
            size_t left = sizeof said - 1 - at;

            assert_true(link_reader_feed(&r, said + at, left < piece ? left : piece, take, &h,
                                         error, sizeof error));
        }
        assert_string_equal(h.text, expected);
        link_reader_clear(&r);
    }
}

static void long_lines_have_an_end(void **state)
{
    char line[100], error[ERROR] = "";
    struct heard h = {0};
    struct link_reader r;

    (void)state;
    memset(line, 'x', sizeof line);
    line[0] = 'e', line[1] = 'n', line[2] = 'd', line[3] = ' ';
    link_reader_init(&r, 150);
    assert_true(link_reader_feed(&r, line, 100, take, &h, error, sizeof error));
    assert_true(link_reader_feed(&r, "yyy\n", 4, take, &h, error, sizeof error));
    assert_int_equal(strlen(h.text), strlen("2[]") + 96 + 3);
    assert_true(link_reader_feed(&r, line, 100, take, &h, error, sizeof error));
    assert_false(link_reader_feed(&r, line, 100, take, &h, error, sizeof error));
    assert_string_equal(error, "it said a line of more than 150 bytes");
    link_reader_clear(&r);
}

static void other_words_are_refused(void **state)
{
    static const char *const lines[] = {"hello\n", "\n", "star 1\n", "starts 1\n", " start 1\n"};

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char error[ERROR] = "";
        struct heard h = {0};
        struct link_reader r;

        link_reader_init(&r, 64);
        assert_false(
            link_reader_feed(&r, lines[i], strlen(lines[i]), take, &h, error, sizeof error));
        assert_non_null(strstr(error, "not understood"));
        assert_string_equal(h.text, "");
        link_reader_clear(&r);
    }
}

static void over(void *user, const char *why)
{
    struct heard *h = user;

    h->overs++;
    snprintf(h->why, sizeof h->why, "%s", why == NULL ? "ended" : why);
}

struct pair {
    struct ev_loop *loop;
    struct link *link;
    struct heard heard;
    int from, to; /* the other end's */
};

static void open_pair(struct pair *p)
{
    const struct link_hooks hooks = {take, over};
    int there[2], back[2];

    memset(p, 0, sizeof *p);
    assert_int_equal(pipe(there), 0);
    assert_int_equal(pipe(back), 0);
    p->loop = ev_loop_new(EVFLAG_AUTO);
    p->from = there[0];
    p->to = back[1];
    p->link = link_new(p->loop, back[0], there[1], &hooks, &p->heard);
    assert_non_null(p->link);
}

static void close_pair(struct pair *p)
{
    link_free(p->link);
    ev_loop_destroy(p->loop);
    close(p->from);
}

static void more_is_said_than_a_pipe_holds(void **state)
{
    size_t size = 1 << 20, got = 0;
    char *text = malloc(size + 1), *back = malloc(size + 16);
    struct pair p;
    ssize_t n;

    (void)state;
    memset(text, 'a', size);
    text[size] = '\0';
    open_pair(&p);
    assert_true(link_say(p.link, "host %s", text));
    link_hang_up(p.link);
    assert_false(link_say(p.link, "too late"));
    do {
        ev_run(p.loop, EVRUN_NOWAIT);
        n = read(p.from, back + got, size + 16 - got);
        assert_true(n >= 0);
        got += (size_t)n;
    } while (n > 0);
    assert_int_equal(got, size + 6);
    assert_memory_equal(back, "host ", 5);
    assert_memory_equal(back + 5, text, size);
    close(p.to);
    close_pair(&p);
    free(text);
    free(back);
}

static void an_end_is_told_once(void **state)
{
    struct pair p;

    (void)state;
    open_pair(&p);
    assert_int_equal(write(p.to, "lost n2\nfin", 11), 11);
    ev_run(p.loop, EVRUN_ONCE);
    close(p.to);
    ev_run(p.loop, EVRUN_ONCE);
    ev_run(p.loop, EVRUN_NOWAIT);
    assert_string_equal(p.heard.text, "3[n2]");
    assert_int_equal(p.heard.overs, 1);
    assert_string_equal(p.heard.why, "ended");
    close_pair(&p);
}

static void nonsense_is_an_end(void **state)
{
    struct pair p;

    (void)state;
    open_pair(&p);
    assert_int_equal(write(p.to, "nonsense\n", 9), 9);
    ev_run(p.loop, EVRUN_ONCE);
    assert_int_equal(p.heard.overs, 1);
    assert_non_null(strstr(p.heard.why, "nonsense"));
    close(p.to);
    close_pair(&p);
}

/* ---- who takes part ---- */

#define HOST(rank, name, address)                                           \
    "{\"rank\": " #rank ", \"name\": \"" name "\", \"address\": \"" address \
    "\", \"components\": [\"c" #rank "\", \"d\"], \"ready\": false}"
#define HOSTS(list) "{\"hosts\": [" list "]}"

static void hosts_are_known_by_rank(void **state)
{
    char error[ERROR] = "";
    struct topology *t = topology_new(HOSTS(HOST(1, "b", "10.0.0.2") "," HOST(0, "a", "127.0.0.1")),
                                      2, error, sizeof error);

    (void)state;
    assert_string_equal(error, "");
    assert_true(t != NULL && t->count == 2);
    assert_string_equal(t->hosts[0].name, "a");
    assert_string_equal(t->hosts[1].address, "10.0.0.2");
    assert_null(t->hosts[1].ca);
    assert_string_equal(topology_component(t, 1, 0), "c1");
    assert_string_equal(topology_component(t, 0, 1), "d");
    assert_null(topology_component(t, 0, 2));
    topology_free(t);
}

static void impossible_hosts_are_refused(void **state)
{
    static const struct {
        const char *json, *why;
    } bad[] = {
        {"", "no JSON"},
        {"{\"hosts\": [", "no JSON"},
        {"[]", "no host of rank 0"},
        {HOSTS(HOST(0, "a", "127.0.0.1")), "no host of rank 1"},
        {HOSTS(HOST(0, "a", "127.0.0.1") "," HOST(2, "b", "127.0.0.1")), "no rank from 0 to 1"},
        {HOSTS(HOST(0, "a", "127.0.0.1") "," HOST(-1, "b", "127.0.0.1")), "no rank from 0 to 1"},
        {HOSTS(HOST(0, "a", "127.0.0.1") "," HOST(0, "b", "127.0.0.1")), "both have rank 0"},
        {HOSTS(HOST(0, "a", "127.0.0.1") "," HOST(1, "a", "127.0.0.1")), "are called a"},
        {HOSTS(HOST(0, "a", "localhost") "," HOST(1, "b", "127.0.0.1")), "which is not IPv4"},
        {HOSTS("{\"rank\": 0, \"name\": \"a\"}"), "lacks name, address or components"},
        {HOSTS("7"), "no rank"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char error[ERROR] = "";

        assert_null(topology_new(bad[i].json, 2, error, sizeof error));
        if (strstr(error, bad[i].why) == NULL)
            fail_msg("'%s' has no '%s'", error, bad[i].why);
    }
}

static void a_host_describes_itself(void **state)
{
    const char *const names[] = {"a", "b\"c"};
    char *text = topology_describe(names, 2, "-----BEGIN\nx\n");

    (void)state;
    assert_string_equal(text, "{\"components\":[\"a\",\"b\\\"c\"],\"ca\":\"-----BEGIN\\nx\\n\"}");
    assert_null(strchr(text, '\n'));
    free(text);
}

#define LAUNCHER_CASE(f) cmocka_unit_test_setup_teardown(f, no_launcher, no_launcher)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAUNCHER_CASE(every_launcher_is_known),
        LAUNCHER_CASE(wrong_environments_are_refused),
        LAUNCHER_CASE(wrong_orders_are_refused),
        LAUNCHER_CASE(hosts_have_names),
        cmocka_unit_test(each_component_has_one_host),
        cmocka_unit_test(clients_are_away_from_their_servers),
        cmocka_unit_test(replicated_all_is_own),
        cmocka_unit_test(too_many_hosts_have_nothing_to_run),
        cmocka_unit_test(a_kill_is_the_same_wherever_it_happens),
        cmocka_unit_test(commands_name_the_servers_address),
        cmocka_unit_test(places_have_names),
        cmocka_unit_test(torn_lines_are_put_together),
        cmocka_unit_test(long_lines_have_an_end),
        cmocka_unit_test(other_words_are_refused),
        cmocka_unit_test(more_is_said_than_a_pipe_holds),
        cmocka_unit_test(an_end_is_told_once),
        cmocka_unit_test(nonsense_is_an_end),
        cmocka_unit_test(hosts_are_known_by_rank),
        cmocka_unit_test(impossible_hosts_are_refused),
        cmocka_unit_test(a_host_describes_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
