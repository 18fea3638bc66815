#include "results-server/influx_clock.h"

#include <string.h>

/* The host of that name, or NULL. */
static const struct test_host *find_host(const struct test *test, const char *name)
{
    for (size_t rank = 0; rank < test->host_room; rank++) {
        const struct test_host *host = &test->hosts[rank];

        if (host->entry != NULL && strcmp(test_host_name(host), name) == 0)
            return host;
    }
    return NULL;
}

static int64_t to_server(const struct test *test, const struct stored_batch *batch,
                         const json_t *body)
{
    const struct test_host *host = find_host(test, batch->peer);
    const json_t *offset = host == NULL ? NULL : json_object_get(host->entry, "offset_ns");
    const json_t *sent = json_object_get(body, "sent_ns");

    if (offset != NULL)
        return json_integer_value(offset);
    return sent == NULL ? 0 : (int64_t)batch->received_ns - json_integer_value(sent);
}

bool influx_clock_shift(struct store_reader *reader, struct tests *tests,
                        const struct stored_batch *batch, const json_t *body, int64_t *shift_ns)
{
    const struct test *test = tests_find(tests, batch->test);

    if (test == NULL && !store_reader_tests(reader, batch->test, tests))
        return false;
    test = tests_find(tests, batch->test);
    if (test != NULL) /* it has a batch: it is there */
        *shift_ns =
            (int64_t)(test->created_wall_ns - test->created_ns) + to_server(test, batch, body);
    return true;
}
