/*
 * What the peers of a routine counted, by kind. Plain data, all zero at the beginning; fixed size,
 * so it costs the same after a minute as after a year.
 */
#ifndef FLATLINE_CLIENT_PEER_COUNTS_H
#define FLATLINE_CLIENT_PEER_COUNTS_H

#include "common/base/histogram.h"
#include "stress-client/script.h"

/*
 * Identifier, name. Bytes are those of the bodies. Sent and received count each event once at each
 * peer; where all arrive, received = sent x (peers of the room - 1).
 */
#define PEER_COUNT_TABLE(X)                                                               \
    X(SENT, "sent")           /* handed to the connection */                              \
    X(RECEIVED, "received")   /* events of others that came for the first time */         \
    X(RELAYED, "relayed")     /* of those sent, receipts came for: the broker has them */ \
    X(DUPLICATE, "duplicate") /* events of others that had come before */                 \
    X(EXPIRED, "expired")     /* never sent, because they could not be before they expired */

#define PEER_COUNT_ENUM(ident, name) PEER_##ident,
enum peer_count { PEER_COUNT_TABLE(PEER_COUNT_ENUM) PEER_COUNTS };
#undef PEER_COUNT_ENUM

const char *peer_count_name(enum peer_count count);

struct peer_amount {
    uint64_t count, bytes;
};

struct peer_kind_counts {
    struct peer_amount amounts[PEER_COUNTS];
    struct histogram latency; /* of what was received, from when it was due */
};

/* The last row is of all kinds that are none of the routine's. */
#define PEER_KINDS (SCRIPT_KINDS + 1)

struct peer_counts {
    struct peer_kind_counts kinds[PEER_KINDS];
};

static inline void peer_amount_add(struct peer_amount *amount, uint64_t count, uint64_t bytes)
{
    amount->count += count;
    amount->bytes += bytes;
}

/* *sum becomes all kinds together. */
void peer_counts_sum(const struct peer_counts *counts, struct peer_kind_counts *sum);

/* The kind of that name, or the last row. */
size_t peer_kind_find(const struct script *script, const char *name, size_t size);

/* What an event adds that was due at due_ns (CLOCK_REALTIME; 0: unknown) and came at now_ns. One
 * that came before it was due (another host's clock) counts as a latency of 0. */
void peer_received(struct peer_kind_counts *kind, uint64_t bytes, uint64_t due_ns, uint64_t now_ns);

#endif
