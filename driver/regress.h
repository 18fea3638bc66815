/*
 * How a quantity at rest grows with what a process has done. It is regressed on one counter at a
 * time, never on several jointly: they move together too much for that, and what is held back
 * between checkpoints moves them apart enough to tell which fits best.
 */
#ifndef FLATLINE_DRIVER_REGRESS_H
#define FLATLINE_DRIVER_REGRESS_H

#include "driver/series.h"

#include <stdbool.h>
#include <stddef.h>

/* Columns: identifier, "per ...". Of those that fit equally well the first is named first. */
#define REGRESS_TABLE(X)                 \
    X(CALLS, "call")                     \
    X(CONNECTIONS, "connection")         \
    X(MESSAGES, "message")               \
    X(FAILED, "failed call")             \
    X(RECONNECTS, "reconnect")           \
    X(LOSSES, "lost connection")         \
    X(FAILED_CONNECTS, "failed connect") \
    X(STALLS, "stalled reader")          \
    X(ERRORS, "error")                   \
    X(TIME, "second")

#define REGRESS_ENUM(ident, word) REGRESS_##ident,
enum regress_counter { REGRESS_TABLE(REGRESS_ENUM) REGRESS_COUNTERS };
#undef REGRESS_ENUM

/* Each counter is tried on all readings and on the settled ones. */
#define REGRESS_TESTS (2 * REGRESS_COUNTERS)

/* "call" */
const char *regress_word(enum regress_counter counter);

enum regress_kind {
    REGRESS_UNKNOWN, /* too few readings */
    REGRESS_FLAT,
    REGRESS_SETTLED, /* grew, but only in the first third of its life */
    REGRESS_RISING,  /* grows, but ever less: whether it will settle cannot be told */
    REGRESS_GROWS,
};

/* Growth is in the unit of the quantity, from the first to the last reading of each life. */
struct regress {
    enum regress_kind kind;
    enum regress_counter counter; /* that fits best; of the flat, the nearest to growth */
    unsigned alike;               /* GROWS: a bit for each other that fits as well */
    double each, each_half;       /* per event, and half its interval */
    double growth, half;
    double smallest; /* the smallest growth that would have been found */
    size_t readings;
};

struct regress_wish {
    double (*value)(const struct metric_values *v, const void *arg); /* NaN: not known */
    const void *arg;
    double floor; /* the standard deviation that it has without a leak */
    double alpha; /* of each test */
    double limit; /* growth that is let pass */
};

void regress(const struct series *s, const struct regress_wish *wish, struct regress *out);

#endif
