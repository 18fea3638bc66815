/* The server that is looked into: one of ours, or the first of a scenario that has no TLS. */
#ifndef FLATLINE_DRIVER_SWEEP_FLAME_IMPL_H
#define FLATLINE_DRIVER_SWEEP_FLAME_IMPL_H

#include "driver/guardian.h"
#include "driver/preflight.h"
#include "driver/scenario.h"
#include "driver/sweep/words.h"

#include <limits.h>
#include <stdbool.h>

#define FLAME_VERSION 64

struct flame_impl {
    const char *name;
    bool ours;
    char program[PATH_MAX]; /* what is executed */
    char
        version[FLAME_VERSION]; /* "0.1.0", "1.14.1-node-20.20.2"; what is not known is "unknown" */
    char version_line[256];     /* all that it says */
    struct scenario scenario;   /* of somebody else's; what component points into */
    const struct component *component; /* NULL: ours */
};

/*
 * Finds what `name` stands for (see the table in the .c file), in `scenario_file` if that is not
 * NULL, and checks that it can be executed. False: *error holds one line; *usage says whether it is
 * the command line's or the file's fault. To be cleared either way.
 */
bool flame_impl_find(struct flame_impl *impl, const char *name, const char *scenario_file,
                     const struct programs *programs, bool *usage, char *error, size_t cap);
void flame_impl_clear(struct flame_impl *impl);

/* Its command line on that port, by way of env(1) for what the scenario adds to its environment. */
void flame_impl_add(const struct flame_impl *impl, int port, struct words *words);

/* Asks it for its version: its command with --version behind it. log takes what it says. */
void flame_impl_ask_version(struct flame_impl *impl, const struct guardian *guardian,
                            const char *log);

#endif
