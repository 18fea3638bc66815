#include "driver/told.h"

#include "driver/faults.h"

static uint64_t overlap(uint64_t from_ns, uint64_t to_ns, uint64_t start_ns, uint64_t end_ns)
{
    uint64_t from = from_ns > start_ns ? from_ns : start_ns;
    uint64_t to = to_ns < end_ns ? to_ns : end_ns;

    return from < to ? to - from : 0;
}

/* The next pause of two hosts that are looked at together, or NULL. */
static const struct run_checkpoint_row *next_pause(struct evidence_pauses *a,
                                                   struct evidence_pauses *b)
{
    struct evidence_pauses *first = a;

    if (a->count == 0 || (b->count > 0 && b->rows->start_ns < a->rows->start_ns))
        first = b;
    if (first->count == 0)
        return NULL;
    first->count--;
    return first->rows++;
}

uint64_t told_paused(const struct evidence_component *c, uint64_t from_ns, uint64_t to_ns)
{
    struct evidence_pauses own = c->pauses, others = {0};
    const struct run_checkpoint_row *pause;
    uint64_t sum = 0;

    if (c->peer != NULL && c->peer->host != c->host)
        others = c->peer->pauses;
    /* Those of two hosts may overlap: each moment counts once. */
    while ((pause = next_pause(&own, &others)) != NULL) {
        sum += overlap(from_ns, to_ns, pause->start_ns, pause->end_ns);
        from_ns = pause->end_ns > from_ns ? pause->end_ns : from_ns;
    }
    return sum;
}

uint64_t told_excused(const struct evidence *e, const struct evidence_component *c,
                      uint64_t from_ns, uint64_t to_ns)
{
    uint64_t sum = told_paused(c, from_ns, to_ns), whole = from_ns < to_ns ? to_ns - from_ns : 0;

    for (size_t i = 0; i < e->fault_count; i++) {
        const struct run_fault_row *fault = &e->faults[i];

        if (faults_befell(fault, c) || faults_befell(fault, c->peer))
            sum += overlap(from_ns, to_ns, fault->ordered_ns,
                           fault->ordered_ns + faults_silence_ns(fault));
    }
    return sum < whole ? sum : whole;
}

uint64_t told_silent(const struct evidence *e, int64_t component, uint64_t from_ns, uint64_t to_ns)
{
    uint64_t sum = told_paused(&e->components[component - 1], from_ns, to_ns);

    for (size_t i = 0; i < e->hold_count; i++) {
        if (e->holds[i].component == component)
            sum += overlap(from_ns, to_ns, e->holds[i].from_ns, e->holds[i].to_ns);
    }
    return sum;
}

uint64_t told_due(const struct evidence_component *c, uint64_t due_ns)
{
    for (size_t i = 0; i < c->pauses.count; i++) {
        const struct run_checkpoint_row *checkpoint = &c->pauses.rows[i];

        if (checkpoint->frozen_ns != 0 && checkpoint->frozen_ns <= due_ns &&
            due_ns < checkpoint->end_ns)
            return checkpoint->end_ns;
    }
    return due_ns;
}
