/*
 * Finds a peer that is gone without a word: a PING so often, whatever else is sent; the connection
 * ends with CLIENT_TIMEOUT if one is not answered in time. Of either end (github.com/grpc/proposal:
 * A8-client-side-keepalive.md, A9-server-side-conn-mgt.md). Embedded in whoever owns the session.
 */
#ifndef FLATLINE_ENGINE_KEEPALIVE_H
#define FLATLINE_ENGINE_KEEPALIVE_H

#include "common/engine/session.h"

struct keepalive {
    struct session *session;
    uint64_t every_ns, timeout_ns;
    ev_timer timer; /* until the next PING, or until the answer is overdue */
    bool awaits_pong;
    bool overdue; /* its time was over; looked at once more, in the next turn */
};

/* every_ns 0: never. session outlives it. */
void keepalive_init(struct keepalive *k, struct session *session, uint64_t every_ns,
                    uint64_t timeout_ns);

/* The session is open. */
void keepalive_start(struct keepalive *k);

/* A PING was answered. */
void keepalive_pong(struct keepalive *k);

/* Before the connection is released. */
void keepalive_stop(struct keepalive *k);

#endif
