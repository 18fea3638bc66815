/* A scenario from a YAML file: docs/scenario.md says what it may hold. */
#ifndef FLATLINE_DRIVER_SCENARIO_LOAD_H
#define FLATLINE_DRIVER_SCENARIO_LOAD_H

#include "common/doc/doc.h"
#include "driver/scenario.h"

/*
 * Into an empty scenario; what the file does not say of a component comes from the settings. False:
 * *error holds one line, FILE:LINE:COLUMN where a place can be named; the scenario is the caller's
 * to clear.
 */
bool scenario_load(const char *path, const struct scenario_settings *settings,
                   struct scenario *scenario, char *error, size_t cap);

/* The same from a file that has been read; false: see doc_error. */
bool scenario_take(struct doc *doc, const struct scenario_settings *settings,
                   struct scenario *scenario);

#endif
