/*
 * The distance between the programs of a cell: what makes it, and whether it is what was asked for,
 * as measured from outside before anything else goes that way.
 */
#ifndef FLATLINE_DRIVER_SWEEP_DISTANCE_H
#define FLATLINE_DRIVER_SWEEP_DISTANCE_H

#include "driver/netem.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct distance {
    uint64_t latency_ms; /* wanted: added round trip */
    bool tls;
    int broker_port;
    /* Of the delay lines; the broker's where there are none. */
    int author_port, subscriber_port;
    const struct netem
        *netem; /* the broker is on its far side, all others on the near one; NULL: delay lines */
    const char *name; /* of the run, for a warning */
};

/*
 * The member "latency" of a manifest: "means" (none, delay line, netem), "wanted_ms", "measured_ms"
 * {"direct", "added_author", "added_subscriber"}, "verified". Where netem is the way no other leads
 * to the broker: "direct" is null, and added is the whole round trip. NULL: *error holds one line,
 * or is empty if the user's word to stop came first.
 */
json_t *distance_measure(const struct distance *distance, char *error, size_t cap);

#endif
