/*
 * What authors and subscribers have in common: members, each with a connection of its own that it
 * makes again when it is lost, in a run that ends when all are done, by a signal, or by their own
 * end. A member that fails does not end the run of the others.
 */
#ifndef FLATLINE_CLIENT_PARTY_H
#define FLATLINE_CLIENT_PARTY_H

#include "stress-client/reconnect.h"
#include "stress-client/tally.h"

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct party;

enum member_state {
    MEMBER_WAITING, /* for the timer, then connects */
    MEMBER_CONNECTING,
    MEMBER_OPEN,
    MEMBER_CLOSING, /* as wanted */
    MEMBER_FINISHED,
};

/* The first part of an author or subscriber. */
struct member {
    struct party *party;
    uint32_t number; /* from 1; also that of its connections */
    enum member_state state;
    struct client *client;
    struct call *call; /* the member's own to set; cancelled when the party stops */
    struct reconnect reconnect;
    ev_timer timer;
    bool goaway;
};

struct party_ops {
    /* The connection is usable, and carries no call. */
    void (*on_open)(struct member *member);
    /* Nothing is left to do: the connection's end is the member's. */
    bool (*is_done)(const struct member *member);
    /* The party stops, and the connection is usable: it ends with member_close, at once or soon.
     * NULL: its call is cancelled. */
    void (*on_stop)(struct member *member);
    /* Carries out the driver's commands, see telemetry.h. NULL: unsupported. */
    bool (*command)(struct party *party, enum page_command_op op, uint64_t argument,
                    enum page_command_result *result);
};

struct party_config {
    struct engine_loop *loop;
    struct client_target *target;
    const char *address; /* for messages */
    struct tally *tally;
    struct telemetry *telemetry; /* NULL by hand */
    uint64_t retry_limit;        /* reconnects in a row */
    bool secure;
};

/* Embedded in its owner, set up by party_init. */
struct party {
    struct party_config config;
    const struct party_ops *ops;
    struct telemetry_hooks hooks;
    struct rng rng;
    size_t busy; /* members not finished */
    bool stopping;
    int status; /* enum exit_status */
    char failure[640];
    struct member *(*member)(struct party *party, size_t index);
    size_t members;
    ev_signal sigterm, sigint;
};

/* `member` gives each of the `members`, all zero. */
void party_init(struct party *party, const struct party_config *config, const struct party_ops *ops,
                struct member *(*member)(struct party *party, size_t index), size_t members);

/*
 * Returns when all members have finished, or after a second signal: STATUS_PASSED, _INTERRUPTED, or
 * what party_fail set.
 */
int party_run(struct party *party);

/* Everybody ends what is under way, from the loop's own callbacks. */
void party_stop(struct party *party);

/* Keeps the first line; the run goes on, and ends with the status. */
void party_fail(struct party *party, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* False if party_run returned while connections were still open: then free nothing, but exit. */
bool party_is_idle(const struct party *party);

/* The peer showed that it is alive. */
void member_alive(struct member *member);

/* Ends the connection as wanted: another follows unless the member is done or the party stops. */
void member_close(struct member *member);

/* The connection takes no call, or ended one: its end is on its way, or brought about, and counts
 * as a loss. */
void member_refused(struct member *member);

#endif
