/* The command line of results-server. */
#ifndef FLATLINE_RESULTS_SERVER_OPTIONS_H
#define FLATLINE_RESULTS_SERVER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
    const char *listen;
    const char *store;
    const char *token, *tls_cert, *tls_key; /* files; NULL: none */
    const char *influx;                     /* URL; NULL: none */
    uint64_t host_timeout_ns;
    uint64_t io_timeout_ns; /* for a client to send, and to take its answer */
    uint64_t max_body;
    bool seccomp; /* a filter of system calls while it serves */
    bool verbose;
};

/* All strings point into argv. Ends the process after --help, --version and on bad usage. */
void options_read(struct options *options, int argc, char **argv);

#endif
