/*
 * One call of each kind, as a table of engine callbacks: it makes the requests on demand, checks
 * the length and the number of the replies, and measures round trips. It knows one call, not the
 * connection's fate: that is the lane's matter.
 *
 * Round trips: non-streaming and client-streaming from the start of the call to its reply (so with
 * the sending of all messages), server-streaming from the start to the first reply, bidi-streaming
 * from each message to its reply.
 */
#ifndef FLATLINE_CLIENT_ROUTINE_H
#define FLATLINE_CLIENT_ROUTINE_H

#include "common/base/rng.h"
#include "common/contract/page.h"
#include "common/engine/client.h"
#include "stress-client/plan.h"
#include "stress-client/tally.h"

#include <stdbool.h>

/* The services that can be called: identifier, option. */
#define ROUTINE_SERVICE_TABLE(X) \
    X(FLATLINE, "flatline")      \
    X(BENCHMARK, "benchmark")    \
    X(INTEROP, "interop")

#define ROUTINE_SERVICE_ENUM(ident, name) ROUTINE_##ident,
enum routine_service { ROUTINE_SERVICE_TABLE(ROUTINE_SERVICE_ENUM) ROUTINE_SERVICES };
#undef ROUTINE_SERVICE_ENUM

enum routine_fate {
    ROUTINE_DONE, /* as planned, every reply checked */
    ROUTINE_PART, /* well, but the plan's call wants another call like this */
    ROUTINE_LOST, /* cut short; an error only if the connection lives on without a GOAWAY */
    ROUTINE_BROKEN,
};

struct routine_end {
    enum routine_fate fate;
    bool cancelled;             /* DONE by our cancel: asked for, or the service's only end */
    enum page_event_kind error; /* LOST, BROKEN: what it is, if it is an error */
    int detail;                 /* gRPC status */
    const char *text;           /* LOST, BROKEN: one line, valid during the callback */
};

/* Whom a routine works for; lives longer than the call. */
struct routine_host {
    struct tally *tally;
    struct rng *rng;
    enum routine_service service;
    uint64_t progress; /* the routines': messages that earlier PARTs carried */
    enum grpc_encoding
        encoding;          /* FLATLINE: of requests; if not IDENTITY, replies must be compressed */
    uint64_t cancel_after; /* FLATLINE: cancel a call after so many replies; 0: never */
    uint64_t timeout_ns;   /* FLATLINE: deadline of each call; 0: none */
    bool numbered;         /* FLATLINE: messages bear their place in the call */
    struct histogram *rtt; /* FLATLINE: round trips are recorded here too; NULL: only in tally */
    bool overrun;    /* FLATLINE: a non-streaming call sends two requests, and must be refused */
    bool new_header; /* FLATLINE: each call has a header of a value that was never sent before */
    uint32_t message_size; /* FLATLINE: body bytes of each request, and replies of any size; 0: 128
                              to 256 both ways */
    const bool *paused;    /* while true an endless stream sends no further message */
    /*
     * The peer showed that it is alive: a reply came, or it let us send more than HTTP/2 allows
     * before it has spoken. Called often.
     */
    void (*on_alive)(struct routine_host *host);
    /* The call is over; last callback. */
    void (*on_done)(struct routine_host *host, const struct routine_end *end);
};

/* Starts the call; plan and host outlive it. NULL as client_call says. */
struct call *routine_start(struct client *client, const struct plan_call *plan,
                           struct routine_host *host);

#endif
