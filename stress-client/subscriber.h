/*
 * Subscribers of a topic of flatline.v1.Relay, each on a connection of its own. What they get goes
 * into an event database; who was to get what, others judge.
 */
#ifndef FLATLINE_CLIENT_SUBSCRIBER_H
#define FLATLINE_CLIENT_SUBSCRIBER_H

#include "stress-client/party.h"

#include <stdbool.h>
#include <stdint.h>

struct subscriber_config {
    struct party_config party;
    const char *topic;
    uint64_t subscribers;
    uint64_t expect;  /* events for each, after which it is done; 0: for ever */
    const char *db;   /* file; NULL: none */
    uint64_t idle_ns; /* so long without an event ends the run; 0: never */
};

/*
 * Prints "subscribed" and becomes READY when the broker has confirmed all subscriptions. Returns
 * the exit status; what went wrong is in failure, empty if nothing did.
 */
int subscribers_run(const struct subscriber_config *config, char *failure, size_t cap);

#endif
