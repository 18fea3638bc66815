#include "results-server/uploader/feed.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <stdlib.h>
#include <string.h>

/* So that the server hears of each host every second. */
#define HEARTBEAT_NS (NS_PER_S * 8 / 10)
#define POST_TIMEOUT_NS (10 * NS_PER_S)

struct feed {
    struct feed_settings settings;
    char path[256];
    struct batch batch;    /* the one that is on its way */
    uint64_t sequence;     /* of the last batch that was made */
    uint64_t acknowledged; /* the last that the server has */
    uint64_t look_ns;      /* when to look for more */
    uint64_t heartbeat_ns; /* when to send something even so */
    uint64_t progress_ns;
    bool draining, drained, refused;
};

struct feed *feed_new(const struct feed_settings *settings)
{
    struct feed *feed = calloc(1, sizeof *feed);

    if (feed == NULL)
        return NULL;
    feed->settings = *settings;
    feed->progress_ns = clock_now_ns();
    snprintf(feed->path, sizeof feed->path, "/test/%s/peer/%s/metrics", settings->test,
             settings->peer);
    return feed;
}

void feed_free(struct feed *feed)
{
    if (feed == NULL)
        return;
    batch_free(&feed->batch);
    free(feed);
}

static void on_answer(void *user, const struct remote_answer *answer)
{
    struct feed *feed = user;

    feed->progress_ns = clock_now_ns();
    if (answer->status == 200)
        feed->acknowledged = feed->sequence;
    else
        feed->refused = true; /* there is no way around this batch */
    feed->settings.answered(feed->settings.user, answer);
}

static void post(struct feed *feed)
{
    struct remote_request request = {.method = "PUT",
                                     .path = feed->path,
                                     .body = feed->batch.text.bytes,
                                     .size = feed->batch.text.size,
                                     .timeout_ns = POST_TIMEOUT_NS,
                                     .answered = on_answer,
                                     .user = feed};

    remote_ask(feed->settings.remote, REMOTE_DATA, &request);
}

/* A batch, if there is something to fill it with. */
static void look(struct feed *feed, uint64_t now_ns)
{
    struct batch *batch = &feed->batch;
    enum feed_fill fill;

    batch_begin(batch, feed->sequence + 1, now_ns);
    fill = feed->settings.fill(feed->settings.source, batch, feed->draining, now_ns);
    feed->look_ns = fill == FEED_MORE || (feed->draining && fill == FEED_ALL)
                        ? now_ns
                        : now_ns + feed->settings.period_ns;
    feed->drained = feed->draining && fill == FEED_ALL && batch->rows == 0;
    if (batch->rows == 0)
        return;
    if (!batch_end(batch))
        log_error("no memory for a batch: its rows are lost");
    feed->sequence++;
    post(feed);
    feed->heartbeat_ns = now_ns + HEARTBEAT_NS;
}

static void beat(struct feed *feed, uint64_t now_ns)
{
    batch_begin(&feed->batch, 0, now_ns);
    if (batch_end(&feed->batch))
        post(feed);
    feed->heartbeat_ns = now_ns + HEARTBEAT_NS;
}

uint64_t feed_turn(struct feed *feed, uint64_t now_ns)
{
    const struct remote *remote = feed->settings.remote;

    if (feed->refused || feed->drained || !remote_idle(remote, REMOTE_DATA))
        return UINT64_MAX;
    if (now_ns >= feed->look_ns)
        look(feed, now_ns);
    if (remote_idle(remote, REMOTE_DATA) && now_ns >= feed->heartbeat_ns && !feed->draining)
        beat(feed, now_ns);
    if (!remote_idle(remote, REMOTE_DATA))
        return UINT64_MAX;
    return feed->look_ns < feed->heartbeat_ns || feed->draining ? feed->look_ns
                                                                : feed->heartbeat_ns;
}

void feed_drain(struct feed *feed)
{
    feed->draining = true;
    feed->look_ns = 0;
    feed->progress_ns = clock_now_ns();
}

bool feed_drained(const struct feed *feed)
{
    return feed->drained && !feed->refused;
}

bool feed_refused(const struct feed *feed)
{
    return feed->refused;
}

uint64_t feed_acknowledged(const struct feed *feed)
{
    return feed->acknowledged;
}

uint64_t feed_progress_ns(const struct feed *feed)
{
    return feed->progress_ns;
}
