#include "config.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/base/private_file.h"
#include "results-server/uploader/line_input.h"
#include "results-server/uploader/orders.h"
#include "results-server/uploader/points.h"
#include "results-server/uploader/tail.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* What is measured goes first. */
#define NICE 10
#define TOKEN_MAX 512

struct uploader {
    struct options options;
    char token[TOKEN_MAX + 2];
    pid_t parent;
    struct session *session;
    struct tail *tail;     /* with --run */
    struct points *points; /* with --lines */
    struct line_input input;
    int signals; /* signalfd */
    int told;    /* how often we were told to stop */
};

/* ---- sources ---- */

static enum feed_fill fill_from_run(void *source, struct batch *batch, bool over, uint64_t now_ns)
{
    struct tail *tail = source;

    switch (tail_fill(tail, batch, over, now_ns)) {
    case TAIL_MORE:
        return FEED_MORE;
    case TAIL_ALL:
        return FEED_ALL;
    default:
        if (over)
            log_warn("%s", tail_error(tail));
        else
            log_debug("%s", tail_error(tail));
        return FEED_LATER;
    }
}

static void take_order(void *user, char *line)
{
    struct uploader *u = user;

    if (line == NULL)
        session_fail(u->session, "an order is too long");
    else
        orders_take(u->session, line);
}

static const char *text_of(const json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}

static void take_point(void *user, char *line)
{
    struct uploader *u = user;
    json_t *result, *status;

    points_take(u->points, line, &result);
    if (result == NULL)
        return;
    status = json_object_get(result, "status");
    session_done(u->session, json_is_integer(status) ? (int)json_integer_value(status) : 0,
                 text_of(result, "verdict") == NULL ? "pass" : text_of(result, "verdict"),
                 text_of(result, "reason"), json_incref(json_object_get(result, "summary")));
    json_decref(result);
}

/* ---- before the loop: fail freely ---- */

static bool read_token(struct uploader *u)
{
    FILE *file;
    size_t size;

    if (u->options.token == NULL)
        return true;
    file = fopen(u->options.token, "re");
    if (file == NULL) {
        log_error("--token: %s: %s", u->options.token, strerror(errno));
        return false;
    }
    private_file_check(fileno(file), "token", u->options.token);
    size = fread(u->token, 1, sizeof u->token - 1, file);
    fclose(file);
    u->token[size] = '\0';
    size = 0;
    while (isgraph((unsigned char)u->token[size]))
        size++;
    if (size == 0 || size > TOKEN_MAX || strchr("\r\n", u->token[size]) == NULL) {
        log_error("--token: the first line of %s is no token (1 to %d visible ASCII characters)",
                  u->options.token, TOKEN_MAX);
        return false;
    }
    u->token[size] = '\0';
    return true;
}

/*
 * The driver's end must not be ours at once: what it left is still to be delivered. A pipe that
 * closes tells us, and where somebody else holds it open, this signal.
 */
static bool take_signals(struct uploader *u)
{
    sigset_t stop;

    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGHUP);
    u->parent = getppid();
    u->signals = sigprocmask(SIG_BLOCK, &stop, NULL) < 0 ? -1 : signalfd(-1, &stop, SFD_CLOEXEC);
    signal(SIGPIPE, SIG_IGN);
    if (u->signals < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
        log_error("cannot take signals: %s", strerror(errno));
    return u->signals >= 0;
}

static void step_back(void)
{
    if (getpriority(PRIO_PROCESS, 0) < NICE)
        setpriority(PRIO_PROCESS, 0, NICE);
}

static bool make_source(struct uploader *u, struct session_source *source)
{
    u->input = (struct line_input){.fd = STDIN_FILENO, .user = u};
    if (u->options.lines) {
        u->points = points_new(u->options.buffer_bytes);
        *source = (struct session_source){points_fill, u->points};
        u->input.take = take_point;
    } else {
        u->tail = tail_new(u->options.run);
        *source = (struct session_source){fill_from_run, u->tail};
        u->input.take = take_order;
    }
    return source->source != NULL;
}

/* ---- the loop ---- */

/* Who sends a signal to a whole group means the driver, which gives its orders then; unless it is
 * gone, or whoever sends it means it. */
static void take_signal(struct uploader *u)
{
    struct signalfd_siginfo info;

    if (read(u->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (getppid() != u->parent)
        session_give_up(u->session, "the driver is gone");
    else if (++u->told > 1)
        session_give_up(u->session, "it was told to stop");
}

static int loop(struct uploader *u, struct remote *remote)
{
    struct curl_waitfd fds[] = {{.fd = u->signals, .events = CURL_WAIT_POLLIN},
                                {.fd = STDIN_FILENO, .events = CURL_WAIT_POLLIN}};
    unsigned count = 2;

    while (session_status(u->session) < 0) {
        uint64_t until = session_turn(u->session, clock_now_ns());

        if (session_status(u->session) >= 0)
            break;
        fds[0].revents = fds[1].revents = 0;
        remote_turn(remote, fds, count, until);
        if (fds[0].revents != 0)
            take_signal(u);
        if (fds[1].revents != 0 && !line_input_read(&u->input)) {
            count = 1;
            session_hang_up(u->session);
        }
    }
    return session_status(u->session);
}

static int work(struct uploader *u)
{
    struct remote_settings settings = {u->options.to, u->options.token == NULL ? NULL : u->token,
                                       u->options.ca};
    struct session_source source;
    struct remote *remote = NULL;
    int status = STATUS_ENVIRONMENT;
    char error[256] = "no memory";

    if (make_source(u, &source))
        remote = remote_new(&settings, error, sizeof error);
    if (remote != NULL)
        u->session = session_new(&u->options, remote, &source);
    if (u->session != NULL)
        status = loop(u, remote);
    else
        log_error("%s", error);
    if (u->points != NULL && !points_complete(u->points) && status == STATUS_PASSED)
        status = STATUS_FAILED;
    session_free(u->session);
    remote_free(remote);
    points_free(u->points);
    tail_free(u->tail);
    text_free(&u->input.held);
    return status;
}

int main(int argc, char **argv)
{
    static struct uploader uploader;

    options_read(&uploader.options, argc, argv);
    log_init("uploader", uploader.options.verbose ? LOG_DEBUG : LOG_INFO,
             uploader.options.run != NULL);
    if (!read_token(&uploader) || !take_signals(&uploader))
        return STATUS_ENVIRONMENT;
    step_back();
    return work(&uploader);
}
