/*
 * What a peer may not do, whether or not HTTP/2 has a word for it: its connection ends with GOAWAY
 * ENHANCE_YOUR_CALM, and is dropped SESSION_GOODBYE_NS later if it does not read that
 * (docs/attacks.md). How much is too much is said in guard.h and session.h.
 */
#ifndef FLATLINE_ENGINE_SESSION_LIMITS_H
#define FLATLINE_ENGINE_SESSION_LIMITS_H

#include "common/engine/session_internal.h"

/* What a gRPC server says in GOAWAY to a client that PINGs too often
 * (github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md). */
#define SESSION_TOO_MANY_PINGS "too_many_pings"

/* A frame came, or must be sent, that is no work. */
void session_spend(struct session *s);

/* A PING came: too often, while nothing is sent that could excuse it, is too much. */
void session_count_ping(struct session *s);

/* A header list that no one could mean. */
void session_end_bomb(struct session *s);

#endif
