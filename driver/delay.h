/* `driver delay`: the forwarder of delay_forward.h as a program. */
#ifndef FLATLINE_DRIVER_DELAY_H
#define FLATLINE_DRIVER_DELAY_H

#include "common/base/exit_status.h"

/*
 * argv[0] is "delay". Forwards until SIGTERM or SIGINT. With a telemetry page it publishes its
 * connections and bytes, and obeys the commands DELAY and MUTE.
 */
enum exit_status delay_main(int argc, char **argv);

#endif
