#include "common/run/writer_internal.h"

#include <stdlib.h>

/* More than 1,000 processes make in a second at 10 Hz. */
#define QUEUE_MOST 16384
#define QUEUE_FIRST 256

/* As many rows as before, twice; false: there is no memory, or they are enough. */
static bool grow(struct sample_queue *queue)
{
    size_t cap = queue->cap == 0 ? QUEUE_FIRST : 2 * queue->cap;
    struct queued_sample *rows, **order;

    if (cap > QUEUE_MOST)
        return false;
    rows = reallocarray(queue->rows, cap, sizeof *rows);
    if (rows == NULL)
        return false;
    queue->rows = rows;
    order = reallocarray(queue->order, cap, sizeof *order);
    if (order == NULL)
        return false;
    queue->order = order;
    queue->cap = cap;
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct queued_sample *p = *(struct queued_sample *const *)a;
    const struct queued_sample *q = *(struct queued_sample *const *)b;

    if (p->incarnation != q->incarnation)
        return p->incarnation < q->incarnation ? -1 : 1;
    if (p->time_ns != q->time_ns)
        return p->time_ns < q->time_ns ? -1 : 1;
    return (p > q) - (p < q); /* of two of one moment the later replaces the earlier */
}

static bool write_sample(struct run_writer *w, const struct queued_sample *sample)
{
    sqlite3_stmt *s = run_writer_begin(w, STATEMENT_SAMPLE);

    if (s == NULL)
        return false;
    sqlite3_bind_int64(s, 1, sample->incarnation);
    sqlite3_bind_int64(s, 2, (int64_t)sample->time_ns);
    sqlite3_bind_int64(s, 3, sample->stale);
    run_writer_put_metrics(s, 4, &sample->values);
    return run_writer_step(w, STATEMENT_SAMPLE, "cannot write a sample");
}

/*
 * In the order of the table, which is by incarnation, then time. As they come, each look at the
 * fleet would touch the last page of every process; with more processes than the cache has pages,
 * every one of them would be read and written ten times a second.
 */
bool run_writer_flush_samples(struct run_writer *w)
{
    struct sample_queue *queue = &w->queue;
    bool done = !w->failed;

    for (size_t i = 0; i < queue->count; i++)
        queue->order[i] = &queue->rows[i];
    if (queue->count > 0)
        qsort(queue->order, queue->count, sizeof(struct queued_sample *), compare);
    for (size_t i = 0; done && i < queue->count; i++)
        done = write_sample(w, queue->order[i]);
    queue->count = 0;
    return done;
}

void run_writer_drop_samples(struct run_writer *w)
{
    free(w->queue.rows);
    free(w->queue.order);
    w->queue = (struct sample_queue){0};
}

bool run_writer_sample(struct run_writer *w, int64_t incarnation, uint64_t time_ns, bool stale,
                       const struct metric_values *values)
{
    struct sample_queue *queue = &w->queue;
    const struct queued_sample sample = {incarnation, time_ns, stale, *values};

    if (w->failed)
        return false;
    if (queue->count == queue->cap && !grow(queue)) {
        if (!run_writer_flush_samples(w))
            return false;
        if (queue->cap == 0)
            return write_sample(w, &sample); /* not even a short queue */
    }
    queue->rows[queue->count++] = sample;
    return true;
}
