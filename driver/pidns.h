/*
 * PID namespaces for children: a process that only waits is the first in one, and when it ends the
 * kernel ends all the others (pid_namespaces(7)). The child proper is the second, so that signals
 * mean to it what they mean elsewhere, and stays the driver's own child.
 */
#ifndef FLATLINE_DRIVER_PIDNS_H
#define FLATLINE_DRIVER_PIDNS_H

#include <stdbool.h>
#include <sys/types.h>

/* What the first process of one executes. */
extern char *const pidns_init_argv[];

/*
 * The next processes that this thread makes are born in the namespace whose first process is init,
 * until pidns_leave. False with errno.
 */
bool pidns_enter(pid_t init);
void pidns_leave(void);

#endif
