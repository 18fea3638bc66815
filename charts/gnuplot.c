#include "charts/gnuplot.h"

#include "charts/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define GNUPLOT_TIMEOUT_MS 120000
#define REMEDY "install it (apt-get install gnuplot-nox) or leave --gen-charts out"

extern char **environ;

static bool give_up(int status, const char *what, char *error, size_t cap)
{
    if (status == ENOENT)
        return text_fail(error, cap, "gnuplot is not in PATH: " REMEDY);
    return text_fail(error, cap, "%s gnuplot: %s", what, strerror(status));
}

/* Its own process group and default signals, standard input empty, both outputs into `output`. */
static int spawn(const char *dir, char *const argv[], int output, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int status;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
    status = posix_spawn_file_actions_addchdir_np(&files, dir);
    if (status == 0)
        status = posix_spawnp(pid, argv[0], &files, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return status;
}

/* Waits until the process is gone; kills its group when the time is over. */
static bool await(pid_t pid, int *status)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0), ready;
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    do {
        ready = poll(&poll_fd, 1, GNUPLOT_TIMEOUT_MS);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        kill(-pid, SIGKILL);
    close(fd);
    while (waitpid(pid, status, 0) < 0) {
        if (errno != EINTR)
            return false;
    }
    return ready > 0;
}

/* The first line of its complaint that says something; gnuplot starts with a blank one. */
static void first_complaint(int output, char *line, size_t cap)
{
    char text[2048], *start;
    ssize_t got = pread(output, text, sizeof text - 1, 0);

    text[got < 0 ? 0 : got] = '\0';
    start = text + strspn(text, " \t\r\n");
    start[strcspn(start, "\r\n")] = '\0';
    snprintf(line, cap, "%s", start);
}

static bool run(const char *dir, char *const argv[], char *error, size_t cap)
{
    int output = memfd_create("gnuplot", MFD_CLOEXEC), status;
    char complaint[200];
    bool in_time;
    pid_t pid;

    if (output < 0)
        return give_up(errno, "cannot catch the output of", error, cap);
    status = spawn(dir, argv, output, &pid);
    if (status != 0) {
        close(output);
        return give_up(status, "cannot run", error, cap);
    }
    in_time = await(pid, &status);
    first_complaint(output, complaint, sizeof complaint);
    close(output);
    if (!in_time)
        return text_fail(error, cap, "gnuplot did not end within %d s", GNUPLOT_TIMEOUT_MS / 1000);
    if (WIFSIGNALED(status))
        return text_fail(error, cap, "gnuplot died of signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return text_fail(error, cap, "gnuplot failed with status %d: %s", WEXITSTATUS(status),
                         complaint);
    return true;
}

bool gnuplot_check(char *error, size_t cap)
{
    char program[] = "gnuplot", option[] = "--version", *argv[] = {program, option, NULL};

    return run("/", argv, error, cap);
}

bool gnuplot_run(const char *dir, const char *script, char *error, size_t cap)
{
    char program[] = "gnuplot", option[] = "-d";
    char *argv[] = {program, option, (char *)script, NULL};

    return run(dir, argv, error, cap);
}
