/* The keys of scenario files as the tables of docs/scenario.md, from the tables of the reader. */
#ifndef FLATLINE_DRIVER_SCENARIO_REFERENCE_H
#define FLATLINE_DRIVER_SCENARIO_REFERENCE_H

#include <stdio.h>

/* Markdown: a heading and a table for each mapping. */
void scenario_reference_print(FILE *out);

#endif
