/*
 * The hub of flatline.v1.Relay: topics, who listens on them, and what each has still to get. Shared
 * by all loops; knows no calls.
 *
 * An event is kept once, as the bytes that go out, for as long as a reader has not let go of it. A
 * reader's queue is no list of its own but a place in the topic's, so that it costs the same
 * whether the reader keeps up or not, and a topic never keeps more than the queue's limit, and one
 * event in each reader's hands. A topic is there while it has a reader.
 */
#ifndef FLATLINE_STRESS_SERVER_RELAY_H
#define FLATLINE_STRESS_SERVER_RELAY_H

#include "proto/event.h"

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* What befalls a subscriber whose queue is full when the next event comes. */
#define RELAY_POLICY_TABLE(X)                                                 \
    X(DROP_OLDEST, "drop-oldest") /* it loses the oldest of its queue */      \
    X(DISCONNECT, "disconnect")   /* its call ends with RESOURCE_EXHAUSTED */ \
    X(BLOCK, "block")             /* publishers on its topic wait until it has caught up */

#define RELAY_POLICY_ENUM(ident, name) RELAY_##ident,
enum relay_policy { RELAY_POLICY_TABLE(RELAY_POLICY_ENUM) RELAY_POLICIES };
#undef RELAY_POLICY_ENUM

struct relay_config {
    enum relay_policy policy;
    uint64_t queue; /* events that a subscriber may be behind; 1 and up */
};

/* Since the start. Once nobody listens any more: offered = delivered + dropped + undelivered. */
#define RELAY_COUNT_TABLE(X)                                                                   \
    X(accepted)     /* events published */                                                     \
    X(offered)      /* of each, one for each subscriber that it was queued for */              \
    X(delivered)    /* of them, written whole into the subscriber's stream */                  \
    X(dropped)      /* by the policy: the oldest of a queue, or all of one that was cut off */ \
    X(undelivered)  /* still due when the subscriber went away */                              \
    X(disconnected) /* subscribers cut off by the policy */                                    \
    X(blocked)      /* how often a publisher had to wait */

#define RELAY_COUNT_MEMBER(name) uint64_t name;
struct relay_counts {
    RELAY_COUNT_TABLE(RELAY_COUNT_MEMBER)
};
#undef RELAY_COUNT_MEMBER

struct relay;
struct relay_port;

/* NULL: out of memory. */
struct relay *relay_new(const struct relay_config *config);
/* After its ports. Takes NULL. */
void relay_free(struct relay *relay);
/* From any thread. */
void relay_get_counts(struct relay *relay, struct relay_counts *counts);

/* A loop's end of the hub. All that follows is of the loop's thread. NULL: out of memory. */
struct relay_port *relay_port_new(struct relay *relay, struct ev_loop *ev);
/* Without a reader or writer left. Takes NULL. */
void relay_port_free(struct relay_port *port);

/* An event with the prefix that gRPC puts before it: wire[GRPC_PREFIX] is the message's first. */
struct relay_event {
    TAILQ_ENTRY(relay_event) entry; /* its maker's until it is published */
    uint64_t arrived_ns;            /* its maker's as well */
    uint32_t waiting;               /* readers that have not let go of it */
    uint32_t size;                  /* of wire */
    uint8_t wire[];
};

TAILQ_HEAD(relay_events, relay_event);

/* Of a message of so many bytes, at most EVENT_MAX, which the maker fills in. NULL: no memory. */
struct relay_event *relay_event_new(uint32_t message);
/* One that was not published. Takes NULL. */
void relay_event_free(struct relay_event *event);

/* Who is told of something by the hub, from the port's loop and outside of the hub's lock. */
struct relay_waiter {
    TAILQ_ENTRY(relay_waiter) entry;
    struct relay_waiters *list; /* that it is on; NULL: none */
    struct relay_port *port;
    void (*wake)(struct relay_waiter *waiter);
};

TAILQ_HEAD(relay_waiters, relay_waiter);

struct relay_topic;

/* A subscriber's place. Woken when there is an event again, or when it was cut off. */
struct relay_reader {
    struct relay_waiter waiter;
    TAILQ_ENTRY(relay_reader) entry;
    struct relay_topic *topic; /* NULL: not subscribed */
    struct relay_event *held;  /* in its hands: at most this one is neither queued nor done */
    struct relay_event *next;  /* the oldest that is queued; NULL: it has caught up */
    uint64_t queued;           /* events from there on */
    bool full;                 /* publishers wait for it */
    bool cut_off;              /* by the policy: nothing more comes */
};

/* Sets the reader up, which is all zero; wake is called from then on. False: out of memory. */
bool relay_subscribe(struct relay_port *port, struct relay_reader *reader, const char *topic,
                     size_t size, void (*wake)(struct relay_waiter *waiter));

/* The next event, which stays until the next call of this or of relay_unsubscribe; the one before
 * counts as delivered. NULL: it has caught up. */
const struct relay_event *relay_next(struct relay_reader *reader);

/* delivered: so was the event in its hands. Takes a reader that is all zero. */
void relay_unsubscribe(struct relay_reader *reader, bool delivered);

/* A publisher, all zero but for wake: called when it is worth to try again. */
struct relay_writer {
    struct relay_waiter waiter;
};

/* Hands the event over to all who listen to its topic. False: a subscriber's queue is full and the
 * policy is to wait: the event stays the caller's, and the writer is woken. */
bool relay_publish(struct relay_port *port, struct relay_writer *writer, struct relay_event *event,
                   const struct event_view *view);

/* The writer waits no longer. Takes one that never did. */
void relay_forget(struct relay_writer *writer);

#endif
