/* The summary sheet: live bytes of every charted component on the same axes, failed ones first. */
#ifndef FLATLINE_CHARTS_SUMMARY_H
#define FLATLINE_CHARTS_SUMMARY_H

#include "charts/facts.h"

/* Appends to a gnuplot script the sheet of `order`, drawn into the file `output`. */
void summary_put_script(FILE *script, const struct facts *f,
                        const struct facts_component *const *order, size_t count,
                        const char *template_dir, const char *output);

/* The same in words. */
void summary_put_title(FILE *out, const struct facts *f);
void summary_put_description(FILE *out, const struct facts_component *const *order, size_t count);

#endif
