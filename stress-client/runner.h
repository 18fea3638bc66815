/*
 * Runs a plan: its groups in order, each on its lanes; obeys signals and the driver's commands.
 *
 * SIGTERM and SIGINT: no more work is started, endless streams are cancelled, calls under way have
 * 250 ms to finish, connections close gracefully (within a second); a second signal ends at once.
 */
#ifndef FLATLINE_CLIENT_RUNNER_H
#define FLATLINE_CLIENT_RUNNER_H

#include "common/child/telemetry.h"
#include "common/engine/client.h"
#include "stress-client/plan.h"
#include "stress-client/routine.h"
#include "stress-client/tally.h"

#include <stdbool.h>
#include <stdint.h>

struct runner_config {
    struct engine_loop *loop;
    struct client_target *target;
    const char *address; /* for messages */
    const struct plan *plan;
    struct tally *tally;
    struct telemetry *telemetry; /* NULL by hand */
    enum routine_service service;
    enum grpc_encoding encoding; /* of requests; replies must be compressed, too */
    uint32_t calls_at_once;      /* on each connection */
    uint64_t retry_limit;        /* reconnects in a row, RECONNECT_FOR_EVER */
    uint64_t call_timeout_ns;    /* of each call; 0: none */
    uint64_t cancel_after;       /* routine.h */
    uint32_t message_size;       /* likewise */
    bool secure, abortive, overrun, new_header;
};

struct runner;

/* Everything in config outlives the runner. NULL: out of memory. */
struct runner *runner_new(const struct runner_config *config);
void runner_free(struct runner *runner);

/*
 * Returns when the plan is done, or the run failed or was stopped: STATUS_PASSED (also after
 * SIGTERM), STATUS_FAILED or STATUS_INTERRUPTED (SIGINT).
 */
int runner_run(struct runner *runner);

/* What went wrong, one line; NULL unless runner_run returned STATUS_FAILED. */
const char *runner_failure(const struct runner *runner);

/* False if runner_run returned while connections were still open: then free nothing, but exit. */
bool runner_is_idle(const struct runner *runner);

#endif
