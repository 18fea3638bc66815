#include "driver/checkpoint_subject.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Two publications of who is paused, one after another, tell the same. */
#define STILL_NS (2 * PAGE_PAUSED_NS)

static const enum metric traffic[] = {
    METRIC_CONNECTIONS,   METRIC_CONNECTIONS_TOTAL, METRIC_STREAMS,
    METRIC_CALLS_STARTED, METRIC_CALLS_DONE,        METRIC_MESSAGES_SENT,
    METRIC_BYTES_SENT,    METRIC_BYTES_RECEIVED,    METRIC_MESSAGES_RECEIVED,
};

/* Who does not count traffic is told by its live bytes. */
static const enum metric memory[] = {METRIC_LIVE};

static struct page_snapshot snapshot; /* one at a time, and too large for a stack */

static bool is_the_same(const struct subject *s, const struct process *process)
{
    return process != NULL && s->number != 0 && process->number == s->number;
}

void subject_tell(struct subject *s, struct process *process, enum page_command_op op)
{
    struct subject fresh = {.valid_number = s->valid_number,
                            .connections = s->connections,
                            .streams = s->streams,
                            .deaf_number = s->deaf_number};

    *s = fresh;
    memset(s->counters, -1, sizeof s->counters);
    if (process == NULL)
        return;
    s->number = process->number;
    s->row = process->row;
    s->order = page_order(process->page, op, 0);
}

void subject_resume(const struct subject *s, struct process *process)
{
    if (is_the_same(s, process))
        page_order(process->page, PAGE_COMMAND_RESUME, 0);
}

/* Into s->counters; true if any has moved. */
static bool take_counters(struct subject *s, const struct metric_values *values)
{
    bool counts = metric_has(values, METRIC_CALLS_DONE), moved = false;
    size_t n = counts ? sizeof traffic / sizeof *traffic : 1;

    for (size_t i = 0; i < n; i++) {
        int64_t value = values->value[counts ? traffic[i] : memory[i]];

        moved |= s->counters[i] != value;
        s->counters[i] = value;
    }
    return moved;
}

bool subject_is_quiet(struct subject *s, struct process *process)
{
    enum page_command_result result;

    if (!is_the_same(s, process) || !page_read(process->page, &snapshot))
        return true;
    /* Unsupported or not: it has been read, and what it does now is seen below. */
    if (page_acknowledged(process->page, s->order, &result) || s->deaf_number == s->number)
        s->obeyed = true;
    if (!s->obeyed)
        return false;
    if (snapshot.time_ns != s->seen_ns) {
        s->seen_ns = snapshot.time_ns;
        s->values = snapshot.metrics;
        if (take_counters(s, &s->values))
            s->still_ns = s->seen_ns;
    }
    return s->seen_ns - s->still_ns >= STILL_NS;
}

void subject_look(struct subject *s, struct process *process)
{
    if (!is_the_same(s, process))
        return;
    s->looked = true;
    s->values.present &= ~UINT64_C(0) >> (64 - METRIC_COUNT);
    proc_read(&process->proc, &s->values);
    if (!s->obeyed)
        s->deaf_number = s->number;
}

static const char *compare(const struct subject *s, char *why, size_t cap)
{
    int64_t connections = s->values.value[METRIC_CONNECTIONS];
    int64_t streams = s->values.value[METRIC_STREAMS];

    if (s->valid_number != s->number)
        return NULL;
    if (connections != s->connections)
        snprintf(why, cap, "connections %" PRId64 ", were %" PRId64, connections, s->connections);
    else if (streams != s->streams)
        snprintf(why, cap, "streams %" PRId64 ", were %" PRId64, streams, s->streams);
    else
        return NULL;
    return why;
}

const char *subject_judge(struct subject *s, char *why, size_t cap)
{
    if (!s->looked)
        return "ended meanwhile";
    if (!s->obeyed)
        return "did not obey";
    if (s->seen_ns == 0)
        return "publishes nothing";
    if (s->seen_ns - s->still_ns < STILL_NS)
        return "did not fall quiet";
    if (compare(s, why, cap) != NULL)
        return why;
    s->valid_number = s->number;
    s->connections = s->values.value[METRIC_CONNECTIONS];
    s->streams = s->values.value[METRIC_STREAMS];
    return NULL;
}
