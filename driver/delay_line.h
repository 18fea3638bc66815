/*
 * A delay line: bytes go in at one end and are due at the other a while later, in the same order.
 * It knows no sockets and no clock; the caller says what time it is, in ns of CLOCK_MONOTONIC.
 *
 * A link is one direction of a network: what it does to time, and how many bytes a second it
 * carries for all together. A line is one connection's share of it. A byte first waits until the
 * link has carried what came before it, then travels for delay_ns, give or take jitter_ns
 * (uniform). Jitter reorders nothing: who would overtake is due together with the one in front, as
 * TCP would show it. This is the model of tc-netem(8) with `rate`.
 */
#ifndef FLATLINE_DRIVER_DELAY_LINE_H
#define FLATLINE_DRIVER_DELAY_LINE_H

#include "common/base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct delay_link {
    uint64_t delay_ns;
    uint64_t jitter_ns;   /* where it is the longer of the two, no byte travels back in time */
    uint64_t bytes_per_s; /* 0: no limit */
    struct rng rng;
    size_t held; /* by all its lines: the bytes, and what it takes to keep them */
    uint64_t busy_since_ns, busy_bytes; /* since the link was last idle */
};

/* What follows the last byte. */
enum delay_end { DELAY_OPEN, DELAY_FIN, DELAY_RST };

struct delay_chunk;

struct delay_line {
    struct delay_link *link;
    struct delay_chunk *first, *last;
    size_t held;            /* as of the link */
    uint64_t last_due_ns;   /* nothing is due before this any more */
    uint64_t hold_until_ns; /* see delay_line_hold */
    enum delay_end end;
    uint64_t end_due_ns;
};

#define DELAY_NEVER UINT64_MAX

/*
 * How much a line of that link holds before it asks for a pause, so that it is no bottleneck: what
 * is under way at full rate and a queue in front of it; without a limit of the rate, 4 MB.
 */
size_t delay_link_capacity(const struct delay_link *link);

/* link outlives the line. Empty; nothing is allocated. */
void delay_line_init(struct delay_line *line, struct delay_link *link);

/* Drops what it holds; it can be used again. */
void delay_line_clear(struct delay_line *line);

/* What is put in before that time travels as if it had been put in then. */
void delay_line_hold(struct delay_line *line, uint64_t until_ns);

/* Whether nothing more should be put in until something was taken out: this is back pressure. */
bool delay_line_is_full(const struct delay_line *line);

/* Copies. False: no memory, and nothing was put in. Not after an end. */
bool delay_line_put(struct delay_line *line, const void *data, size_t length, uint64_t now_ns);

/* No byte follows. A RST may come after a FIN; it takes the place of one not yet taken. */
void delay_line_put_end(struct delay_line *line, enum delay_end end, uint64_t now_ns);

/* When there is something to take; DELAY_NEVER: nothing is under way. */
uint64_t delay_line_due(const struct delay_line *line);

/* The bytes that are due, as up to `most` pieces; returns how many. They stay until they are taken.
 */
int delay_line_gather(const struct delay_line *line, uint64_t now_ns, struct iovec *out, int most);
void delay_line_take(struct delay_line *line, size_t length);

/* The end if it is due and all bytes were taken, else DELAY_OPEN. Once only. */
enum delay_end delay_line_take_end(struct delay_line *line, uint64_t now_ns);

#endif
