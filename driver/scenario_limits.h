/* The limits of the gate (driver/limits.h) that a scenario sets. */
#ifndef FLATLINE_DRIVER_SCENARIO_LIMITS_H
#define FLATLINE_DRIVER_SCENARIO_LIMITS_H

#include "common/doc/doc.h"
#include "driver/scenario.h"

#include <stdio.h>

/* A mapping of names and values: times, sizes or numbers, by the limit's unit. */
bool scenario_limits_take(struct doc *doc, doc_node *node, struct scenario *scenario);

/* As YAML; nothing if none is set. */
void scenario_limits_print(const struct scenario *scenario, FILE *out);

#endif
