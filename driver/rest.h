/*
 * A rest in the midst of traffic: everybody is told to send nothing until told otherwise. In an
 * evidence phase both heap profiles are taken at rest, so that what comes and goes with each call
 * is in neither.
 */
#ifndef FLATLINE_DRIVER_REST_H
#define FLATLINE_DRIVER_REST_H

#include "driver/supervisor.h"

#include <stdbool.h>
#include <stddef.h>

struct rest;

/* Of the `count` components of the supervisor, which outlives it. NULL: out of memory. */
struct rest *rest_new(struct supervisor *supervisor, size_t count);
void rest_free(struct rest *rest);

/* Who is ready and has a telemetry page is told. No command may be under way. */
void rest_begin(struct rest *rest);

/* Whether all who were told have fallen quiet; to be asked until then. */
bool rest_is_quiet(struct rest *rest);

/* All who were told go on. */
void rest_end(struct rest *rest);

#endif
