/* The page's table: a row for every component. */
#ifndef FLATLINE_CHARTS_TABLE_H
#define FLATLINE_CHARTS_TABLE_H

#include "charts/facts.h"

/* False: no memory. */
bool table_put(FILE *out, const struct facts *f);

#endif
