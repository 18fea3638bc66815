#include "driver/faults.h"

#include "driver/nemesis.h"

#include <string.h>

/* The order is stamped right before it is given. */
#define ORDER_SLACK_NS (50 * NS_PER_MS)

static const struct row {
    const char *name, *loss;
    uint64_t hold_ns;
} table[] = {
#define FAULT_ROW(ident, name, hold_ms, loss, deed, effect) \
    [NEMESIS_##ident] = {name, loss, (hold_ms)*NS_PER_MS},
    NEMESIS_TABLE(FAULT_ROW)
#undef FAULT_ROW
};

/* NULL: a newer driver's. */
static const struct row *find(const char *kind)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (kind != NULL && strcmp(table[i].name, kind) == 0)
            return &table[i];
    }
    return NULL;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

bool faults_befell(const struct run_fault_row *fault, const struct evidence_component *c)
{
    return c != NULL && fault->component == c->row->id;
}

uint64_t faults_silence_ns(const struct run_fault_row *fault)
{
    const struct row *row = find(fault->kind);

    if (row == &table[NEMESIS_FREEZE] || row == &table[NEMESIS_HALF_OPEN])
        return row->hold_ns;
    return 0;
}

bool faults_explain_loss(const struct evidence *e, const struct evidence_component *c,
                         const char *kind, uint64_t time_ns)
{
    for (size_t i = 0; i < e->fault_count; i++) {
        const struct run_fault_row *fault = &e->faults[i];
        const struct row *row = find(fault->kind);

        if (row == NULL || row->loss == NULL || strcmp(row->loss, kind) != 0 ||
            !(faults_befell(fault, c) || faults_befell(fault, c->peer)))
            continue;
        if (time_ns + ORDER_SLACK_NS >= fault->ordered_ns &&
            time_ns <=
                later(fault->ordered_ns + row->hold_ns, fault->effect_ns) + e->limits->recovery_ns)
            return true;
    }
    return false;
}

/* Whether one of its processes was ordered dead, or died, in that time. */
static bool died_within(const struct evidence_component *c, uint64_t from, uint64_t to)
{
    for (size_t i = 0; c != NULL && i < c->count; i++) {
        const struct run_incarnation_row *row = c->incarnations[i].row;
        uint64_t end = row->ordered_ns != 0 ? row->ordered_ns : row->exit_ns;

        if (end != 0 && end + ORDER_SLACK_NS >= from && end <= to)
            return true;
    }
    return false;
}

struct faults_of faults_of(const struct evidence *e, const struct evidence_component *c)
{
    struct faults_of of = {0};

    for (size_t i = 0; i < e->fault_count; i++) {
        const struct run_fault_row *fault = &e->faults[i];
        const struct row *row = find(fault->kind);
        uint64_t until;

        if (!faults_befell(fault, c))
            continue;
        of.seen += fault->observed;
        if (fault->observed || of.unseen != NULL)
            continue;
        until = fault->ordered_ns + (row == NULL ? 0 : row->hold_ns) + NEMESIS_EFFECT_NS;
        if (until <= c->until_ns && !died_within(c, fault->ordered_ns, until) &&
            !died_within(c->peer, fault->ordered_ns, until))
            of.unseen = fault;
    }
    return of;
}
