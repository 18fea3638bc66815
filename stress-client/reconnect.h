/*
 * What a connection's end means, and when to try again: 100 ms later with jitter (so that a fleet
 * does not come back in step), for ever or up to a number of attempts in a row.
 */
#ifndef FLATLINE_CLIENT_RECONNECT_H
#define FLATLINE_CLIENT_RECONNECT_H

#include "common/base/rng.h"
#include "common/contract/page.h"
#include "common/engine/client.h"

#include <stdbool.h>
#include <stdint.h>

#define RECONNECT_FOR_EVER UINT64_MAX
#define RECONNECT_DELAY_MIN_NS UINT64_C(80000000)
#define RECONNECT_DELAY_MAX_NS UINT64_C(120000000)

/* How an unwanted end is recorded. */
enum page_event_kind reconnect_event(enum client_end end);

/* Whether trying again can help: not where the peer itself is wrong. */
bool reconnect_may_heal(enum client_end end);

/* Attempts in a row. All zero but for the limit. */
struct reconnect {
    uint64_t limit;
    uint64_t attempts; /* since the peer last showed that it is alive */
};

/* False when the attempts are used up; else counts one and gives the ns to wait before it. */
bool reconnect_again(struct reconnect *reconnect, struct rng *rng, uint64_t *delay_ns);

#endif
