/*
 * What a run needs of the machine, looked at before anything is started: each lack is one line with
 * its remedy.
 */
#ifndef FLATLINE_DRIVER_PREFLIGHT_H
#define FLATLINE_DRIVER_PREFLIGHT_H

#include "driver/scenario.h"

#include <limits.h>

struct programs {
    char server[PATH_MAX], client[PATH_MAX];
    char probe[PATH_MAX]; /* the preload shim; empty if nobody needs it */
    char uploader[PATH_MAX];
};

/*
 * The stress programs that belong to this driver: beside it in the build tree or in its own folder
 * when installed. False: *error holds one line.
 */
bool preflight_programs(struct programs *programs, char *error, size_t cap);

/* The uploader, for a run that reports to a results server, found likewise. */
bool preflight_uploader(char path[PATH_MAX], char *error, size_t cap);

/* The programs of others that the scenario names. */
bool preflight_commands(const struct scenario *scenario, char *error, size_t cap);

/* The shim, for components with a coverage. */
bool preflight_probe(const struct scenario *scenario, struct programs *programs, char *error,
                     size_t cap);

/* Raises the soft limit of open files up to the hard one where needed. */
bool preflight_files(const struct scenario *scenario, char *error, size_t cap);

/* The caps are twice what a healthy process takes, so half of their sum must be there. */
bool preflight_memory(const struct scenario *scenario, char *error, size_t cap);

bool preflight_ports(const struct scenario *scenario, char *error, size_t cap);

#endif
