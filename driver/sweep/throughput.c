#include "driver/sweep/throughput.h"

#include "charts/render.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/units.h"
#include "driver/keepsake.h"
#include "driver/spawn.h"
#include "driver/sweep/throughput_options.h"
#include "driver/sweep/throughput_run.h"
#include "driver/sweep/throughput_summary.h"
#include "driver/sweep/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ASK_LIMIT_NS (60 * NS_PER_S)
#define LINE (PATH_MAX + 512)
#define SPARE_FILES 128 /* besides a connection for each author and subscriber */

struct job {
    struct throughput_options options;
    struct throughput_stage stage;
    struct sweep_plan plan;
    struct sweep_axis axes[2];
};

/* --- what it needs --------------------------------------------------------------------------- */

static bool refuse(const char *error)
{
    log_error("%s", error);
    return false;
}

static bool check_room(const struct throughput_options *o)
{
    char error[LINE], need_text[32], room_text[32];
    uint64_t need = throughput_run_bytes(o), room;

    if (access(o->event_dir, W_OK | X_OK) < 0) {
        log_error("--event-dir %s: %s; choose another one", o->event_dir, strerror(errno));
        return false;
    }
    throughput_run_clean(o->event_dir);
    if (!tree_room(o->event_dir, &room, error, sizeof error))
        return refuse(error);
    if (room >= need)
        return true;
    log_error("the event databases of a run take up to %s, and %s has room for %s: choose another "
              "--event-dir, or fewer --events or --subscribers",
              units_format_size(need, need_text, sizeof need_text), o->event_dir,
              units_format_size(room, room_text, sizeof room_text));
    return false;
}

/* Children inherit it: the broker has a descriptor for each connection. */
static bool raise_files(const struct throughput_options *o)
{
    rlim_t need = SPARE_FILES + o->subscribers;
    struct rlimit limit;
    uint64_t most = 0;

    for (size_t i = 0; i < o->client_count; i++)
        most = o->clients[i] > most ? o->clients[i] : most;
    need += most;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= need)
        return true;
    limit.rlim_cur = need;
    if (limit.rlim_max >= need && setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return true;
    log_error("%llu open files are allowed, %llu are needed: raise the limit (ulimit -n %llu), or "
              "choose fewer --clients or --subscribers",
              (unsigned long long)limit.rlim_max, (unsigned long long)need,
              (unsigned long long)need);
    return false;
}

static bool find_programs(struct throughput_stage *stage)
{
    char error[LINE];
    ssize_t n = readlink("/proc/self/exe", stage->driver, sizeof stage->driver - 1);

    if (n < 0) {
        log_error("cannot read /proc/self/exe: %s; is /proc mounted?", strerror(errno));
        return false;
    }
    stage->driver[n] = '\0';
    return (preflight_programs(&stage->programs, error, sizeof error) &&
            charts_check_gnuplot(error, sizeof error)) ||
           refuse(error);
}

/* What the driver does not link, it asks for. */
static bool ask_version(struct job *job)
{
    struct throughput_stage *stage = &job->stage;
    char *argv[] = {stage->programs.server, (char *)"--version", NULL}, log[PATH_MAX];
    struct spawn_request request = {.argv = argv,
                                    .envp = guardian_environment(stage->guardian),
                                    .log_path = log,
                                    .page_fd = -1};
    struct spawn_end end;
    char error[LINE];
    bool done;

    snprintf(log, sizeof log, "%s/flatline-events.%d.version", job->options.event_dir,
             (int)getpid());
    done = spawn_run(&request, ASK_LIMIT_NS, &end, error, sizeof error);
    if (done)
        keepsake_first_line(log, stage->version, sizeof stage->version);
    unlink(log);
    return done || refuse(error);
}

/* One certificate for all runs, in --event-dir: it is worth nothing afterwards. */
static bool make_certificate(struct job *job)
{
    struct throughput_stage *stage = &job->stage;
    char *argv[] = {stage->programs.server, (char *)"--make-cert", stage->tls_dir, NULL};
    struct spawn_request request = {.argv = argv,
                                    .envp = guardian_environment(stage->guardian),
                                    .log_path = "/dev/null",
                                    .page_fd = -1};
    struct spawn_end end;
    char error[LINE];

    if (!job->options.secure)
        return true;
    snprintf(stage->tls_dir, sizeof stage->tls_dir, "%s/flatline-events.%d.tls",
             job->options.event_dir, (int)getpid());
    if (!tree_make(stage->tls_dir, error, sizeof error) ||
        !spawn_run(&request, ASK_LIMIT_NS, &end, error, sizeof error))
        return refuse(error);
    return end.code == 0 || refuse("stress-server could not make a certificate");
}

/* --- the sweep ------------------------------------------------------------------------------- */

static uint64_t predict(void *user, const size_t *at)
{
    const struct job *job = user;

    return throughput_run_predict(&job->options, job->options.latency_ms[at[0]],
                                  job->options.clients[at[1]]);
}

static enum exit_status run(void *user, const struct sweep_run *run)
{
    const struct job *job = user;

    return throughput_run(&job->stage, run);
}

static void make_plan(struct job *job, int argc, char **argv)
{
    struct throughput_options *o = &job->options;

    job->axes[0] = (struct sweep_axis){"latency", "ms", o->latency_texts, o->latency_count};
    job->axes[1] = (struct sweep_axis){"clients", "c", o->client_texts, o->client_count};
    job->plan = (struct sweep_plan){.command = "throughput",
                                    .argc = argc,
                                    .argv = argv,
                                    .out = o->out,
                                    .resume = o->resume,
                                    .axes = job->axes,
                                    .axis_count = 2,
                                    .repeats = (unsigned)o->runs,
                                    .settings = throughput_options_settings(o),
                                    .predict = predict,
                                    .run = run,
                                    .user = job};
}

static enum exit_status perform(struct job *job)
{
    enum exit_status status;
    char error[LINE];

    job->stage.guardian = guardian_new(NULL, error, sizeof error);
    if (job->stage.guardian == NULL) {
        log_error("%s", error);
        return STATUS_ENVIRONMENT;
    }
    status =
        ask_version(job) && make_certificate(job) ? sweep_make(&job->plan) : STATUS_ENVIRONMENT;
    guardian_free(job->stage.guardian);
    if (job->stage.tls_dir[0] != '\0' && !tree_remove(job->stage.tls_dir, error, sizeof error))
        log_warn("%s", error);
    return status == STATUS_PASSED ? throughput_summarise(&job->options, &job->plan) : status;
}

enum exit_status throughput_main(int argc, char **argv)
{
    struct job *job = calloc(1, sizeof *job);
    enum exit_status status = STATUS_ENVIRONMENT;

    if (job == NULL) {
        log_error("no memory");
        return status;
    }
    throughput_options_read(&job->options, argc, argv);
    log_init("driver throughput", job->options.verbose ? LOG_DEBUG : LOG_INFO, false);
    job->stage.options = &job->options;
    make_plan(job, argc, argv);
    if (find_programs(&job->stage) && raise_files(&job->options) && check_room(&job->options))
        status = perform(job);
    json_decref(job->plan.settings);
    free(job);
    return status;
}
