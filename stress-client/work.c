#include "stress-client/work.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/base/state_dir.h"
#include "common/child/healthy.h"
#include "common/child/leak.h"
#include "common/child/telemetry.h"
#include "common/engine/client.h"
#include "common/engine/mem.h"
#include "stress-client/author.h"
#include "stress-client/interop.h"
#include "stress-client/probe.h"
#include "stress-client/reconnect.h"
#include "stress-client/runner.h"
#include "stress-client/subscriber.h"
#include "stress-client/summary.h"
#include "stress-client/swarm.h"
#include "stress-client/work_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define SPARE_DESCRIPTORS 32 /* beside the connections: loop, page, standard streams, resolver */

static void format_address(struct work *work)
{
    bool bare = strchr(work->options->host, ':') == NULL;

    snprintf(work->address, sizeof work->address, bare ? "%s:%d" : "[%s]:%d", work->options->host,
             work->options->port);
}

/* As far as the hard limit lets it; whether that was enough. */
static bool raise_limit(uint64_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return true;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == wanted;
}

void work_make_room(uint64_t connections)
{
    raise_limit(connections + SPARE_DESCRIPTORS);
}

/* Every connection takes a descriptor: better said now than by the thousandth failing. */
static bool raise_descriptors(const struct plan *plan)
{
    struct rlimit limit;
    uint64_t wanted = plan_widest(plan);

    /* No limit is as high as what would overflow here. */
    wanted = wanted > UINT64_MAX - SPARE_DESCRIPTORS ? wanted : wanted + SPARE_DESCRIPTORS;
    if (raise_limit(wanted))
        return true;
    getrlimit(RLIMIT_NOFILE, &limit);
    log_error("%" PRIu64 " concurrent connections need %" PRIu64
              " file descriptors, the limit is %" PRIu64 ": raise it with ulimit -n",
              plan_widest(plan), wanted, (uint64_t)limit.rlim_max);
    return false;
}

/*
 * By hand, without a store given, the certificate that stress-server made for this user is trusted,
 * so that `stress-server --secure` and `stress-client --secure` work together; else the system's.
 */
static struct tls_context *make_tls(const struct options *o, char *error, size_t cap)
{
    struct tls_client_options tls = {
        .no_validation = o->no_validation,
        .system_store = o->system_store,
        .store_path = o->store_path,
    };
    char path[PATH_MAX];

    if (!o->no_validation && !o->system_store && o->store_path == NULL) {
        if (o->telemetry_fd < 0 && state_dir_file(STATE_CERT_FILE, path, sizeof path) &&
            access(path, R_OK) == 0)
            tls.store_path = path;
        else
            tls.system_store = true;
    }
    return tls_client_new(&tls, error, cap);
}

static bool set_up_network(struct work *work)
{
    const struct options *o = work->options;
    struct client_config config = {.host = o->host,
                                   .port = (uint16_t)o->port,
                                   .resume = o->tls_resume,
                                   .keepalive_ns = o->keepalive_ns,
                                   .keepalive_timeout_ns = o->keepalive_timeout_ns,
                                   .connect_timeout_ns = o->connect_timeout_ns};
    char error[512];

    work->loop = engine_loop_new();
    if (work->loop == NULL) {
        log_error("no memory for the event loop");
        return false;
    }
    if (o->secure && (work->tls = make_tls(o, error, sizeof error)) == NULL) {
        log_error("%s", error);
        return false;
    }
    config.tls = work->tls;
    if (o->probe || o->swarm.clients != 0)
        config.connect_timeout_ns = o->timeout_ns;
    work->target = client_target_new(&config, error, sizeof error);
    if (work->target == NULL)
        log_error("%s", error);
    return work->target != NULL;
}

static bool plant(struct work *work)
{
    const struct options *o = work->options;

    if (o->leak.bytes != 0 && (work->leak = leak_new(&o->leak, work->loop)) == NULL)
        return false;
    return o->healthy.bytes == 0 || (work->healthy = healthy_new(&o->healthy, work->loop)) != NULL;
}

bool work_set_up_tally(struct work *work)
{
    work->tally = mem_calloc(MEM_APP, 1, sizeof *work->tally);
    if (work->tally == NULL)
        return false;
    work->tally->telemetry = work->telemetry;
    return plant(work);
}

static bool set_up_traffic(struct work *work)
{
    const struct options *o = work->options;
    struct runner_config config = {
        .loop = work->loop,
        .target = work->target,
        .address = work->address,
        .plan = o->plan,
        .telemetry = work->telemetry,
        .service = o->service,
        .encoding = o->encoding,
        .calls_at_once = o->calls_at_once != 0 ? (uint32_t)o->calls_at_once : 1,
        .retry_limit = o->retry != UINT64_MAX ? o->retry : 0,
        .secure = o->secure,
        .abortive = o->abortive,
        .call_timeout_ns = o->call_timeout_ns,
        .cancel_after = o->cancel_after,
        .overrun = o->overrun,
        .new_header = o->new_header,
        .message_size = (uint32_t)o->message_size,
    };

    if (work->telemetry != NULL)
        config.retry_limit = RECONNECT_FOR_EVER;
    if (work_set_up_tally(work)) {
        config.tally = work->tally;
        work->runner = runner_new(&config);
    }
    if (work->runner == NULL)
        log_error("no memory for %" PRIu64 " connections", plan_widest(o->plan));
    return work->runner != NULL;
}

void work_report(const struct work *work, int status, const char *failure, uint64_t wall_ns,
                 const struct peer_stats *peers)
{
    struct summary summary = {
        .address = work->address,
        .secure = work->options->secure,
        .status = status,
        .failure = failure,
        .wall_ns = wall_ns,
        .cpu_ns = clock_cpu_ns(),
        .stats = engine_loop_stats(work->loop),
        .tally = work->tally,
        .peers = peers,
    };

    if (summary.failure != NULL)
        log_error("%s", summary.failure);
    if (work->options->json)
        summary_print_json(&summary, stdout);
    else
        summary_print_text(&summary, stdout);
}

int work_flush_summary(int status)
{
    if (fflush(stdout) == 0 || status != STATUS_PASSED)
        return status;
    log_error("the summary could not be written");
    return STATUS_ENVIRONMENT;
}

static int run_traffic(struct work *work)
{
    uint64_t start;
    int status;

    if (!raise_descriptors(work->options->plan) || !set_up_traffic(work))
        return STATUS_ENVIRONMENT;
    start = clock_now_ns();
    status = runner_run(work->runner);
    work_report(work, status, runner_failure(work->runner), clock_now_ns() - start, NULL);
    status = work_flush_summary(status);
    /* After a second signal connections are still open; the kernel ends them. */
    if (!runner_is_idle(work->runner))
        _exit(status);
    return status;
}

static struct swarm *make_swarm(struct work *work, FILE *csv)
{
    const struct options *o = work->options;
    const struct swarm_config config = {
        .loop = work->loop,
        .target = work->target,
        .address = work->address,
        .telemetry = work->telemetry,
        .tally = work->tally,
        .secure = o->secure,
        .clients = o->swarm.clients,
        .messages_from = o->swarm.messages_from,
        .messages_to = o->swarm.messages_to,
        .rate = o->swarm.rate,
        .stay_ns = o->swarm.stay_ns,
        .reply_limit_ns = o->timeout_ns,
        .hold = o->swarm.hold,
        .together = o->swarm.together,
        .back = o->swarm.back,
        .csv = csv,
    };
    struct swarm *swarm = swarm_new(&config);

    if (swarm == NULL)
        log_error("no memory for %" PRIu64 " clients", o->swarm.clients);
    return swarm;
}

/* Closes it; false if it could not be written whole. */
static bool close_csv(FILE *csv, const char *path)
{
    bool whole = ferror(csv) == 0 && fflush(csv) == 0;
    int number = errno;

    if (fclose(csv) == 0 && whole)
        return true;
    log_error("%s could not be written: %s", path, strerrordesc_np(number));
    return false;
}

static int run_swarm_to(struct work *work, FILE *csv)
{
    uint64_t start = clock_now_ns();
    struct swarm *swarm;
    int status;

    swarm = make_swarm(work, csv);
    if (swarm == NULL)
        return STATUS_ENVIRONMENT;
    status = swarm_run(swarm);
    work_report(work, status, swarm_failure(swarm), clock_now_ns() - start, NULL);
    status = work_flush_summary(status);
    /* After a signal connections are still open; the kernel ends them. */
    if (!swarm_is_idle(swarm)) {
        if (csv != NULL && !close_csv(csv, work->options->swarm.csv))
            status = STATUS_ENVIRONMENT;
        _exit(status);
    }
    swarm_free(swarm);
    return status;
}

/* Running out of descriptors is one of the ends of the road that a swarm is to find. */
static int run_swarm(struct work *work)
{
    const char *path = work->options->swarm.csv;
    FILE *csv = path != NULL ? fopen(path, "we") : NULL;
    int status = STATUS_ENVIRONMENT;

    if (path != NULL && csv == NULL) {
        log_error("cannot write %s: %s", path, strerrordesc_np(errno));
        return status;
    }
    work_make_room(work->options->swarm.clients);
    if (!work_set_up_tally(work))
        log_error("no memory for a swarm");
    else
        status = run_swarm_to(work, csv);
    if (csv != NULL && !close_csv(csv, path))
        status = STATUS_ENVIRONMENT;
    return status;
}

static int run_party(const struct work *work, const struct party_config *party, char *failure,
                     size_t cap)
{
    const struct relay_options *o = &work->options->relay;
    const struct author_config author = {
        .party = *party,
        .topic = o->publish,
        .events = o->events,
        .authors = o->authors,
        .body = o->event_size,
        .stream = o->stream,
        .connection_per_event = o->connection_per_event,
        .log = o->event_log,
    };
    const struct subscriber_config subscriber = {
        .party = *party,
        .topic = o->subscribe,
        .subscribers = o->subscribers,
        .expect = o->expect,
        .db = o->event_db,
        .idle_ns = o->idle_ns,
    };

    return o->publish != NULL ? authors_run(&author, failure, cap)
                              : subscribers_run(&subscriber, failure, cap);
}

static int run_relay(struct work *work)
{
    const struct options *o = work->options;
    struct party_config party = {
        .loop = work->loop,
        .target = work->target,
        .address = work->address,
        .telemetry = work->telemetry,
        .retry_limit = o->retry != UINT64_MAX ? o->retry : 0,
        .secure = o->secure,
    };
    char failure[640];
    uint64_t start = clock_now_ns();
    int status;

    work_make_room(o->relay.publish != NULL ? o->relay.authors : o->relay.subscribers);
    if (!work_set_up_tally(work)) {
        log_error("no memory for the run");
        return STATUS_ENVIRONMENT;
    }
    party.tally = work->tally;
    status = run_party(work, &party, failure, sizeof failure);
    work_report(work, status, failure[0] != '\0' ? failure : NULL, clock_now_ns() - start, NULL);
    return work_flush_summary(status);
}

static int run_probe(struct work *work)
{
    char why[512];

    if (probe_run(work->loop, work->target, work->options->timeout_ns, why, sizeof why))
        return STATUS_PASSED;
    log_error("%s: %s", work->address, why);
    return STATUS_FAILED;
}

static int run_interop(struct work *work)
{
    const struct options *o = work->options;
    const struct interop_config config = {
        .loop = work->loop,
        .target = work->target,
        .name = o->interop_case,
        .limit_ns = o->timeout_ns,
        .soak_iterations = o->soak_iterations,
        .soak_latency_ns = o->soak_latency_ns,
        .soak_failures = o->soak_failures,
    };

    return interop_run(&config, stdout) ? STATUS_PASSED : STATUS_FAILED;
}

static int run(struct work *work)
{
    if (work->options->probe)
        return run_probe(work);
    if (relay_options_used(&work->options->relay))
        return run_relay(work);
    if (peer_options_used(&work->options->peers))
        return work_run_peers(work);
    if (work->options->swarm.clients != 0)
        return run_swarm(work);
    return work->options->interop_case != NULL ? run_interop(work) : run_traffic(work);
}

static void tear_down(struct work *work)
{
    runner_free(work->runner);
    telemetry_free(work->telemetry);
    leak_free(work->leak);
    healthy_free(work->healthy);
    mem_free(MEM_APP, work->tally);
    client_target_free(work->target);
    tls_context_free(work->tls);
    engine_loop_free(work->loop);
}

int work_run(const struct options *options)
{
    struct work work = {.options = options};
    char error[256];
    int status = STATUS_ENVIRONMENT;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on files ends the writing of them, not the process */
    format_address(&work);
    if (options->telemetry_fd >= 0) {
        work.telemetry = telemetry_new(options->telemetry_fd, error, sizeof error);
        if (work.telemetry == NULL) {
            log_error("%s", error);
            return STATUS_ENVIRONMENT;
        }
        telemetry_set_profile_dir(work.telemetry, options->profile_dir);
    }
    if (set_up_network(&work))
        status = run(&work);
    tear_down(&work);
    return status;
}
