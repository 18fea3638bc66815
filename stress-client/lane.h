/*
 * A lane makes the connections of a group one after another, and on each of them the calls of the
 * group's list, begun in their order, as many at once as the world says. A concurrent group has as
 * many lanes as connections. After a loss the lane reconnects and starts the interrupted calls
 * anew.
 */
#ifndef FLATLINE_CLIENT_LANE_H
#define FLATLINE_CLIENT_LANE_H

#include "common/base/rng.h"
#include "common/engine/client.h"
#include "stress-client/plan.h"
#include "stress-client/routine.h"
#include "stress-client/tally.h"

#include <stdbool.h>
#include <stdint.h>

struct lane;

/* What all lanes share. Lives longer than they; the callbacks come from the loop. */
struct lane_world {
    struct engine_loop *loop;
    struct client_target *target;
    const char *address; /* "127.0.0.1:50051", for messages */
    const struct plan *plan;
    struct tally *tally;
    struct rng rng;
    enum routine_service service;
    enum grpc_encoding encoding;
    uint32_t calls_at_once;   /* on a connection; 1 or more, fixed */
    uint64_t retry_limit;     /* reconnects in a row, RECONNECT_FOR_EVER */
    uint64_t call_timeout_ns; /* routine.h; so are the next four */
    uint64_t cancel_after;
    bool overrun, new_header;
    uint32_t message_size;
    bool secure;   /* record TLS handshakes */
    bool abortive; /* close by reset */
    bool holding;  /* hold receive windows shut */
    bool paused;   /* start no call, send nothing on endless streams */
    bool stopping; /* start nothing, finish */

    /* Gives the number of the next connection to make; false: there is none left. */
    bool (*on_next)(void *user, uint32_t *number);
    /* The lane is idle: it came to its end, gave up or stopped. */
    void (*on_idle)(void *user);
    /* Something that cannot heal: one line. The lane becomes idle by itself. */
    void (*on_failure)(void *user, const char *line);
    void *user;
};

/* NULL: out of memory. */
struct lane *lane_new(struct lane_world *world);

/* Only while idle. Takes NULL. */
void lane_free(struct lane *lane);

/* Takes up the work of a group, while idle; on_idle follows. */
void lane_start(struct lane *lane, const struct plan_group *group);

/* world->paused was cleared. */
void lane_resume(struct lane *lane);

/* world->stopping was set: ends what can end well by itself, cancels endless streams. */
void lane_stop(struct lane *lane);

/* Nemeses. world->holding has changed. */
void lane_hold(struct lane *lane);

/* Cancels the calls under way, which are then started anew: no loss and no error. */
void lane_cancel(struct lane *lane);

/* Ends the connection by RST and makes another at once: no loss either. */
void lane_reset(struct lane *lane);

/* Cancels the calls that lane_stop left to finish. */
void lane_hurry(struct lane *lane);

#endif
