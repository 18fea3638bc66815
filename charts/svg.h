/* What gnuplot's SVG lacks: a title and a description for those who do not see it, and dark
 * colours. */
#ifndef FLATLINE_CHARTS_SVG_H
#define FLATLINE_CHARTS_SVG_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Copies the SVG that gnuplot wrote into `path` to `out`, with `title` and `description` (XML
 * already) instead of gnuplot's, the style sheet, and without what gnuplot defines for every chart
 * and no line chart uses. False: *error holds one line (the file is missing, or cut short).
 */
bool svg_finish(const char *path, const char *title, const char *description, FILE *out,
                char *error, size_t cap);

#endif
