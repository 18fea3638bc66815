/*
 * What crosses from a swarm of clients (`stress-client --swarm`) to whoever started it: one row of
 * CSV for each turn of a client, and the vocabulary of what can end one. The ends of the road are
 * facts here; the remedy says which limit moves them.
 */
#ifndef FLATLINE_CONTRACT_SWARM_H
#define FLATLINE_CONTRACT_SWARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* When: on the way up from the first client to the last, all at once at the top, on the way down
 * from the last to the first; HELD: not a turn, a connection lost while it stood idle. */
#define SWARM_PHASE_TABLE(X) \
    X(UP, "up")              \
    X(TOP, "top")            \
    X(DOWN, "down")          \
    X(HELD, "held")

#define SWARM_PHASE_ENUM(ident, name) SWARM_##ident,
enum swarm_phase { SWARM_PHASE_TABLE(SWARM_PHASE_ENUM) SWARM_PHASES };
#undef SWARM_PHASE_ENUM

/* Identifier, name in the CSV, what happened, the limit that moves it ("": none does). */
#define SWARM_FAULT_TABLE(X)                                                                     \
    X(NONE, "none", "all went well", "")                                                         \
    X(REFUSED, "refused", "connect refused: nobody listens", "")                                 \
    X(CONNECT_TIMEOUT, "connect-timeout", "no connection in time",                               \
      "if the server is slow to accept, its listen backlog is full: sysctl net.core.somaxconn, " \
      "and the backlog that it asks for")                                                        \
    X(UNANSWERED, "unanswered", "connected, and no reply in time",                               \
      "if the server accepts no more, its file descriptors: ulimit -n")                          \
    X(RESET, "reset", "connection reset by the server", "")                                      \
    X(CLOSED, "closed", "connection closed by the server", "")                                   \
    X(GOAWAY, "goaway", "the server sent GOAWAY", "")                                            \
    X(TLS, "tls", "TLS handshake or certificate refused", "")                                    \
    X(PROTOCOL, "protocol", "HTTP/2 or gRPC protocol error", "")                                 \
    X(STATUS, "status", "the call ended with a status other than OK", "")                        \
    X(PAYLOAD, "payload", "wrong length or count of messages", "")                               \
    X(MEMORY, "memory", "no memory for the client", "the client's own memory")                   \
    X(DESCRIPTORS, "client-descriptors", "the client has no file descriptor left", "ulimit -n")  \
    X(SYSTEM_DESCRIPTORS, "system-descriptors", "the system has no file descriptor left",        \
      "sysctl fs.file-max")                                                                      \
    X(PORTS, "ports", "no local port is left for another connection to this server",             \
      "sysctl net.ipv4.ip_local_port_range")                                                     \
    X(OTHER, "other", "the connection failed otherwise", "")

#define SWARM_FAULT_ENUM(ident, name, text, remedy) SWARM_FAULT_##ident,
enum swarm_fault { SWARM_FAULT_TABLE(SWARM_FAULT_ENUM) SWARM_FAULTS };
#undef SWARM_FAULT_ENUM

const char *swarm_phase_name(enum swarm_phase phase);
const char *swarm_fault_name(enum swarm_fault fault);
const char *swarm_fault_text(enum swarm_fault fault);
const char *swarm_fault_remedy(enum swarm_fault fault);

/* One turn of one client. Times in ns; 0: it did not come so far. */
struct swarm_turn {
    enum swarm_phase phase;
    uint32_t client;         /* 1 .. */
    uint32_t open;           /* connections of the swarm at its end, this one among them */
    uint64_t begun_ns;       /* CLOCK_MONOTONIC */
    uint64_t ended_ns;       /* likewise: its last reply, or its fault */
    uint64_t connect_ns;     /* TCP and TLS until usable; 0 too where it was connected already */
    uint64_t handshake_ns;   /* the TLS part of it */
    uint64_t first_reply_ns; /* from the begin to the first reply */
    uint64_t messages;       /* due */
    uint64_t replies;        /* come */
    uint64_t rtt_median_ns, rtt_p99_ns, rtt_max_ns;
    enum swarm_fault fault;
    int detail; /* of the fault: errno, HTTP/2 error code or gRPC status */
};

/* The header, then a row each; what could not be written shows in ferror. */
void swarm_turn_write_header(FILE *out);
void swarm_turn_write(const struct swarm_turn *turn, FILE *out);

/* Reads a row, with or without its newline; false: it is none. */
bool swarm_turn_read(const char *line, struct swarm_turn *turn);

#endif
