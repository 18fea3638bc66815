#include "driver/pidns.h"

#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *const pidns_init_argv[] = {(char *)"/bin/sleep", (char *)"infinity", NULL};

static int own = -1; /* the driver's, kept open */

static int open_of(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC);
}

bool pidns_enter(pid_t init)
{
    char path[64];
    bool entered;
    int fd;

    if (own < 0)
        own = open_of("/proc/self/ns/pid");
    snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)init);
    fd = own < 0 ? -1 : open_of(path);
    if (fd < 0)
        return false;
    entered = setns(fd, CLONE_NEWPID) == 0;
    close(fd);
    return entered;
}

void pidns_leave(void)
{
    /* Back to where it came from, which nothing can refuse. */
    if (setns(own, CLONE_NEWPID) != 0)
        log_error("cannot leave a PID namespace: %s", strerror(errno));
}
