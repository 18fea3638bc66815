#include "driver/guardian.h"

#include "common/base/log.h"
#include "common/base/options.h"
#include "common/base/rng.h"
#include "driver/cap_group.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUPS_MAX 1024
#define MARK_MAX 48
#define SWEEPS_MAX                                                                 \
    100 /* a process that forks faster than it is killed must not hold us for ever \
         */
#define SWEEP_PAUSE_MS 10
#define REMOVALS_MAX 500 /* what is killed leaves its cgroup when it gets to run */
#define ENVIRON_CHUNK (64 * 1024)

enum op { OP_WATCH, OP_FORGET };

struct message {
    int32_t op;
    int32_t group;
};

struct guardian {
    pid_t pid;
    int fd;
    bool lost;           /* the pipe broke: said once */
    char mark[MARK_MAX]; /* "FLATLINE_RUN_<random>=1" */
    char **environment;
};

/* The guardian's own side; static, so that it allocates nothing. */
static pid_t groups[GROUPS_MAX];
static size_t group_count;

static void take(const struct message *message)
{
    if (message->op == OP_WATCH && group_count < GROUPS_MAX) {
        groups[group_count++] = message->group;
        return;
    }
    for (size_t i = 0; i < group_count; i++) {
        if (groups[i] == message->group) {
            groups[i] = groups[--group_count];
            return;
        }
    }
}

static bool has_mark(int proc, int pid, const char *mark)
{
    static char text[ENVIRON_CHUNK + MARK_MAX];
    size_t kept = 0, length = strlen(mark);
    char path[32];
    bool found = false;
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "%d/environ", pid);
    fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while (!found && (n = read(fd, text + kept, ENVIRON_CHUNK)) > 0) {
        size_t used = kept + (size_t)n;

        found = memmem(text, used, mark, length) != NULL;
        /* The mark may straddle two reads. */
        kept = used < length ? used : length;
        memmove(text, text + used - kept, kept);
    }
    close(fd);
    return found;
}

static size_t sweep(const char *mark)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    size_t killed = 0;

    if (dir == NULL)
        return 0;
    while ((entry = readdir(dir)) != NULL) {
        int pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;

        if (pid > 0 && has_mark(dirfd(dir), pid, mark)) {
            kill(pid, SIGKILL);
            killed++;
        }
    }
    closedir(dir);
    return killed;
}

/* Own session, no signals, no descriptors of the driver's, no working directory, root only. */
static void detach(int *fd)
{
    int null = open("/dev/null", O_RDWR);
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setsid();
    prctl(PR_SET_NAME, "driver-guardian");
    if (null < 0 || chdir("/") < 0)
        _exit(1);
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
        dup2(null, i);
    if (*fd != STDERR_FILENO + 1) {
        dup2(*fd, STDERR_FILENO + 1);
        *fd = STDERR_FILENO + 1;
    }
    close_range(STDERR_FILENO + 2, ~0U, 0);
}

static bool any_lives(void)
{
    bool any = false;

    for (size_t i = 0; i < group_count; i++)
        any = any || kill(-groups[i], 0) == 0;
    return any;
}

/* What it does when the driver is gone. */
struct will {
    const char *cgroups;  /* NULL: none */
    unsigned patience_ms; /* before anything is killed that is there */
};

__attribute__((noreturn)) static void guard(int fd, const char *mark, const struct will *will)
{
    struct message message;
    ssize_t n;

    detach(&fd);
    while ((n = read(fd, &message, sizeof message)) != 0) {
        if (n == (ssize_t)sizeof message)
            take(&message);
        else if (n > 0 || errno != EINTR)
            break;
    }
    for (unsigned ms = 0; ms < will->patience_ms && any_lives(); ms += SWEEP_PAUSE_MS)
        poll(NULL, 0, SWEEP_PAUSE_MS);
    for (size_t i = 0; i < group_count; i++)
        kill(-groups[i], SIGKILL);
    for (int i = 0; i < SWEEPS_MAX && sweep(mark) > 0; i++)
        poll(NULL, 0, SWEEP_PAUSE_MS);
    for (int i = 0; will->cgroups != NULL && i < REMOVALS_MAX && !cap_groups_remove(will->cgroups);
         i++)
        poll(NULL, 0, SWEEP_PAUSE_MS);
    _exit(0);
}

/* What tells the driver its own options must not tell its children theirs, hence without those. */
static char **mark_environment(char *mark)
{
    size_t count = 0, kept = 0;
    char **marked;

    while (environ[count] != NULL)
        count++;
    marked = malloc((count + 2) * sizeof *marked);
    if (marked == NULL)
        return NULL;
    marked[kept++] = mark;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environ[i], OPTIONS_VARIABLE_PREFIX, strlen(OPTIONS_VARIABLE_PREFIX)) != 0)
            marked[kept++] = environ[i];
    }
    marked[kept] = NULL;
    return marked;
}

static struct guardian *start(const struct will *will, char *error, size_t cap)
{
    struct guardian *guardian = calloc(1, sizeof *guardian);
    int pipe[2] = {-1, -1};

    if (guardian == NULL)
        goto failed;
    snprintf(guardian->mark, sizeof guardian->mark, "FLATLINE_RUN_%016" PRIx64 "=1",
             rng_seed_random());
    guardian->environment = mark_environment(guardian->mark);
    if (guardian->environment == NULL || pipe2(pipe, O_CLOEXEC) < 0)
        goto failed;
    guardian->pid = fork();
    if (guardian->pid < 0)
        goto failed;
    if (guardian->pid == 0) {
        close(pipe[1]);
        guard(pipe[0], guardian->mark, will);
    }
    close(pipe[0]);
    guardian->fd = pipe[1];
    /* A guardian that was stopped must not stop the driver. */
    fcntl(guardian->fd, F_SETFL, O_NONBLOCK);
    return guardian;

failed:
    snprintf(error, cap, "cannot start the guardian: %s", strerror(errno));
    if (pipe[0] >= 0) {
        close(pipe[0]);
        close(pipe[1]);
    }
    if (guardian != NULL)
        free(guardian->environment);
    free(guardian);
    return NULL;
}

struct guardian *guardian_new(const char *cgroups, char *error, size_t cap)
{
    return start(&(struct will){.cgroups = cgroups}, error, cap);
}

struct guardian *guardian_new_patient(unsigned patience_ms, char *error, size_t cap)
{
    return start(&(struct will){.patience_ms = patience_ms}, error, cap);
}

void guardian_free(struct guardian *guardian)
{
    if (guardian == NULL)
        return;
    close(guardian->fd);
    while (waitpid(guardian->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    free(guardian->environment);
    free(guardian);
}

char *const *guardian_environment(const struct guardian *guardian)
{
    return guardian->environment;
}

static void tell(struct guardian *guardian, enum op op, pid_t group)
{
    struct message message = {op, group};

    if (write(guardian->fd, &message, sizeof message) == (ssize_t)sizeof message || guardian->lost)
        return;
    guardian->lost = true;
    log_warn("the guardian is gone (%s): were the driver killed now, its children's children could "
             "stay behind",
             strerror(errno));
}

void guardian_watch(struct guardian *guardian, pid_t group)
{
    tell(guardian, OP_WATCH, group);
}

void guardian_forget(struct guardian *guardian, pid_t group)
{
    tell(guardian, OP_FORGET, group);
}
