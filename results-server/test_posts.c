/* The handlers of what peers post: batches of metrics, and in the end their results. */
#include "results-server/request.h"
#include "results-server/routes.h"
#include "results-server/server_clock.h"
#include "results-server/test_bodies.h"
#include "results-server/test_json.h"

#include <inttypes.h>

static uint64_t sequence_of(const json_t *body)
{
    return (uint64_t)json_integer_value(json_object_get(body, "sequence"));
}

static json_t *answer_json(const struct test *test, uint64_t sequence)
{
    return json_pack("{s:I, s:s, s:b, s:o}", "sequence", (json_int_t)sequence, "state",
                     test_state_word(test_state_of(test)), "ending", test_ending(test), "lost",
                     test_lost_json(test));
}

static bool refuse_test(struct request *r)
{
    return refuse(&r->refusal, ERROR_TEST_NOT_FOUND, "there is no test %s: POST /test/%s makes it",
                  r->test, r->test);
}

/* Finds test and peer; false: the database failed. With r->refusal there is no peer. */
static bool find_peer(struct request *r, struct store *store, struct test_row *row,
                      struct peer_row *peer)
{
    *peer = (struct peer_row){0};
    if (!rows_find_test(store, r->test, row))
        return false;
    json_decref(row->finish);
    row->finish = NULL;
    if (row->number != 0)
        return rows_find_peer(store, row->number, r->peer, peer);
    refuse_test(r);
    return true;
}

/* For what is going to be written. */
static bool make_peer(struct request *r, struct store *store, const struct test_row *row,
                      struct peer_row *peer)
{
    return peer->number != 0 || rows_add_peer(store, row->number, r->peer, &peer->number);
}

/* ---- PUT /test/ID/peer/PEER/metrics ---- */

static void check_batch(struct request *r, const struct test_row *row, const struct peer_row *peer)
{
    bool preamble = json_is_true(json_object_get(r->body, "preamble"));

    if (test_state_allows(rows_state(row), preamble ? TEST_EVENT_PREAMBLE : TEST_EVENT_BATCH,
                          r->test, &r->refusal) &&
        peer->result != NULL)
        refuse(&r->refusal, ERROR_PEER_ALREADY_DONE,
               "batch %" PRIu64 ": peer %s of test %s has posted its results, nothing comes behind",
               sequence_of(r->body), r->peer, r->test);
}

static bool add_batch(struct request *r, struct store *store, const struct test_row *row,
                      struct peer_row *peer)
{
    struct batch_row batch = {.sequence = sequence_of(r->body),
                              .received_ns = r->now_ns,
                              .points = batch_points(r->body)};

    batch.body = http_body(r->x, &batch.size);
    r->fresh = true;
    return make_peer(r, store, row, peer) &&
           rows_add_batch(store, peer->number, &batch, &r->number);
}

static bool decide_batch(struct request *r, struct store *store)
{
    struct test_row row;
    struct peer_row peer;
    bool has, done;

    if (!find_peer(r, store, &row, &peer))
        return false;
    if (r->refusal.kind != ERROR_NONE)
        return true;
    done = rows_has_batch(store, peer.number, sequence_of(r->body), &has);
    /* What is there already was acknowledged, whatever has become of the test since. */
    if (done && !has)
        check_batch(r, &row, &peer);
    if (done && !has && r->refusal.kind == ERROR_NONE)
        done = add_batch(r, store, &row, &peer);
    json_decref(peer.result);
    return done;
}

static json_t *apply_batch(struct request *r, struct test *test, int *status)
{
    struct test_peer *peer;

    (void)status;
    if (test == NULL) {
        refuse_test(r);
        return NULL;
    }
    peer = test_peer(test, r->peer);
    if (peer == NULL)
        return NULL;
    if (r->fresh) {
        peer->batches++;
        peer->points += batch_points(r->body);
    }
    test_heard(test, peer, r->now_ns);
    return answer_json(test, sequence_of(r->body));
}

/* Nothing to store: only that the peer lives. */
static bool is_heartbeat(const struct request *r)
{
    return sequence_of(r->body) == 0;
}

static const struct request_kind batch_kind = {.rules = body_of_batch,
                                               .decide = decide_batch,
                                               .apply = apply_batch,
                                               .is_light = is_heartbeat,
                                               .batch = true};

enum http_when route_metrics(struct app *app, struct http_exchange *x)
{
    return request_take(app, x, http_segment(x, 1), &batch_kind);
}

/* ---- PUT /test/ID/peer/PEER/results ---- */

static bool check_complete(struct request *r, struct store *store, const struct peer_row *peer)
{
    uint64_t last = (uint64_t)json_integer_value(json_object_get(r->body, "sequence_last"));

    if (!rows_contiguous(store, peer, &r->have))
        return false;
    if (r->have < last)
        refuse(&r->refusal, ERROR_DATA_MISSING,
               "sequence_last: %" PRIu64 ", but batches are here only up to %" PRIu64
               ": post the next one",
               last, r->have);
    return true;
}

static bool decide_results(struct request *r, struct store *store)
{
    struct test_row row;
    struct peer_row peer;
    bool done = true;

    if (!find_peer(r, store, &row, &peer))
        return false;
    if (r->refusal.kind != ERROR_NONE)
        return true;
    if (peer.result == NULL) {
        if (test_state_allows(rows_state(&row), TEST_EVENT_RESULT, r->test, &r->refusal))
            done = check_complete(r, store, &peer);
        r->fresh = done && r->refusal.kind == ERROR_NONE;
        if (r->fresh)
            done = make_peer(r, store, &row, &peer) &&
                   rows_put_result(store, peer.number, r->body, r->now_ns);
    } else if (!json_equal(peer.result, r->body)) {
        refuse(&r->refusal, ERROR_PEER_ALREADY_DONE,
               "peer %s of test %s has posted other results before", r->peer, r->test);
    }
    json_decref(peer.result);
    return done;
}

static json_t *apply_results(struct request *r, struct test *test, int *status)
{
    struct test_peer *peer = test_peer(test, r->peer);

    (void)status;
    if (peer == NULL)
        return NULL;
    if (r->fresh)
        peer->result = json_incref(r->body);
    test_heard(test, peer, r->now_ns);
    return json_pack("{s:s, s:s, s:b}", "id", test->id, "state",
                     test_state_word(test_state_of(test)), "ending", test_ending(test));
}

enum http_when route_results(struct app *app, struct http_exchange *x)
{
    static const struct request_kind kind = {
        .rules = body_of_results, .decide = decide_results, .apply = apply_results};

    return request_take(app, x, http_segment(x, 1), &kind);
}
