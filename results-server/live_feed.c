#include "results-server/live_feed.h"

#include "common/base/clock.h"
#include "common/base/thread.h"
#include "results-server/live.h"
#include "results-server/live_about.h"
#include "results-server/live_replay.h"
#include "results-server/server_clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_NS (NS_PER_S / 2)
/* Of all curves together; one test alone has at most half of it (live.h). */
#define MOST_BYTES ((size_t)256 << 20)
#define MOST_VIEWERS 64
/* States, and who was heard when, are told at least as often; with many hosts, less often. */
#define ABOUT_TICKS 2
#define HOSTS_PER_TICK 50
#define CHOOSE_TICKS 20
/* So that a page knows that its connection lives. */
#define SIGN_TICKS 10
#define SIGN ": still here\n\n"

/* Somebody who looks. */
struct viewer {
    struct http_exchange *x;
    char test[BODY_ID_SIZE], host[BODY_ID_SIZE]; /* "": none */
    uint64_t generation;                         /* of the last whole look; 0: none yet */
    uint64_t about_tick; /* before it the test is not told again; 0: it never was */
    bool changed;        /* since it was told, */
    bool over;           /* when it was finished */
    bool listed, gone;
    struct viewer *next;
};

/* What a viewer is told now. NULL: nothing of that kind. */
struct news {
    json_t *tests, *about, *look, *more;
    bool about_due;
};

struct live_feed {
    struct app *app;
    struct live *live;
    struct viewer *viewers; /* only the thread takes one out */
    size_t viewer_count;
    pthread_mutex_t lock; /* of all this; never together with the app's */
    pthread_cond_t wake;
    pthread_t thread;
    uint64_t tick;
    bool running, stopping, tests_changed;
};

/* ---- what comes in ---- */

static void take(void *self, const struct store_batch *batch)
{
    struct live_feed *feed = self;
    struct live_origin origin = live_origin_of(feed->app, batch->test, batch->peer);

    origin.received_ns = batch->received_ns;
    pthread_mutex_lock(&feed->lock);
    live_take(feed->live, &origin, batch->body);
    pthread_mutex_unlock(&feed->lock);
}

static void note_change(void *self, const char *test)
{
    struct live_feed *feed = self;

    pthread_mutex_lock(&feed->lock);
    feed->tests_changed = true;
    for (struct viewer *v = feed->viewers; v != NULL; v = v->next)
        v->changed = v->changed || strcmp(v->test, test) == 0;
    pthread_mutex_unlock(&feed->lock);
}

static void note_gone(void *self, struct http_exchange *x)
{
    struct live_feed *feed = self;

    pthread_mutex_lock(&feed->lock);
    for (struct viewer *v = feed->viewers; v != NULL; v = v->next)
        v->gone = v->gone || v->x == x;
    pthread_cond_signal(&feed->wake);
    pthread_mutex_unlock(&feed->lock);
}

enum http_when live_feed_open(struct live_feed *feed, struct http_exchange *x, const char *test,
                              const char *host)
{
    struct viewer *viewer = calloc(1, sizeof *viewer);
    bool full;

    pthread_mutex_lock(&feed->lock);
    full = viewer == NULL || feed->stopping || feed->viewer_count >= MOST_VIEWERS;
    if (!full) {
        viewer->x = x;
        snprintf(viewer->test, sizeof viewer->test, "%s", test == NULL ? "" : test);
        snprintf(viewer->host, sizeof viewer->host, "%s", host == NULL ? "" : host);
        http_add_header(x, "Cache-Control", "no-store");
        http_add_header(x, "X-Content-Type-Options", "nosniff");
        http_on_gone(x, note_gone, feed);
        http_stream_begin(x, 200, "text/event-stream");
        viewer->next = feed->viewers;
        feed->viewers = viewer;
        feed->viewer_count++;
        pthread_cond_signal(&feed->wake);
    }
    pthread_mutex_unlock(&feed->lock);
    if (!full)
        return HTTP_STREAM;
    free(viewer);
    http_reply_error(x, 503, "busy", "%d pages look on already; close one", MOST_VIEWERS);
    return HTTP_NOW;
}

/* ---- what goes out ---- */

/* Of the app: under its lock, not under ours. */
static void gather_tests(struct live_feed *feed, struct viewer *v, struct news *news, bool changed)
{
    struct app *app = feed->app;
    uint64_t now_ns = server_clock_ns();
    const struct test *test = NULL;

    pthread_mutex_lock(&app->lock);
    if (!v->listed || changed)
        news->tests = live_about_tests(app->tests, now_ns);
    if (*v->test != '\0')
        test = tests_find(app->tests, v->test);
    if (test != NULL && news->about_due) {
        news->about = live_about_test(test, now_ns);
        v->about_tick = feed->tick + 1 + test->hosts_present / HOSTS_PER_TICK;
        v->over = test->finished_ns != 0;
    }
    pthread_mutex_unlock(&app->lock);
    v->listed = true;
}

/* Under our lock. */
static bool is_about_due(const struct live_feed *feed, struct viewer *v)
{
    bool due = v->about_tick == 0 || (v->changed && feed->tick >= v->about_tick) ||
               (!v->over && feed->tick >= v->about_tick + ABOUT_TICKS);

    if (due)
        v->changed = false;
    return due;
}

/* Of the view: under our lock. */
static void gather_curves(struct live_feed *feed, struct viewer *v, struct news *news)
{
    const char *host = *v->host == '\0' ? NULL : v->host;
    uint64_t generation = live_generation(feed->live, v->test);

    news->about_due = is_about_due(feed, v);
    if (generation == 0)
        return;
    if (generation == v->generation) {
        if (live_changed(feed->live, v->test))
            news->more = live_look(feed->live, v->test, host, true);
    } else {
        news->look = live_look(feed->live, v->test, host, false);
        v->generation = generation;
    }
}

static bool tell(struct viewer *v, const char *event, json_t *json)
{
    char *data = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    char *text = NULL;
    bool told = true;
    int size;

    json_decref(json);
    if (data == NULL)
        return true;
    size = asprintf(&text, "event: %s\ndata: %s\n\n", event, data);
    if (size >= 0) {
        told = http_stream_write(v->x, text, (size_t)size);
        free(text);
    }
    free(data);
    return told;
}

static bool tell_news(struct viewer *v, const struct news *news)
{
    bool told = tell(v, "tests", news->tests);

    told = tell(v, "test", news->about) && told;
    told = tell(v, "look", news->look) && told;
    return tell(v, "more", news->more) && told;
}

/* Merges what came since, and chooses the lines anew, now and then or when there are others. */
static void prepare(struct live_feed *feed)
{
    for (struct viewer *v = feed->viewers; v != NULL; v = v->next) {
        if (*v->test != '\0' && (feed->tick % CHOOSE_TICKS == 0 ||
                                 live_generation(feed->live, v->test) != v->generation))
            live_choose(feed->live, v->test);
    }
}

static void tell_all(struct live_feed *feed)
{
    struct news news[MOST_VIEWERS] = {0};
    struct viewer *viewers = feed->viewers;
    bool changed = feed->tests_changed;
    size_t i = 0;

    feed->tests_changed = false;
    prepare(feed);
    for (struct viewer *v = viewers; v != NULL; v = v->next)
        gather_curves(feed, v, &news[i++]);
    live_settle(feed->live);
    pthread_mutex_unlock(&feed->lock);
    /* Nobody but this thread takes viewers out, and new ones come before the first. */
    i = 0;
    for (struct viewer *v = viewers; v != NULL; v = v->next)
        gather_tests(feed, v, &news[i++], changed);
    i = 0;
    for (struct viewer *v = viewers; v != NULL; v = v->next) {
        bool told = tell_news(v, &news[i++]);

        if (feed->tick % SIGN_TICKS == 0)
            told = http_stream_write(v->x, SIGN, sizeof SIGN - 1) && told;
        if (!told)
            note_gone(feed, v->x);
    }
    pthread_mutex_lock(&feed->lock);
}

static void drop_gone(struct live_feed *feed, bool all)
{
    struct viewer **at = &feed->viewers;

    while (*at != NULL) {
        struct viewer *v = *at;

        if (!v->gone && !all) {
            at = &v->next;
            continue;
        }
        *at = v->next;
        feed->viewer_count--;
        http_stream_end(v->x);
        free(v);
    }
}

/* Until the next tick, or while nobody looks until somebody does. */
static void wait_tick(struct live_feed *feed)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)TICK_NS;
    if (until.tv_nsec >= (long)NS_PER_S) {
        until.tv_nsec -= (long)NS_PER_S;
        until.tv_sec++;
    }
    if (feed->viewers == NULL)
        pthread_cond_wait(&feed->wake, &feed->lock);
    else
        pthread_cond_timedwait(&feed->wake, &feed->lock, &until);
}

static void *run(void *arg)
{
    struct live_feed *feed = arg;

    pthread_mutex_lock(&feed->lock);
    while (!feed->stopping) {
        drop_gone(feed, false);
        feed->tick++;
        if (feed->viewers != NULL)
            tell_all(feed);
        wait_tick(feed);
    }
    drop_gone(feed, true);
    pthread_mutex_unlock(&feed->lock);
    return NULL;
}

/* ---- life ---- */

struct live_feed *live_feed_new(struct app *app)
{
    struct live_feed *feed = calloc(1, sizeof *feed);
    pthread_condattr_t attributes;

    if (feed == NULL || (feed->live = live_new(MOST_BYTES)) == NULL) {
        free(feed);
        return NULL;
    }
    feed->app = app;
    pthread_mutex_init(&feed->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&feed->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    live_replay(feed->live, app);
    app_add_sink(app, &(struct sink){take, note_change, feed});
    return feed;
}

bool live_feed_start(struct live_feed *feed)
{
    int error = thread_start(&feed->thread, 0, run, feed);

    errno = error;
    feed->running = error == 0;
    return feed->running;
}

void live_feed_stop(struct live_feed *feed)
{
    pthread_mutex_lock(&feed->lock);
    feed->stopping = true;
    pthread_cond_signal(&feed->wake);
    pthread_mutex_unlock(&feed->lock);
    if (feed->running)
        pthread_join(feed->thread, NULL);
    feed->running = false;
}

void live_feed_free(struct live_feed *feed)
{
    if (feed == NULL)
        return;
    live_free(feed->live);
    pthread_cond_destroy(&feed->wake);
    pthread_mutex_destroy(&feed->lock);
    free(feed);
}
