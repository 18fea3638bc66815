#include "driver/job.h"

#include "charts/flame.h"
#include "charts/render.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/run/stacks.h"
#include "driver/autopsy.h"
#include "driver/cap_group.h"
#include "driver/certificates.h"
#include "driver/checkpoint.h"
#include "driver/folder.h"
#include "driver/judge.h"
#include "driver/lines.h"
#include "driver/live.h"
#include "driver/nemeses.h"
#include "driver/preflight.h"
#include "driver/record.h"
#include "driver/sampler.h"
#include "driver/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define CERT_LIMIT_NS (30 * NS_PER_S)
#define READY_LIMIT_NS (20 * NS_PER_S) /* sixty processes at a low priority on few cores */
#define STOP_LIMIT_NS (10 * NS_PER_S)  /* a busy machine was seen to take 8 s over an exit */
/* At the end of its time a run waits in steps until all have been up so long; but not for ever. */
#define SETTLED_NS (1500 * NS_PER_MS)
#define LATE_MAX_NS (15 * NS_PER_S)
#define LATE_STEP_S 0.25
#define LINE 1024

struct job {
    const struct options *options;
    const struct gate_limits *limits;
    struct scenario scenario;
    struct programs programs;
    struct chaos chaos;
    char *run_dir;
    char tls_dir[PATH_MAX], evidence_dir[PATH_MAX];
    struct certificates certificates;
    struct lines *lines; /* NULL: none is needed */
    struct fleet *fleet;
    int64_t *rows; /* beside the scenario's components */
    struct cap_groups groups;
    struct guardian *guardian;
    struct run_writer *writer;
    struct ev_loop *loop;
    struct supervisor *supervisor;
    struct sampler *sampler;
    struct checkpoints *checkpoints;
    struct autopsy *autopsy; /* NULL: no evidence is wanted */
    struct nemeses *nemeses; /* NULL: none was chosen */
    struct live live;
    uint64_t begun_ns; /* 0: not yet */
    bool stopping, interrupted, breached, store_failed, line_failed;
    ev_timer duration_timer, live_timer;
    ev_signal signals[3];
};

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};

/* --- inside the loop ------------------------------------------------------------------------- */

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
 * are not, and a run that ended at once could not tell whether they ever come.
 */
static void on_duration(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    struct job *job = watcher->data;
    uint64_t elapsed = clock_now_ns() - job->begun_ns;

    (void)revents;
    if (elapsed < job->options->duration_ns + LATE_MAX_NS &&
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
                               .total = (unsigned)job->scenario.count,
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

static void begun(void *user, uint64_t now_ns)
{
    struct job *job = user;

    job->begun_ns = now_ns;
    (void)run_writer_meta_int(job->writer, "ready_ns", (int64_t)now_ns);
    live_clear(&job->live);
    live_begin(&job->live, sampler_totals(job->sampler)->calls, now_ns);
    log_info("%zu processes are up; the run begins", job->scenario.count);
    ev_now_update(job->loop);
    ev_timer_set(&job->duration_timer, (double)job->options->duration_ns / 1e9, 0.);
    ev_timer_start(job->loop, &job->duration_timer);
    checkpoints_begin(job->checkpoints, now_ns);
    nemeses_begin(job->nemeses, now_ns);
}

static void breached(void *user, const struct component *component, enum reason reason,
                     const char *line)
{
    struct job *job = user;

    job->breached = true;
    live_clear(&job->live);
    log_error("%s: %s: %s", component->name, reason_name(reason), line);
    if (!job->stopping) {
        log_info("the run ends here");
        stop_with_evidence(job);
    }
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

/* --- before it: die freely, with one line ----------------------------------------------------- */

static bool refuse(const char *error)
{
    log_error("%s", error);
    return false;
}

static bool check(struct job *job)
{
    char error[LINE];

    return (!job->options->gen_charts || charts_check_gnuplot(error, sizeof error) ||
            refuse(error)) &&
           (preflight_programs(&job->programs, error, sizeof error) || refuse(error)) &&
           (preflight_commands(&job->scenario, error, sizeof error) || refuse(error)) &&
           (preflight_probe(&job->scenario, &job->programs, error, sizeof error) ||
            refuse(error)) &&
           (preflight_files(&job->scenario, error, sizeof error) || refuse(error)) &&
           (preflight_memory(&job->scenario, error, sizeof error) || refuse(error)) &&
           (cap_groups_find(&job->groups, &job->scenario, error, sizeof error) || refuse(error)) &&
           (preflight_ports(&job->scenario, error, sizeof error) || refuse(error));
}

static bool make_certificates(struct job *job)
{
    const struct certificates_maker maker = {.server = job->programs.server,
                                             .environment = guardian_environment(job->guardian),
                                             .run_dir = job->run_dir,
                                             .both =
                                                 job->options->nemeses >> NEMESIS_CERTIFICATE & 1};
    char error[LINE];

    certificates_init(&job->certificates, job->tls_dir);
    return certificates_make(&job->certificates, &maker, error, sizeof error) || refuse(error);
}

static bool make_folder(struct job *job)
{
    const struct options *options = job->options;
    char error[LINE];

    job->run_dir =
        folder_new(options->working_dir, options->seed, clock_wall_ns(), error, sizeof error);
    if (job->run_dir == NULL)
        return refuse(error);
    snprintf(job->tls_dir, sizeof job->tls_dir, "%s/tls", job->run_dir);
    snprintf(job->evidence_dir, sizeof job->evidence_dir, "%s/" RUN_EVIDENCE, job->run_dir);
    return true;
}

static bool write_down(struct job *job, char **argv)
{
    char error[LINE];

    job->writer = run_writer_new(job->run_dir, error, sizeof error);
    if (job->writer == NULL)
        return refuse(error);
    if (!record_run(job->writer, job->options, argv) || !record_limits(job->writer, job->limits) ||
        !record_fleet(job->writer, job->fleet, job->rows) ||
        !record_plan(job->writer, &job->scenario, &job->chaos, job->options->duration_ns,
                     job->rows) ||
        !run_writer_commit(job->writer))
        return refuse(run_writer_error(job->writer));
    /* Only now: what the name points to is a run. */
    if (!folder_make_latest(job->options->working_dir, job->run_dir, error, sizeof error))
        log_warn("%s", error);
    return true;
}

static bool make_lines(struct job *job)
{
    const struct lines_settings settings = {&job->scenario, job->guardian, job->run_dir};
    char error[LINE];

    if (!nemesis_needs_lines(job->options->nemeses))
        return true;
    job->lines = lines_new(&settings, error, sizeof error);
    if (job->lines == NULL)
        return refuse(error);
    lines_redirect(job->lines, &job->scenario);
    return true;
}

static bool prepare(struct job *job, char **argv)
{
    char error[LINE];

    if (!check(job))
        return false;
    job->guardian =
        guardian_new(job->groups.version != NULL ? job->groups.parent : NULL, error, sizeof error);
    if (job->guardian == NULL ||
        !cap_groups_make(&job->groups, &job->scenario, error, sizeof error))
        return refuse(error);
    if (!make_folder(job) || !make_certificates(job) || !make_lines(job))
        return false;
    job->fleet = fleet_new(
        &job->scenario,
        &(struct fleet_paths){.server = job->programs.server,
                              .client = job->programs.client,
                              .tls_dir = job->tls_dir,
                              .trust = job->certificates.trust,
                              .keepalive = job->options->nemeses >> NEMESIS_HALF_OPEN & 1,
                              .probe = job->programs.probe,
                              .evidence_dir = job->options->no_evidence ? NULL : job->evidence_dir,
                              .environment = guardian_environment(job->guardian)});
    job->rows = calloc(job->scenario.count, sizeof *job->rows);
    if (job->fleet == NULL || job->rows == NULL)
        return refuse("no memory");
    return write_down(job, argv);
}

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
    return job->autopsy != NULL || refuse("no memory");
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
    return job->nemeses != NULL || refuse("no memory");
}

static bool make_loop(struct job *job)
{
    const struct supervisor_settings settings = {.fleet = job->fleet,
                                                 .rows = job->rows,
                                                 .writer = job->writer,
                                                 .guardian = job->guardian,
                                                 .groups = &job->groups,
                                                 .run_dir = job->run_dir,
                                                 .chaos = job->chaos,
                                                 .duration_ns = job->options->duration_ns,
                                                 .ready_limit_ns = READY_LIMIT_NS,
                                                 .stop_limit_ns = STOP_LIMIT_NS};
    char error[LINE] = "no memory";

    /* Never the default loop: it reaps every child, and loses statuses when it is busy. */
    job->loop = ev_loop_new(EVFLAG_AUTO);
    if (job->loop == NULL)
        return refuse("cannot make an event loop");
    job->supervisor = supervisor_new(job->loop, &settings, &hooks, job);
    if (job->supervisor == NULL)
        return refuse(error);
    job->checkpoints =
        checkpoints_new(job->loop, &(struct checkpoint_settings){.supervisor = job->supervisor,
                                                                 .scenario = &job->scenario,
                                                                 .rows = job->rows,
                                                                 .writer = job->writer,
                                                                 .plan = checkpoint_plan(job),
                                                                 .pause_ns = CHECKPOINT_PAUSE_NS});
    if (job->checkpoints == NULL)
        return refuse(error);
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
        return refuse(error);
    return make_nemeses(job);
}

/* A driver under nohup is not to mind the terminal's end. */
static bool is_ignored(int signum)
{
    struct sigaction action;

    return signum == SIGHUP && sigaction(signum, NULL, &action) == 0 &&
           action.sa_handler == SIG_IGN;
}

static void run_loop(struct job *job)
{
    live_init(&job->live);
    ev_timer_init(&job->duration_timer, on_duration, 0., 0.);
    job->duration_timer.data = job;
    ev_timer_init(&job->live_timer, on_live, live_period(&job->live), live_period(&job->live));
    job->live_timer.data = job;
    ev_timer_start(job->loop, &job->live_timer);
    for (size_t i = 0; i < sizeof stop_signals / sizeof *stop_signals; i++) {
        ev_signal_init(&job->signals[i], on_stop_signal, stop_signals[i]);
        job->signals[i].data = job;
        if (!is_ignored(stop_signals[i]))
            ev_signal_start(job->loop, &job->signals[i]);
    }
    signal(SIGPIPE, SIG_IGN);
    if (job->lines != NULL)
        lines_watch(job->lines, job->loop, line_died, job);
    sampler_start(job->sampler);
    supervisor_start(job->supervisor);
    ev_run(job->loop, 0);
    live_clear(&job->live);
    sampler_stop(job->sampler);
    /* From here on a signal ends the driver as it ends any program. */
    for (size_t i = 0; i < sizeof stop_signals / sizeof *stop_signals; i++)
        ev_signal_stop(job->loop, &job->signals[i]);
}

/* --- after it -------------------------------------------------------------------------------- */

static void log_own_cost(const struct job *job)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) == 0 && job->begun_ns != 0)
        log_debug("the driver took %.1f %% of a core and %.1f MB; its worst look was %.1f ms late",
                  (double)clock_cpu_ns() * 100 / (double)(clock_now_ns() - job->begun_ns),
                  (double)usage.ru_maxrss / 1024,
                  (double)sampler_totals(job->sampler)->worst_late_ns / 1e6);
}

/* Before the files of the folder are put on record. */
static void draw_flames(const struct job *job)
{
    char error[LINE];

    if (!charts_flames(job->run_dir, error, sizeof error))
        log_warn("%s", error);
}

/* False: *job->writer could not be brought to its end. */
static bool finish(struct job *job)
{
    struct run_writer *writer = job->writer;
    char error[LINE];

    (void)run_writer_meta_int(writer, "end_ns", (int64_t)clock_now_ns());
    (void)run_writer_meta_int(writer, "interrupted", job->interrupted);
    job->writer = NULL;
    if (run_writer_finish(writer, error, sizeof error))
        return true;
    if (!job->store_failed)
        log_error("%s", error);
    return false;
}

static enum exit_status conclude(struct job *job)
{
    const struct judge_wishes wishes = {.report = !job->options->quiet,
                                        .keep = true,
                                        .verdict = true,
                                        .charts = job->options->gen_charts,
                                        .allow_inconclusive = job->options->allow_inconclusive};
    enum exit_status status;

    log_own_cost(job);
    lines_free(job->lines);
    job->lines = NULL;
    guardian_free(job->guardian);
    job->guardian = NULL;
    draw_flames(job);
    if (!finish(job) || job->store_failed || job->line_failed)
        return STATUS_ENVIRONMENT;
    if (job->interrupted) {
        log_info("interrupted; what was measured is kept: driver gate %s", job->run_dir);
        return STATUS_INTERRUPTED;
    }
    status = judge_run(job->run_dir, &wishes);
    return job->breached ? STATUS_FAILED : status;
}

static void release(struct job *job)
{
    autopsy_free(job->autopsy);
    nemeses_free(job->nemeses);
    lines_free(job->lines);
    sampler_free(job->sampler);
    checkpoints_free(job->checkpoints);
    supervisor_free(job->supervisor);
    if (job->loop != NULL)
        ev_loop_destroy(job->loop);
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
    if (prepare(job, argv) && make_loop(job) && make_autopsy(job, argv)) {
        log_info("run folder %s", job->run_dir);
        record_print_plan(&job->scenario, &job->chaos, options->duration_ns);
        nemeses_print_plan(job->nemeses);
        run_loop(job);
        status = conclude(job);
    }
    release(job);
    return status;
}
