#include "results-server/live.h"

#include "common/base/clock.h"
#include "results-server/live_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* How far the measured offset of a clock may be wrong. */
#define CLOCK_SLACK_NS ((int64_t)(2 * NS_PER_S))

struct live *live_new(size_t most_bytes)
{
    struct live *live = calloc(1, sizeof *live);

    if (live != NULL)
        live->most_bytes = most_bytes;
    return live;
}

void live_free(struct live *live)
{
    while (live != NULL && live->tests != NULL) {
        struct live_test *test = live->tests;

        live->tests = test->next;
        live_test_free(test);
    }
    free(live);
}

static struct live_test *find(const struct live *live, const char *id)
{
    struct live_test *test = live->tests;

    while (test != NULL && strcmp(test->id, id) != 0)
        test = test->next;
    return test;
}

static struct live_test *find_or_make(struct live *live, const char *id)
{
    struct live_test *test = find(live, id);

    if (test != NULL)
        return test;
    test = live_test_new(live, id);
    if (test == NULL)
        return NULL;
    test->heard = ++live->clock;
    test->next = live->tests;
    live->tests = test;
    return test;
}

/* Forgets the tests longest unheard, while there is too much. */
static void keep_bound(struct live *live, const struct live_test *spared)
{
    while (live->bytes > live->most_bytes) {
        struct live_test **oldest = NULL, *test;

        for (struct live_test **t = &live->tests; *t != NULL; t = &(*t)->next) {
            if (*t != spared && (oldest == NULL || (*t)->heard < (*oldest)->heard))
                oldest = t;
        }
        if (oldest == NULL)
            return;
        test = *oldest;
        *oldest = test->next;
        live_test_free(test);
    }
}

/* A batch is never received before it is sent, so the least difference is the nearest. */
static void guess_offset(struct live_host *host, const json_t *batch, uint64_t received_ns)
{
    const json_t *sent = json_object_get(batch, "sent_ns");
    int64_t offset;

    if (!json_is_integer(sent) ||
        __builtin_sub_overflow((int64_t)received_ns, json_integer_value(sent), &offset))
        return;
    if (!host->offset_guessed || offset < host->offset_ns)
        host->offset_ns = offset;
    host->offset_guessed = true;
}

static void learn_origin(struct live_host *host, const struct live_origin *origin,
                         const json_t *batch)
{
    host->test->started_ns = (int64_t)origin->started_ns;
    host->rank = origin->rank;
    if (origin->rank >= 0)
        host->offset_ns = origin->offset_ns;
    else
        guess_offset(host, batch, origin->received_ns);
}

void live_batch_heard(struct live_batch *batch, int64_t time_ns)
{
    if (time_ns < batch->first_ns)
        batch->first_ns = time_ns;
    if (time_ns > batch->last_ns)
        batch->last_ns = time_ns;
    if (time_ns > batch->host->heard_ns)
        batch->host->heard_ns = time_ns;
}

/* What all its processes hold, over the time that the batch covers: while it is read, some have
 * come further than others. */
static void sum_up(const struct live_batch *batch)
{
    struct live_host *host = batch->host;
    int64_t width = host->test->width_ns;

    if (batch->first_ns > batch->last_ns || host->test->measures == 0)
        return;
    for (int64_t t = batch->first_ns; t / width <= batch->last_ns / width; t += width)
        live_host_put(host, LIVE_MEMORY, t, (double)host->memory);
}

void live_take(struct live *live, const struct live_origin *origin, const json_t *batch)
{
    struct live_test *test = find_or_make(live, origin->test);
    struct live_host *host = test == NULL ? NULL : live_test_host(test, origin->peer);
    struct live_batch b = {host, (int64_t)origin->received_ns + CLOCK_SLACK_NS, INT64_MAX, -1};

    if (host == NULL)
        return;
    test->heard = ++live->clock;
    learn_origin(host, origin, batch);
    live_take_tables(&b, json_object_get(batch, "tables"));
    live_take_points(&b, json_object_get(batch, "points"));
    sum_up(&b);
    test->changed = true;
    keep_bound(live, test);
}

size_t live_bytes(const struct live *live)
{
    return live->bytes;
}

bool live_has(const struct live *live, const char *id)
{
    return find(live, id) != NULL;
}

uint64_t live_generation(const struct live *live, const char *id)
{
    const struct live_test *test = find(live, id);

    return test == NULL ? 0 : test->generation;
}

const struct live_test *live_find(const struct live *live, const char *id)
{
    return find(live, id);
}

void live_choose(struct live *live, const char *id)
{
    struct live_test *test = find(live, id);

    if (test != NULL && live_test_choose(test))
        live_test_renew(test);
}

void live_settle(struct live *live)
{
    for (struct live_test *test = live->tests; test != NULL; test = test->next) {
        test->dirty_from = UINT_MAX;
        test->changed = false;
    }
}

bool live_changed(const struct live *live, const char *id)
{
    const struct live_test *test = find(live, id);

    return test != NULL && test->changed;
}
