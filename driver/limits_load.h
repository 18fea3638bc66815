/* Limits from a rules file: a YAML mapping of the names of driver/limits.h to values. */
#ifndef FLATLINE_DRIVER_LIMITS_LOAD_H
#define FLATLINE_DRIVER_LIMITS_LOAD_H

#include "driver/limits.h"

/*
 * Over what is there already. False: *error holds one line, FILE:LINE:COLUMN where a place can be
 * named, and *limits is not to be used.
 */
bool limits_load(const char *path, struct gate_limits *limits, char *error, size_t cap);

#endif
