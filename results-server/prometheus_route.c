/* GET /metrics: gathers what the server's parts say of themselves. */
#include "config.h"

#include "common/base/clock.h"
#include "results-server/influx.h"
#include "results-server/prometheus.h"
#include "results-server/routes.h"
#include "results-server/server_clock.h"

#include <stdio.h>
#include <unistd.h>

#define NO_ROUTE "none" /* of what was refused before any */

/* Resident bytes of this process; 0: /proc is not there. */
static double resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void put_process(struct prometheus_text *text, const struct app *app)
{
    const struct prometheus_label version[] = {{"version", VERSION}, {NULL, NULL}};

    prometheus_put_labelled(text, PROMETHEUS_INFO, version, 1);
    prometheus_put(text, PROMETHEUS_UPTIME, (double)(server_clock_ns() - app->began_ns) / NS_PER_S);
    prometheus_put(text, PROMETHEUS_RSS, resident_bytes());
    prometheus_put(text, PROMETHEUS_CPU, (double)clock_cpu_ns() / NS_PER_S);
}

static void put_answers(struct prometheus_text *text, const struct http *http)
{
    const struct http_answers_row *row;

    for (size_t i = 0; (row = http_answers_at(http, i)) != NULL; i++) {
        char status[16];
        const struct prometheus_label labels[] = {
            {"method", row->method == NULL ? NO_ROUTE : row->method},
            {"route", row->path == NULL ? NO_ROUTE : row->path},
            {"status", status},
            {NULL, NULL}};

        snprintf(status, sizeof status, "%d", row->status);
        prometheus_put_labelled(text, PROMETHEUS_ANSWERS, labels, (double)row->count);
    }
}

static void put_http(struct prometheus_text *text, struct http *http)
{
    struct http_counts counts;

    http_read_counts(http, &counts);
    put_answers(text, http);
    prometheus_put(text, PROMETHEUS_CONNECTIONS, (double)counts.connections);
    prometheus_put(text, PROMETHEUS_ACCEPTED, (double)counts.accepted);
    prometheus_put(text, PROMETHEUS_WAITING, (double)counts.waiting);
    prometheus_put(text, PROMETHEUS_RECEIVED, (double)counts.received);
    prometheus_put(text, PROMETHEUS_REFUSED, (double)counts.refused);
    prometheus_put(text, PROMETHEUS_TIMED_OUT, (double)counts.timed_out);
}

/* What is known by heart of the tests. */
struct sums {
    uint64_t batches, points, tests[TEST_STATES], hosts[TEST_HOST_LOST + 1];
};

static void add_hosts(struct sums *sums, const struct test *test)
{
    for (size_t rank = 0; rank < test->host_room; rank++)
        if (test->hosts[rank].entry != NULL)
            sums->hosts[test_host_state(test, &test->hosts[rank])]++;
}

static void add_up(struct sums *sums, struct app *app)
{
    pthread_mutex_lock(&app->lock);
    for (size_t i = 0; i < tests_count(app->tests); i++) {
        const struct test *test = tests_at(app->tests, i);

        sums->tests[test_state_of(test)]++;
        if (test_state_of(test) != TEST_FINISHED)
            add_hosts(sums, test);
        for (size_t peer = 0; peer < test->peer_count; peer++) {
            sums->batches += test->peers[peer]->batches;
            sums->points += test->peers[peer]->points;
        }
    }
    pthread_mutex_unlock(&app->lock);
}

static void put_state(struct prometheus_text *text, enum prometheus_family family,
                      const char *state, uint64_t count)
{
    const struct prometheus_label labels[] = {{"state", state}, {NULL, NULL}};

    prometheus_put_labelled(text, family, labels, (double)count);
}

static void put_store(struct prometheus_text *text, struct store *store, const struct sums *sums)
{
    struct store_figures figures;

    store_read_figures(store, &figures);
    prometheus_put(text, PROMETHEUS_BATCHES, (double)sums->batches);
    prometheus_put(text, PROMETHEUS_POINTS, (double)sums->points);
    prometheus_put_histogram(text, PROMETHEUS_COMMITS, &figures.commit_ns);
    prometheus_put(text, PROMETHEUS_JOBS, (double)figures.jobs);
    prometheus_put(text, PROMETHEUS_FAILURES, (double)figures.failures);
    prometheus_put(text, PROMETHEUS_QUEUE_JOBS, (double)figures.waiting_jobs);
    prometheus_put(text, PROMETHEUS_QUEUE_BYTES, (double)figures.waiting_bytes);
    prometheus_put(text, PROMETHEUS_STORE, (double)figures.bytes);
}

static void put_tests(struct prometheus_text *text, const struct sums *sums)
{
    for (int i = 0; i < TEST_STATES; i++)
        put_state(text, PROMETHEUS_TESTS, test_state_word((enum test_state)i), sums->tests[i]);
    for (int i = 0; i <= TEST_HOST_LOST; i++)
        put_state(text, PROMETHEUS_HOSTS, test_host_state_word((enum test_host_state)i),
                  sums->hosts[i]);
}

static void put_influx(struct prometheus_text *text, struct influx *influx, uint64_t batches)
{
    struct influx_figures figures;

    influx_read_figures(influx, &figures);
    prometheus_put(text, PROMETHEUS_INFLUX_POINTS, (double)figures.points);
    prometheus_put(text, PROMETHEUS_INFLUX_DROPPED, (double)figures.dropped);
    prometheus_put(text, PROMETHEUS_INFLUX_OUTAGES, (double)figures.outages);
    prometheus_put(text, PROMETHEUS_INFLUX_UP, figures.away ? 0 : 1);
    prometheus_put(text, PROMETHEUS_INFLUX_BEHIND,
                   batches > figures.batch ? (double)(batches - figures.batch) : 0);
}

enum http_when route_metrics_text(struct app *app, struct http_exchange *x)
{
    struct prometheus_text text = {0};
    struct sums sums = {0};

    add_up(&sums, app);
    put_process(&text, app);
    put_http(&text, app->http);
    put_store(&text, app->store, &sums);
    put_tests(&text, &sums);
    if (app->influx != NULL) /* batches are numbered without a gap */
        put_influx(&text, app->influx, sums.batches);
    if (text.failed)
        http_drop(x);
    else
        http_reply(x, 200, PROMETHEUS_TYPE, text.bytes, text.size);
    prometheus_free(&text);
    return HTTP_NOW;
}
