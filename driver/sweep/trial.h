/*
 * One server and one swarm of clients, from the start of both to their end: what the capacity sweep
 * and its searches are made of. The server's end of the road is a result, not a failure.
 */
#ifndef FLATLINE_DRIVER_SWEEP_TRIAL_H
#define FLATLINE_DRIVER_SWEEP_TRIAL_H

#include "common/base/exit_status.h"
#include "common/contract/metric.h"
#include "common/contract/swarm.h"
#include "driver/guardian.h"
#include "driver/preflight.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trial_server {
    char *const
        *command;        /* somebody else's: words with {host}, {port}, {cert}, {key}; NULL: ours */
    const char *threads; /* of ours */
    uint64_t heap_cap;   /* RLIMIT_DATA, bytes; 0: none */
    uint64_t descriptors; /* RLIMIT_NOFILE; 0: as inherited */
    bool secure;
};

/* As stress-client's --swarm-... */
struct trial_swarm {
    uint64_t clients, messages_from, messages_to, rate, stay_ns, reply_limit_ns;
    bool hold, together, back;
};

struct trial_plan {
    struct guardian *guardian;
    const struct programs *programs;
    const char *dir; /* takes logs, CSV and certificates */
    struct trial_server server;
    struct trial_swarm swarm;
    uint64_t limit_ns; /* for all of it */
};

struct trial_sample {
    uint64_t time_ns;
    bool server;
    struct metric_values values;
};

struct trial {
    struct swarm_turn *turns; /* as the client wrote them */
    size_t turn_count;
    struct trial_sample *samples; /* in order of time */
    size_t sample_count;
    int server_pid, client_pid;
    int server_code, client_code; /* exit statuses; -1: ended by a signal */
    int port;
    uint64_t started_ns, ready_ns, swarm_ns, ended_ns; /* CLOCK_MONOTONIC; swarm: its start */
    uint64_t descriptors;                              /* that the server may have */
    uint64_t accepts_refused; /* as it counted itself; 0 too where it does not */
    int backlog;              /* the longest that its listen queue may be; 0: not known */
    bool server_died;
    char death[1024]; /* one line, if it did */
};

/*
 * Not PASSED: said in *error (empty if interrupted), and the trial holds what had come till then.
 * The caller frees it with trial_clear in any case.
 */
enum exit_status trial_run(const struct trial_plan *plan, struct trial *trial, char *error,
                           size_t cap);
void trial_clear(struct trial *trial);

#endif
