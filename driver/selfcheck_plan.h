/*
 * What `driver selfcheck` plants, as values: a fleet of its own, of houses of one server and one
 * client each, with a leak or a healthy growth in one or both of them, and the traffic that brings
 * its events about.
 */
#ifndef FLATLINE_DRIVER_SELFCHECK_PLAN_H
#define FLATLINE_DRIVER_SELFCHECK_PLAN_H

#include "driver/scenario.h"

#include <stdbool.h>
#include <stddef.h>

struct selfcheck_plant {
    const char *planted; /* SHAPE:BYTES/EVERY, or the name of what grows by nature; NULL: clean */
    const char *rule;    /* that must fail on it; NULL: none may */
};

/* Whether each word of "call,fd,cache" is a shape that is planted. False: *why says which not. */
bool selfcheck_knows(const char *shapes, char *why, size_t cap);

/*
 * The houses in which one of the shapes is planted (NULL: all), into an empty scenario. False: out
 * of memory.
 */
bool selfcheck_build(struct scenario *scenario, const char *shapes, int base_port);

/* What is planted in the component of that name, "server-calls". False: there is none. */
bool selfcheck_find(const char *component, struct selfcheck_plant *out);

#endif
