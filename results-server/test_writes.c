/* The handlers of a test's life: created, its topology, started, finished. */
#include "common/base/clock.h"
#include "common/base/rng.h"
#include "results-server/request.h"
#include "results-server/routes.h"
#include "results-server/test_bodies.h"
#include "results-server/test_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Finds the test of the request, which must be there and allow the event. False: the database
 * failed. With r->refusal, row->number may be 0; row->finish is the caller's. */
static bool find_test(struct request *r, struct store *store, enum test_event event,
                      struct test_row *row)
{
    if (!rows_find_test(store, r->test, row))
        return false;
    if (row->number == 0)
        refuse(&r->refusal, ERROR_TEST_NOT_FOUND, "there is no test %s: POST /test/%s makes it",
               r->test, r->test);
    else
        test_state_allows(rows_state(row), event, r->test, &r->refusal);
    return true;
}

/* ---- POST /test[/ID] ---- */

static int64_t wanted_size(const struct request *r)
{
    return json_integer_value(json_object_get(r->body, "size"));
}

static bool wants_start(const struct request *r)
{
    return json_is_true(json_object_get(r->body, "started"));
}

static bool decide_create(struct request *r, struct store *store)
{
    struct test_row row;

    if (!rows_find_test(store, r->test, &row))
        return false;
    json_decref(row.finish);
    if (row.number != 0) {
        if (row.size != wanted_size(r) || row.begun != wants_start(r))
            refuse(&r->refusal, ERROR_TEST_EXISTS,
                   "test %s was made with other values (started %s, size %" PRId64
                   "): take another id",
                   r->test, row.begun ? "true" : "false", row.size);
        return true;
    }
    row = (struct test_row){
        .begun = wants_start(r),
        .size = wanted_size(r),
        .created_ns = r->now_ns,
        .created_wall_ns = r->wall_ns,
        .started_ns = wants_start(r) ? r->now_ns : 0,
    };
    r->fresh = true;
    return rows_add_test(store, r->test, &row);
}

static json_t *apply_create(struct request *r, struct test *test, int *status)
{
    if (r->fresh && (test = tests_add(r->app->tests, r->test)) != NULL) {
        test->begun = wants_start(r);
        test->size = wanted_size(r);
        test->created_ns = r->now_ns;
        test->created_wall_ns = r->wall_ns;
        test->started_ns = wants_start(r) ? r->now_ns : 0;
        *status = 201;
    }
    return test == NULL ? NULL
                        : json_pack("{s:s, s:s}", "id", test->id, "state",
                                    test_state_word(test_state_of(test)));
}

/* Of the wall clock, and a draw against two in one second. */
static void make_id(char id[BODY_ID_SIZE])
{
    time_t now = (time_t)(clock_wall_ns() / NS_PER_S);
    struct tm utc;
    char stamp[32];

    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &utc);
    snprintf(id, BODY_ID_SIZE, "%s-%08" PRIx32, stamp, (uint32_t)rng_seed_random());
}

enum http_when route_create(struct app *app, struct http_exchange *x)
{
    static const struct request_kind kind = {
        .rules = body_of_test, .decide = decide_create, .apply = apply_create};
    const char *id = http_segment(x, 1);
    char made[BODY_ID_SIZE];

    if (id == NULL)
        make_id(made);
    return request_take(app, x, id == NULL ? made : id, &kind);
}

/* ---- PUT /test/ID/start ---- */

static bool decide_start(struct request *r, struct store *store)
{
    struct test_row row;

    if (!find_test(r, store, TEST_EVENT_START, &row))
        return false;
    json_decref(row.finish);
    r->fresh = r->refusal.kind == ERROR_NONE && row.started_ns == 0;
    return !r->fresh || rows_start_test(store, row.number, r->now_ns);
}

static json_t *apply_start(struct request *r, struct test *test, int *status)
{
    (void)status;
    if (r->fresh)
        test->started_ns = r->now_ns;
    return json_pack("{s:s, s:s, s:I}", "id", test->id, "state",
                     test_state_word(test_state_of(test)), "started_ns",
                     (json_int_t)test->started_ns);
}

enum http_when route_start(struct app *app, struct http_exchange *x)
{
    static const struct request_kind kind = {
        .rules = body_of_nothing, .decide = decide_start, .apply = apply_start};

    return request_take(app, x, http_segment(x, 1), &kind);
}

/* ---- PUT /test/ID/finish ---- */

static bool decide_finish(struct request *r, struct store *store)
{
    struct test_row row;
    bool done = true;

    if (!find_test(r, store, TEST_EVENT_FINISH, &row))
        return false;
    if (row.finish != NULL && json_equal(row.finish, r->body)) {
        r->refusal.kind = ERROR_NONE; /* said again */
    } else if (r->refusal.kind == ERROR_NONE) {
        r->fresh = true;
        done = rows_finish_test(store, row.number, r->body, r->now_ns);
    }
    json_decref(row.finish);
    return done;
}

static json_t *apply_finish(struct request *r, struct test *test, int *status)
{
    (void)status;
    if (r->fresh) {
        test->finished_ns = r->now_ns;
        test->finish = json_incref(r->body);
    }
    return json_pack("{s:s, s:s, s:I}", "id", test->id, "state",
                     test_state_word(test_state_of(test)), "finished_ns",
                     (json_int_t)test->finished_ns);
}

enum http_when route_finish(struct app *app, struct http_exchange *x)
{
    static const struct request_kind kind = {
        .rules = body_of_finish, .decide = decide_finish, .apply = apply_finish};

    return request_take(app, x, http_segment(x, 1), &kind);
}

/* ---- PUT /test/ID/topology ---- */

static json_t *entry_of(const struct request *r)
{
    return json_object_get(r->body, "host");
}

static int64_t member(const json_t *entry, const char *name)
{
    return json_integer_value(json_object_get(entry, name));
}

/* Whether the two differ in no more than what is measured again and again. */
static bool differ_in_offset_only(const json_t *a, const json_t *b)
{
    static const char *const measured[] = {"offset_ns", "offset_error_ns", "ready"};
    json_t *left = json_copy((json_t *)a), *right = json_copy((json_t *)b);
    bool same;

    for (size_t i = 0; i < sizeof measured / sizeof *measured; i++) {
        json_object_del(left, measured[i]);
        json_object_del(right, measured[i]);
    }
    same = json_equal(left, right) != 0;
    json_decref(left);
    json_decref(right);
    return same;
}

static bool check_size(struct request *r, int64_t size)
{
    int64_t said = member(entry_of(r), "size");

    if (size != 0 && said != size)
        return refuse(&r->refusal, ERROR_SIZE_DIFFERS,
                      "host.size: %" PRId64 ", but test %s has %" PRId64 " hosts", said, r->test,
                      size);
    return member(entry_of(r), "rank") < said ||
           refuse(&r->refusal, ERROR_WRONG_VALUE, "host.rank: %" PRId64 " is none of 0 to %" PRId64,
                  member(entry_of(r), "rank"), said - 1);
}

static bool check_entry(struct request *r, struct test_row *row, const json_t *former, bool clash,
                        int64_t size)
{
    const char *name = json_string_value(json_object_get(entry_of(r), "name"));
    /* Who was made started has no moment before which all must be there. */
    bool any_time = row->begun || (former != NULL && differ_in_offset_only(former, entry_of(r)));

    if (clash)
        return refuse(&r->refusal, ERROR_NAME_TAKEN,
                      "host.name: another host of test %s is called %s", r->test, name);
    return check_size(r, row->size != 0 ? row->size : size) &&
           test_state_allows(rows_state(row), any_time ? TEST_EVENT_OFFSET : TEST_EVENT_ENTRY,
                             r->test, &r->refusal);
}

static bool decide_topology(struct request *r, struct store *store)
{
    const json_t *entry = entry_of(r);
    struct test_row row;
    json_t *former;
    bool clash, done = true;
    int64_t size;

    if (!find_test(r, store, TEST_EVENT_OFFSET, &row))
        return false;
    json_decref(row.finish);
    if (r->refusal.kind != ERROR_NONE)
        return true;
    if (!rows_find_host(store, row.number, member(entry, "rank"),
                        json_string_value(json_object_get(entry, "name")), &former, &clash, &size))
        return false;
    if (check_entry(r, &row, former, clash, size)) {
        r->fresh = true;
        done = rows_put_host(store, row.number, entry, r->now_ns);
    }
    json_decref(former);
    return done;
}

static json_t *apply_topology(struct request *r, struct test *test, int *status)
{
    (void)status;
    if (!test_put_host(test, entry_of(r), r->now_ns))
        return NULL;
    return json_pack("{s:s, s:s, s:b, s:o}", "id", test->id, "state",
                     test_state_word(test_state_of(test)), "ending", test_ending(test), "lost",
                     test_lost_json(test));
}

enum http_when route_topology(struct app *app, struct http_exchange *x)
{
    static const struct request_kind kind = {
        .rules = body_of_topology, .decide = decide_topology, .apply = apply_topology};

    return request_take(app, x, http_segment(x, 1), &kind);
}
