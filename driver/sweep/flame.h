/* `driver flame`: where the time and the memory go, one implementation beside another. */
#ifndef FLATLINE_DRIVER_SWEEP_FLAME_H
#define FLATLINE_DRIVER_SWEEP_FLAME_H

#include "common/base/exit_status.h"

/* argv[0] is the command's word. Reads its command line by itself. */
enum exit_status flame_main(int argc, char **argv);

#endif
