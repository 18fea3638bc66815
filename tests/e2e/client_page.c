/*
 * The driver's side of stress-client: a telemetry page, commands on it, kills of the server. Starts
 * the real programs from the build tree (top_builddir); the server gets the port
 * FLATLINE_TEST_PORT.
 */
#include "common/base/clock.h"
#include "common/contract/page.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_WORDS 24
#define PATIENCE_NS (120 * NS_PER_S)

struct server {
    pid_t pid;
    char port[8];
};

struct client {
    pid_t pid;
    int fd;
    struct page *page;
    struct page_cursor cursor;
    unsigned events[PAGE_EVENT_KINDS];
};

static void nap(void)
{
    usleep(5000);
}

/* Starts top_builddir/name; the child dies with us. */
static pid_t start(const char *name, const char *const words[MAX_WORDS], int out)
{
    const char *top = getenv("top_builddir");
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    char path[512], *argv[MAX_WORDS];

    /* execv takes them unconst, for the sake of old code, and leaves them as they are. */
    memcpy(argv, words, sizeof argv);
    snprintf(path, sizeof path, "%s/%s/%s", top != NULL ? top : ".", name, name);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    execv(path, argv);
    _exit(127);
}

static void start_server(struct server *server)
{
    const char *port = getenv("FLATLINE_TEST_PORT");
    const char *words[MAX_WORDS] = {"stress-server", "--port", server->port, "--drain", "100ms"};
    char line[128] = "";
    int ends[2];

    assert_non_null(port);
    snprintf(server->port, sizeof server->port, "%s", port);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    server->pid = start("stress-server", words, ends[1]);
    close(ends[1]);
    /* It says where it listens. */
    assert_true(read(ends[0], line, sizeof line - 1) > 0);
    close(ends[0]);
}

static int stop(pid_t pid, int signal_number)
{
    int status;

    kill(pid, signal_number);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void start_client(struct client *client, const struct server *server, const char *arguments)
{
    const char *words[MAX_WORDS] = {NULL};
    char copy[256], number[16], *rest = NULL;
    size_t n = 0;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    memset(client, 0, sizeof *client);
    client->page = page_create(&client->fd);
    assert_non_null(client->page);
    /* Handed down under the same number. */
    assert_int_equal(fcntl(client->fd, F_SETFD, 0), 0);
    snprintf(number, sizeof number, "%d", client->fd);
    snprintf(copy, sizeof copy, "%s", arguments);
    words[n++] = "stress-client";
    words[n++] = "--port";
    words[n++] = server->port;
    words[n++] = "--telemetry-fd";
    words[n++] = number;
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        assert_true(n < MAX_WORDS - 1);
        words[n++] = word;
    }
    client->pid = start("stress-client", words, null);
    close(null);
    assert_int_equal(fcntl(client->fd, F_SETFD, FD_CLOEXEC), 0);
}

static void free_client(struct client *client)
{
    page_free(client->page);
    close(client->fd);
}

static void take_events(struct client *client)
{
    struct page_event events[64];
    size_t n;

    while ((n = page_take_events(client->page, &client->cursor, events, 64)) > 0) {
        for (size_t i = 0; i < n; i++)
            client->events[events[i].kind]++;
    }
}

static unsigned losses(const struct client *client)
{
    unsigned sum = 0;

    for (int i = 0; i < PAGE_EVENT_KINDS; i++)
        sum += page_event_is_loss((enum page_event_kind)i) ? client->events[i] : 0;
    return sum;
}

static unsigned errors(const struct client *client)
{
    unsigned sum = 0;

    for (int i = 0; i < PAGE_EVENT_KINDS; i++)
        sum += page_event_is_error((enum page_event_kind)i) ? client->events[i] : 0;
    return sum;
}

static struct page_snapshot look(const struct client *client)
{
    struct page_snapshot snapshot;
    uint64_t until = clock_now_ns() + PATIENCE_NS;

    while (!page_read(client->page, &snapshot)) {
        assert_true(clock_now_ns() < until);
        nap();
    }
    return snapshot;
}

static int64_t metric(const struct client *client, enum metric m)
{
    struct page_snapshot snapshot = look(client);

    return metric_has(&snapshot.metrics, m) ? snapshot.metrics.value[m] : 0;
}

/* Until the metric is above `level`. */
static void await_above(const struct client *client, enum metric m, int64_t level)
{
    uint64_t until = clock_now_ns() + PATIENCE_NS;

    while (metric(client, m) <= level) {
        if (clock_now_ns() > until)
            fail_msg("%s stays at %lld", metric_info(m)->name, (long long)metric(client, m));
        nap();
    }
}

static int64_t messages(const struct client *client)
{
    return metric(client, METRIC_MESSAGES_SENT) + metric(client, METRIC_MESSAGES_RECEIVED);
}

static void await_messages(const struct client *client, int64_t level)
{
    uint64_t until = clock_now_ns() + PATIENCE_NS;

    while (messages(client) <= level) {
        if (clock_now_ns() > until)
            fail_msg("messages stay at %lld", (long long)messages(client));
        nap();
    }
}

static void order(struct client *client, enum page_command_op op)
{
    enum page_command_result result = PAGE_RESULT_FAILED;
    uint64_t number = page_order(client->page, op, 0), until = clock_now_ns() + PATIENCE_NS;

    while (!page_acknowledged(client->page, number, &result)) {
        assert_true(clock_now_ns() < until);
        nap();
    }
    assert_int_equal(result, PAGE_RESULT_DONE);
}

static bool is_same(const struct page_snapshot *a, const struct page_snapshot *b, enum metric m)
{
    return a->metrics.value[m] == b->metrics.value[m];
}

/*
 * Pauses until two looks, some publications apart, show the same, and returns the last. What was
 * under way when the client obeyed comes in as fast as the machine is. !silent: what it receives
 * does not count.
 */
static struct page_snapshot pause_client(struct client *client, bool silent)
{
    uint64_t until = clock_now_ns() + PATIENCE_NS;
    struct page_snapshot before, after;

    order(client, PAGE_COMMAND_PAUSE);
    order(client, PAGE_COMMAND_PUBLISH);
    after = look(client);
    do {
        assert_true(clock_now_ns() < until);
        before = after;
        usleep(150000);
        order(client, PAGE_COMMAND_PUBLISH);
        after = look(client);
    } while (!is_same(&before, &after, METRIC_MESSAGES_SENT) ||
             !is_same(&before, &after, METRIC_CONNECTIONS_TOTAL) ||
             (silent && (!is_same(&before, &after, METRIC_BYTES_RECEIVED) ||
                         !is_same(&before, &after, METRIC_LIVE))));
    return after;
}

static const struct pattern {
    const char *name, *arguments;
    bool answered; /* a round trip is seen now and then */
    bool endless;  /* its stream stays open in a pause */
    bool silent; /* in a pause nothing goes either way: the client is the only one to send first */
} patterns[] = {
    {"non-streaming-many-connections", "--num-connections 0 --num-calls 1 --non-streaming", true,
     false, true},
    {"non-streaming-many-calls", "--num-calls 0 --non-streaming", true, false, true},
    {"client-stream", "--client-streaming 0", false, true, true},
    {"client-stream-many-calls", "--num-calls 0 --client-streaming 10", true, false, true},
    {"server-stream", "--server-streaming 0", true, true, false},
    {"server-stream-many-calls", "--num-calls 0 --server-streaming 10", true, false, true},
    {"bidi-stream", "--bidi-streaming 0", true, true, true},
    {"bidi-stream-many-calls", "--num-calls 0 --bidi-streaming 10", true, false, true},
};

#define PATTERNS (sizeof patterns / sizeof *patterns)

static void start_pattern(struct client *client, const struct server *server,
                          const struct pattern *pattern)
{
    print_message("# %s\n", pattern->name);
    start_client(client, server, pattern->arguments);
    await_messages(client, 1000);
}

static void finish_pattern(struct client *client)
{
    struct page_snapshot last;

    assert_int_equal(stop(client->pid, SIGTERM), 0);
    take_events(client);
    assert_int_equal(errors(client), 0);
    last = look(client);
    assert_int_equal(last.state, PAGE_DRAINING);
    assert_int_equal(last.metrics.value[METRIC_CONNECTIONS], 0);
    assert_int_equal(last.metrics.value[METRIC_STREAMS], 0);
    free_client(client);
}

/* Every pattern publishes what it does, and ends well on SIGTERM within its bound. */
static void publishes_and_ends(void **unused)
{
    struct server server;

    (void)unused;
    start_server(&server);
    for (size_t i = 0; i < PATTERNS; i++) {
        struct client client;
        struct page_snapshot s;
        uint64_t before;

        start_pattern(&client, &server, &patterns[i]);
        await_above(&client, METRIC_FIRST_MESSAGE, 0);
        s = look(&client);
        assert_int_equal(s.state, PAGE_READY);
        assert_true(s.ready_ns != 0 &&
                    s.ready_ns <= (uint64_t)s.metrics.value[METRIC_FIRST_MESSAGE]);
        assert_true(s.connect.count > 0);
        assert_int_equal(s.rtt.count > 0, patterns[i].answered);
        assert_int_equal(s.metrics.value[METRIC_LOSSES], 0);
        assert_true(s.metrics.value[METRIC_LIVE] > 0);
        before = clock_now_ns();
        finish_pattern(&client);
        assert_true(clock_now_ns() - before < PATIENCE_NS);
        assert_int_equal(losses(&client), 0);
    }
    assert_int_equal(stop(server.pid, SIGTERM), 0);
}

/* PAUSE: connections and endless streams stay, nothing is sent. RESUME: it goes on. */
static void pauses_and_resumes(void **unused)
{
    struct server server;

    (void)unused;
    start_server(&server);
    for (size_t i = 0; i < PATTERNS; i++) {
        struct client client;
        struct page_snapshot s;

        start_pattern(&client, &server, &patterns[i]);
        s = pause_client(&client, patterns[i].silent);
        assert_int_equal(s.state, PAGE_PAUSED);
        assert_int_equal(s.metrics.value[METRIC_CONNECTIONS], 1);
        assert_int_equal(s.metrics.value[METRIC_STREAMS], patterns[i].endless ? 1 : 0);
        order(&client, PAGE_COMMAND_RESUME);
        await_messages(&client, messages(&client) + 1000);
        assert_int_equal(look(&client).state, PAGE_READY);
        finish_pattern(&client);
        assert_int_equal(losses(&client), 0);
    }
    assert_int_equal(stop(server.pid, SIGTERM), 0);
}

/* Every pattern outlives its server, by SIGKILL and by SIGTERM, and says so on the page. */
static void reconnects_for_ever(void **unused)
{
    static const int signals[] = {SIGKILL, SIGTERM, SIGKILL};
    struct server server;
    struct client clients[PATTERNS];

    (void)unused;
    start_server(&server);
    for (size_t i = 0; i < PATTERNS; i++)
        start_pattern(&clients[i], &server, &patterns[i]);
    for (unsigned round = 1; round <= sizeof signals / sizeof *signals; round++) {
        stop(server.pid, signals[round - 1]);
        usleep(250000);
        start_server(&server);
        for (size_t i = 0; i < PATTERNS; i++) {
            uint64_t until = clock_now_ns() + PATIENCE_NS;

            print_message("# %s, round %u\n", patterns[i].name, round);
            do {
                take_events(&clients[i]);
                assert_true(clock_now_ns() < until);
                nap();
            } while (clients[i].events[PAGE_RECOVERED] < round);
            await_messages(&clients[i], messages(&clients[i]) + 500);
            assert_true(losses(&clients[i]) >= round);
        }
    }
    for (size_t i = 0; i < PATTERNS; i++) {
        take_events(&clients[i]);
        assert_int_equal(metric(&clients[i], METRIC_LOSSES), losses(&clients[i]));
        assert_int_equal(clients[i].events[PAGE_RECOVERED], 3);
        assert_int_equal(metric(&clients[i], METRIC_RECONNECTS), 3);
        finish_pattern(&clients[i]);
    }
    assert_int_equal(stop(server.pid, SIGTERM), 0);
}

/* Live bytes at rest do not depend on what was done before, in every pattern. */
static void stays_flat(void **unused)
{
    struct server server;

    (void)unused;
    start_server(&server);
    for (size_t i = 0; i < PATTERNS; i++) {
        struct client client;
        int64_t first;

        /* Without silence there is no rest: its messages keep coming. */
        if (!patterns[i].silent)
            continue;
        start_pattern(&client, &server, &patterns[i]);
        first = pause_client(&client, true).metrics.value[METRIC_LIVE];
        for (int round = 0; round < 3; round++) {
            int64_t before = messages(&client), live;

            order(&client, PAGE_COMMAND_RESUME);
            await_messages(&client, before + 4000);
            live = pause_client(&client, true).metrics.value[METRIC_LIVE];
            print_message("# %s: %lld live bytes at rest, first %lld\n", patterns[i].name,
                          (long long)live, (long long)first);
            assert_in_range(live, 1, first + 512);
        }
        finish_pattern(&client);
    }
    assert_int_equal(stop(server.pid, SIGTERM), 0);
}

/* And with a planted leak they do, by the bytes and the events that were asked for. */
static void leaks_when_told(void **unused)
{
    static const struct {
        const char *arguments;
        enum metric events;
        int64_t count, bytes; /* the leak after so many events */
    } cases[] = {
        {"--inject-leak call:64 --num-calls 0 --non-streaming", METRIC_CALLS_DONE, 2000, 128000},
        {"--inject-leak call:1K/100 --num-calls 0 --bidi-streaming 2", METRIC_CALLS_DONE, 2000,
         20480},
        {"--inject-leak connection:256 --num-connections 0 --non-streaming",
         METRIC_CONNECTIONS_TOTAL, 200, 51200},
        {"--inject-leak reconnect:256 --num-connections 0 --non-streaming",
         METRIC_CONNECTIONS_TOTAL, 200, 51200},
        {"--inject-leak disconnect:256 --num-connections 0 --non-streaming",
         METRIC_CONNECTIONS_TOTAL, 200, 51200},
    };
    struct server server;

    (void)unused;
    start_server(&server);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client client;
        struct page_snapshot before;
        int64_t grown;

        start_client(&client, &server, cases[i].arguments);
        await_above(&client, cases[i].events, 100);
        order(&client, PAGE_COMMAND_PUBLISH);
        before = look(&client);
        await_above(&client, cases[i].events,
                    before.metrics.value[cases[i].events] + cases[i].count + 2);
        order(&client, PAGE_COMMAND_PUBLISH);
        grown = metric(&client, METRIC_LIVE_APP) - before.metrics.value[METRIC_LIVE_APP];
        print_message("# %s: %lld bytes\n", cases[i].arguments, (long long)grown);
        assert_true(grown >= cases[i].bytes - 4096);
        finish_pattern(&client);
    }
    assert_int_equal(stop(server.pid, SIGTERM), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publishes_and_ends),  cmocka_unit_test(pauses_and_resumes),
        cmocka_unit_test(reconnects_for_ever), cmocka_unit_test(stays_flat),
        cmocka_unit_test(leaks_when_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
