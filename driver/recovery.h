/* How a component came back from its own kills. */
#ifndef FLATLINE_DRIVER_RECOVERY_H
#define FLATLINE_DRIVER_RECOVERY_H

#include "driver/evidence.h"

struct recoveries {
    uint64_t kills;    /* by chaos */
    uint64_t seen;     /* back, and with a message in time */
    uint64_t unseen;   /* the run ended too soon to tell */
    uint64_t worst_ns; /* the slowest that was seen, from ready to the first message */
    const struct run_incarnation_row *missed; /* the first victim that did not come back in time */
    const char *how;                          /* "was not started again"; static */
};

struct recoveries recoveries_of(const struct evidence *e, const struct evidence_component *c);

#endif
