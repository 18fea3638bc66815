/*
 * When a run is looked at at rest, and which family of patterns is held back before each look: a
 * pure function of seed and duration.
 *
 * The looks are evenly spaced. From the second on, the interval that ends at a look holds one
 * family back, in a seeded turn, so that what happened of the one kind and of the other comes apart
 * and a growth can be laid to the one that caused it. Held back are stable clients of stable
 * servers: the recoveries that chaos asks for stay to be seen.
 */
#ifndef FLATLINE_DRIVER_CHECKPOINT_PLAN_H
#define FLATLINE_DRIVER_CHECKPOINT_PLAN_H

#include "common/base/clock.h"
#include "driver/scenario.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Between two looks, and before the first and after the last: traffic, and time for chaos. */
#define CHECKPOINT_SPACING_NS (2 * NS_PER_S)

/*
 * Columns: identifier, name, its patterns. The endless server-stream belongs to none: its server
 * sends, whatever its client is told.
 */
#define FAMILY_TABLE(X)                                                                       \
    X(CONNECTIONS, "connections", PATTERN_MANY_CONNECTIONS, PATTERN_MANY_CONNECTIONS)         \
    X(CALLS, "calls", PATTERN_MANY_CALLS, PATTERN_MANY_CALLS)                                 \
    X(CLIENT_STREAM, "client-stream", PATTERN_CLIENT_STREAM, PATTERN_CLIENT_STREAM_MANY)      \
    X(SERVER_STREAM, "server-stream", PATTERN_SERVER_STREAM_MANY, PATTERN_SERVER_STREAM_MANY) \
    X(BIDI_STREAM, "bidi-stream", PATTERN_BIDI_STREAM, PATTERN_BIDI_STREAM_MANY)

#define FAMILY_ENUM(ident, name, pattern, other) FAMILY_##ident,
enum family { FAMILY_TABLE(FAMILY_ENUM) FAMILY_COUNT };
#undef FAMILY_ENUM

struct checkpoint_plan {
    uint64_t seed, duration_ns;
    unsigned wanted;
};

/* As many as there is room for. */
unsigned checkpoint_plan_count(const struct checkpoint_plan *plan);

/* When look i, from 1, is due: after the run began. */
uint64_t checkpoint_plan_time(const struct checkpoint_plan *plan, unsigned i);

/* The name of the family held back in the interval that ends at look i, or NULL. */
const char *checkpoint_plan_held(const struct checkpoint_plan *plan, unsigned i);

/* Whether component c is among them. */
bool checkpoint_plan_holds(const struct checkpoint_plan *plan, unsigned i,
                           const struct scenario *scenario, size_t c);

#endif
