#include "results-server/export.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- as JSON ---- */

struct telling {
    export_put_fn *put;
    void *arg;
    bool first; /* no batch was told yet */
};

static bool tell_batch(void *arg, const struct stored_batch *batch)
{
    struct telling *telling = arg;
    char head[256];
    int n =
        snprintf(head, sizeof head,
                 "%s{\"peer\":\"%s\",\"number\":%" PRIu64 ",\"received_ns\":%" PRIu64 ",\"batch\":",
                 telling->first ? "" : ",\n", batch->peer, batch->number, batch->received_ns);

    telling->first = false;
    return telling->put(telling->arg, head, (size_t)n) &&
           telling->put(telling->arg, batch->body, batch->size) &&
           telling->put(telling->arg, "}", 1);
}

bool export_test(struct store_reader *reader, const char *id, const json_t *test,
                 export_put_fn *put, void *arg)
{
    struct telling telling = {put, arg, true};
    char *text = json_dumps(test, JSON_COMPACT);
    bool done = text != NULL && put(arg, text, strlen(text) - 1) &&
                put(arg, ",\"dataPoints\":[\n", 16) &&
                store_reader_batches(reader, id, tell_batch, &telling) && put(arg, "]}\n", 3);

    free(text);
    return done;
}

/* ---- as a run ---- */

struct merging {
    const struct test *test;
    struct merge *merge;
    char *error;
    size_t cap;
};

static bool fail(const struct merging *m)
{
    snprintf(m->error, m->cap, "%s", merge_error(m->merge));
    return false;
}

static const char *text_of(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

static int64_t number_of(const json_t *object, const char *member)
{
    return json_integer_value(json_object_get(object, member));
}

static bool add_host(const struct merging *m, const struct test_host *host)
{
    const json_t *entry = host->entry, *result = host->peer == NULL ? NULL : host->peer->result;
    const struct merge_host row = {
        .rank = (int)number_of(entry, "rank"),
        .name = text_of(entry, "name"),
        .address = text_of(entry, "address"),
        .offset_ns = number_of(entry, "offset_ns"),
        .offset_error_ns = number_of(entry, "offset_error_ns"),
        .lost = result == NULL,
        .last_ns = (int64_t)host->last_ns,
        .status = result == NULL ? -1 : (int)number_of(result, "status"),
        .verdict = text_of(result, "verdict"),
        .reason = text_of(result, "reason"),
    };

    return merge_host(m->merge, &row) || fail(m);
}

static bool add_hosts(const struct merging *m)
{
    for (size_t i = 0; i < m->test->host_room; i++) {
        if (m->test->hosts[i].entry != NULL && !add_host(m, &m->test->hosts[i]))
            return false;
    }
    return true;
}

/* What other peers post is no run. */
static bool add_batch(void *arg, const struct stored_batch *batch)
{
    const struct merging *m = arg;
    const struct test_peer *peer = test_find_peer(m->test, batch->peer);
    json_error_t why;
    json_t *body;
    bool ok;

    if (peer == NULL || peer->rank < 0)
        return true;
    body = json_loadb(batch->body, batch->size, 0, &why);
    if (body == NULL) {
        snprintf(m->error, m->cap, "batch %" PRIu64 " of %s cannot be read: %s", batch->sequence,
                 batch->peer, why.text);
        return false;
    }
    ok = merge_tables(m->merge, (int)peer->rank, batch->received_ns,
                      json_object_get(body, "tables")) ||
         fail(m);
    json_decref(body);
    return ok;
}

/* "" where nobody said. */
static const char *place_of(const struct test *test)
{
    for (size_t i = 0; i < test->host_room; i++) {
        const char *place = text_of(test->hosts[i].entry, "place");

        if (place != NULL)
            return place;
    }
    return "";
}

/* To the disk: a name is given only to what is whole. */
static bool settle(const char *path, char *error, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (!ok)
        snprintf(error, cap, "cannot write %s: %m", path);
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool merge_all(struct merging *m, struct store_reader *reader, struct merge_tally *tally)
{
    *m->error = '\0';
    if (!add_hosts(m))
        return false;
    if (!store_reader_batches(reader, m->test->id, add_batch, m)) {
        if (*m->error == '\0')
            snprintf(m->error, m->cap, "%s", store_reader_error(reader));
        return false;
    }
    return merge_finish(m->merge, tally) || fail(m);
}

bool export_run(struct store_reader *reader, const struct test *test, const char *path,
                struct merge_tally *tally, char *error, size_t cap)
{
    struct merging m = {test, NULL, error, cap};
    bool ok;

    m.merge = merge_new(path, (unsigned)test_size(test), place_of(test), error, cap);
    if (m.merge == NULL)
        return false;
    ok = merge_all(&m, reader, tally);
    merge_free(m.merge);
    ok = ok && settle(path, error, cap);
    if (!ok)
        unlink(path);
    return ok;
}
