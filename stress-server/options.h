/* The command line of stress-server. */
#ifndef FLATLINE_STRESS_SERVER_OPTIONS_H
#define FLATLINE_STRESS_SERVER_OPTIONS_H

#include "common/base/options.h"
#include "common/contract/leak_spec.h"
#include "stress-server/relay.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTIONS_CHAIN_FILES 8

struct options {
    const char *host;
    int port; /* -1: not given, which only --make-cert allows */
    bool secure;
    const char *tls_pub; /* NULL: the default certificate of the state folder */
    const char *tls_chain[OPTIONS_CHAIN_FILES];
    size_t tls_chain_count;
    const char *tls_priv; /* NULL exactly when tls_pub is */
    int threads;          /* event loops, 1 to OPTIONS_THREADS_MAX */
    uint64_t drain_ns;
    uint64_t keepalive_ns, keepalive_timeout_ns, permit_keepalive_ns; /* server.h; 0: not given */
    uint64_t max_connections;                                         /* 0: no limit */
    struct relay_config relay;
    uint64_t message_size;    /* body bytes of each reply; 0: 128 to 256 */
    const char *event_db;     /* file; NULL: none */
    const char *make_cert;    /* folder; NULL: serve */
    const char *cert_address; /* that its certificate is for, too; may be NULL */
    int telemetry_fd;         /* -1: run by hand */
    const char *profile_dir;
    struct leak_spec leak;       /* bytes 0: none planted */
    struct healthy_spec healthy; /* the same */
    bool seccomp;                /* a filter of system calls while it serves */
    bool verbose;
};

/* All strings point into argv. Ends the process after --help, --version and on bad usage. */
void options_read(struct options *options, int argc, char **argv);

#endif
