#include "driver/job.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "driver/job_internal.h"
#include "driver/record.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READY_LIMIT_NS (20 * NS_PER_S) /* sixty processes at a low priority on few cores */
#define STOP_LIMIT_NS (10 * NS_PER_S)  /* a busy machine was seen to take 8 s over an exit */
#define FROZEN_LIMIT_NS (5 * NS_PER_S) /* a nemesis holds for a quarter of that */
/* At the end of its time a run waits in steps until all have been up so long; but not for ever. */
#define SETTLED_NS (1500 * NS_PER_MS)
#define LATE_MAX_NS (30 * NS_PER_S)
#define LATE_STEP_S 0.25
/* One for the others' shares to be up, and one to be sure that they never will be. */
#define START_BARRIERS 2

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};

/* --- inside the loop ------------------------------------------------------------------------- */

/* Whether traffic goes from host to host: then all keep to the same moments. */
static bool is_spread(const struct job *job)
{
    return job->options->hosts.place == PLACE_SPREAD && job->options->hosts.size > 1;
}

/* What comes later is not judged. */
static void end_judged(struct job *job)
{
    if (!job->stopping) {
        job->stopping = true;
        (void)run_writer_meta_int(job->writer, "stop_ns", (int64_t)clock_now_ns());
    }
    ev_timer_stop(job->loop, &job->duration_timer);
    checkpoints_end(job->checkpoints);
    nemeses_end(job->nemeses);
}

static void stop(struct job *job)
{
    end_judged(job);
    if (job->autopsy != NULL)
        (void)autopsy_end(job->autopsy);
    supervisor_stop(job->supervisor);
}

/* Its time is over, or it has failed: there may be something to look into before it stops. */
static void stop_with_evidence(struct job *job)
{
    end_judged(job);
    if (job->autopsy != NULL)
        autopsy_begin(job->autopsy);
    else
        supervisor_stop(job->supervisor);
}

static void evidence_over(void *user)
{
    struct job *job = user;

    supervisor_stop(job->supervisor);
}

/*
 * Chaos is quiet at the end, so as a rule all are back by now; where the machine stood still they
 * are not, and a run that ended at once could not tell whether they ever come. Where others end at
 * the same moment, whose servers are needed here, there is nothing to wait for.
 */
static void on_duration(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    struct job *job = watcher->data;
    uint64_t elapsed = clock_now_ns() - job->begun_ns;

    (void)revents;
    if (elapsed < job->options->duration_ns + LATE_MAX_NS && !is_spread(job) &&
        !supervisor_is_settled(job->supervisor, SETTLED_NS)) {
        ev_timer_set(watcher, LATE_STEP_S, 0.);
        ev_timer_start(loop, watcher);
        return;
    }
    stop_with_evidence(job);
}

static void on_stop_signal(struct ev_loop *loop, ev_signal *watcher, int revents)
{
    struct job *job = watcher->data;
    bool looking = job->autopsy != NULL && autopsy_end(job->autopsy);

    (void)loop, (void)revents;
    live_clear(&job->live);
    if (job->supervisor == NULL) {
        job->interrupted = true;
        log_warn("%s: not waiting for the other hosts any more", strsignal(watcher->signum));
        share_interrupt(job->share);
        return;
    }
    log_warn("%s: %s", strsignal(watcher->signum),
             job->stopping && !looking ? "killing what still runs"
                                       : "stopping in order; again to kill at once");
    /* At the end of a run there is nothing left to interrupt. */
    job->interrupted |= !job->stopping;
    stop(job);
}

static void show(struct job *job)
{
    const struct sampler_totals *totals = sampler_totals(job->sampler);
    struct supervisor_counts counts = supervisor_counts(job->supervisor);
    uint64_t now = clock_now_ns();
    struct live_state state = {.begun = job->begun_ns != 0,
                               .elapsed_ns = job->begun_ns == 0 ? 0 : now - job->begun_ns,
                               .duration_ns = job->options->duration_ns,
                               .up = counts.up,
                               .total = counts.wanted,
                               .kills = counts.kills,
                               .recoveries = totals->recoveries,
                               .share = totals->share,
                               .share_name = totals->share_name};

    live_show(&job->live, &state, totals->calls, now);
}

static void on_live(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    struct job *job = watcher->data;

    (void)loop, (void)revents;
    if (!job->stopping)
        show(job);
}

static double seconds_until(uint64_t time_ns)
{
    uint64_t now = clock_now_ns();

    return time_ns > now ? (double)(time_ns - now) / 1e9 : 0.;
}

static void begun(void *user, uint64_t now_ns)
{
    struct job *job = user;

    job->begun_ns = now_ns;
    (void)run_writer_meta_int(job->writer, "ready_ns", (int64_t)now_ns);
    live_clear(&job->live);
    live_begin(&job->live, sampler_totals(job->sampler)->calls, now_ns);
    log_info("%u processes are up; the run begins", supervisor_counts(job->supervisor).wanted);
    ev_now_update(job->loop);
    ev_timer_stop(job->loop, &job->start_timer);
    ev_timer_set(&job->duration_timer, seconds_until(now_ns + job->options->duration_ns), 0.);
    ev_timer_start(job->loop, &job->duration_timer);
    checkpoints_begin(job->checkpoints, now_ns);
    nemeses_begin(job->nemeses, now_ns);
}

static void breached(void *user, const struct component *component, enum reason reason,
                     const char *line)
{
    struct job *job = user;

    job->breached = true;
    job->unstarted |= reason == REASON_SPAWN_FAILED;
    snprintf(job->reason, sizeof job->reason, "%s: %s", component->name, reason_name(reason));
    live_clear(&job->live);
    log_error("%s: %s: %s", component->name, reason_name(reason), line);
    if (job->stopping)
        return;
    log_info("the run ends here");
    if (job->unstarted)
        stop(job); /* there is nothing to look into */
    else
        stop_with_evidence(job);
}

static void over(void *user)
{
    struct job *job = user;

    ev_break(job->loop, EVBREAK_ALL);
}

static void clients_gone(void *user)
{
    struct job *job = user;

    checkpoints_close(job->checkpoints);
}

static void store_failed(void *user)
{
    struct job *job = user;

    job->store_failed = true;
    live_clear(&job->live);
    log_error("%s; stopping. What was committed before stays readable",
              run_writer_error(job->writer));
    if (!job->stopping)
        stop(job);
}

/* Its clients have lost their server, which is nobody's fault here. */
static void line_died(void *user, const char *log_path)
{
    struct job *job = user;

    job->line_failed = true;
    live_clear(&job->live);
    log_error("a delay line ended by itself: see %s", log_path);
    if (!job->stopping)
        stop(job);
}

static const struct supervisor_hooks hooks = {
    .begun = begun, .breached = breached, .over = over, .clients_gone = clients_gone};

/* --- and the other hosts ---------------------------------------------------------------------- */

static bool may_connect(void *user)
{
    struct job *job = user;

    return share_reach_servers(job->share, &job->scenario);
}

static void share_is_up(void *user)
{
    struct job *job = user;

    live_clear(&job->live);
    log_info("%u processes are up, of this host; waiting for the others",
             supervisor_counts(job->supervisor).wanted);
    share_ready(job->share);
}

static const struct supervisor_hooks joint_hooks = {.may_connect = may_connect,
                                                    .all_up = share_is_up,
                                                    .begun = begun,
                                                    .breached = breached,
                                                    .over = over,
                                                    .clients_gone = clients_gone};

/* The common moment has come; or it is not even known yet, and is not waited for any more. */
static void on_start(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    struct job *job = watcher->data;

    (void)loop, (void)revents;
    if (job->start_ns != 0) {
        supervisor_begin(job->supervisor, job->start_ns);
    } else if (!job->stopping) {
        live_clear(&job->live);
        log_error("the run has not begun: not every host's share is up; giving up");
        job->late = true;
        stop(job);
    }
}

static void start_at(void *user, uint64_t at_ns)
{
    struct job *job = user;

    job->start_ns = at_ns;
    ev_now_update(job->loop);
    ev_timer_stop(job->loop, &job->start_timer);
    ev_timer_set(&job->start_timer, seconds_until(at_ns), 0.);
    ev_timer_start(job->loop, &job->start_timer);
}

static void end_with_others(void *user, const char *reason)
{
    struct job *job = user;

    /* Whoever is about to end anyway does it by itself. */
    if (job->stopping || job->supervisor == NULL ||
        (job->begun_ns != 0 && clock_now_ns() >= job->begun_ns + job->options->duration_ns))
        return;
    live_clear(&job->live);
    log_warn("ending before its time: %s", reason);
    job->cut = true;
    snprintf(job->reason, sizeof job->reason, "%s", reason);
    stop(job);
}

static void cut_off(void *user, const char *why)
{
    struct job *job = user;

    live_clear(&job->live);
    if (job->start_ns != 0 || job->stopping) {
        log_error("nothing more is reported: %s; going on alone", why);
        return;
    }
    log_error("the run cannot begin: %s", why);
    job->late = true;
    stop(job);
}

static const struct share_hooks share_hooks = {start_at, end_with_others, cut_off};

static bool make_autopsy(struct job *job, char **argv)
{
    const struct autopsy_settings settings = {.supervisor = job->supervisor,
                                              .fleet = job->fleet,
                                              .guardian = job->guardian,
                                              .writer = job->writer,
                                              .run_dir = job->run_dir,
                                              .argv = argv,
                                              .seed = job->options->seed,
                                              .over = evidence_over,
                                              .user = job};

    if (job->options->no_evidence)
        return true;
    job->autopsy = autopsy_new(job->loop, &settings);
    return job->autopsy != NULL || job_refuse("no memory");
}

static struct checkpoint_plan checkpoint_plan(const struct job *job)
{
    return (struct checkpoint_plan){.seed = job->options->seed,
                                    .duration_ns = job->options->duration_ns,
                                    .wanted = (unsigned)job->options->checkpoints};
}

static bool make_nemeses(struct job *job)
{
    const struct options *options = job->options;
    const struct nemeses_settings settings = {.supervisor = job->supervisor,
                                              .rows = job->rows,
                                              .writer = job->writer,
                                              .plan = {.seed = options->seed,
                                                       .chosen = options->nemeses,
                                                       .low_ns = options->nemesis_low_ns,
                                                       .high_ns = options->nemesis_high_ns,
                                                       .scenario = &job->scenario},
                                              .certificates = &job->certificates,
                                              .lines = job->lines,
                                              .looks = checkpoint_plan(job),
                                              .duration_ns = options->duration_ns};

    if (options->nemeses == 0)
        return true;
    job->nemeses = nemeses_new(job->loop, &settings);
    return job->nemeses != NULL || job_refuse("no memory");
}

/* A client of another host's server is ready when that is, too. */
static uint64_t ready_limit(const struct job *job)
{
    return READY_LIMIT_NS + (is_spread(job) ? job->options->hosts.barrier_ns : 0);
}

static bool make_watchers(struct job *job)
{
    const struct supervisor_settings settings = {.fleet = job->fleet,
                                                 .rows = job->rows,
                                                 .writer = job->writer,
                                                 .guardian = job->guardian,
                                                 .groups = &job->groups,
                                                 .run_dir = job->run_dir,
                                                 .chaos = job->chaos,
                                                 .duration_ns = job->options->duration_ns,
                                                 .ready_limit_ns = ready_limit(job),
                                                 .frozen_limit_ns = FROZEN_LIMIT_NS,
                                                 .stop_limit_ns = STOP_LIMIT_NS};
    char error[JOB_LINE] = "no memory";

    job->supervisor =
        supervisor_new(job->loop, &settings, job->share != NULL ? &joint_hooks : &hooks, job);
    if (job->supervisor == NULL)
        return job_refuse(error);
    job->checkpoints = checkpoints_new(
        job->loop,
        &(struct checkpoint_settings){.supervisor = job->supervisor,
                                      .scenario = &job->scenario,
                                      .rows = job->rows,
                                      .writer = job->writer,
                                      .plan = checkpoint_plan(job),
                                      .pause_ns = CHECKPOINT_PAUSE_NS,
                                      .hold_ns = is_spread(job) ? CHECKPOINT_HOLD_NS : 0});
    if (job->checkpoints == NULL)
        return job_refuse(error);
    job->sampler =
        sampler_new(job->loop,
                    &(struct sampler_settings){.supervisor = job->supervisor,
                                               .scenario = &job->scenario,
                                               .writer = job->writer,
                                               .interval_ns = job->options->sample_interval_ns,
                                               .store_failed = store_failed,
                                               .user = job},
                    error, sizeof error);
    if (job->sampler == NULL)
        return job_refuse(error);
    return make_nemeses(job);
}

/* A driver under nohup is not to mind the terminal's end. */
static bool is_ignored(int signum)
{
    struct sigaction action;

    return signum == SIGHUP && sigaction(signum, NULL, &action) == 0 &&
           action.sa_handler == SIG_IGN;
}

static void watch_signals(struct job *job)
{
    for (size_t i = 0; i < sizeof stop_signals / sizeof *stop_signals; i++) {
        if (ev_is_active(&job->signals[i]))
            continue;
        ev_signal_init(&job->signals[i], on_stop_signal, stop_signals[i]);
        job->signals[i].data = job;
        if (!is_ignored(stop_signals[i]))
            ev_signal_start(job->loop, &job->signals[i]);
    }
    signal(SIGPIPE, SIG_IGN);
}

/* Where others are waited for, the wait is to be ended in order, too. */
static bool start_loop(struct job *job)
{
    char error[JOB_LINE];

    job->loop = loop_open(&job->waker, error, sizeof error);
    if (job->loop == NULL)
        return job_refuse(error);
    if (job->options->hosts.report_to != NULL)
        watch_signals(job);
    return true;
}

/* From here on a signal ends the driver as it ends any program. */
static void ignore_signals(struct job *job)
{
    for (size_t i = 0; i < sizeof stop_signals / sizeof *stop_signals; i++)
        ev_signal_stop(job->loop, &job->signals[i]);
}

static void run_loop(struct job *job)
{
    live_init(&job->live);
    ev_timer_init(&job->duration_timer, on_duration, 0., 0.);
    job->duration_timer.data = job;
    ev_timer_init(&job->live_timer, on_live, live_period(&job->live), live_period(&job->live));
    job->live_timer.data = job;
    ev_timer_start(job->loop, &job->live_timer);
    ev_timer_init(&job->start_timer, on_start,
                  START_BARRIERS * (double)job->options->hosts.barrier_ns / 1e9 +
                      (double)ready_limit(job) / 1e9,
                  0.);
    job->start_timer.data = job;
    if (job->share != NULL)
        ev_timer_start(job->loop, &job->start_timer);
    watch_signals(job);
    if (job->lines != NULL)
        lines_watch(job->lines, job->loop, line_died, job);
    sampler_start(job->sampler);
    supervisor_start(job->supervisor);
    ev_run(job->loop, 0);
    live_clear(&job->live);
    ev_timer_stop(job->loop, &job->live_timer);
    ev_timer_stop(job->loop, &job->start_timer);
    sampler_stop(job->sampler);
    ignore_signals(job);
}

static void release(struct job *job)
{
    autopsy_free(job->autopsy);
    nemeses_free(job->nemeses);
    lines_free(job->lines);
    sampler_free(job->sampler);
    checkpoints_free(job->checkpoints);
    supervisor_free(job->supervisor);
    share_free(job->share);
    waker_close(&job->waker);
    run_writer_free(job->writer);
    fleet_free(job->fleet);
    scenario_clear(&job->scenario);
    guardian_free(job->guardian);
    free(job->rows);
    free(job->run_dir);
    free(job);
}

enum exit_status job_run(const struct options *options, const struct gate_limits *limits,
                         char **argv)
{
    enum exit_status status = STATUS_ENVIRONMENT;
    struct job *job = calloc(1, sizeof *job);

    if (job == NULL) {
        log_error("no memory");
        return STATUS_ENVIRONMENT;
    }
    job->options = options;
    job->limits = limits;
    job->chaos = (struct chaos){options->seed, options->chaos_low_ns, options->chaos_high_ns};
    job->scenario = options->scenario; /* which is ours from here on */
    if (start_loop(job) && job_prepare(job, &share_hooks, argv) && make_watchers(job) &&
        make_autopsy(job, argv)) {
        log_info("run folder %s", job->run_dir);
        record_print_plan(&job->scenario, &job->chaos, options->duration_ns);
        nemeses_print_plan(job->nemeses);
        run_loop(job);
        status = job_conclude(job);
    } else if (job->interrupted) {
        status = STATUS_INTERRUPTED;
    }
    release(job);
    return status;
}
