/* What a routine has come to so far, and in the interval under way: for people, as JSON, and as the
 * values of a data point. */
#ifndef FLATLINE_CLIENT_PEER_STATS_H
#define FLATLINE_CLIENT_PEER_STATS_H

#include "stress-client/json.h"
#include "stress-client/peer_counts.h"

#include <stdint.h>
#include <stdio.h>

/* Of latencies: label, percent. */
#define PEER_PERCENTILES(X) \
    X("p50", 50.0)          \
    X("p90", 90.0)          \
    X("p99", 99.0)

struct peer_stats {
    const struct script *script;
    uint64_t peers, rooms;
    uint64_t known;     /* others that were ever heard, by any peer of the process in their room */
    uint64_t connected; /* of them, heard lately, at the last look */
    uint64_t most;      /* connected at once, of all looks */
    uint64_t wall_ns;   /* from the beginning of the schedule to the end of the last interval */
    struct peer_counts earlier, recent; /* before the interval under way, and in it */
};

/* Ends the interval, which took interval_ns. */
void peer_stats_fold(struct peer_stats *stats, uint64_t interval_ns);

/*
 * The members of a data point's "values": [KIND.]COUNT.count and .bytes since the beginning, .per_s
 * and [KIND.]latency.PERCENTILE (ns; none if nothing came) of the interval, peers.known,
 * peers.connected.
 */
void peer_stats_put_values(const struct peer_stats *stats, uint64_t interval_ns, struct json *json);

/* All of it, once the last interval is folded. */
void peer_stats_put_json(const struct peer_stats *stats, struct json *json);
void peer_stats_print_text(const struct peer_stats *stats, FILE *out);

#endif
