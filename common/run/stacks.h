/*
 * Collapsed stacks, one a line, "root;...;leaf BYTES": in RUN/evidence/NAME/ of what was allocated
 * while a component was watched and was still live at the end; in a flame run of what was allocated
 * at all, or of the processor's time, in samples instead of bytes.
 */
#ifndef FLATLINE_RUN_STACKS_H
#define FLATLINE_RUN_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_EVIDENCE "evidence"
#define RUN_STACKS_FILE "stacks.folded"
#define RUN_FLAME_FILE "flame.html"
#define RUN_WHY_FILE "why.txt" /* one line: why there are no stacks */

struct run_stack {
    char *frames;  /* separated by ';', the root first */
    int64_t bytes; /* or samples */
};

/* The heaviest first. */
struct run_stacks {
    struct run_stack *items;
    size_t count;
    int64_t total; /* bytes */
};

/* RUN/evidence/NAME/FILE into out, whatever the name: never a path out of there. Returns out. */
char *run_evidence_path(const char *run_dir, const char *component, const char *file, char *out,
                        size_t cap);

/*
 * Reads a file of collapsed stacks, freed ones (negative) included. False: *error holds one line
 * and there is nothing to free.
 */
bool run_stacks_read(struct run_stacks *stacks, const char *path, char *error, size_t cap);

/* One a line, as they are. False: *error holds one line. */
bool run_stacks_write(const struct run_stacks *stacks, const char *path, char *error, size_t cap);

/*
 * Sets what was freed against what stayed, and leaves out what comes to nothing. A connection that
 * was replaced by one whose handshake went another way is one stack less and another more: so it is
 * set against stacks whose three nearest frames are the same, then against the same function.
 */
void run_stacks_settle(struct run_stacks *stacks);

/* Adds the bytes of equal stacks up and puts the heaviest first. */
void run_stacks_merge(struct run_stacks *stacks);

void run_stacks_free(struct run_stacks *stacks);

#define RUN_GUILTY_FRAMES 256

/* Who allocated most of what stayed. */
struct run_guilty {
    char frames[RUN_GUILTY_FRAMES]; /* "planted_leak_call <- service_done <- ...", the nearest
                                       first; empty: not known, see why */
    int64_t bytes, total;           /* by that function; by all */
    bool flame;                     /* there is a flame page */
    char why[200];                  /* why it is not known */
};

/* False: no evidence was gathered of that component. */
bool run_guilty_read(struct run_guilty *guilty, const char *run_dir, const char *component);

/* "allocated in planted_leak_call <- ... (31 MB of the 32 MB that stayed)". Returns out. */
char *run_guilty_format(const struct run_guilty *guilty, char *out, size_t cap);

#endif
