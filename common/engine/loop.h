/*
 * One event loop and what its connections share: two scratch buffers, the list of connections with
 * something to write, and the traffic counters. Nothing in it grows with traffic.
 */
#ifndef FLATLINE_ENGINE_LOOP_H
#define FLATLINE_ENGINE_LOOP_H

#include <ev.h>
#include <stdint.h>

struct engine_loop;

/* Kept by the engine, read by the program when it publishes. Counters only grow, gauges are
 * current. */
struct engine_stats {
    uint64_t connections; /* gauge: usable or being set up */
    uint64_t connections_total;
    uint64_t opened;     /* connections that became usable */
    uint64_t unopened;   /* ... that ended before */
    uint64_t closed;     /* ... that ended after */
    uint64_t emptied;    /* how often the last connection ended */
    uint64_t handshakes; /* of TLS, done */
    uint64_t resumed;    /* ... that resumed a session */
    uint64_t streams;    /* gauge */
    uint64_t calls_started;
    uint64_t calls_done;   /* ended with OK */
    uint64_t calls_failed; /* ended otherwise: lost connections and cancellations included, so no
                              verdict */
    uint64_t messages_sent, messages_received; /* counted by prefix, both ends */
    uint64_t bytes_sent, bytes_received;       /* message bytes with their prefixes */
    uint64_t protocol_errors;
    uint64_t limited;             /* connections ended at a limit of guard.h, or for their PINGs */
    uint64_t memory_drops;        /* connections dropped because an allocation was refused */
    uint64_t connections_refused; /* connections refused by the server's admission */
    uint64_t accepts_refused;     /* accept(2) had no descriptor or no memory; tried again later */
    uint64_t resets;              /* connections that the peer ended by RST */
    uint64_t cancels;             /* calls ended by RST_STREAM with CANCEL, by either end */
    uint64_t trailers_cut;        /* of them, on a server: while the status waited to be sent */
    uint64_t early_ends;     /* calls that the server ended while the client was still sending */
    uint64_t streams_closed; /* refused ones too; not those that end with their connection */
    uint64_t header_blocks;  /* received */
    uint64_t stalls; /* how often a peer let a connection's window run out, and opened it again */
    uint64_t first_message_ns; /* when the first message arrived; 0 before */
};

/* As if both were of one loop: `more` joins *sum. */
void engine_stats_add(struct engine_stats *sum, const struct engine_stats *more);

/* NULL: out of memory. Call mem_install first, and ignore SIGPIPE: OpenSSL writes with write(2). */
struct engine_loop *engine_loop_new(void);
void engine_loop_free(struct engine_loop *loop);

struct ev_loop *engine_loop_ev(struct engine_loop *loop);
struct engine_stats *engine_loop_stats(struct engine_loop *loop);

#endif
