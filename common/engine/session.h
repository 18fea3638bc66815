/*
 * An HTTP/2 session that carries gRPC calls, for both ends: nghttp2's callbacks as adapters between
 * the connection's bytes and calls. Embedded in a server's connection and in a client.
 */
#ifndef FLATLINE_ENGINE_SESSION_H
#define FLATLINE_ENGINE_SESSION_H

#include "common/base/clock.h"
#include "common/engine/session_internal.h"

/* github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md, "Server Enforcement" */
#define SESSION_PERMIT_NS (300 * NS_PER_S)

/* Who is sent away, but does not read, is dropped after so long. */
#define SESSION_GOODBYE_NS (2 * NS_PER_S)

/* Makes the nghttp2 session and queues the preface and SETTINGS; false if out of memory. */
bool session_open(struct session *s);

/* GOAWAY(NO_ERROR), then the end once open streams are done (client) or at once (terminate). */
void session_goaway(struct session *s);
void session_terminate(struct session *s);

/*
 * Holds the connection's receive window shut: what was announced may still come, no more is (RFC
 * 9113, section 6.9). Opened again, the peer goes on. False: nothing to hold, the session is not
 * open.
 */
bool session_hold(struct session *s, bool shut);

/* conn_ops.on_resume, for both ends. */
bool session_resume(struct conn *conn);

/* Ends every call as a lost connection would, and frees a half-received head: a teardown begins
 * with it. */
void session_drop_calls(struct session *s);

#endif
