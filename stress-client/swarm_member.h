/*
 * One client of a swarm: a connection of its own, and in each of its turns one call on it whose
 * messages bear running numbers. A turn ends once: well, or with the fault that ended it.
 */
#ifndef FLATLINE_CLIENT_SWARM_MEMBER_H
#define FLATLINE_CLIENT_SWARM_MEMBER_H

#include "common/base/rng.h"
#include "common/contract/swarm.h"
#include "common/engine/client.h"
#include "stress-client/tally.h"

#include <stdbool.h>

struct swarm_member;

/* What the members share; outlives them. */
struct swarm_world {
    struct engine_loop *loop;
    struct client_target *target;
    struct tally *tally;
    struct rng rng;
    bool secure;
    uint64_t reply_limit_ns; /* for each reply */
    bool paused;             /* never: what routine.h asks for */
    /*
     * A turn is over, or (phase HELD) a connection that stood idle was lost. text: one line, valid
     * during the callback, "" without a fault. Not called from inside a verb below.
     */
    void (*on_turn)(void *user, const struct swarm_turn *turn, const char *text);
    /* A connection that was released is closed. */
    void (*on_released)(void *user);
    void *user;
};

/* NULL: out of memory. */
struct swarm_member *swarm_member_new(struct swarm_world *world, uint32_t number);

/* Connections must be closed, or the loop must not run any more. Takes NULL. */
void swarm_member_free(struct swarm_member *member);

/*
 * A turn: on the connection that is open (TOP), or else on a new one, for which DOWN first closes
 * the one that was held. Then `messages` messages, each answered before the next. keep: the
 * connection stays open and idle, if all went well.
 */
void swarm_member_begin(struct swarm_member *member, enum swarm_phase phase, uint64_t messages,
                        bool keep);

/* Whether a connection stands idle. */
bool swarm_member_is_held(const struct swarm_member *member);

/* Closes the connection that stands idle; on_released follows. */
void swarm_member_release(struct swarm_member *member);

#endif
