/*
 * What hosts send to the results server. Bodies: refused with one line, or what was taken is taken
 * again once it is printed; a batch shows in what the live page is told. Targets: what comes out of
 * one can be a name in the store. Points, a line each, on their way through the uploader: what it
 * takes the server takes. URLs of an InfluxDB, headers that say who asks.
 * Input: a byte that says what it is, then the bytes.
 */
#include "common/base/utf8.h"
#include "results-server/http_guard.h"
#include "results-server/http_target.h"
#include "results-server/influx_target.h"
#include "results-server/live.h"
#include "results-server/test_bodies.h"
#include "results-server/uploader/feed.h"
#include "results-server/uploader/points.h"
#include "tests/fuzz/require.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct body_rule *const bodies[] = {body_of_test,  body_of_nothing, body_of_topology,
                                                 body_of_batch, body_of_results, body_of_finish};
#define BODIES (sizeof bodies / sizeof *bodies)
#define POINTS_BYTES 2000 /* that wait for their batch */

static void check_line(const char *text)
{
    require(text[0] != '\0');
    for (; *text != '\0'; text++)
        require((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void check_refusal(const struct refusal *refusal)
{
    int status = error_status(refusal->kind);

    require(refusal->kind != ERROR_NONE && status >= 400 && status < 600);
    check_line(refusal->message);
    for (const char *at = refusal->message; *at != '\0'; at += utf8_length(at))
        require(utf8_length(at) > 0);
}

/* Memory that a test's curves may take: little, so that it is reached. */
#define LIVE_BYTES (256u << 10)

static void check_live(const json_t *batch)
{
    static const struct live_origin origin = {
        .test = "t", .peer = "p", .started_ns = 1, .received_ns = UINT64_C(60000000000), .rank = 0};
    struct live *live = live_new(LIVE_BYTES);
    json_t *look;

    require(live != NULL);
    live_take(live, &origin, batch);
    live_take(live, &origin, batch);
    look = live_look(live, "t", NULL, false);
    require((look != NULL) == live_has(live, "t"));
    json_decref(look);
    live_settle(live);
    json_decref(live_look(live, "t", "p", true));
    live_free(live);
}

static void check_body(const struct body_rule *rules, const char *bytes, size_t size)
{
    struct refusal refusal = {0};
    json_t *body = body_read(bytes, size, rules, &refusal), *again;
    char *text;

    if (body == NULL) {
        check_refusal(&refusal);
        return;
    }
    require(refusal.kind == ERROR_NONE);
    if (rules == body_of_batch && !batch_check(body, &refusal))
        check_refusal(&refusal);
    else if (rules == body_of_batch)
        check_live(body);
    text = json_dumps(body, JSON_COMPACT);
    require(text != NULL);
    again = body_read(text, strlen(text), rules, &refusal);
    require(again != NULL && json_equal(body, again) == 1);
    json_decref(again);
    free(text);
    json_decref(body);
}

static void check_names(const struct http_target *target)
{
    for (size_t i = 0; i < target->segments; i++) {
        const char *segment = target->segment[i];

        check_line(segment);
        require(strpbrk(segment, "/\\") == NULL);
        require(strcmp(segment, ".") != 0 && strcmp(segment, "..") != 0);
        require(http_id_valid(segment) == body_is_id(segment));
    }
    for (size_t i = 0; i < target->queries; i++)
        require(http_target_query(target, target->query_name[i]) == target->query_value[i]);
}

static void check_target(char *uri)
{
    static struct http_target target;
    char why[128] = "";

    if (!http_target_parse(&target, uri, why, sizeof why)) {
        check_line(why);
        return;
    }
    require(target.segments <= HTTP_SEGMENTS_MAX && target.queries <= HTTP_QUERY_MAX);
    check_names(&target);
}

/* What the uploader took as points goes into a batch that is one. */
static void check_batch(struct points *points)
{
    struct refusal refusal = {0};
    struct batch batch = {.rows = 0};
    json_t *body;

    batch_begin(&batch, 1, 1000);
    points_fill(points, &batch, true, 1000);
    require(batch_end(&batch));
    body = body_read(batch.text.bytes, batch.text.size, body_of_batch, &refusal);
    require(body != NULL && batch_check(body, &refusal));
    json_decref(body);
    batch_free(&batch);
}

static void check_points(char *text)
{
    struct points *points = points_new(POINTS_BYTES);
    json_t *result;

    require(points != NULL);
    for (char *line; (line = strsep(&text, "\n")) != NULL;) {
        points_take(points, line, &result);
        require(result == NULL || json_is_object(result));
        json_decref(result);
    }
    check_batch(points);
    (void)points_complete(points);
    points_free(points);
}

static void check_influx(char *url)
{
    struct influx_target target;
    char why[300] = "";

    if (!influx_target_parse(url, &target, why, sizeof why)) {
        check_line(why);
        return;
    }
    require(strncmp(target.write_url, "http", 4) == 0 && strncmp(target.query_url, "http", 4) == 0);
    require(strncmp(target.name, target.db, strlen(target.db)) == 0);
    require(strchr(target.name + strlen(target.db), '@') == NULL);
    influx_target_free(&target);
}

/* "name: value" a line. */
static void check_headers(char *text)
{
    struct http_framing framing = {0};
    const char *why = NULL;

    for (char *line; (line = strsep(&text, "\n")) != NULL;) {
        const char *name = strsep(&line, ":");

        if (line != NULL)
            http_framing_take(&framing, name, strlen(name), line, strlen(line));
    }
    if (http_framing_check(&framing, &why) == HTTP_REFUSAL_NONE)
        require(framing.lengths + framing.codings <= 1 && framing.hosts <= 1);
    if (framing.host != NULL && framing.origin != NULL && http_host_is_local(framing.host))
        (void)http_origin_is_host(framing.origin, framing.host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const others[])(char *text) = {check_target, check_points, check_influx,
                                                 check_headers};
    size_t which;
    char *text;

    if (size == 0)
        return 0;
    text = strndup((const char *)data + 1, size - 1);
    require(text != NULL);
    which = data[0] % (BODIES + sizeof others / sizeof *others);
    if (which < BODIES)
        check_body(bodies[which], (const char *)data + 1, size - 1);
    else
        others[which - BODIES](text);
    free(text);
    return 0;
}
