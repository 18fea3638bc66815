/*
 * A flame page: one file that needs no network, since d3-flame-graph is copied in. The same for
 * what stayed on a heap, for what was allocated, for processor time, and for the difference of two.
 */
#ifndef FLATLINE_CHARTS_FLAME_PAGE_H
#define FLATLINE_CHARTS_FLAME_PAGE_H

#include "common/run/stacks.h"

#include <stdbool.h>
#include <stddef.h>

/* What a width is: identifier, as the page's script knows it. */
#define FLAME_UNIT_TABLE(X) \
    X(BYTES, "bytes")       \
    X(SAMPLES, "samples")   \
    X(SHARES, "shares") /* the difference of two profiles, in millionths */

#define FLAME_UNIT_ENUM(ident, name) FLAME_##ident,
enum flame_unit { FLAME_UNIT_TABLE(FLAME_UNIT_ENUM) FLAME_UNITS };
#undef FLAME_UNIT_ENUM

/* Words are plain text. */
struct flame_page {
    const char *title;       /* of the window */
    const char *heading;     /* the answer, in a few words */
    const char *explanation; /* what is shown, and what a width is */
    const char *finding;     /* set off from it; NULL: none */
    bool alarm;              /* something is wrong, and this is the proof */
    enum flame_unit unit;
    const struct run_stacks *stacks;
    const struct run_stacks *base; /* of SHARES: what stacks is compared with; else NULL */
};

/*
 * Whether this build can draw them; *dir becomes the folder of the templates. False: *error holds
 * one line.
 */
bool flame_page_possible(char *dir, size_t dir_cap, char *error, size_t cap);

/* DIR/NAME, replaced atomically; template_dir as above. False: *error holds one line. */
bool flame_page_draw(const struct flame_page *page, const char *template_dir, const char *dir,
                     const char *name, char *error, size_t cap);

#endif
