/*
 * What is new in a run.db that somebody else is writing, batch by batch. Each look is a connection
 * and a read transaction of its own that last for milliseconds: an open one would keep the driver
 * from turning its log into a plain file at the end. What a look costs depends on what is new and
 * on the processes alive, not on the length of the run; what is kept in memory, too.
 *
 * Rows that change are sent again when they have; every other row once. A batch has the rows that
 * its samples, readings and events refer to, or an earlier one had them.
 */
#ifndef FLATLINE_UPLOADER_TAIL_H
#define FLATLINE_UPLOADER_TAIL_H

#include "results-server/uploader/batch.h"

struct tail;

enum tail_result {
    TAIL_MORE,  /* the batch is full, there may be more */
    TAIL_ALL,   /* what there is has been taken */
    TAIL_LATER, /* it cannot be read just now, or is not there yet */
    TAIL_BROKEN /* nor later */
};

/* Of DIR/run.db, which need not be there yet; `dir` is copied. NULL: no memory. */
struct tail *tail_new(const char *dir);

/*
 * Adds what is new to the batch. With `over` nobody writes it any more: then even what will never
 * settle is taken, and after TAIL_ALL without a row there is nothing left.
 */
enum tail_result tail_fill(struct tail *tail, struct batch *batch, bool over, uint64_t now_ns);

/* After TAIL_LATER and TAIL_BROKEN: why, one line. */
const char *tail_error(const struct tail *tail);

/* Rows given out so far. */
uint64_t tail_rows(const struct tail *tail);

void tail_free(struct tail *tail);

#endif
