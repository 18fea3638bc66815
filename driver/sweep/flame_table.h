/* Results of `driver flame` side by side. */
#ifndef FLATLINE_DRIVER_SWEEP_FLAME_TABLE_H
#define FLATLINE_DRIVER_SWEEP_FLAME_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A line for each finished result in `folder`/IMPL/, by name. Returns how many. */
size_t flame_table_print(const char *folder, FILE *out);

#endif
