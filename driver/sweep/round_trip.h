/*
 * How long a round trip to a server takes, looked at from outside: by PING frames of HTTP/2 (RFC
 * 9113, 6.7), or where TLS is spoken by bytes that are none, to which the answer is an alert or the
 * end of the connection. On loopback, or from the near to the far side of a netem.
 */
#ifndef FLATLINE_DRIVER_SWEEP_ROUND_TRIP_H
#define FLATLINE_DRIVER_SWEEP_ROUND_TRIP_H

#include "driver/netem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct round_trip_plan {
    int port;
    bool tls;
    const struct netem *netem; /* NULL: loopback */
    uint64_t
        expect_ns; /* about so long, so that a delayed handshake is over before the first try */
    uint64_t enough_ns; /* no more tries after one that is not longer */
};

/*
 * The shortest of a few, since a loaded machine delays more, never less. False: *error holds one
 * line, or is empty if the user's word to stop came first.
 */
bool round_trip_measure(const struct round_trip_plan *plan, uint64_t *best_ns, char *error,
                        size_t cap);

#endif
