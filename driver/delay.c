#include "driver/delay.h"

#include "common/base/log.h"
#include "common/contract/page.h"
#include "driver/delay_options.h"
#include "driver/loop.h"
#include "driver/netem.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct app {
    struct ev_loop *loop;
    struct waker waker; /* of the loop */
    struct delay_forward *forward;
    struct page *page; /* NULL: run by hand */
    struct page_snapshot snapshot;
    ev_timer publish;
    ev_prepare commands;
    ev_signal terminate, interrupt;
};

/* ---- under the driver ---- */

static void publish(struct app *app)
{
    struct delay_stats stats = delay_forward_stats(app->forward);
    struct metric_values *m = &app->snapshot.metrics;

    metric_set(m, METRIC_CONNECTIONS, (int64_t)stats.connections);
    metric_set(m, METRIC_CONNECTIONS_TOTAL, (int64_t)stats.connections_total);
    metric_set(m, METRIC_BYTES_SENT, (int64_t)stats.bytes_up);
    metric_set(m, METRIC_BYTES_RECEIVED, (int64_t)stats.bytes_down);
    metric_set(m, METRIC_LIVE_APP, (int64_t)stats.held);
    page_publish(app->page, &app->snapshot);
}

static enum page_command_result obey(struct app *app, enum page_command_op op, uint64_t argument)
{
    switch (op) {
    case PAGE_COMMAND_PUBLISH:
        return PAGE_RESULT_DONE;
    case PAGE_COMMAND_DELAY:
        delay_forward_set_rtt(app->forward, argument);
        return PAGE_RESULT_DONE;
    case PAGE_COMMAND_MUTE:
        delay_forward_mute(app->forward);
        return PAGE_RESULT_DONE;
    default:
        return PAGE_RESULT_UNSUPPORTED;
    }
}

/* On each turn of the loop, of which there is one every PAGE_PUBLISH_NS at least. */
static void on_prepare(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct app *app = w->data;
    uint64_t argument = 0;
    enum page_command_op op = page_pending(app->page, &argument);
    enum page_command_result result;

    (void)loop, (void)revents;
    if (op == PAGE_COMMAND_NONE)
        return;
    result = obey(app, op, argument);
    publish(app);
    page_acknowledge(app->page, result);
}

static void on_publish(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop, (void)revents;
    publish(timer->data);
}

static void start_telemetry(struct app *app)
{
    const double period = (double)PAGE_PUBLISH_NS / 1e9;

    app->snapshot.state = PAGE_READY;
    ev_timer_init(&app->publish, on_publish, 0, period);
    app->publish.data = app;
    ev_timer_start(app->loop, &app->publish);
    ev_prepare_init(&app->commands, on_prepare);
    app->commands.data = app;
    ev_prepare_start(app->loop, &app->commands);
}

static bool attach(struct app *app, int fd, char *error, size_t cap)
{
    app->page = page_attach(fd);
    if (app->page == NULL)
        snprintf(error, cap, "--telemetry-fd %d: %s", fd,
                 errno == EPROTO ? "not a page of this version" : strerror(errno));
    return app->page != NULL;
}

/* ---- life ---- */

static void on_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
    (void)w, (void)revents;
    ev_break(loop, EVBREAK_ALL);
}

static void watch(struct app *app)
{
    ev_signal_init(&app->terminate, on_signal, SIGTERM);
    ev_signal_start(app->loop, &app->terminate);
    ev_signal_init(&app->interrupt, on_signal, SIGINT);
    ev_signal_start(app->loop, &app->interrupt);
}

/* On stdout, for people and for whoever asked for port 0. */
static void announce(const struct app *app, const char *host)
{
    bool bare_v6 = strchr(host, ':') != NULL;

    printf("listening on %s%s%s:%u\n", bare_v6 ? "[" : "", host, bare_v6 ? "]" : "",
           (unsigned)delay_forward_port(app->forward));
    fflush(stdout);
}

static bool set_up(struct app *app, const struct delay_options *options, char *error, size_t cap)
{
    if (options->telemetry_fd >= 0 && !attach(app, options->telemetry_fd, error, cap))
        return false;
    app->loop = loop_open(&app->waker, error, cap);
    if (app->loop == NULL)
        return false;
    app->forward = delay_forward_new(app->loop, &options->settings, error, cap);
    return app->forward != NULL;
}

static void tear_down(struct app *app)
{
    delay_forward_free(app->forward);
    waker_close(&app->waker);
    page_free(app->page);
}

/* Each connection takes two. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static enum exit_status check_netem(void)
{
    const struct netem_settings settings = {.rtt_ns = 2000000};
    char log[] = "/tmp/flatline-netem-XXXXXX", error[1024];
    int fd = mkstemp(log);
    struct guardian *guardian = fd < 0 ? NULL : guardian_new(NULL, error, sizeof error);
    struct netem *netem =
        guardian == NULL ? NULL : netem_new(&settings, guardian, log, error, sizeof error);

    if (fd < 0)
        snprintf(error, sizeof error, "cannot make %s: %s", log, strerror(errno));
    if (netem == NULL)
        log_error("%s", error);
    else
        puts("tc netem can be used here");
    netem_free(netem);
    guardian_free(guardian);
    if (fd >= 0) {
        close(fd);
        unlink(log);
    }
    return netem == NULL ? STATUS_ENVIRONMENT : STATUS_PASSED;
}

enum exit_status delay_main(int argc, char **argv)
{
    struct delay_options options;
    struct app app = {0};
    char error[512];
    bool served;

    delay_options_read(&options, argc, argv);
    log_init("driver delay", options.verbose ? LOG_DEBUG : LOG_INFO, options.telemetry_fd >= 0);
    if (options.check_netem)
        return check_netem();
    raise_descriptor_limit();
    served = set_up(&app, &options, error, sizeof error);
    if (served) {
        watch(&app);
        if (app.page != NULL)
            start_telemetry(&app);
        announce(&app, options.settings.listen.host);
        ev_run(app.loop, 0);
    } else {
        log_error("%s", error);
    }
    tear_down(&app);
    return served ? STATUS_PASSED : STATUS_ENVIRONMENT;
}
