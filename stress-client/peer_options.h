/* The part of the command line that makes the client the peers of a routine. */
#ifndef FLATLINE_CLIENT_PEER_OPTIONS_H
#define FLATLINE_CLIENT_PEER_OPTIONS_H

#include "stress-client/script.h"

#include <stdbool.h>
#include <stdint.h>

struct peer_options {
    const char *routine; /* NULL: no peers */
    /* Instead of what the routine says; 0, NULL, UINT64_MAX: not given. */
    uint64_t peers, room_size, start_jitter_ns;
    const char *room;
    uint64_t duration_ns; /* 0: until SIGTERM */
    const char *name;     /* --peer */
    const char *report_to, *test, *token, *ca;
};

/* Nothing given. */
void peer_options_init(struct peer_options *options);

/* Whether the client is the peers of a routine. */
bool peer_options_used(const struct peer_options *options);

/* What is wrong with them as a whole, one line; NULL: nothing. */
const char *peer_options_check(const struct peer_options *options);

/* Puts what was given in the place of what the routine says. */
void peer_options_apply(const struct peer_options *options, struct script *script);

#endif
