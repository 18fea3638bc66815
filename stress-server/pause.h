/*
 * Holding back what a server sends on its own account: streams whose replies go on for ever without
 * a request for each. While a pause is on they begin no message; connections and streams stay, and
 * every call that has an end goes on. One per loop, of its thread alone.
 */
#ifndef FLATLINE_STRESS_SERVER_PAUSE_H
#define FLATLINE_STRESS_SERVER_PAUSE_H

#include "common/engine/grpc.h"

/* A call that a pause holds back, in the call's state. All zero: not held. */
struct held {
    struct call *call;
    struct held *next, **link;
};

/* All zero: none. */
struct pause {
    bool on;
    struct held *first;
};

/* In produce, between messages: whether to begin none. The call is resumed when the pause ends. */
bool pause_holds(struct pause *pause, struct held *held, struct call *call);

/* In on_done. */
void pause_forget(struct held *held);

/* On: from the next message on. Off: the calls held go on. */
void pause_set(struct pause *pause, bool on);

#endif
