/* The driver's command line, read. */
#ifndef FLATLINE_DRIVER_CLI_OPTIONS_H
#define FLATLINE_DRIVER_CLI_OPTIONS_H

#include "driver/cli/verbs.h"
#include "driver/options.h"

/*
 * What is to be done; none of VERB_OWN_TABLE. Prints help or version and exits 0, or one line about
 * what is wrong (in a scenario file too) and exits 2. What the command line says goes before what a
 * scenario file says, and that before what is built in.
 */
enum verb options_take(struct options *options, int argc, char **argv);

#endif
