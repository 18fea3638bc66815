/* The driver's commands other than to run: their words, and the options that each has. */
#ifndef FLATLINE_DRIVER_VERBS_H
#define FLATLINE_DRIVER_VERBS_H

#include "driver/options.h"

/* VERB_RUN: no such word. */
enum verb verbs_find(const char *word);

/* "gate, report and charts". Returns out. */
char *verbs_list(char *out, size_t cap);

/*
 * Options and operands of options->verb; argv[0] is its word. Like options_take it prints and exits
 * where there is nothing to do or something is wrong.
 */
void verbs_take(struct options *options, int argc, char **argv);

#endif
