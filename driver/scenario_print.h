/* A scenario as the YAML that scenario_load reads back to the same components. */
#ifndef FLATLINE_DRIVER_SCENARIO_PRINT_H
#define FLATLINE_DRIVER_SCENARIO_PRINT_H

#include "driver/scenario.h"

#include <stdio.h>

/* Everything resolved: ports, caps. What is not said of the run is left out. */
void scenario_print(const struct scenario *scenario, FILE *out);

#endif
