#include "charts/gnuplot.h"

#include "charts/text.h"
#include "common/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GNUPLOT_TIMEOUT_MS 120000
#define REMEDY "install it (apt-get install gnuplot-nox) or leave --gen-charts out"

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

/*
 * Keeps the start of what it says until it says no more, which is when it is gone. False when the
 * time is over.
 */
static bool listen_to(int input, char *text, size_t cap)
{
    uint64_t end = clock_now_ns() + GNUPLOT_TIMEOUT_MS * NS_PER_MS, now;
    struct pollfd poll_fd = {.fd = input, .events = POLLIN};
    size_t length = 0;

    while ((now = clock_now_ns()) < end) {
        char block[1024];

        if (poll(&poll_fd, 1, (int)((end - now) / NS_PER_MS) + 1) <= 0)
            continue;
        ssize_t got = read(input, block, sizeof block);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        size_t kept = length + (size_t)got < cap ? (size_t)got : cap - 1 - length;

        memcpy(text + length, block, kept);
        length += kept;
    }
    text[length] = '\0';
    return now < end;
}

/* The first line of its complaint that says something; gnuplot starts with a blank one. */
static const char *first_line(char *text)
{
    char *start = text + strspn(text, " \t\r\n");

    start[strcspn(start, "\r\n")] = '\0';
    return start;
}

static bool judge(bool in_time, int status, char *said, char *error, size_t cap)
{
    if (!in_time)
        return text_fail(error, cap, "gnuplot did not end within %d s", GNUPLOT_TIMEOUT_MS / 1000);
    if (WIFSIGNALED(status))
        return text_fail(error, cap, "gnuplot died of signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return text_fail(error, cap, "gnuplot failed with status %d: %s", WEXITSTATUS(status),
                         first_line(said));
    return true;
}

static bool run(const char *dir, char *const argv[], char *error, size_t cap)
{
    char said[1024];
    int ends[2], status;
    bool in_time;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return give_up(errno, "cannot listen to", error, cap);
    status = spawn(dir, argv, ends[1], &pid);
    close(ends[1]);
    if (status != 0) {
        close(ends[0]);
        return give_up(status, "cannot run", error, cap);
    }
    in_time = listen_to(ends[0], said, sizeof said);
    close(ends[0]);
    if (!in_time)
        kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return give_up(errno, "cannot wait for", error, cap);
    }
    return judge(in_time, status, said, error, cap);
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
