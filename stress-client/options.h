/* The command line of stress-client. */
#ifndef FLATLINE_CLIENT_OPTIONS_H
#define FLATLINE_CLIENT_OPTIONS_H

#include "common/contract/leak_spec.h"
#include "common/engine/grpc.h"
#include "stress-client/peer_options.h"
#include "stress-client/plan.h"
#include "stress-client/relay_options.h"
#include "stress-client/routine.h"

#include <stdbool.h>
#include <stdint.h>

/* Of --swarm, as swarm.h has them. */
struct swarm_options {
    uint64_t clients; /* 0: no swarm */
    uint64_t messages_from, messages_to, rate, stay_ns;
    bool hold, together, back;
    const char *csv; /* NULL: none */
};

struct options {
    const char *host;
    int port;
    bool secure;
    bool no_validation;
    bool tls_resume;
    bool system_store;
    const char *store_path;                      /* NULL: none given */
    uint64_t keepalive_ns, keepalive_timeout_ns; /* client.h; 0: not given */
    uint64_t connect_timeout_ns;                 /* the same */
    uint64_t calls_at_once;                      /* on each connection; 0: not given, 1 */
    bool abortive;
    enum routine_service service;
    uint64_t call_timeout_ns;    /* 0: no deadline */
    uint64_t cancel_after;       /* replies; 0: never */
    bool overrun;                /* a request too many in each non-streaming call */
    bool new_header;             /* each call has one of a value that was never sent before */
    uint64_t message_size;       /* body bytes of each request; 0: 128 to 256 */
    enum grpc_encoding encoding; /* of requests, and then replies must be compressed */
    uint64_t retry;              /* UINT64_MAX: not given */
    bool json;
    bool verbose;
    bool probe;
    const char *interop_case;                                 /* or "all"; NULL: none */
    uint64_t soak_iterations, soak_latency_ns, soak_failures; /* interop.h; UINT64_MAX: not given */
    struct swarm_options swarm;
    struct relay_options relay;
    struct peer_options peers;
    uint64_t timeout_ns; /* of the probe, of an interop case, of a swarm's replies; 0: not given */
    int telemetry_fd;    /* -1: by hand */
    const char *profile_dir;
    struct leak_spec leak;       /* bytes 0: none */
    struct healthy_spec healthy; /* the same */
    struct plan *plan;
};

/* Fills *options, checked as a whole; exits by itself on --help, --version and bad usage. */
void options_read(struct options *options, int argc, char **argv);

#endif
