/*
 * The peers of a routine. All join their rooms first; then, at once or when the test starts, each
 * begins its schedule after a start jitter of its own. They stay until SIGTERM, or until each has
 * sent what falls due in the duration and has heard what the others of this process sent.
 */
#ifndef FLATLINE_CLIENT_PEERS_H
#define FLATLINE_CLIENT_PEERS_H

#include "stress-client/party.h"
#include "stress-client/peer_stats.h"
#include "stress-client/script.h"
#include "stress-client/uplink.h"

#include <stddef.h>
#include <stdint.h>

struct peers_config {
    struct party_config party;
    const struct script *script;
    /* Of the process: its peers are the same authors in each of its lives. NULL: new ones each
     * time. */
    const char *name;
    uint64_t duration_ns; /* of each peer's schedule; 0: until SIGTERM */
    struct uplink
        *uplink; /* says when to begin, and is told the statistics every 2 s; NULL: none */
};

/* Returns the exit status; what went wrong is in failure, empty if nothing did. *stats, all zero
 * before, has what was counted. */
int peers_run(const struct peers_config *config, struct peer_stats *stats, char *failure,
              size_t cap);

#endif
