/* Parts of work.c. */
#ifndef FLATLINE_CLIENT_WORK_INTERNAL_H
#define FLATLINE_CLIENT_WORK_INTERNAL_H

#include "stress-client/options.h"
#include "stress-client/peer_stats.h"
#include "stress-client/tally.h"

#include <stdbool.h>
#include <stdint.h>

struct work {
    const struct options *options;
    char address[300];
    struct telemetry *telemetry;
    struct engine_loop *loop;
    struct tls_context *tls;
    struct client_target *target;
    struct leak *leak;
    struct healthy *healthy;
    struct tally *tally;
    struct runner *runner;
};

/* Room for so many connections' descriptors, as far as the hard limit lets it. */
void work_make_room(uint64_t connections);

/* The tally, and what is to be planted. False: out of memory. */
bool work_set_up_tally(struct work *work);

/* The summary. peers: NULL, but for a routine. */
void work_report(const struct work *work, int status, const char *failure, uint64_t wall_ns,
                 const struct peer_stats *peers);

/* The status, or another if the summary could not be written. */
int work_flush_summary(int status);

/* The peers of a routine; returns the exit status. */
int work_run_peers(struct work *work);

#endif
