/* A port for somebody else's server, which cannot be asked to choose one and say so. */
#ifndef FLATLINE_DRIVER_SWEEP_FREE_PORT_H
#define FLATLINE_DRIVER_SWEEP_FREE_PORT_H

#include <stddef.h>

/*
 * One of 127.0.0.1 that nobody listens on at this moment, below the kernel's ephemeral range, so
 * that no client of this machine is given it meanwhile. 0: none was found; *error holds one line.
 */
int free_port(char *error, size_t cap);

#endif
