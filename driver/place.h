/*
 * Which component of a scenario runs on which of several hosts: a pure function of the scenario and
 * of how many hosts there are, so that all of them agree on it without a word.
 */
#ifndef FLATLINE_DRIVER_PLACE_H
#define FLATLINE_DRIVER_PLACE_H

#include "driver/scenario.h"

/* Columns: identifier, name, what it does. */
#define PLACE_TABLE(X)                                                       \
    X(REPLICATE, "replicate", "the whole scenario on every host, by itself") \
    X(SPREAD, "spread", "each component on one host, clients away from their server's")

#define PLACE_ENUM(ident, name, text) PLACE_##ident,
enum place { PLACE_TABLE(PLACE_ENUM) PLACES };
#undef PLACE_ENUM

const char *place_name(enum place place);
/* By name; PLACES: there is none. */
enum place place_find(const char *name);

/*
 * Sets host and elsewhere of every component, as `rank` of so many hosts sees them. Spread, the
 * servers go round the hosts, and the clients of each round all hosts but its own: what a client
 * says crosses from host to host wherever there is more than one. Replicated, all is this host's.
 */
void place_components(struct scenario *scenario, enum place place, int rank, int size);

/* The first host that has nothing to run, or -1. */
int place_find_idle(const struct scenario *scenario, enum place place, int size);

/* How many are this host's. */
size_t place_count_own(const struct scenario *scenario);

/*
 * Where the servers of a host listen, and where their clients find them; the text outlives the
 * scenario. Replicated, only this host's rank is ever asked for.
 */
void place_address(struct scenario *scenario, int host, const char *address);

#endif
