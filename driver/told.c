#include "driver/told.h"

#include "driver/faults.h"

static uint64_t overlap(uint64_t from_ns, uint64_t to_ns, uint64_t start_ns, uint64_t end_ns)
{
    uint64_t from = from_ns > start_ns ? from_ns : start_ns;
    uint64_t to = to_ns < end_ns ? to_ns : end_ns;

    return from < to ? to - from : 0;
}

uint64_t told_paused(const struct evidence *e, uint64_t from_ns, uint64_t to_ns)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < e->checkpoint_count; i++)
        sum += overlap(from_ns, to_ns, e->checkpoints[i].start_ns, e->checkpoints[i].end_ns);
    return sum;
}

uint64_t told_excused(const struct evidence *e, const struct evidence_component *c,
                      uint64_t from_ns, uint64_t to_ns)
{
    uint64_t sum = told_paused(e, from_ns, to_ns), whole = from_ns < to_ns ? to_ns - from_ns : 0;

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
    uint64_t sum = told_paused(e, from_ns, to_ns);

    for (size_t i = 0; i < e->hold_count; i++) {
        if (e->holds[i].component == component)
            sum += overlap(from_ns, to_ns, e->holds[i].from_ns, e->holds[i].to_ns);
    }
    return sum;
}

uint64_t told_due(const struct evidence *e, uint64_t due_ns)
{
    for (size_t i = 0; i < e->checkpoint_count; i++) {
        const struct run_checkpoint_row *checkpoint = &e->checkpoints[i];

        if (checkpoint->frozen_ns != 0 && checkpoint->frozen_ns <= due_ns &&
            due_ns < checkpoint->end_ns)
            return checkpoint->end_ns;
    }
    return due_ns;
}
