/*
 * The command of each component: what is executed, and the same as a shell would take it. The
 * telemetry page is always handed down as FLEET_PAGE_FD.
 */
#ifndef FLATLINE_DRIVER_FLEET_H
#define FLATLINE_DRIVER_FLEET_H

#include "driver/scenario.h"

#define FLEET_PAGE_FD 3

struct fleet_paths {
    const char *server, *client; /* our programs */
    const char *tls_dir;         /* holds cert.pem and key.pem */
    const char *probe;           /* the shim; of components with a coverage only */
    const char *evidence_dir;    /* heap profiles go to a folder in it; NULL: none are wanted */
    char *const *environment;    /* of every component; see fleet_command */
    const char *trust;           /* PEM: what our clients trust */
    bool keepalive;              /* our programs are to find half-open connections */
};

struct fleet_command {
    char **argv; /* ended by NULL */
    char *shell; /* quoted where needed */
    /* That of the paths, and what the scenario adds to it. NULL: just that of the paths. */
    char **environment;
    char **probe; /* asks for its health, where its readiness needs that; else NULL */
};

struct fleet {
    const struct scenario *scenario;
    struct fleet_command *commands; /* beside scenario->components */
};

/* scenario must outlive the fleet. NULL: out of memory. */
struct fleet *fleet_new(const struct scenario *scenario, const struct fleet_paths *paths);
void fleet_free(struct fleet *fleet);

/* argv as a POSIX shell would take it; the caller frees it. NULL: out of memory. */
char *fleet_quote(char *const *argv);

#endif
