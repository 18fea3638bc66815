#include "driver/spawn.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "driver/pidns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_STACK (64 * 1024)
#define KILL_WAIT_MS 1000

/* The child's steps, so that a failure can be named across the pipe. */
#define STEP_TABLE(X)                           \
    X(NAMESPACE, "enter its namespace")         \
    X(GROUP, "make its process group")          \
    X(PARENT, "outlive its parent")             \
    X(PRIVILEGES, "give up new privileges")     \
    X(MEMORY, "enter its memory group")         \
    X(INPUT, "open /dev/null")                  \
    X(LOG, "open its log")                      \
    X(PAGE, "take its telemetry page")          \
    X(DESCRIPTORS, "close what is not its own") \
    X(LIMIT, "set its heap cap")                \
    X(EXEC, "execute it")

#define STEP_ENUM(ident, text) STEP_##ident,
enum step { STEP_TABLE(STEP_ENUM) };
#undef STEP_ENUM

static const char *const step_text[] = {
#define STEP_TEXT(ident, text) [STEP_##ident] = text,
    STEP_TABLE(STEP_TEXT)
#undef STEP_TEXT
};

struct failure {
    enum step step;
    int error;
};

/*
 * Of what runs between clone and exec: it works on a static stack that is never unwound, so what
 * AddressSanitizer poisons there would stay poisoned for the next child.
 */
#define IN_CHILD __attribute__((no_sanitize("address")))

/* Ignored signals survive exec, blocked ones too: the child starts with neither. */
IN_CHILD static void reset_signals(void)
{
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        sigaction(i, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

IN_CHILD static enum step redirect(const struct spawn_request *request)
{
    int in = request->in_fd > 0 ? request->in_fd : open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log = open(request->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (in < 0 || dup2(in, STDIN_FILENO) < 0)
        return STEP_INPUT;
    if (log < 0 || dup2(request->out_fd > 0 ? request->out_fd : log, STDOUT_FILENO) < 0 ||
        dup2(log, STDERR_FILENO) < 0)
        return STEP_LOG;
    return STEP_EXEC;
}

/* Everything above standard error closes at exec, but for the page. */
IN_CHILD static enum step keep_own_descriptors(const struct spawn_request *request, int *pipe)
{
    int page = -1, moved;

    if (request->page_fd >= 0) {
        /* What must last until exec gets out of the page's way first. */
        page = fcntl(request->page_fd, F_DUPFD_CLOEXEC, request->page_target + 1);
        moved = fcntl(*pipe, F_DUPFD_CLOEXEC, request->page_target + 1);
        if (page < 0 || moved < 0)
            return STEP_PAGE;
        *pipe = moved;
    }
    if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return STEP_DESCRIPTORS;
    return page >= 0 && dup2(page, request->page_target) < 0 ? STEP_PAGE : STEP_EXEC;
}

/* The hard limit stays, so that the driver may raise the cap of a process that it looks into. */
IN_CHILD static bool set_cap(uint64_t bytes)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_DATA, &limit) < 0)
        return false;
    limit.rlim_cur = bytes;
    return setrlimit(RLIMIT_DATA, &limit) == 0;
}

/* Before it executes anything, so that what that takes is counted from the first page on. */
IN_CHILD static bool enter_group(const char *entry)
{
    int fd = open(entry, O_WRONLY | O_CLOEXEC);
    bool entered = fd >= 0 && write(fd, "0", 1) == 1;
    int error = errno;

    if (fd >= 0)
        close(fd);
    errno = error;
    return entered;
}

/* All that lies between fork and exec; the step that failed, or STEP_EXEC when it is time for that.
 */
IN_CHILD static enum step get_ready(const struct spawn_request *request, pid_t driver, int *pipe)
{
    enum step step;

    reset_signals();
    if (setpgid(0, 0) < 0)
        return STEP_GROUP;
    /* The driver may have died before prctl took effect. From another namespace it is seen as 0. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || (getppid() != driver && getppid() != 0))
        return STEP_PARENT;
    /* No file that it executes gives it more rights than the driver has: sudo and ping do not. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return STEP_PRIVILEGES;
    if (request->group_entry != NULL && !enter_group(request->group_entry))
        return STEP_MEMORY;
    step = redirect(request);
    if (step == STEP_EXEC)
        step = keep_own_descriptors(request, pipe);
    if (step == STEP_EXEC && request->data_limit != 0 && !set_cap(request->data_limit))
        return STEP_LIMIT;
    return step;
}

struct birth {
    const struct spawn_request *request;
    pid_t driver;
    int pipe, flags;
};

IN_CHILD static int be_born(void *arg)
{
    const struct birth *birth = arg;
    int pipe = birth->pipe;
    struct failure failure = {get_ready(birth->request, birth->driver, &pipe), 0};

    /* The first of a namespace inherits orphans; what is ignored needs no reaping. */
    if ((birth->flags & CLONE_NEWPID) != 0)
        sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    if (failure.step == STEP_EXEC)
        execve(birth->request->argv[0], birth->request->argv, birth->request->envp);
    failure.error = errno;
    /* Without a reader there is nobody left to tell. */
    return write(pipe, &failure, sizeof failure) < 0 ? 126 : 127;
}

/*
 * As vfork, not as fork: a fork copies the driver's mappings, and for each shared library waits for
 * a lock that any preempted process may hold, which delayed samples by seconds on a busy machine.
 * The child works in the driver's memory, on a stack of its own, until exec: it only makes
 * system calls and writes its own variables, and the driver stands still meanwhile.
 */
static pid_t fork_masked(const struct spawn_request *request, int pipe, int flags)
{
    static char stack[CHILD_STACK] __attribute__((aligned(16)));
    struct birth birth = {request, getpid(), pipe, flags};
    sigset_t all, before;
    pid_t pid;

    /* The driver's handlers must not run in the child. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid = clone(be_born, stack + sizeof stack, CLONE_VM | CLONE_VFORK | flags | SIGCHLD, &birth);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

static bool fail_parent(const char *what, const char *program, char *error, size_t cap)
{
    snprintf(error, cap, "%s: %s: %s", program, what, strerror(errno));
    return false;
}

/* For where nothing else can be done, and nothing was executed yet that could delay it. */
static void end_now(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* The process, its pidfd and the read end of its pipe. False with errno; nothing is left. */
static bool give_birth(const struct spawn_request *request, int flags, pid_t *pid, int *pidfd,
                       int *exec_fd)
{
    int pipe[2], error;

    if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        return false;
    *exec_fd = pipe[0];
    *pid = fork_masked(request, pipe[1], flags);
    error = errno;
    close(pipe[1]);
    *pidfd = *pid < 0 ? -1 : pidfd_open(*pid, 0);
    if (*pidfd >= 0)
        return true;
    if (*pid >= 0) {
        error = errno;
        end_now(*pid);
    }
    close(pipe[0]);
    errno = error;
    return false;
}

/* Makes a namespace and enters it; without permission the child does with its process group. */
static void isolate(const struct spawn_request *request, struct spawned *out)
{
    static bool told;
    struct spawn_request init = {
        .argv = pidns_init_argv, .envp = request->envp, .log_path = "/dev/null", .page_fd = -1};
    struct failure failure = {STEP_NAMESPACE, 0};
    bool executed = false;
    int exec_fd;

    if (give_birth(&init, CLONE_NEWPID, &out->init, &out->init_fd, &exec_fd)) {
        /* It has executed or failed: vfork waits for that. */
        executed = read(exec_fd, &failure, sizeof failure) != (ssize_t)sizeof failure;
        failure.error = executed ? 0 : failure.error;
        close(exec_fd);
        if (executed && pidns_enter(out->init))
            return;
        end_now(out->init);
        close(out->init_fd);
    }
    if (!told)
        log_info("no PID namespaces here (%s): what a command starts is found by its process group "
                 "and its environment",
                 strerror(executed || failure.error == 0 ? errno : failure.error));
    told = true;
    out->init = 0;
    out->init_fd = -1;
}

/* What is left of it in its namespace goes with the first process there. */
static void end_namespace(const struct spawned *child)
{
    if (child->init > 0)
        kill(child->init, SIGKILL);
}

bool spawn_start(const struct spawn_request *request, struct spawned *out, char *error, size_t cap)
{
    bool born;

    *out = (struct spawned){.program = request->argv[0], .init_fd = -1};
    if (request->isolate)
        isolate(request, out);
    born = give_birth(request, 0, &out->pid, &out->pidfd, &out->exec_fd);
    if (out->init > 0)
        pidns_leave();
    if (!born) {
        fail_parent("cannot make a process", out->program, error, cap);
        if (out->init > 0) {
            end_now(out->init);
            close(out->init_fd);
        }
        return false;
    }
    /* Again as the child does it: whoever comes first, the group is there from now on. */
    setpgid(out->pid, out->pid);
    setpriority(PRIO_PROCESS, (id_t)out->pid, getpriority(PRIO_PROCESS, 0) + SPAWN_NICE);
    return true;
}

bool spawn_exec_failed(const struct spawned *child, char *error, size_t cap)
{
    struct failure failure;

    if (read(child->exec_fd, &failure, sizeof failure) != (ssize_t)sizeof failure)
        return false;
    snprintf(error, cap, "%s: cannot %s: %s", child->program, step_text[failure.step],
             strerror(failure.error));
    return true;
}

bool spawn_is_dead(const struct spawned *child)
{
    struct pollfd poll_fd = {.fd = child->pidfd, .events = POLLIN};

    return poll(&poll_fd, 1, 0) > 0;
}

/* As of now: a stop that was continued is reported no more (wait(2) with WNOWAIT keeps it else). */
int spawn_stop_signal(const struct spawned *child)
{
    siginfo_t info = {0};

    if (waitid(P_PIDFD, (id_t)child->pidfd, &info, WSTOPPED | WNOHANG | WNOWAIT) < 0 ||
        info.si_pid == 0)
        return 0;
    return info.si_status;
}

bool spawn_reap(struct spawned *child, struct spawn_end *end)
{
    siginfo_t info = {0};

    if (!child->reaped) {
        if (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
            return false;
        child->end.code = info.si_code == CLD_EXITED ? info.si_status : -1;
        child->end.signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
        child->reaped = true;
        /* The kernel lets the first of a namespace end only when all others were reaped. */
        end_namespace(child);
    }
    info.si_pid = 0;
    if (child->init > 0 &&
        (waitid(P_PIDFD, (id_t)child->init_fd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0))
        return false;
    child->init = 0;
    *end = child->end;
    return true;
}

bool spawn_lingers(const struct spawned *child)
{
    return child->reaped && child->init > 0;
}

void spawn_signal(const struct spawned *child, int signal)
{
    if (!child->reaped)
        kill(-child->pid, signal);
}

void spawn_hurry(const struct spawned *child)
{
    (void)setpriority(PRIO_PROCESS, (id_t)child->pid, getpriority(PRIO_PROCESS, 0));
}

void spawn_release(const struct spawned *child)
{
    close(child->pidfd);
    close(child->exec_fd);
    if (child->init_fd >= 0)
        close(child->init_fd);
}

void spawn_end_now(struct spawned *child)
{
    struct pollfd poll_fd = {.fd = child->pidfd, .events = POLLIN};
    struct spawn_end end;

    spawn_hurry(child);
    spawn_signal(child, SIGKILL);
    poll(&poll_fd, 1, KILL_WAIT_MS);
    (void)spawn_reap(child, &end);
    spawn_release(child);
}

bool spawn_run(const struct spawn_request *request, uint64_t timeout_ns, struct spawn_end *end,
               char *error, size_t cap)
{
    uint64_t deadline = clock_now_ns() + timeout_ns;
    struct spawned child;
    bool done = false;

    if (!spawn_start(request, &child, error, cap))
        return false;
    while (!done && clock_now_ns() < deadline) {
        struct pollfd poll_fd = {.fd = child.pidfd, .events = POLLIN};
        int left_ms = (int)((deadline - clock_now_ns()) / NS_PER_MS) + 1;

        poll(&poll_fd, 1, left_ms);
        done = spawn_reap(&child, end);
    }
    if (!done) {
        spawn_signal(&child, SIGKILL);
        waitpid(child.pid, NULL, 0);
        snprintf(error, cap, "%s: not done after %llu s, killed", request->argv[0],
                 (unsigned long long)(timeout_ns / NS_PER_S));
    }
    done = done && !spawn_exec_failed(&child, error, cap);
    spawn_release(&child);
    return done;
}
