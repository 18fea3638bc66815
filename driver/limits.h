/* What the gate's rules measure against. */
#ifndef FLATLINE_DRIVER_LIMITS_H
#define FLATLINE_DRIVER_LIMITS_H

#include "common/base/clock.h"

#include <stdint.h>

struct gate_limits {
    double heap_share;    /* of the cap: the soft threshold */
    uint64_t recovery_ns; /* from ready to the first message; and how long losses are forgiven */
    uint64_t stall_ns;    /* the longest silence at the end of a life */
    double coverage;      /* the share of the due samples that must be there and fresh */
};

#define GATE_LIMITS_DEFAULT                            \
    ((struct gate_limits){.heap_share = 0.90,          \
                          .recovery_ns = 2 * NS_PER_S, \
                          .stall_ns = 5 * NS_PER_S,    \
                          .coverage = 0.90})

#endif
