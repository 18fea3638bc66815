#include "stress-client/peer_counts.h"

#include <string.h>

const char *peer_count_name(enum peer_count count)
{
    static const char *const names[] = {
#define COUNT_NAME(ident, name) (name),
        PEER_COUNT_TABLE(COUNT_NAME)
#undef COUNT_NAME
    };

    return names[count];
}

void peer_counts_sum(const struct peer_counts *counts, struct peer_kind_counts *sum)
{
    memset(sum, 0, sizeof *sum);
    for (size_t kind = 0; kind < PEER_KINDS; kind++) {
        const struct peer_kind_counts *from = &counts->kinds[kind];

        for (size_t i = 0; i < PEER_COUNTS; i++)
            peer_amount_add(&sum->amounts[i], from->amounts[i].count, from->amounts[i].bytes);
        histogram_merge(&sum->latency, &from->latency);
    }
}

size_t peer_kind_find(const struct script *script, const char *name, size_t size)
{
    for (size_t i = 0; i < script->kind_count; i++) {
        if (strlen(script->kinds[i].name) == size && memcmp(script->kinds[i].name, name, size) == 0)
            return i;
    }
    return PEER_KINDS - 1;
}

void peer_received(struct peer_kind_counts *kind, uint64_t bytes, uint64_t due_ns, uint64_t now_ns)
{
    peer_amount_add(&kind->amounts[PEER_RECEIVED], 1, bytes);
    if (due_ns != 0)
        histogram_record(&kind->latency, now_ns > due_ns ? now_ns - due_ns : 0);
}
