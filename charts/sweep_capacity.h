/*
 * The sheet of a capacity run: what a client takes to connect, its round trips, the server's memory
 * and what of it falls to each, all against the client, the way up and the way back over each
 * other. Written as SVG and as PDF.
 */
#ifndef FLATLINE_CHARTS_SWEEP_CAPACITY_H
#define FLATLINE_CHARTS_SWEEP_CAPACITY_H

#include <stdbool.h>
#include <stddef.h>

struct sweep_point {
    double x, y;
    double low, high; /* of what y is the median of */
};

struct sweep_curve {
    const struct sweep_point *points; /* in order of x */
    size_t count;                     /* 0: not measured */
};

#define SWEEP_CAPACITY_PANELS 4

struct sweep_panel {
    const char *title; /* "Connect time" */
    const char *text;  /* what to see in it, one line */
    bool durations;    /* y in us, on a log scale; else y in `unit`, from zero */
    const char *unit;  /* "MB" */
    struct sweep_curve up, down;
};

struct sweep_capacity_sheet {
    const char *title, *subtitle; /* the answer; what was measured */
    const char *x_name;           /* "open connections" */
    double x_top;
    struct sweep_panel panels[SWEEP_CAPACITY_PANELS];
};

/* Writes DIR/capacity.svg and DIR/capacity.pdf, each whole or not at all. False: *error holds one
 * line. */
bool sweep_capacity_draw(const struct sweep_capacity_sheet *sheet, const char *dir, char *error,
                         size_t cap);

#endif
