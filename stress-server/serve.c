#include "stress-server/serve.h"

#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/child/telemetry.h"
#include "common/engine/server.h"
#include "stress-server/certificate.h"
#include "stress-server/services.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

struct app {
    const struct options *options;
    struct engine_loop *loop;
    struct tls_context *tls; /* NULL: cleartext */
    struct server *server;
    struct telemetry *telemetry; /* NULL: run by hand */
    struct services services;
    ev_signal terminate, interrupt;
    ev_prepare turn;
    bool draining;
};

static void add_metrics(void *user, struct page_snapshot *snapshot)
{
    struct app *app = user;
    const struct engine_stats *stats = engine_loop_stats(app->loop);

    metric_set(&snapshot->metrics, METRIC_ERRORS,
               (int64_t)(stats->protocol_errors + stats->memory_drops));
}

static const struct telemetry_hooks telemetry_hooks = {.fill = add_metrics};

/* Thousands of connections are the purpose; the soft limit is meant for programs that select(2). */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
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
    return tls_server_new(cert, o->tls_chain, o->tls_chain_count, key, error, cap);
}

/* False with *error; what was made until then is freed by tear_down. */
static bool set_up(struct app *app, char *error, size_t cap)
{
    const struct options *o = app->options;
    struct server_config config = {
        .host = o->host,
        .port = (uint16_t)o->port,
        .methods = services_methods,
        .user = &app->services,
    };

    if (o->telemetry_fd >= 0) {
        app->telemetry = telemetry_new(o->telemetry_fd, error, cap);
        if (app->telemetry == NULL)
            return false;
    }
    if (o->secure) {
        app->tls = load_tls(o, error, cap);
        if (app->tls == NULL)
            return false;
        config.tls = app->tls;
    }
    snprintf(error, cap, "no memory for the loop");
    app->loop = engine_loop_new();
    if (app->loop == NULL)
        return false;
    if (o->leak.bytes > 0 && (app->services.leak = leak_new(&o->leak)) == NULL)
        return false;
    app->services.seeds.seed = rng_seed_random();
    app->services.ev = engine_loop_ev(app->loop);
    app->server = server_new(app->loop, &config, error, cap);
    return app->server != NULL;
}

static void tear_down(struct app *app)
{
    if (app->server != NULL)
        server_free(app->server);
    telemetry_free(app->telemetry);
    leak_free(app->services.leak);
    if (app->loop != NULL)
        engine_loop_free(app->loop);
    if (app->tls != NULL)
        tls_context_free(app->tls);
}

static void on_drained(void *arg)
{
    struct app *app = arg;

    ev_break(engine_loop_ev(app->loop), EVBREAK_ALL);
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
    app->draining = true;
    log_info("%s: draining", strsignal(w->signum));
    telemetry_set_state(app->telemetry, PAGE_DRAINING);
    health_drain(&app->services.health);
    server_drain(app->server, app->options->drain_ns, on_drained, app);
}

/* Connections come and go inside the engine; its counters tell of them. */
static void on_turn(struct ev_loop *ev, ev_prepare *w, int revents)
{
    struct app *app = w->data;
    const struct engine_stats *stats = engine_loop_stats(app->loop);
    uint64_t total = stats->connections_total;

    (void)ev, (void)revents;
    leak_follow(app->services.leak, LEAK_CONNECTION, total);
    leak_follow(app->services.leak, LEAK_RECONNECT, total > 0 ? total - 1 : 0);
    leak_follow(app->services.leak, LEAK_DISCONNECT, total - stats->connections);
}

static void watch(struct app *app)
{
    struct ev_loop *ev = engine_loop_ev(app->loop);

    ev_signal_init(&app->terminate, on_signal, SIGTERM);
    app->terminate.data = app;
    ev_signal_start(ev, &app->terminate);
    ev_signal_init(&app->interrupt, on_signal, SIGINT);
    app->interrupt.data = app;
    ev_signal_start(ev, &app->interrupt);
    if (app->services.leak != NULL) {
        ev_prepare_init(&app->turn, on_turn);
        app->turn.data = app;
        ev_prepare_start(ev, &app->turn);
    }
}

static void unwatch(struct app *app)
{
    struct ev_loop *ev = engine_loop_ev(app->loop);

    ev_signal_stop(ev, &app->terminate);
    ev_signal_stop(ev, &app->interrupt);
    if (app->services.leak != NULL)
        ev_prepare_stop(ev, &app->turn);
}

/* On stdout, for people and for whoever asked for --port 0. */
static void announce(const struct app *app)
{
    const char *host = app->options->host;
    bool bare_v6 = strchr(host, ':') != NULL;

    printf("listening on %s%s%s:%u (%s)\n", bare_v6 ? "[" : "", host, bare_v6 ? "]" : "",
           (unsigned)server_port(app->server), app->tls != NULL ? "secure" : "insecure");
    fflush(stdout);
}

int serve(const struct options *options)
{
    struct app app = {.options = options};
    char error[512];

    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    if (!set_up(&app, error, sizeof error)) {
        log_error("%s", error);
        tear_down(&app);
        return STATUS_ENVIRONMENT;
    }
    telemetry_start(app.telemetry, app.loop, &telemetry_hooks, &app);
    watch(&app);
    announce(&app);
    telemetry_set_state(app.telemetry, PAGE_READY);
    ev_run(engine_loop_ev(app.loop), 0);
    telemetry_publish(app.telemetry);
    unwatch(&app);
    tear_down(&app);
    return STATUS_PASSED;
}
