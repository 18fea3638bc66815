/* What a run came to, for people. Pure functions of the folder and the verdicts; a file per format.
 */
#ifndef FLATLINE_DRIVER_REPORT_H
#define FLATLINE_DRIVER_REPORT_H

#include "common/run/reader.h"
#include "common/run/verdict.h"

#include <stdbool.h>
#include <stdio.h>

/*
 * For a terminal: the findings, failed ones first and causes before consequences; one table, in
 * which the clients of a large fleet share a row a pattern, so that it fits a screen; and one
 * verdict line at the end.
 */
void report_terminal(struct run_reader *run, const struct verdict_list *verdicts, FILE *out,
                     bool colour);

#endif
