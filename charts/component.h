/* The chart of one component: what component.gp, its template, is told. */
#ifndef FLATLINE_CHARTS_COMPONENT_H
#define FLATLINE_CHARTS_COMPONENT_H

#include "charts/facts.h"

/* Appends to a gnuplot script the chart of `c`, drawn into the file `output`. */
void component_put_script(FILE *script, const struct facts *f, const struct facts_component *c,
                          const char *template_dir, const char *output);

/* The same in words, for those who do not see it. */
void component_put_description(FILE *out, const struct facts *f, const struct facts_component *c);

#endif
