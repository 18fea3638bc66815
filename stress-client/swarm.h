/*
 * A swarm: clients 1 to N in one process, each with a connection of its own, which take their turns
 * one after another on the way up, then (as wished) all at once at the top, then one after another
 * from the last to the first on the way down. The number of messages of client i is linear between
 * two given ones. Every turn becomes a row of CSV (common/contract/swarm.h).
 *
 * The first client that cannot be served ends the climb: that is a finding, not a crash, and the
 * rest goes on with those that were served. It ends the way down, too.
 */
#ifndef FLATLINE_CLIENT_SWARM_H
#define FLATLINE_CLIENT_SWARM_H

#include "common/child/telemetry.h"
#include "common/engine/client.h"
#include "stress-client/tally.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SWARM_CLIENTS_MAX UINT64_C(1000000)

struct swarm_config {
    struct engine_loop *loop;
    struct client_target *target;
    const char *address;         /* for messages: "127.0.0.1:50051" */
    struct telemetry *telemetry; /* NULL by hand */
    struct tally *tally;
    bool secure;
    uint64_t clients;                    /* 1 to SWARM_CLIENTS_MAX */
    uint64_t messages_from, messages_to; /* of the first client and of the last; 1 and up */
    uint64_t rate;    /* at most so many turns begin in a second, in even steps; 0: no limit */
    uint64_t stay_ns; /* at the top, idle */
    uint64_t reply_limit_ns; /* for each reply */
    bool hold;               /* connections stay open from their turn on */
    bool together; /* held; on the way up one message each, the rest all at once at the top */
    bool back;     /* the way down; held connections are replaced for their turn, then closed */
    FILE *csv;     /* NULL: none */
};

struct swarm;

/* NULL: out of memory. What *config points to outlives it. */
struct swarm *swarm_new(const struct swarm_config *config);
void swarm_free(struct swarm *swarm);

/* Runs until all is done, or SIGINT or SIGTERM; returns the exit status: FAILED if a turn had a
 * fault, INTERRUPTED. */
int swarm_run(struct swarm *swarm);

/* Of the first fault, one line; NULL: none. */
const char *swarm_failure(const struct swarm *swarm);

/* Whether all connections are closed: not after a signal. */
bool swarm_is_idle(const struct swarm *swarm);

/* What client i of n sends, linear from `from` (the first) to `to` (the last). */
uint64_t swarm_messages(uint64_t from, uint64_t to, uint64_t i, uint64_t n);

#endif
