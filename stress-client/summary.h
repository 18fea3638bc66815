/* What a run came to, for people and for machines. */
#ifndef FLATLINE_CLIENT_SUMMARY_H
#define FLATLINE_CLIENT_SUMMARY_H

#include "common/engine/loop.h"
#include "stress-client/peer_stats.h"
#include "stress-client/tally.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct summary {
    const char *address; /* "127.0.0.1:50051" */
    bool secure;
    int status;          /* enum exit_status */
    const char *failure; /* one line, NULL if none */
    uint64_t wall_ns, cpu_ns;
    const struct engine_stats *stats;
    const struct tally *tally;
    const struct peer_stats *peers; /* NULL: no routine */
};

/* The percentiles that both forms give. */
#define SUMMARY_PERCENTILES(X) \
    X("p50", 50.0)             \
    X("p90", 90.0)             \
    X("p99", 99.0)             \
    X("p99.9", 99.9)

void summary_print_text(const struct summary *summary, FILE *out);

/* The unit of a number is the end of its key (_ns, _bytes); without one it is a count. */
void summary_print_json(const struct summary *summary, FILE *out);

/* "passed", "failed", "interrupted" */
const char *summary_result(const struct summary *summary);

/* 0 if no call was done. */
uint64_t summary_cpu_per_call_ns(const struct summary *summary);

#endif
