/*
 * A TCP forwarder with a delay line (delay_line.h) in each direction: to two programs of one host
 * it is the distance between them. Order is kept, that of FIN and RST behind the data too; a
 * half-closed connection stays half-closed. What is under way is bounded: who sends faster than the
 * link carries is read from no more.
 *
 * The kernel accepts a connection without our say, so connect() takes no time; but what is sent on
 * it travels as if the handshake had taken its round trip, and the other end sees it arrive after
 * half of one. Where nobody listens there, the client's connection is reset a round trip later.
 */
#ifndef FLATLINE_DRIVER_DELAY_FORWARD_H
#define FLATLINE_DRIVER_DELAY_FORWARD_H

#include "driver/delay_line.h"

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DELAY_HOST 256

struct delay_address {
    char host[DELAY_HOST]; /* an address or a name */
    uint16_t port;
};

struct delay_settings {
    struct delay_address listen, to;
    uint64_t up_ns, down_ns; /* added to what the one who connects sends, and to what it is sent */
    uint64_t jitter_ns;      /* of each direction, at most its delay */
    uint64_t bytes_per_s;    /* in each direction, all connections together; 0: no limit */
    uint64_t seed;           /* of the jitter */
};

struct delay_stats {
    uint64_t connections;       /* open now */
    uint64_t connections_total; /* ever accepted */
    uint64_t bytes_up, bytes_down;
    uint64_t held; /* bytes of memory that what is under way takes now */
};

struct delay_forward;

/* Listens. NULL: *error holds one line. The loop outlives it. */
struct delay_forward *delay_forward_new(struct ev_loop *loop, const struct delay_settings *settings,
                                        char *error, size_t cap);
uint16_t delay_forward_port(const struct delay_forward *f);

/* Half of it in each direction from now on; what is under way arrives as it would have. */
void delay_forward_set_rtt(struct delay_forward *f, uint64_t rtt_ns);

/*
 * The connections that are open fall silent for ever: what comes is dropped, neither FIN nor RST
 * goes out, until both ends have given up. New ones are served.
 */
void delay_forward_mute(struct delay_forward *f);

struct delay_stats delay_forward_stats(const struct delay_forward *f);

/* Closes everything at once. Takes NULL. */
void delay_forward_free(struct delay_forward *f);

#endif
