/*
 * What hosts send to the results server. Bodies: refused with one line, or what was taken is taken
 * again once it is printed. Targets: what comes out of one can be a name in the store.
 * Input: a byte that says what it is, then the bytes.
 */
#include "common/base/utf8.h"
#include "results-server/http_target.h"
#include "results-server/test_bodies.h"
#include "tests/fuzz/require.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct body_rule *const bodies[] = {body_of_test,  body_of_nothing, body_of_topology,
                                                 body_of_batch, body_of_results, body_of_finish};
#define BODIES (sizeof bodies / sizeof *bodies)

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

static void check_target(const char *uri)
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (size == 0)
        return 0;
    text = strndup((const char *)data + 1, size - 1);
    require(text != NULL);
    if (data[0] % (BODIES + 1) == BODIES)
        check_target(text);
    else
        check_body(bodies[data[0] % (BODIES + 1)], (const char *)data + 1, size - 1);
    free(text);
    return 0;
}
