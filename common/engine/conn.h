/*
 * One connection: a transport, an nghttp2 session, and the pump between them. It knows no streams
 * and no calls. Embedded in its owner (session.h).
 *
 * A connection is never torn down from inside a callback: whatever ends it dooms it, and the loop's
 * turn tears it down, in one place.
 */
#ifndef FLATLINE_ENGINE_CONN_H
#define FLATLINE_ENGINE_CONN_H

#include "common/engine/end.h"
#include "common/engine/loop_internal.h"
#include "common/engine/transport.h"

#include <nghttp2/nghttp2.h>

struct conn;

enum conn_state {
    CONN_CONNECTING,
    CONN_HANDSHAKING,
    CONN_OPEN,
    CONN_LINGERING, /* we said goodbye and wait for the peer's end */
    CONN_DOOMED,    /* waits for its teardown in the loop's turn */
};

struct conn_ops {
    /* connect(2) is done, the handshake begins. May be NULL. */
    void (*on_connected)(struct conn *conn);
    /* The transport is up: make conn->h2; false if out of memory. */
    bool (*on_open)(struct conn *conn);
    /* Its turn has come, after conn.paused: true, the rest of what was read may follow; false: not
     * yet. */
    bool (*on_resume)(struct conn *conn);
    /* The last callback. The descriptor is closed after it, by conn_release, which it calls. */
    void (*on_end)(struct conn *conn, enum client_end end, int detail, const char *text);
};

struct conn {
    struct engine_loop *loop;
    const struct conn_ops *ops;
    nghttp2_session *h2;
    struct transport transport;
    ev_io readable, writable;
    ev_timer timer; /* connect and handshake limit, then the lingering limit */
    struct loop_task task;
    uint8_t *unsent; /* borrowed while the socket is full; NULL at rest */
    size_t unsent_size, unsent_sent;
    struct conn_backlog *backlog; /* what was read and has to wait; NULL at rest */
    const char *end_text;         /* static */
    int end_detail;
    uint8_t end;    /* enum client_end, once doomed or lingering */
    uint8_t state;  /* enum conn_state */
    bool read_more; /* the last read stopped at its budget, not at an empty socket */
    bool paused;    /* set by nghttp2's callbacks that stop it, NGHTTP2_ERR_PAUSE */
    bool abortive;  /* close with RST */
    bool opened;    /* on_open was called */
    bool greet;     /* the client's preface goes before the next frame */
    bool fault;     /* an HTTP/2 error was found here: end, detail and text are set */
};

/*
 * Takes over fd and a transport initialised on it. connecting: connect(2) is under way. The whole
 * set-up must be done within limit_ns.
 */
void conn_start(struct conn *conn, struct engine_loop *loop, const struct conn_ops *ops,
                bool connecting, uint64_t limit_ns);

/* There may be something to write. Cheap; call it after anything that nghttp2 was told. */
void conn_wake(struct conn *conn);

/* Writes now what otherwise the loop's turn writes. */
void conn_flush(struct conn *conn);

/* Sets the set-up limit anew, or takes it away (0). */
void conn_limit(struct conn *conn, uint64_t limit_ns);

/* Ends the connection; the first reason counts, and a lingering or faulty one has its reason
 * already. */
void conn_doom(struct conn *conn, enum client_end end, int detail, const char *text);

/* Records why the HTTP/2 session is about to end by itself, for when it has flushed its GOAWAY. */
void conn_fault(struct conn *conn, enum client_end end, int detail, const char *text);

/* RST instead of FIN. */
void conn_abort(struct conn *conn);

/* Stops all events and closes the socket; the nghttp2 session too. For on_end and for owners in a
 * hurry. */
void conn_release(struct conn *conn);

#endif
