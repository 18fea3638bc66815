#include "driver/sweep/interrupt.h"

#include "common/base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Signals are the process's. */
static int fd = -1;
static bool came;
static sigset_t before;

/* A driver under nohup is not to mind the terminal's end. */
static bool is_ignored(int signal)
{
    struct sigaction action;

    return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

bool interrupt_begin(char *error, size_t cap)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (!is_ignored(SIGHUP))
        sigaddset(&set, SIGHUP);
    came = false;
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        snprintf(error, cap, "cannot take signals: %s", strerror(errno));
        return false;
    }
    sigprocmask(SIG_BLOCK, &set, &before);
    return true;
}

int interrupt_fd(void)
{
    return fd;
}

bool interrupt_came(void)
{
    struct signalfd_siginfo info;

    if (fd >= 0 && !came && read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        came = true;
        log_warn("%s: stopping what runs", strsignal((int)info.ssi_signo));
    }
    return came;
}

void interrupt_end(void)
{
    struct signalfd_siginfo info;

    if (fd < 0)
        return;
    /* A second word to stop, while it stopped, is not to end the program half-way out. */
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info)
        continue;
    close(fd);
    fd = -1;
    sigprocmask(SIG_SETMASK, &before, NULL);
}
