#include "results-server/request.h"

#include "results-server/server_clock.h"
#include "results-server/test_bodies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_AFTER "1" /* s */
#define PARSED_BYTES 8  /* in memory, of each byte of a body */

enum http_when request_refuse(struct http_exchange *x, const struct refusal *refusal)
{
    int status = error_status(refusal->kind);

    if (status == 503)
        http_add_header(x, "Retry-After", RETRY_AFTER);
    http_reply_error(x, status, error_word(refusal->kind), "%s", refusal->message);
    return HTTP_NOW;
}

static void release(struct request *r)
{
    json_decref(r->body);
    free(r);
}

/* ---- after the commit ---- */

static void tell_batch(struct request *r)
{
    struct app *app = r->app;
    struct store_batch batch = {
        .number = r->number,
        .test = r->test,
        .peer = r->peer,
        .sequence = (uint64_t)json_integer_value(json_object_get(r->body, "sequence")),
        .received_ns = r->now_ns,
        .points = batch_points(r->body),
        .body = r->body,
    };

    http_body(r->x, &batch.size);
    pthread_mutex_lock(&app->sink_lock);
    for (size_t i = 0; i < app->sink_count; i++) {
        if (app->sinks[i].take != NULL)
            app->sinks[i].take(app->sinks[i].self, &batch);
    }
    pthread_mutex_unlock(&app->sink_lock);
}

static void answer_refusal(struct request *r)
{
    if (r->refusal.kind != ERROR_DATA_MISSING) {
        request_refuse(r->x, &r->refusal);
        return;
    }
    http_reply_json(r->x, error_status(r->refusal.kind),
                    json_pack("{s:s, s:s, s:I}", "error", error_word(r->refusal.kind), "message",
                              r->refusal.message, "have", (json_int_t)r->have));
}

static void settle(struct request *r)
{
    struct app *app = r->app;
    int status = 200;
    json_t *answer;

    pthread_mutex_lock(&app->lock);
    answer = r->kind->apply(r, tests_find(app->tests, r->test), &status);
    pthread_mutex_unlock(&app->lock);
    if (r->fresh && r->kind->batch)
        tell_batch(r);
    else if (r->fresh)
        app_changed(app, r->test);
    if (r->refusal.kind != ERROR_NONE)
        answer_refusal(r);
    else
        http_reply_json(r->x, status, answer);
}

static bool on_work(struct store_job *job, struct store *store)
{
    struct request *r = (struct request *)job;

    r->refusal.kind = ERROR_NONE;
    r->fresh = false;
    return r->kind->decide(r, store);
}

static void on_done(struct store_job *job, enum store_outcome outcome)
{
    struct request *r = (struct request *)job;

    if (outcome == STORE_FAILED) {
        r->refusal.kind = ERROR_STORE_FAILED;
        store_failure(r->app->store, r->refusal.message, sizeof r->refusal.message);
    }
    if (r->refusal.kind != ERROR_NONE)
        answer_refusal(r);
    else
        settle(r);
    release(r);
}

/* ---- before it ---- */

static bool read_body(struct request *r, struct refusal *refusal)
{
    size_t size;
    const char *bytes = http_body(r->x, &size);

    r->body = body_read(bytes, size, r->kind->rules, refusal);
    r->job.bytes = sizeof *r + PARSED_BYTES * size;
    return r->body != NULL && (!r->kind->batch || batch_check(r->body, refusal));
}

static bool queue(struct request *r, struct refusal *refusal)
{
    switch (store_put(r->app->store, &r->job)) {
    case STORE_TAKEN:
        return true;
    case STORE_BUSY:
        return refuse(refusal, ERROR_BUSY,
                      "more is posted than can be stored; try again in " RETRY_AFTER " s");
    default:
        return refuse(refusal, ERROR_ENDING, "the server ends; try again when it is back");
    }
}

/* At once: a disk that is slow is no silence of the peer's. */
static void hear(const struct request *r)
{
    struct test *test;
    struct test_peer *peer;

    pthread_mutex_lock(&r->app->lock);
    test = tests_find(r->app->tests, r->test);
    peer = test == NULL ? NULL : test_find_peer(test, r->peer);
    if (peer != NULL)
        test_heard(test, peer, r->now_ns);
    pthread_mutex_unlock(&r->app->lock);
}

enum http_when request_take(struct app *app, struct http_exchange *x, const char *id,
                            const struct request_kind *kind)
{
    struct request *r = calloc(1, sizeof *r);
    const char *peer = http_segment(x, 3);
    struct refusal refusal = {.kind = ERROR_NONE};

    if (r == NULL) {
        refuse(&refusal, ERROR_NO_MEMORY, "no memory for the request");
        return request_refuse(x, &refusal);
    }
    r->job.work = on_work;
    r->job.done = on_done;
    r->app = app;
    r->x = x;
    r->kind = kind;
    r->now_ns = server_clock_ns();
    r->wall_ns = server_clock_wall_ns(r->now_ns);
    snprintf(r->test, sizeof r->test, "%s", id);
    snprintf(r->peer, sizeof r->peer, "%s", peer == NULL ? "" : peer);
    hear(r);
    if (read_body(r, &refusal)) {
        if (kind->is_light != NULL && kind->is_light(r)) {
            settle(r);
            release(r);
            return HTTP_NOW;
        }
        if (queue(r, &refusal))
            return HTTP_LATER;
    }
    release(r);
    return request_refuse(x, &refusal);
}
