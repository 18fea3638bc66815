/*
 * A peer of a routine: a member of a party, subscribed to its room, publishing by schedule in
 * streams of PEER_STREAM_NS each, one after another. A stream costs a twentieth of what a call for
 * each event does (docs/relay.md), and its receipt, which follows the last event, says that the
 * broker has them all; what falls due meanwhile waits for the receipt, late and counted so.
 *
 * Nothing is queued here: an event that cannot be sent is a number in the schedule until it can be
 * or has expired, however long that takes.
 */
#ifndef FLATLINE_CLIENT_PEER_H
#define FLATLINE_CLIENT_PEER_H

#include "stress-client/party.h"
#include "stress-client/peer_clock.h"
#include "stress-client/peer_counts.h"
#include "stress-client/peer_room.h"

#define PEER_STREAM_NS (2 * NS_PER_S)

/* What the peers of a process share. */
struct peer_world {
    const struct script *script;
    struct peer_clock *clock; /* an alarm for each */
    struct peer_counts *counts;
    uint64_t limits[SCRIPT_KINDS]; /* events that each sends of a kind; UINT64_MAX: for ever */
    uint8_t *scratch;              /* PEER_SCRATCH bytes: an event as it goes out */
    bool paused;
    /* A peer is in its room for the first time; has sent all and has the receipts. */
    void (*on_joined)(void *user);
    void (*on_sent)(void *user);
    void *user;
};

#define PEER_SCRATCH (GRPC_PREFIX + EVENT_MAX)

/* How far it is in a kind. */
struct peer_lot {
    uint64_t next;                  /* number of the event that is due next, from 0 */
    uint64_t due_ns;                /* of it, from the peer's beginning */
    struct peer_amount unconfirmed; /* sent in the stream under way */
};

struct peer {
    struct member member; /* its call is the subscription */
    struct peer_world *world;
    struct peer_room *room;
    struct peer_heard heard;
    uint64_t author, sequence; /* of the last event sent */
    uint64_t confirmed;        /* the last one that the broker has */
    uint64_t begun_ns;         /* monotonic, moved on by pauses; 0: not yet */
    struct call *publish;      /* the stream under way */
    uint64_t stream_ns;        /* its beginning */
    uint64_t receipt;          /* what it said */
    uint8_t *rest;             /* of an event that was cut by flow control, from rest_sent on */
    uint32_t rest_size, rest_sent;
    struct peer_alarm alarm; /* something is due; or, when leaving, that has taken long enough */
    bool joined, subscribed, half_closed, leaving, sent;
    struct peer_lot lots[SCRIPT_KINDS];
};

/* Of a peer that is all zero. Its sequence goes on from what is given. */
void peer_init(struct peer *peer, struct peer_world *world, struct peer_room *room, uint64_t author,
               uint64_t sequence);
/* When nothing of it is under way any more. */
void peer_free(struct peer *peer);

/* Its schedule begins at begun_ns. */
void peer_begin(struct peer *peer, uint64_t begun_ns);
/* After world->paused was set: what is under way ends, and the subscription stays. */
void peer_pause(struct peer *peer);
/* After it was cleared: the schedule goes on where it was. */
void peer_resume(struct peer *peer, uint64_t paused_ns);

/* For a party: joins; and leaves, with the receipt for what was sent. */
extern const struct party_ops peer_ops;

#endif
