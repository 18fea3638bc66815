/*
 * Authors publish events on a topic of flatline.v1.Relay, each on a connection of its own and one
 * event after another: each a call that is awaited, or all in one stream with one receipt.
 *
 * The log has a heading and a line for each event, as it ended: author, sequence, sent_ns and
 * acked_ns (CLOCK_REALTIME; the second is when the call ended, which for a stream is the same for
 * all of it), and the status's name.
 */
#ifndef FLATLINE_CLIENT_AUTHOR_H
#define FLATLINE_CLIENT_AUTHOR_H

#include "stress-client/party.h"

#include <stdbool.h>
#include <stdint.h>

struct author_config {
    struct party_config party;
    const char *topic;
    uint64_t events;  /* split among the authors */
    uint64_t authors; /* at most as many as events */
    uint64_t body;    /* bytes of each event's */
    bool stream;
    bool connection_per_event;
    const char *log; /* NULL: none */
};

/* Returns the exit status; what went wrong is in failure, empty if nothing did. */
int authors_run(const struct author_config *config, char *failure, size_t cap);

#endif
