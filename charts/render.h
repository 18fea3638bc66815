/*
 * Draws a run folder: one SVG per stable component, a summary sheet of small multiples, and
 * index.html, a page that needs no network. gnuplot runs as a program. Pure function of the folder
 * and the verdicts.
 */
#ifndef FLATLINE_CHARTS_RENDER_H
#define FLATLINE_CHARTS_RENDER_H

#include "common/run/reader.h"
#include "common/run/verdict.h"

/* True if gnuplot can be run from PATH; else *error holds one line with the remedy. */
bool charts_check_gnuplot(char *error, size_t cap);

/*
 * Writes RUN/charts/NAME.svg, RUN/charts/summary.svg and RUN/index.html, each replaced atomically.
 * False: *error holds one line; what was drawn before stays.
 */
bool charts_render(struct run_reader *run, const struct verdict_list *verdicts, char *error,
                   size_t cap);

#endif
