#include "stress-client/uplink.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/units.h"
#include "common/engine/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAID_MAX 4096            /* of a line of the uploader's that is understood */
#define GRACE_NS (10 * NS_PER_S) /* beyond what it may take by its own account */
#define WAIT_FOR_TEST "24h"

struct uplink {
    struct ev_loop *ev; /* NULL: not started */
    const struct uplink_events *events;
    void *user;
    pid_t pid;    /* 0: reaped */
    int to, from; /* -1: closed */
    uint64_t drain_ns;
    ev_io said, room;
    FILE *stream; /* over the line */
    size_t size, sent;
    uint64_t dropped;
    size_t said_size;
    bool gone;
    char said_line[SAID_MAX];
    char line[UPLINK_LINE];
};

/* --- the child -------------------------------------------------------------------------------- */

/* Beside our own folder in a build, beside ourselves where we are installed. */
static bool find_program(char *path, size_t cap, char *error, size_t error_cap)
{
    static const char *const places[] = {"../results-server/uploader/uploader", "uploader"};
    char own[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
    const char *folder;

    if (n < 0) {
        snprintf(error, error_cap, "cannot read /proc/self/exe: %s; is /proc mounted?",
                 strerrordesc_np(errno));
        return false;
    }
    own[n] = '\0';
    folder = dirname(own);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(path, cap, "%s/%s", folder, places[i]);
        if (access(path, X_OK) == 0)
            return true;
    }
    snprintf(error, error_cap, "--report-to needs the uploader, which is not in %s", folder);
    return false;
}

static bool spawn(struct uplink *uplink, const char *program, const char *const *argv, int in,
                  int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    int number;

    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGXFSZ);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    /* A terminal's SIGINT is for us; the uploader is to deliver what we say of it. */
    signal(SIGINT, SIG_IGN);
    number =
        posix_spawn(&uplink->pid, program, &actions, &attributes, (char *const *)argv, environ);
    signal(SIGINT, SIG_DFL);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    errno = number;
    return number == 0;
}

static bool execute(struct uplink *uplink, const struct uplink_config *config, const char *program)
{
    char drain[32];
    const char *argv[20] = {program,       "--lines",         "--to",
                            config->url,   "--test",          config->test,
                            "--peer",      config->peer,      "--barrier-timeout",
                            WAIT_FOR_TEST, "--drain-timeout", drain};
    size_t count = 12;
    int to[2], from[2];
    bool done;

    snprintf(drain, sizeof drain, "%" PRIu64 "ms", config->drain_ns / NS_PER_MS);
    if (config->token != NULL) {
        argv[count++] = "--token";
        argv[count++] = config->token;
    }
    if (config->ca != NULL) {
        argv[count++] = "--ca";
        argv[count++] = config->ca;
    }
    if (pipe2(to, O_CLOEXEC) < 0)
        return false;
    uplink->to = to[1];
    if (pipe2(from, O_CLOEXEC) < 0) {
        close(to[0]);
        return false;
    }
    uplink->from = from[0];
    done = fcntl(uplink->to, F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(uplink->from, F_SETFL, O_NONBLOCK) == 0 &&
           spawn(uplink, program, argv, to[0], from[1]);
    close(to[0]);
    close(from[1]);
    return done;
}

struct uplink *uplink_new(const struct uplink_config *config, char *error, size_t cap)
{
    struct uplink *uplink = mem_calloc(MEM_APP, 1, sizeof *uplink);
    char program[PATH_MAX + 64];

    if (uplink == NULL) {
        snprintf(error, cap, "no memory for the way to the results server");
        return NULL;
    }
    uplink->to = uplink->from = -1;
    uplink->drain_ns = config->drain_ns;
    uplink->stream = fmemopen(uplink->line, sizeof uplink->line, "w");
    if (uplink->stream == NULL) {
        snprintf(error, cap, "no memory for the way to the results server");
    } else if (find_program(program, sizeof program, error, cap)) {
        if (execute(uplink, config, program))
            return uplink;
        snprintf(error, cap, "%s: %s", program, strerrordesc_np(errno));
    }
    uplink_free(uplink);
    return NULL;
}

static void close_end(int *end)
{
    if (*end >= 0)
        close(*end);
    *end = -1;
}

/* False: it has not ended yet. */
static bool reap(struct uplink *uplink, int *status)
{
    if (uplink->pid == 0 || waitpid(uplink->pid, status, WNOHANG) != uplink->pid)
        return false;
    uplink->pid = 0;
    return true;
}

/* --- what it says ----------------------------------------------------------------------------- */

static void take_line(struct uplink *uplink, const char *line)
{
    uint64_t start_ns;

    if (strncmp(line, "start ", 6) == 0 && units_parse_u64(line + 6, &start_ns))
        uplink->events->on_start(uplink->user, start_ns);
    else if (strncmp(line, "end", 3) == 0 && (line[3] == '\0' || line[3] == ' '))
        uplink->events->on_end(uplink->user);
    else if (strncmp(line, "error ", 6) == 0)
        log_error("uploader: %s", line + 6);
    else
        log_debug("uploader: %s", line);
}

static void take_lines(struct uplink *uplink)
{
    char *line = uplink->said_line, *end;

    while ((end = memchr(line, '\n', uplink->said_size)) != NULL) {
        *end = '\0';
        uplink->said_size -= (size_t)(end + 1 - line);
        take_line(uplink, line);
        line = end + 1;
    }
    if (uplink->said_size == sizeof uplink->said_line)
        uplink->said_size = 0; /* nothing that we know is so long */
    memmove(uplink->said_line, line, uplink->said_size);
}

static void lose(struct uplink *uplink)
{
    if (uplink->gone)
        return;
    uplink->gone = true;
    uplink_stop(uplink);
    log_error("the uploader has ended: what follows does not reach the results server");
    uplink->events->on_gone(uplink->user);
}

static void on_said(struct ev_loop *ev, ev_io *watcher, int revents)
{
    struct uplink *uplink = watcher->data;
    ssize_t n;

    (void)ev;
    if ((revents & EV_ERROR) != 0) {
        lose(uplink); /* the kernel refuses to watch it */
        return;
    }
    n = read(uplink->from, uplink->said_line + uplink->said_size,
             sizeof uplink->said_line - uplink->said_size);
    if (n > 0) {
        uplink->said_size += (size_t)n;
        take_lines(uplink);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        lose(uplink);
    }
}

/* --- what it is told -------------------------------------------------------------------------- */

static bool is_sent(const struct uplink *uplink)
{
    return uplink->sent == uplink->size;
}

/* As much of the line as there is room for. False: the other end is closed. */
static bool write_line(struct uplink *uplink)
{
    while (!is_sent(uplink)) {
        ssize_t n = write(uplink->to, uplink->line + uplink->sent, uplink->size - uplink->sent);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        uplink->sent += (size_t)n;
    }
    return true;
}

static void on_room(struct ev_loop *ev, ev_io *watcher, int revents)
{
    struct uplink *uplink = watcher->data;

    if ((revents & EV_ERROR) != 0 || !write_line(uplink))
        lose(uplink);
    else if (is_sent(uplink))
        ev_io_stop(ev, watcher);
}

FILE *uplink_open(struct uplink *uplink)
{
    if (uplink->gone || !is_sent(uplink)) {
        uplink->dropped += !uplink->gone;
        return NULL;
    }
    rewind(uplink->stream);
    return uplink->stream;
}

void uplink_send(struct uplink *uplink)
{
    bool whole = fflush(uplink->stream) == 0 && ferror(uplink->stream) == 0;
    long size = ftell(uplink->stream);

    uplink->sent = 0;
    uplink->size = whole && size > 0 ? (size_t)size : 0;
    uplink->dropped += !whole;
    if (!write_line(uplink) && uplink->ev != NULL)
        lose(uplink);
    else if (!is_sent(uplink) && uplink->ev != NULL)
        ev_io_start(uplink->ev, &uplink->room);
}

/* --- life ------------------------------------------------------------------------------------- */

void uplink_start(struct uplink *uplink, struct ev_loop *ev, const struct uplink_events *events,
                  void *user)
{
    uplink->ev = ev;
    uplink->events = events;
    uplink->user = user;
    ev_io_init(&uplink->said, on_said, uplink->from, EV_READ);
    ev_io_init(&uplink->room, on_room, uplink->to, EV_WRITE);
    uplink->said.data = uplink->room.data = uplink;
    ev_io_start(ev, &uplink->said);
}

void uplink_stop(struct uplink *uplink)
{
    if (uplink->ev == NULL)
        return;
    ev_io_stop(uplink->ev, &uplink->said);
    ev_io_stop(uplink->ev, &uplink->room);
    uplink->ev = NULL;
}

/* Until the line is out, or the uploader closes its end, or the time is over. */
static bool write_rest(struct uplink *uplink, uint64_t until_ns)
{
    struct pollfd room = {.fd = uplink->to, .events = POLLOUT};

    while (write_line(uplink)) {
        if (is_sent(uplink))
            return true;
        if (clock_now_ns() > until_ns)
            return false;
        poll(&room, 1, 100);
    }
    return false;
}

static bool await_end(struct uplink *uplink, uint64_t until_ns, int *status)
{
    while (!reap(uplink, status)) {
        if (clock_now_ns() > until_ns)
            return false;
        poll(NULL, 0, 10);
    }
    return true;
}

static uint64_t end_of_patience(const struct uplink *uplink)
{
    return clock_now_ns() + uplink->drain_ns + GRACE_NS;
}

void uplink_flush(struct uplink *uplink)
{
    if (!uplink->gone && !write_rest(uplink, end_of_patience(uplink)))
        uplink->gone = true;
}

bool uplink_finish(struct uplink *uplink)
{
    uint64_t until_ns = end_of_patience(uplink);
    bool written = !uplink->gone && write_rest(uplink, until_ns);
    int status = 0;

    close_end(&uplink->to);
    if (uplink->dropped > 0)
        log_warn("%" PRIu64 " data points were left out: the uploader was too slow",
                 uplink->dropped);
    if (!await_end(uplink, until_ns, &status)) {
        log_error("the uploader does not end; it is killed");
        return false;
    }
    if (WIFSIGNALED(status))
        log_error("the uploader was killed by SIG%s: not all reached the results server",
                  sigabbrev_np(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0)
        log_error("the uploader ended with status %d: not all reached the results server",
                  WEXITSTATUS(status));
    else if (!written)
        log_error("the uploader ended early: not all reached the results server");
    return written && status == 0;
}

void uplink_free(struct uplink *uplink)
{
    if (uplink == NULL)
        return;
    uplink_stop(uplink);
    close_end(&uplink->to);
    close_end(&uplink->from);
    if (uplink->pid > 0) {
        kill(uplink->pid, SIGKILL);
        waitpid(uplink->pid, NULL, 0);
    }
    if (uplink->stream != NULL)
        fclose(uplink->stream);
    mem_free(MEM_APP, uplink);
}
