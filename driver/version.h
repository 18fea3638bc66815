/* Which driver this is. */
#ifndef FLATLINE_DRIVER_VERSION_H
#define FLATLINE_DRIVER_VERSION_H

#include <stdio.h>

/* "0.1.0" */
const char *version_number(void);

/* What --version writes. */
void version_print(FILE *out);

#endif
