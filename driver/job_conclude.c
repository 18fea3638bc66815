#include "driver/job_internal.h"

#include "charts/flame.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/run/stacks.h"
#include "driver/folder.h"
#include "driver/judge.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

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
    char error[JOB_LINE];

    if (!charts_flames(job->run_dir, error, sizeof error))
        log_warn("%s", error);
}

/* False: *job->writer could not be brought to its end. */
static bool finish(struct job *job)
{
    struct run_writer *writer = job->writer;
    char error[JOB_LINE];

    (void)run_writer_meta_int(writer, "end_ns", (int64_t)clock_now_ns());
    (void)run_writer_meta_int(writer, "interrupted", job->interrupted || job->cut);
    job->writer = NULL;
    if (run_writer_finish(writer, error, sizeof error))
        return true;
    if (!job->store_failed)
        log_error("%s", error);
    return false;
}

static struct judge_wishes wishes(const struct job *job)
{
    return (struct judge_wishes){.report = !job->options->quiet,
                                 .keep = true,
                                 .verdict = true,
                                 .charts = job->options->gen_charts};
}

/* The share's own end, before anybody has judged it. */
static enum exit_status end_of_share(const struct job *job, bool complete)
{
    if (!complete || job->store_failed || job->line_failed || job->unstarted || job->late)
        return STATUS_ENVIRONMENT;
    if (job->interrupted)
        return STATUS_INTERRUPTED;
    if (job->breached)
        return STATUS_FAILED;
    return job->cut ? STATUS_INCONCLUSIVE : STATUS_PASSED;
}

static enum exit_status forgive_inconclusive(const struct job *job, enum exit_status status)
{
    return status == STATUS_INCONCLUSIVE && job->options->allow_inconclusive ? STATUS_PASSED
                                                                             : status;
}

/* --- of a run of this host alone ------------------------------------------------------------ */

static enum exit_status judge_alone(struct job *job, enum exit_status end)
{
    const struct judge_wishes all = wishes(job);
    enum exit_status status;

    if (end == STATUS_ENVIRONMENT)
        return end;
    if (end == STATUS_INTERRUPTED) {
        log_info("interrupted; what was measured is kept: driver gate %s", job->run_dir);
        return end;
    }
    status = judge_run(job->run_dir, &all);
    return job->breached ? STATUS_FAILED : forgive_inconclusive(job, status);
}

/* --- of many hosts -------------------------------------------------------------------------- */

static enum exit_status lack(const struct job *job, enum exit_status end, const char *error)
{
    log_error("%s", error);
    log_info("this host's share is kept: %s", job->run_dir);
    return end == STATUS_PASSED || end == STATUS_INCONCLUSIVE ? STATUS_ENVIRONMENT : end;
}

/* What this host alone knows weighs more than what can be seen in the whole. */
static enum exit_status judge_whole(struct job *job, enum exit_status end, const char *dir)
{
    const struct judge_wishes all = wishes(job);
    enum exit_status status;
    char error[JOB_LINE];

    if (!folder_make_latest(job->options->working_dir, dir, error, sizeof error))
        log_warn("%s", error);
    log_info("what all hosts measured, %d of them: %s", job->options->hosts.size, dir);
    if (end == STATUS_INTERRUPTED) {
        log_info("interrupted; what was measured is kept: driver gate %s", dir);
        return end;
    }
    status = judge_run(dir, &all);
    return end == STATUS_FAILED || end == STATUS_ENVIRONMENT ? end : status;
}

/* There is no whole of a run that never began: the results server has taken nothing yet. */
static enum exit_status tell_of_no_run(struct job *job, enum exit_status end)
{
    const struct judge_wishes all = wishes(job);
    char error[JOB_LINE];

    if (end == STATUS_FAILED)
        (void)judge_run(job->run_dir, &all);
    if (!share_deliver(job->share, end, job->reason, error, sizeof error) ||
        !share_conclude(job->share, end, error, sizeof error))
        return lack(job, end, error);
    return end;
}

static enum exit_status judge_all(struct job *job, enum exit_status end)
{
    char dir[PATH_MAX], error[JOB_LINE];
    enum exit_status status;

    if (job->begun_ns == 0)
        return tell_of_no_run(job, end);
    if (!share_deliver(job->share, end, job->reason, error, sizeof error) ||
        !folder_make_whole(job->run_dir, dir, error, sizeof error))
        return lack(job, end, error);
    if (!share_collect(job->share, dir, error, sizeof error)) {
        rmdir(dir);
        status = lack(job, end, error);
        (void)share_conclude(job->share, status, error, sizeof error);
        return status;
    }
    status = judge_whole(job, end, dir);
    if (!share_conclude(job->share, status, error, sizeof error)) {
        log_error("%s", error);
        status = status == STATUS_PASSED ? STATUS_ENVIRONMENT : status;
    }
    return forgive_inconclusive(job, status);
}

static enum exit_status hand_in(struct job *job, enum exit_status end)
{
    char error[JOB_LINE];

    if (!share_deliver(job->share, end, job->reason, error, sizeof error))
        return lack(job, end, error);
    log_info("this host's share is delivered, and kept: %s; rank 0 judges the whole", job->run_dir);
    return end == STATUS_INCONCLUSIVE ? STATUS_PASSED : end;
}

enum exit_status job_conclude(struct job *job)
{
    enum exit_status end;

    log_own_cost(job);
    lines_free(job->lines);
    job->lines = NULL;
    guardian_free(job->guardian);
    job->guardian = NULL;
    draw_flames(job);
    end = end_of_share(job, finish(job));
    if (job->share == NULL)
        return judge_alone(job, end);
    return job->options->hosts.rank == 0 ? judge_all(job, end) : hand_in(job, end);
}
