#include "stress-server/serve.h"

#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/base/private_file.h"
#include "common/base/sandbox.h"
#include "common/child/telemetry.h"
#include "stress-server/broker.h"
#include "stress-server/certificate.h"
#include "stress-server/worker.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

struct app {
    const struct options *options;
    struct tls_context *tls;     /* NULL: cleartext */
    struct tls_context *former;  /* still used by a worker; NULL at rest */
    struct telemetry *telemetry; /* NULL: run by hand */
    struct broker *broker;
    struct admission admission; /* used if there is a limit */
    struct worker_config config;
    struct worker *workers[OPTIONS_THREADS_MAX]; /* the first on this thread */
    int count;
    atomic_int drained; /* workers */
    ev_signal terminate, interrupt;
    ev_async progress; /* a worker has drained, or obeyed */
    bool draining;
};

static void sum_traffic(void *user, struct engine_stats *sum)
{
    struct app *app = user;

    for (int i = 0; i < app->count; i++)
        worker_add_stats(app->workers[i], sum);
}

static void add_metrics(void *user, struct page_snapshot *snapshot)
{
    const struct app *app = user;
    struct engine_stats sum = {0};

    sum_traffic(user, &sum);
    metric_set(&snapshot->metrics, METRIC_ERRORS,
               (int64_t)(sum.protocol_errors + sum.memory_drops));
    broker_add_metrics(app->broker, &snapshot->metrics);
}

/* All workers, and that they have obeyed. */
static bool pause_workers(struct app *app, bool on)
{
    bool obeyed = true;

    for (int i = 0; i < app->count; i++)
        obeyed = worker_pause(app->workers[i], on) && obeyed;
    return obeyed;
}

static bool set_pause(struct app *app, bool on)
{
    if (!pause_workers(app, on))
        return false;
    telemetry_set_state(app->telemetry, on ? PAGE_PAUSED : PAGE_READY);
    return true;
}

static bool befall(struct app *app, enum worker_deed deed, uint64_t argument)
{
    for (int i = 0; i < app->count; i++)
        worker_befall(app->workers[i], deed, argument);
    return true;
}

static struct tls_context *load_tls(const struct options *o, char *error, size_t cap)
{
    struct certificate_files own;
    const char *cert = o->tls_pub, *key = o->tls_priv;

    if (cert == NULL) {
        if (!certificate_default(&own, error, cap))
            return NULL;
        cert = own.cert;
        key = own.key;
        log_info("certificate %s", cert);
    }
    private_file_check_path("private key", key);
    return tls_server_new(cert, o->tls_chain, o->tls_chain_count, key, error, cap);
}

static enum page_command_result begin_reload(struct app *app)
{
    char error[512];
    struct tls_context *fresh;

    if (app->tls == NULL)
        return PAGE_RESULT_UNSUPPORTED;
    fresh = load_tls(app->options, error, sizeof error);
    if (fresh == NULL) {
        log_error("%s; the certificate stays as it was", error);
        return PAGE_RESULT_FAILED;
    }
    app->former = app->tls;
    app->tls = fresh;
    return PAGE_RESULT_DONE;
}

/* False while a worker uses the former certificate: then it is asked again. */
static bool reload(struct app *app, enum page_command_result *result)
{
    bool taken = true;

    if (app->former == NULL)
        *result = begin_reload(app);
    if (app->former == NULL)
        return true;
    for (int i = 0; i < app->count; i++)
        taken = worker_use_tls(app->workers[i], app->tls) && taken;
    if (!taken)
        return false;
    tls_context_free(app->former);
    app->former = NULL;
    return true;
}

static bool on_command(void *user, enum page_command_op op, uint64_t argument,
                       enum page_command_result *result)
{
    struct app *app = user;

    *result = app->draining ? PAGE_RESULT_FAILED : PAGE_RESULT_DONE;
    if (app->draining)
        return true;
    switch (op) {
    case PAGE_COMMAND_PAUSE:
    case PAGE_COMMAND_RESUME:
        return set_pause(app, op == PAGE_COMMAND_PAUSE);
    case PAGE_COMMAND_RESET:
        return befall(app, WORKER_ABORT, 0);
    case PAGE_COMMAND_GOAWAY:
        return befall(app, WORKER_TURN_AWAY, 0);
    case PAGE_COMMAND_STALL:
        return befall(app, WORKER_STALL, argument);
    case PAGE_COMMAND_RELOAD:
        return reload(app, result);
    default:
        *result = PAGE_RESULT_UNSUPPORTED;
        return true;
    }
}

static const struct telemetry_hooks telemetry_hooks = {
    .fill = add_metrics, .command = on_command, .traffic = sum_traffic};

/* Thousands of connections are the purpose; the soft limit is meant for programs that select(2). */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static struct ev_loop *own_loop(const struct app *app)
{
    return engine_loop_ev(worker_loop(app->workers[0]));
}

/* In the worker's thread. */
static void on_drained(void *arg)
{
    struct app *app = arg;

    atomic_fetch_add(&app->drained, 1);
    ev_async_send(own_loop(app), &app->progress);
}

/* In the worker's thread: another turn of ours looks at the command that is pending. */
static void on_obeyed(void *arg)
{
    struct app *app = arg;

    ev_async_send(own_loop(app), &app->progress);
}

static bool make_workers(struct app *app, char *error, size_t cap)
{
    const struct options *o = app->options;

    app->config =
        (struct worker_config){.host = o->host,
                               .tls = app->tls,
                               .leak = &o->leak,
                               .healthy = &o->healthy,
                               .broker = app->broker,
                               .drain_ns = o->drain_ns,
                               .message_size = (uint32_t)o->message_size,
                               .keepalive_ns = o->keepalive_ns,
                               .keepalive_timeout_ns = o->keepalive_timeout_ns,
                               .permit_keepalive_ns = o->permit_keepalive_ns,
                               .admission = o->max_connections == 0 ? NULL : &app->admission,
                               .alone = o->threads == 1,
                               .drained = on_drained,
                               .obeyed = on_obeyed,
                               .arg = app};
    while (app->count < o->threads) {
        struct worker *worker =
            worker_new(&app->config, (uint16_t)o->port, app->workers[0], error, cap);

        if (worker == NULL)
            return false;
        app->workers[app->count++] = worker;
    }
    return true;
}

/* In the thread that writes the events. */
static void on_events_lost(void *arg)
{
    struct app *app = arg;

    ev_async_send(own_loop(app), &app->progress);
}

/* Once the port is ours, so that a busy one leaves no empty file. */
static bool open_events(struct app *app, char *error, size_t cap)
{
    const struct event_db_config config = {
        .path = app->options->event_db, .role = "broker", .on_failure = on_events_lost, .arg = app};

    return config.path == NULL || broker_open_db(app->broker, &config, error, cap);
}

/* False with *error; what was made until then is freed by tear_down. */
static bool set_up(struct app *app, char *error, size_t cap)
{
    const struct options *o = app->options;

    if (o->telemetry_fd >= 0) {
        app->telemetry = telemetry_new(o->telemetry_fd, error, cap);
        if (app->telemetry == NULL)
            return false;
        telemetry_set_profile_dir(app->telemetry, o->profile_dir);
    }
    if (o->secure) {
        app->tls = load_tls(o, error, cap);
        if (app->tls == NULL)
            return false;
    }
    app->broker = broker_new(&o->relay);
    if (app->broker == NULL) {
        snprintf(error, cap, "no memory for the relay");
        return false;
    }
    return make_workers(app, error, cap) && open_events(app, error, cap);
}

/* With the workers go the last subscribers. False with *error: events were lost. */
static bool tear_down(struct app *app, char *error, size_t cap)
{
    bool whole;

    telemetry_free(app->telemetry);
    app->telemetry = NULL;
    for (int i = 0; i < app->count; i++)
        worker_free(app->workers[i]);
    whole = broker_free(app->broker, error, cap);
    tls_context_free(app->former);
    tls_context_free(app->tls);
    return whole;
}

static void drain(struct app *app)
{
    app->draining = true;
    telemetry_set_state(app->telemetry, PAGE_DRAINING);
    for (int i = 0; i < app->count; i++)
        worker_drain(app->workers[i]);
}

static void on_progress(struct ev_loop *ev, ev_async *w, int revents)
{
    struct app *app = w->data;
    const char *failure = broker_failure(app->broker);

    (void)revents;
    if (atomic_load(&app->drained) == app->count)
        ev_break(ev, EVBREAK_ALL);
    if (failure == NULL || app->draining)
        return;
    log_error("%s: draining", failure);
    drain(app);
}

/* The first signal drains, the second ends at once. */
static void on_signal(struct ev_loop *ev, ev_signal *w, int revents)
{
    struct app *app = w->data;

    (void)revents;
    if (app->draining) {
        ev_break(ev, EVBREAK_ALL);
        return;
    }
    log_info("%s: draining", strsignal(w->signum));
    drain(app);
}

static void watch(struct app *app)
{
    struct ev_loop *ev = own_loop(app);

    ev_signal_init(&app->terminate, on_signal, SIGTERM);
    app->terminate.data = app;
    ev_signal_start(ev, &app->terminate);
    ev_signal_init(&app->interrupt, on_signal, SIGINT);
    app->interrupt.data = app;
    ev_signal_start(ev, &app->interrupt);
    ev_async_init(&app->progress, on_progress);
    app->progress.data = app;
    ev_async_start(ev, &app->progress);
}

static void unwatch(struct app *app)
{
    struct ev_loop *ev = own_loop(app);

    ev_signal_stop(ev, &app->terminate);
    ev_signal_stop(ev, &app->interrupt);
    ev_async_stop(ev, &app->progress);
}

static bool start_workers(struct app *app, char *error, size_t cap)
{
    for (int i = 1; i < app->count; i++) {
        if (!worker_start(app->workers[i], error, cap))
            return false;
    }
    return true;
}

static void stop_workers(struct app *app)
{
    for (int i = 0; i < app->count; i++)
        worker_stop(app->workers[i]);
}

/* On stdout, for people and for whoever asked for --port 0. */
static void announce(const struct app *app)
{
    const char *host = app->options->host;
    bool bare_v6 = strchr(host, ':') != NULL;

    printf("listening on %s%s%s:%u (%s)\n", bare_v6 ? "[" : "", host, bare_v6 ? "]" : "",
           (unsigned)worker_port(app->workers[0]), app->tls != NULL ? "secure" : "insecure");
    fflush(stdout);
}

/* In a handler of SIGSYS. */
static void say_last(void *arg, const char *words)
{
    const struct app *app = arg;

    telemetry_put_obituary(app->telemetry, words);
}

/* Once all is open that is opened but once. */
static bool confine(struct app *app, char *error, size_t cap)
{
    const struct sandbox sandbox = {.program = "stress-server", .say = say_last, .arg = app};

    return !app->options->seccomp || sandbox_enter(&sandbox, error, cap);
}

/* From the first publication to the last; false with *error if it could not begin. */
static bool run(struct app *app, char *error, size_t cap)
{
    bool started;

    telemetry_start(app->telemetry, worker_loop(app->workers[0]), &telemetry_hooks, app);
    watch(app);
    started = start_workers(app, error, cap) && confine(app, error, cap);
    if (started) {
        announce(app);
        telemetry_set_state(app->telemetry, PAGE_READY);
        worker_run(app->workers[0]);
    }
    stop_workers(app);
    telemetry_publish(app->telemetry);
    unwatch(app);
    return started;
}

int serve(const struct options *options)
{
    static struct app app; /* the sandbox looks into it until the process is no more */
    char error[640];
    bool served;

    app.options = options;
    app.admission.max = options->max_connections;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on files ends the writing of them, not the process */
    raise_descriptor_limit();
    served = set_up(&app, error, sizeof error) && run(&app, error, sizeof error);
    if (!served)
        log_error("%s", error);
    if (!tear_down(&app, error, sizeof error)) {
        log_error("%s", error);
        served = false;
    }
    return served ? STATUS_PASSED : STATUS_ENVIRONMENT;
}
