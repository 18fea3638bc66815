/* gnuplot, run as a program: found in PATH, without the user's start-up file, for a bounded time.
 */
#ifndef FLATLINE_CHARTS_GNUPLOT_H
#define FLATLINE_CHARTS_GNUPLOT_H

#include <stdbool.h>
#include <stddef.h>

/* True if gnuplot runs at all; else *error holds one line with the remedy. */
bool gnuplot_check(char *error, size_t cap);

/*
 * Runs DIR/script with DIR as its working directory. False: *error holds one line, with gnuplot's
 * own first complaint.
 */
bool gnuplot_run(const char *dir, const char *script, char *error, size_t cap);

#endif
