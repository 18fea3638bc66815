/*
 * The server's clock, to which all hosts are aligned: CLOCK_MONOTONIC, ns. That of a machine that
 * was booted anew begins anew, and the tests of a store would lie in the future: so the store keeps
 * an anchor, and the clock goes on from it by what the wall clock says has passed.
 */
#ifndef FLATLINE_RESULTS_SERVER_SERVER_CLOCK_H
#define FLATLINE_RESULTS_SERVER_SERVER_CLOCK_H

#include "results-server/store.h"

#include <stdbool.h>
#include <stdint.h>

/* Takes up the clock of the store, before its thread runs; false with the store's error. Until
 * then, and in a program without a store of its own, it is CLOCK_MONOTONIC. */
bool server_clock_open(struct store *store, char *error, size_t cap);

/* From any thread. */
uint64_t server_clock_ns(void);

/* The wall clock (ns since the epoch) at a time of the server's clock, as of now. */
uint64_t server_clock_wall_ns(uint64_t server_ns);

#endif
