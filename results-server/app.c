#include "results-server/app.h"

#include "common/base/clock.h"
#include "results-server/server_clock.h"
#include "results-server/test_load.h"
#include "results-server/test_points.h"
#include "results-server/test_wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STANDSTILL_NS NS_PER_S /* between two ticks */

static bool learn_tests(struct app *app, char *error, size_t cap)
{
    struct run_db db = {
        .db = store_db(app->store), .path = app->store_dir, .error = error, .cap = cap};

    return server_clock_open(app->store, error, cap) && tests_load(app->tests, &db, NULL);
}

bool app_init(struct app *app, const struct store_config *store, uint64_t host_timeout_ns,
              char *error, size_t cap)
{
    *app = (struct app){.store_dir = store->dir, .host_timeout_ns = host_timeout_ns};
    pthread_mutex_init(&app->lock, NULL);
    pthread_mutex_init(&app->sink_lock, NULL);
    app->tests = tests_new();
    app->waits = waits_new();
    app->points = points_new(store->dir);
    if (app->tests == NULL || app->waits == NULL || app->points == NULL) {
        snprintf(error, cap, "no memory");
        return false;
    }
    app->store = store_new(store, error, cap);
    if (app->store == NULL || !learn_tests(app, error, cap))
        return false;
    app->began_ns = server_clock_ns();
    app->listening_ns = app->last_tick_ns = app->began_ns;
    return true;
}

void app_free(struct app *app)
{
    points_free(app->points);
    store_free(app->store);
    waits_free(app->waits);
    tests_free(app->tests);
    pthread_mutex_destroy(&app->sink_lock);
    pthread_mutex_destroy(&app->lock);
}

void app_add_sink(struct app *app, const struct sink *sink)
{
    if (app->sink_count == APP_SINKS)
        abort();
    app->sinks[app->sink_count++] = *sink;
}

static void tell_change(struct app *app, const char *test)
{
    pthread_mutex_lock(&app->sink_lock);
    for (size_t i = 0; i < app->sink_count; i++) {
        if (app->sinks[i].changed != NULL)
            app->sinks[i].changed(app->sinks[i].self, test);
    }
    pthread_mutex_unlock(&app->sink_lock);
}

static void answer_waits(struct app *app, const struct test *test)
{
    struct wait *over;

    pthread_mutex_lock(&app->lock);
    over = waits_take_over(app->waits, test, server_clock_ns());
    pthread_mutex_unlock(&app->lock);
    waits_answer(over);
}

void app_changed(struct app *app, const char *id)
{
    const struct test *test;

    pthread_mutex_lock(&app->lock);
    test = tests_find(app->tests, id);
    pthread_mutex_unlock(&app->lock);
    answer_waits(app, test);
    tell_change(app, id);
}

/* The test at this place or behind, one of whose hosts was lost or came back; NULL: none. */
static struct test *find_changed(struct app *app, size_t *at)
{
    struct test *found = NULL;

    pthread_mutex_lock(&app->lock);
    for (; *at < tests_count(app->tests) && found == NULL; (*at)++) {
        struct test *test = tests_at(app->tests, *at);

        if (test_look_for_lost(test, server_clock_ns(), app->listening_ns, app->host_timeout_ns))
            found = test;
    }
    pthread_mutex_unlock(&app->lock);
    return found;
}

/* A server that stood still has missed who spoke meanwhile: silence counts from here on. */
static void note_tick(struct app *app)
{
    uint64_t now = server_clock_ns();

    if (now - app->last_tick_ns > STANDSTILL_NS)
        app->listening_ns = now;
    app->last_tick_ns = now;
}

void app_tick(struct app *app)
{
    struct test *test;
    size_t at = 0;

    note_tick(app);

    while ((test = find_changed(app, &at)) != NULL)
        tell_change(app, test->id);
    answer_waits(app, NULL);
}

void app_stop_waits(struct app *app)
{
    pthread_mutex_lock(&app->lock);
    waits_drop(app->waits);
    pthread_mutex_unlock(&app->lock);
}
