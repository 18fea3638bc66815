/* The command line of `driver delay`. */
#ifndef FLATLINE_DRIVER_DELAY_OPTIONS_H
#define FLATLINE_DRIVER_DELAY_OPTIONS_H

#include "driver/delay_forward.h"

#include <stdbool.h>

struct delay_options {
    struct delay_settings settings;
    int telemetry_fd; /* -1: run by hand */
    bool check_netem; /* say whether the kernel could do it instead; all else is ignored */
    bool verbose;
};

/* argv[0] is "delay". Ends the process after --help, --version and on bad usage. */
void delay_options_read(struct delay_options *options, int argc, char **argv);

#endif
