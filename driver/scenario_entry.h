/* Servers and clients of a scenario file: parts of scenario_load.c. */
#ifndef FLATLINE_DRIVER_SCENARIO_ENTRY_H
#define FLATLINE_DRIVER_SCENARIO_ENTRY_H

#include "common/doc/doc.h"
#include "driver/scenario.h"

/* Rows of driver/scenario_keys.h as a table for doc_take. */
#define KEY_ROW(name, required, take, value, without) {name, required, take},
#define KEYS(table) (sizeof(table) / sizeof *(table))

/* What is being loaded. */
struct scenario_loader {
    const struct scenario_settings *settings;
    struct scenario *scenario;
};

/* A name that can be part of file names, into COMPONENT_NAME characters. */
bool scenario_take_name(struct doc *doc, doc_node *node, char *name);

/* One entry each, into a struct scenario_loader: adds what it stands for. */
doc_take_fn scenario_take_server, scenario_take_client;

#endif
