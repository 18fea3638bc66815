/*
 * Bytes over a connected, non-blocking socket: a vtable with two users, plain and TLS. The
 * transport does not own the descriptor's events; the connection does.
 */
#ifndef FLATLINE_ENGINE_TRANSPORT_H
#define FLATLINE_ENGINE_TRANSPORT_H

#include "common/engine/tls.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RETRY: would block; try again when the descriptor is ready (transport.want_write says for what).
 */
enum io_status { IO_OK, IO_RETRY, IO_ERROR };

struct transport;

struct transport_ops {
    enum io_status (*handshake)(struct transport *t);
    /* *n == 0 with IO_OK is the peer's end. */
    enum io_status (*read)(struct transport *t, uint8_t *data, size_t cap, size_t *n);
    /* *n may be less than size. */
    enum io_status (*write)(struct transport *t, const uint8_t *data, size_t size, size_t *n);
    /* Tells the peer that no more comes (close_notify, FIN); best effort. */
    void (*shutdown)(struct transport *t);
    void (*release)(struct transport *t);
    /* After a read that gave n of cap bytes: whether the next one would most likely RETRY. Who
     * believes it and is wrong is told by the descriptor, for it is readable still. */
    bool (*is_drained)(const struct transport *t, size_t cap, size_t n);
};

/* After IO_ERROR: error_number is an errno, or 0 and then error_text is a static line from TLS. */
struct transport {
    const struct transport_ops *ops;
    SSL *ssl; /* TLS only */
    const char *error_text;
    int fd;
    int error_number;
    bool want_write;
    bool certificate_error; /* the handshake failed on the peer's certificate */
};

/* What tells the peer's certificate from any other: the first 63 bits of its SHA-256. 0: there is
 * none. After the handshake. */
uint64_t transport_peer_certificate(const struct transport *t);

void transport_init_plain(struct transport *t, int fd);

/*
 * host: the name to check and send as SNI (client), NULL for a server. session: of a client, where
 * the session to resume is kept (NULL: there is none yet), replaced by every one that the server
 * gives; outlives the transport, and the caller frees what is in it. A server, or who wants none,
 * says NULL. False: out of memory.
 */
bool transport_init_tls(struct transport *t, int fd, const struct tls_context *tls,
                        const char *host, SSL_SESSION **session);

/* After the handshake: it resumed a session, without a certificate or a signature. */
bool transport_resumed(const struct transport *t);

#endif
