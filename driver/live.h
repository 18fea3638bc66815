/*
 * What the person who waits sees: on a terminal a progress bar that is drawn over, else one line
 * every 10 s. On standard error, so that the result on standard output stays alone.
 */
#ifndef FLATLINE_DRIVER_LIVE_H
#define FLATLINE_DRIVER_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct live_state {
    bool begun;
    uint64_t elapsed_ns, duration_ns; /* of the run, from begun on */
    unsigned up, total;
    double calls_per_s;
    unsigned kills, recoveries;
    double share;           /* the highest share of a cap, 0 to 1 */
    const char *share_name; /* whose; may be NULL */
};

/* Into out, without a newline; a bar of at most `columns` visible characters. Return out. */
char *live_format_line(const struct live_state *state, char *out, size_t cap);
char *live_format_bar(const struct live_state *state, unsigned columns, bool colour, char *out,
                      size_t cap);

struct live {
    bool terminal, colour;
    uint64_t calls, calls_ns; /* the last count and when, for the rate */
    double rate;
};

/* A bar if standard error is a terminal that can draw over a line; colours unless NO_COLOR is set.
 */
void live_init(struct live *live);

/* The run begins: the rate counts from here. */
void live_begin(struct live *live, uint64_t calls, uint64_t now_ns);

/* How often live_show is to be called, seconds. */
double live_period(const struct live *live);

/* Shows the state, whose calls_per_s is filled in here from the count of calls so far. */
void live_show(struct live *live, struct live_state *state, uint64_t calls, uint64_t now_ns);

/* Wipes the bar, before anything else is written and at the end. */
void live_clear(const struct live *live);

#endif
