/*
 * What a trial came to, as values: how many were served and what ended it, by name, with the limit
 * that moves it; what a connection costs, and what was left behind. Pure.
 */
#ifndef FLATLINE_DRIVER_SWEEP_CAPACITY_FINDING_H
#define FLATLINE_DRIVER_SWEEP_CAPACITY_FINDING_H

#include "driver/sweep/trial.h"

/* What ends a climb besides what the swarm itself can tell: identifier, name. */
#define CAPACITY_END_TABLE(X)                   \
    X(NONE, "none")                             \
    X(SERVER_DESCRIPTORS, "server-descriptors") \
    X(SERVER_DIED, "server-died")               \
    X(BACKLOG, "backlog")                       \
    X(RTT, "rtt")                               \
    X(SWARM, "") /* the swarm's own fault names it */

#define CAPACITY_END_ENUM(ident, name) END_##ident,
enum capacity_end { CAPACITY_END_TABLE(CAPACITY_END_ENUM) CAPACITY_ENDS };
#undef CAPACITY_END_ENUM

struct capacity_memory {
    int64_t before, top, after; /* bytes: no client yet, all there, all gone */
    double each;                /* a connection, by least squares over the climb; NAN: not known */
    bool live;                  /* exact live bytes; else RSS */
};

struct capacity_finding {
    uint64_t served;  /* clients, on the way up */
    uint64_t refused; /* turns with a fault, all phases */
    enum capacity_end end;
    const char *name; /* of the end: "server-descriptors", "ports"; "none" */
    char text[1400];  /* one line: what happened, and the limit that moves it */
    uint64_t p99_ns;  /* 99 % of the clients had a p99 round trip up to this */
    uint64_t
        median_ns; /* of the clients' median round trips; both of the turns at the top, if any */
    struct capacity_memory memory;
};

/* rtt_bound_ns 0: none. */
void capacity_judge(const struct trial_plan *plan, const struct trial *trial, uint64_t rtt_bound_ns,
                    struct capacity_finding *finding);

/* How many of the swarm had connections, or had had their turn where they are not held, when that
 * sample of the server was taken: the abscissa of its memory. Negative: not known. */
double capacity_place(const struct trial_plan *plan, const struct trial *trial,
                      const struct trial_sample *sample, bool *down);

/* Live bytes, of somebody else's server RSS; false: it is not known what they were then. */
bool capacity_bytes(const struct trial_plan *plan, const struct trial_sample *sample,
                    int64_t *bytes);

#endif
