#include "results-server/influx_gather.h"

#include "results-server/influx_batch.h"
#include "results-server/influx_clock.h"
#include "results-server/influx_names.h"
#include "results-server/store_reader.h"

#include <stdio.h>
#include <stdlib.h>

/* Enough is this many bytes of lines, or as many batches. */
#define ENOUGH_BYTES ((size_t)512 << 10)
#define ENOUGH_BATCHES 1000

struct influx_gather {
    struct store_reader *reader;
    struct influx_names *names;
    struct influx_lines lines;
    struct tests *tests; /* of the batches being gathered, as far as they were looked for */
    uint64_t cursor;     /* the last batch that is done */
    uint64_t gathered;   /* the last one in `lines` */
    char failure[512];   /* of the gathering under way; "": none */
};

static bool fail(struct influx_gather *gather, const char *why)
{
    if (gather->failure[0] == '\0')
        snprintf(gather->failure, sizeof gather->failure, "%s", why);
    return false;
}

/* Who posted it, and by which clock. */
static bool find_origin(struct influx_gather *gather, const struct stored_batch *batch,
                        const json_t *body, struct influx_origin *origin)
{
    struct influx_names *names = gather->names;

    *origin = (struct influx_origin){.test = batch->test, .peer = batch->peer};
    if (!influx_names_find_peer(names, batch->test, batch->peer, &origin->number,
                                &origin->shift_ns))
        return fail(gather, influx_names_failure(names));
    if (origin->number != 0)
        return true;
    if (!influx_clock_shift(gather->reader, gather->tests, batch, body, &origin->shift_ns))
        return fail(gather, store_reader_error(gather->reader));
    return influx_names_add_peer(names, batch->test, batch->peer, origin->shift_ns,
                                 &origin->number) ||
           fail(gather, influx_names_failure(names));
}

static bool take_body(struct influx_gather *gather, const struct stored_batch *batch,
                      const json_t *body)
{
    struct influx_origin origin;

    if (body == NULL)
        return fail(gather, "no memory");
    if (!find_origin(gather, batch, body, &origin))
        return false;
    if (!influx_batch_write(&gather->lines, gather->names, &origin, body))
        return fail(gather, influx_names_failure(gather->names));
    return !gather->lines.failed || fail(gather, "no memory");
}

/* False ends it: there is enough, or it has failed. */
static bool on_batch(void *user, const struct stored_batch *batch)
{
    struct influx_gather *gather = user;
    json_t *body = json_loadb(batch->body, batch->size, 0, NULL);
    bool taken = take_body(gather, batch, body);

    json_decref(body);
    if (taken)
        gather->gathered = batch->number;
    return taken && gather->lines.size < ENOUGH_BYTES;
}

static bool read_batches(struct influx_gather *gather)
{
    bool read;

    gather->tests = tests_new();
    if (gather->tests == NULL)
        return fail(gather, "no memory");
    read = store_reader_after(gather->reader, gather->cursor, ENOUGH_BATCHES, on_batch, gather);
    tests_free(gather->tests);
    gather->tests = NULL;
    /* Ended by us it is false, too, without an error. */
    if (!read && store_reader_error(gather->reader)[0] != '\0')
        fail(gather, store_reader_error(gather->reader));
    return gather->failure[0] == '\0';
}

enum influx_gathered influx_gather_next(struct influx_gather *gather)
{
    influx_lines_clear(&gather->lines);
    gather->gathered = gather->cursor;
    gather->failure[0] = '\0';
    if (!read_batches(gather)) {
        influx_names_undo(gather->names);
        return INFLUX_FAILED;
    }
    if (!influx_names_commit(gather->names)) {
        fail(gather, influx_names_failure(gather->names));
        return INFLUX_FAILED;
    }
    return gather->gathered == gather->cursor ? INFLUX_NONE : INFLUX_LINES;
}

const struct influx_lines *influx_gather_lines(const struct influx_gather *gather)
{
    return &gather->lines;
}

bool influx_gather_done(struct influx_gather *gather)
{
    gather->cursor = gather->gathered;
    return (influx_names_put_cursor(gather->names, (int64_t)gather->cursor) &&
            influx_names_commit(gather->names)) ||
           fail(gather, influx_names_failure(gather->names));
}

uint64_t influx_gather_cursor(const struct influx_gather *gather)
{
    return gather->cursor;
}

const char *influx_gather_failure(const struct influx_gather *gather)
{
    return gather->failure;
}

static bool note_found(void *found, const struct stored_batch *batch)
{
    (void)batch;
    *(bool *)found = true;
    return true;
}

/* The cursor; where the store has no such batch, it is another one than it was: all begins anew. */
static bool find_place(struct influx_gather *gather)
{
    bool found = false;
    int64_t cursor;

    if (!influx_names_cursor(gather->names, &cursor))
        return fail(gather, influx_names_failure(gather->names));
    gather->cursor = (uint64_t)cursor;
    if (cursor > 0 &&
        !store_reader_after(gather->reader, gather->cursor - 1, 1, note_found, &found))
        return fail(gather, store_reader_error(gather->reader));
    if (found)
        return true;
    gather->cursor = 0;
    return (influx_names_clear(gather->names) && influx_names_commit(gather->names)) ||
           fail(gather, influx_names_failure(gather->names));
}

struct influx_gather *influx_gather_new(const char *dir, char *error, size_t cap)
{
    struct influx_gather *gather = calloc(1, sizeof *gather);

    if (gather == NULL) {
        snprintf(error, cap, "no memory");
        return NULL;
    }
    gather->reader = store_reader_new(dir, error, cap);
    if (gather->reader != NULL)
        gather->names = influx_names_open(dir, error, cap);
    if (gather->names == NULL) {
        influx_gather_free(gather);
        return NULL;
    }
    if (!find_place(gather)) {
        snprintf(error, cap, "%s", gather->failure);
        influx_gather_free(gather);
        return NULL;
    }
    return gather;
}

void influx_gather_free(struct influx_gather *gather)
{
    if (gather == NULL)
        return;
    store_reader_free(gather->reader);
    influx_names_free(gather->names);
    influx_lines_free(&gather->lines);
    free(gather);
}
