/*
 * One grpc.health.v1.Health/Check of the whole server: whether it is ready, for whoever starts it.
 */
#ifndef FLATLINE_CLIENT_PROBE_H
#define FLATLINE_CLIENT_PROBE_H

#include "common/engine/client.h"
#include "common/engine/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Runs the loop until the answer, at most timeout_ns. False with one line unless it is SERVING. */
bool probe_run(struct engine_loop *loop, struct client_target *target, uint64_t timeout_ns,
               char *why, size_t cap);

#endif
