/* Asks the server for its clock, a few times at once and then every 10 s: see clock_offset.h. */
#ifndef FLATLINE_UPLOADER_PROBES_H
#define FLATLINE_UPLOADER_PROBES_H

#include "results-server/uploader/clock_offset.h"
#include "results-server/uploader/remote.h"

/* All zero but for remote, and what is called when a round has found a better offset (`better`) or
 * none; `failed` gets the answer that was no status of a results server. */
struct probes {
    struct remote *remote;
    void (*measured)(void *user, bool better);
    void (*failed)(void *user, const struct remote_answer *answer);
    void *user;

    struct clock_offset best;
    uint64_t next_ns; /* the next round */
    int left;         /* probes of this round */
    bool better;
};

/* Asks if it is time; returns when to be called again, at the latest. */
uint64_t probes_turn(struct probes *probes, uint64_t now_ns);

#endif
