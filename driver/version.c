#include "config.h"

#include "driver/version.h"

#include <ev.h>

const char *version_number(void)
{
    return VERSION;
}

void version_print(FILE *out)
{
    fprintf(out, "driver %s (libev %d.%d)\n", VERSION, ev_version_major(), ev_version_minor());
}
