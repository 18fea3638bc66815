#include "results-server/serve.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/base/sandbox.h"
#include "results-server/app.h"
#include "results-server/influx.h"
#include "results-server/live_feed.h"
#include "results-server/routes.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

#define TICK_NS (100 * NS_PER_MS)
#define GRACE_NS (2 * NS_PER_S) /* for what waits to be stored and answered */
#define QUEUE_JOBS 16384
#define QUEUE_BYTES ((size_t)256 << 20)
#define ERROR_SIZE 1024

static int fail(int status, const char *why)
{
    log_error("%s", why);
    return status;
}

static struct http *open_http(struct app *app, const struct options *options, char *error,
                              int *status)
{
    struct http_config config;

    http_config_init(&config);
    config.listen = options->listen;
    config.token_file = options->token;
    config.tls_cert = options->tls_cert;
    config.tls_key = options->tls_key;
    config.io_timeout_ns = options->io_timeout_ns;
    config.body_limit = options->max_body;
    config.handle = routes_handle;
    config.open = routes_open;
    config.app = app;
    return http_new(&config, error, ERROR_SIZE, status);
}

/* Before anything of the server runs: true also if none is wanted. */
static bool open_influx(struct app *app, const struct options *options, char *error, int *status)
{
    if (options->influx == NULL)
        return true;
    app->influx = influx_new(options->influx, options->store, status, error, ERROR_SIZE);
    return app->influx != NULL;
}

/* Every thread that serves is there, and every file that is opened but once. */
static bool confine(const struct options *options, char *error)
{
    const struct sandbox sandbox = {.program = "results-server",
                                    .connects = options->influx != NULL};

    return !options->seccomp || sandbox_enter(&sandbox, error, ERROR_SIZE);
}

/* In the order in which they need each other: whoever is heard can be stored. */
static bool start(struct app *app, char *error)
{
    if (!store_start(app->store, error, ERROR_SIZE))
        return false;
    if (app->influx != NULL && !influx_start(app->influx, error, ERROR_SIZE))
        return false;
    if (live_feed_start(app->feed) && http_start(app->http))
        return true;
    snprintf(error, ERROR_SIZE, "no thread to serve in: %m");
    return false;
}

static void run_until(const sigset_t *ends, struct app *app)
{
    const struct timespec tick = {.tv_nsec = TICK_NS};

    while (sigtimedwait(ends, NULL, &tick) < 0)
        app_tick(app);
}

/* No new requests; those that are being stored are answered; then the store is closed, and what is
 * in it is pushed. */
static void stop(struct app *app)
{
    live_feed_stop(app->feed);
    http_stop(app->http, GRACE_NS);
    store_close(app->store);
    app_stop_waits(app);
    influx_free(app->influx);
    app->influx = NULL;
    http_free(app->http);
}

static int serve_app(struct app *app, const struct options *options, const sigset_t *ends)
{
    char error[ERROR_SIZE];
    int status = STATUS_ENVIRONMENT;

    if (!open_influx(app, options, error, &status))
        return fail(status, error);
    app->http = open_http(app, options, error, &status);
    if (app->http == NULL) {
        influx_free(app->influx);
        return fail(status, error);
    }
    if (!start(app, error) || !confine(options, error)) {
        stop(app);
        return fail(STATUS_ENVIRONMENT, error);
    }
    printf("listening on %s\n", http_url(app->http));
    fflush(stdout);
    run_until(ends, app);
    log_info("ends; what was acknowledged is in %s", options->store);
    stop(app);
    return STATUS_PASSED;
}

int serve(const struct options *options)
{
    const struct store_config store = {
        .dir = options->store, .queue_jobs = QUEUE_JOBS, .queue_bytes = QUEUE_BYTES};
    struct app app;
    char error[ERROR_SIZE];
    sigset_t ends;
    int status;

    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (!app_init(&app, &store, options->host_timeout_ns, error, sizeof error))
        status = fail(STATUS_ENVIRONMENT, error);
    else if ((app.feed = live_feed_new(&app)) == NULL)
        status = fail(STATUS_ENVIRONMENT, "no memory for the live page");
    else
        status = serve_app(&app, options, &ends);
    live_feed_free(app.feed);
    app_free(&app);
    return status;
}
