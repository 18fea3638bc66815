/* Why a connection ended. */
#ifndef FLATLINE_ENGINE_END_H
#define FLATLINE_ENGINE_END_H

enum client_end {
    CLIENT_CLOSED,      /* our own close finished */
    CLIENT_REFUSED,     /* connect(2) refused */
    CLIENT_RESET,       /* ECONNRESET, EPIPE */
    CLIENT_PEER_CLOSED, /* orderly EOF */
    CLIENT_GOAWAY,      /* the server said GOAWAY and the connection ended after it */
    CLIENT_TIMEOUT,     /* connect or handshake took longer than the limit, or a PING's answer */
    CLIENT_TLS_FAILED,  /* handshake, certificate, host name or ALPN */
    CLIENT_PROTOCOL,    /* the peer broke HTTP/2 */
    CLIENT_NO_MEMORY,
    CLIENT_OTHER, /* another errno */
};

#endif
