#include "results-server/live_replay.h"

#include "common/base/log.h"
#include "results-server/store_reader.h"

#include <string.h>

/* Rows and points, of all tests together: about three seconds of reading. */
#define MOST_POINTS 300000
#define MOST_TESTS 32

struct replay {
    struct live *live;
    struct app *app;
};

struct live_origin live_origin_of(struct app *app, const char *test_id, const char *peer_name)
{
    struct live_origin origin = {.test = test_id, .peer = peer_name, .rank = -1};
    const struct test_peer *peer = NULL;
    const struct test *test;

    pthread_mutex_lock(&app->lock);
    test = tests_find(app->tests, test_id);
    if (test != NULL) {
        origin.started_ns = test->started_ns;
        peer = test_find_peer(test, peer_name);
    }
    if (peer != NULL && peer->rank >= 0) {
        const json_t *entry = test->hosts[peer->rank].entry;

        origin.rank = peer->rank;
        origin.offset_ns = json_integer_value(json_object_get(entry, "offset_ns"));
    }
    pthread_mutex_unlock(&app->lock);
    return origin;
}

static bool show_batch(void *arg, const struct stored_batch *batch)
{
    struct replay *replay = arg;
    struct live_origin origin = live_origin_of(replay->app, batch->test, batch->peer);
    json_t *body = json_loadb(batch->body, batch->size, 0, NULL);

    origin.received_ns = batch->received_ns;
    if (body != NULL)
        live_take(replay->live, &origin, body);
    json_decref(body);
    return true;
}

static uint64_t points_of(const struct test *test)
{
    uint64_t points = 0;

    for (size_t i = 0; i < test->peer_count; i++)
        points += test->peers[i]->points;
    return points;
}

/* No thread but this one runs yet, so the tests need no lock. */
static bool show_newest(struct replay *replay, struct store_reader *reader)
{
    size_t count = tests_count(replay->app->tests),
           fewest = count > MOST_TESTS ? MOST_TESTS : count;
    uint64_t left = MOST_POINTS;

    for (size_t i = 0; i < fewest; i++) {
        const struct test *test = tests_at(replay->app->tests, count - 1 - i);
        uint64_t points = points_of(test);

        if (points > left) {
            log_info("test %s is too large to be read for the page again; it has no curves there",
                     test->id);
            continue;
        }
        left -= points;
        if (!store_reader_batches(reader, test->id, show_batch, replay))
            return false;
    }
    return true;
}

void live_replay(struct live *live, struct app *app)
{
    struct replay replay = {live, app};
    struct store_reader *reader;
    char error[512];

    if (tests_count(app->tests) == 0)
        return;
    reader = store_reader_new(app->store_dir, error, sizeof error);
    if (reader == NULL)
        log_warn("the curves of earlier tests are not shown: %s", error);
    else if (!show_newest(&replay, reader))
        log_warn("the curves of earlier tests are not all shown: %s", store_reader_error(reader));
    store_reader_free(reader);
}
