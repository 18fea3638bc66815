/*
 * What the client counted beside the engine: losses and errors by kind, recoveries, round trips.
 * Plain data, written by the lanes, read by the telemetry page and the summary; an event is told to
 * the page at the moment it is counted.
 */
#ifndef FLATLINE_CLIENT_TALLY_H
#define FLATLINE_CLIENT_TALLY_H

#include "common/base/histogram.h"
#include "common/child/telemetry.h"
#include "common/contract/page.h"
#include "common/engine/client.h"
#include "stress-client/plan.h"

#include <stdint.h>

struct tally {
    struct telemetry *telemetry; /* NULL by hand */
    uint64_t events[PAGE_EVENT_KINDS];
    uint64_t connections;        /* became usable */
    uint64_t reconnects;         /* of them, after a loss */
    uint64_t calls[CALL_KINDS];  /* done as planned */
    uint64_t cancelled;          /* of them, ended by our cancel, as planned */
    uint64_t parts;              /* calls that were one part of a planned one */
    uint64_t first_alive_ns;     /* the peer's first sign of life; 0 before */
    uint64_t peer_certificate;   /* the last one, as client.h numbers it; 0: none */
    struct histogram connect;    /* TCP and TLS until usable */
    struct histogram handshake;  /* the TLS part, of full handshakes */
    struct histogram resumption; /* ... of those that resumed a session */
    struct histogram rtt[CALL_KINDS];
};

void tally_event(struct tally *tally, enum page_event_kind kind, uint32_t connection,
                 int32_t detail);

/* The TLS handshake of a connection that became usable. */
void tally_handshake(struct tally *tally, const struct client *client);

uint64_t tally_losses(const struct tally *tally);
uint64_t tally_errors(const struct tally *tally);
uint64_t tally_calls(const struct tally *tally);
/* Of so many calls started, those that were neither done nor a part. */
uint64_t tally_cut_short(const struct tally *tally, uint64_t started);

/* Adds what is counted here to a snapshot in which the engine's metrics are set. */
void tally_fill(const struct tally *tally, struct page_snapshot *snapshot);

#endif
