/* The page's table of hosts, where there are several. */
#ifndef FLATLINE_CHARTS_HOSTS_H
#define FLATLINE_CHARTS_HOSTS_H

#include "charts/facts.h"

#include <stdio.h>

/* Writes nothing of a run of one host. */
void hosts_put(FILE *out, const struct facts *f);

#endif
