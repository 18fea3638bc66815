#include "driver/forgive.h"

#include "common/run/host.h"

/* The order is stamped around the system call that carries it out. */
#define ORDER_SLACK_NS (50 * NS_PER_MS)

static bool at_or_after(uint64_t time_ns, uint64_t order_ns)
{
    return order_ns != 0 && time_ns + ORDER_SLACK_NS >= order_ns;
}

/* The last incarnation that had been started by then; count if none. */
static size_t started_by(const struct evidence_component *c, uint64_t time_ns)
{
    size_t low = 0, high = c->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (c->incarnations[middle].row->spawn_ns <= time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? c->count : low - 1;
}

static bool ordered_dead_around(const struct evidence *e, const struct evidence_component *c,
                                uint64_t time_ns)
{
    size_t i = started_by(c, time_ns);
    const struct run_incarnation_row *row;

    if (i == c->count)
        return false;
    row = c->incarnations[i].row;
    if (evidence_ordered(row) && at_or_after(time_ns, row->ordered_ns))
        return true;
    if (i == 0 || !evidence_ordered(c->incarnations[i - 1].row))
        return false;
    return row->ready_ns == 0 || time_ns <= row->ready_ns + e->limits->recovery_ns;
}

/* Its host's share of the run; of a run of one host, only if that came to its orderly stop. */
static bool was_over(const struct evidence *e, const struct evidence_component *c, uint64_t time_ns)
{
    if (e->host_count == 0)
        return at_or_after(time_ns, e->info->stop_ns);
    if (c->own_until_ns == 0) /* it never began to be judged */
        return run_host_broke_off(c->host);
    return at_or_after(time_ns, c->own_until_ns);
}

bool forgive_loss(const struct evidence *e, const struct evidence_component *c, uint64_t time_ns)
{
    if (c->crosses || was_over(e, c, time_ns) || ordered_dead_around(e, c, time_ns))
        return true;
    if (c->peer != NULL)
        return was_over(e, c->peer, time_ns) || ordered_dead_around(e, c->peer, time_ns);
    for (size_t i = 0; i < e->count; i++) {
        const struct evidence_component *client = &e->components[i];

        if (client->peer == c &&
            (was_over(e, client, time_ns) || ordered_dead_around(e, client, time_ns)))
            return true;
    }
    return false;
}
