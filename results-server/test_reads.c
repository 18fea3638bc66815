/* The handlers that only read. */
#include "config.h"

#include "common/base/clock.h"
#include "common/base/units.h"
#include "results-server/request.h"
#include "results-server/routes.h"
#include "results-server/server_clock.h"
#include "results-server/test_json.h"
#include "results-server/test_points.h"
#include "results-server/test_wait.h"

#include <string.h>

/* ---- GET /status ---- */

static json_t *count_states(const struct tests *tests)
{
    json_int_t counts[TEST_STATES] = {0};
    json_t *json = json_object();

    for (size_t i = 0; i < tests_count(tests); i++)
        counts[test_state_of(tests_at(tests, i))]++;
    for (int i = 0; i < TEST_STATES; i++)
        json_object_set_new(json, test_state_word((enum test_state)i), json_integer(counts[i]));
    return json;
}

static json_t *store_json(struct app *app)
{
    struct store_figures figures;
    char failure[ERROR_MESSAGE_SIZE];

    store_read_figures(app->store, &figures);
    store_failure(app->store, failure, sizeof failure);
    return json_pack("{s:I, s:I, s:I, s:s*}", "bytes", (json_int_t)figures.bytes, "commits",
                     (json_int_t)figures.commits, "waiting", (json_int_t)figures.waiting_jobs,
                     "failure", failure[0] == '\0' ? NULL : failure);
}

enum http_when route_status(struct app *app, struct http_exchange *x)
{
    uint64_t now = server_clock_ns();
    json_t *tests;
    size_t waiting;

    pthread_mutex_lock(&app->lock);
    tests = count_states(app->tests);
    waiting = waits_count(app->waits);
    pthread_mutex_unlock(&app->lock);
    http_reply_json(x, 200,
                    json_pack("{s:s, s:I, s:I, s:I, s:o, s:I, s:o}", "version", VERSION,
                              "server_ns", (json_int_t)now, "wall_ns", (json_int_t)clock_wall_ns(),
                              "uptime_ns", (json_int_t)(now - app->began_ns), "tests", tests,
                              "waiting", (json_int_t)waiting, "store", store_json(app)));
    return HTTP_NOW;
}

/* ---- GET /test ---- */

enum http_when route_list(struct app *app, struct http_exchange *x)
{
    json_t *list = json_array();

    pthread_mutex_lock(&app->lock);
    for (size_t i = tests_count(app->tests); i-- > 0;)
        json_array_append_new(list, test_summary_json(tests_at(app->tests, i)));
    pthread_mutex_unlock(&app->lock);
    http_reply_json(x, 200, list);
    return HTTP_NOW;
}

/* ---- GET /test/ID ---- */

struct show_query {
    enum test_wait wait; /* TEST_WAITS: none */
    uint64_t timeout_ns;
    bool data_points;
};

static bool read_flag(const char *text, bool *flag, struct refusal *refusal)
{
    if (text == NULL)
        return true;
    *flag = strcmp(text, "true") == 0;
    return *flag || strcmp(text, "false") == 0 ||
           refuse(refusal, ERROR_BAD_QUERY, "dataPoints: '%.64s' is neither true nor false", text);
}

static bool read_query(const struct http_exchange *x, struct show_query *query,
                       struct refusal *refusal)
{
    const char *wait = http_query(x, "wait"), *timeout = http_query(x, "timeout");

    *query = (struct show_query){.wait = TEST_WAITS, .timeout_ns = WAIT_DEFAULT_NS};
    if (!read_flag(http_query(x, "dataPoints"), &query->data_points, refusal))
        return false;
    if (wait != NULL && (query->wait = test_wait_parse(wait)) == TEST_WAITS)
        return refuse(refusal, ERROR_BAD_QUERY,
                      "wait: '%.64s' is none of"
#define WAIT_WORD(ident, word, text) " " word
                      TEST_WAIT_TABLE(WAIT_WORD)
#undef WAIT_WORD
                          ,
                      wait);
    if (wait != NULL && query->data_points)
        return refuse(refusal, ERROR_BAD_QUERY, "wait: not together with dataPoints");
    if (timeout == NULL)
        return true;
    if (!units_parse_duration(timeout, &query->timeout_ns) || query->timeout_ns > WAIT_MOST_NS)
        return refuse(refusal, ERROR_BAD_QUERY,
                      "timeout: '%.64s' is not a duration up to 60s (such as 30s)", timeout);
    return wait != NULL || refuse(refusal, ERROR_BAD_QUERY, "timeout: is of no use without wait");
}

static void on_gone(void *self, struct http_exchange *x)
{
    struct app *app = self;
    bool held;

    pthread_mutex_lock(&app->lock);
    held = waits_remove(app->waits, x);
    pthread_mutex_unlock(&app->lock);
    if (held)
        http_drop(x);
}

/* Under the lock: the answer; or NULL with the refusal, or because x waits (*waits). */
static json_t *look(struct app *app, struct http_exchange *x, const struct show_query *query,
                    bool *waits, struct refusal *refusal)
{
    const struct test *test = tests_find(app->tests, http_segment(x, 1));

    if (test == NULL) {
        refuse(refusal, ERROR_TEST_NOT_FOUND, "there is no test %s", http_segment(x, 1));
        return NULL;
    }
    if (query->wait == TEST_WAITS || query->timeout_ns == 0 || test_wait_over(test, query->wait))
        return test_json(test);
    *waits = waits_add(app->waits, x, test, query->wait, server_clock_ns() + query->timeout_ns);
    if (!*waits)
        refuse(refusal, ERROR_NO_MEMORY, "no memory for one who waits");
    return NULL;
}

enum http_when route_show(struct app *app, struct http_exchange *x)
{
    struct refusal refusal = {.kind = ERROR_NONE};
    struct show_query query;
    json_t *answer;
    bool waits = false;

    if (!read_query(x, &query, &refusal))
        return request_refuse(x, &refusal);
    if (query.wait != TEST_WAITS)
        http_on_gone(x, on_gone, app);
    pthread_mutex_lock(&app->lock);
    answer = look(app, x, &query, &waits, &refusal);
    pthread_mutex_unlock(&app->lock);
    if (waits)
        return HTTP_LATER;
    if (answer != NULL && query.data_points &&
        points_stream(app->points, x, http_segment(x, 1), answer, &refusal))
        return HTTP_LATER;
    if (refusal.kind != ERROR_NONE)
        return request_refuse(x, &refusal);
    http_reply_json(x, 200, answer);
    return HTTP_NOW;
}

/* ---- GET /test/ID/run.db ---- */

enum http_when route_run(struct app *app, struct http_exchange *x)
{
    struct refusal refusal = {.kind = ERROR_NONE};
    const struct test *test;

    pthread_mutex_lock(&app->lock);
    test = tests_find(app->tests, http_segment(x, 1));
    if (test == NULL)
        refuse(&refusal, ERROR_TEST_NOT_FOUND, "there is no test %s", http_segment(x, 1));
    else if (test->hosts_present == 0)
        refuse(&refusal, ERROR_NO_RUN, "test %s has no driver hosts, and so no run", test->id);
    pthread_mutex_unlock(&app->lock);
    if (refusal.kind == ERROR_NONE &&
        points_stream(app->points, x, http_segment(x, 1), NULL, &refusal))
        return HTTP_LATER;
    return request_refuse(x, &refusal);
}
