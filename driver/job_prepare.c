#include "driver/job_internal.h"

#include "charts/render.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "driver/folder.h"
#include "driver/record.h"

#include <stdio.h>
#include <stdlib.h>

bool job_refuse(const char *error)
{
    log_error("%s", error);
    return false;
}

static bool is_reported(const struct job *job)
{
    return job->options->hosts.report_to != NULL;
}

static bool check(struct job *job)
{
    char error[JOB_LINE];

    return (!job->options->gen_charts || charts_check_gnuplot(error, sizeof error) ||
            job_refuse(error)) &&
           (preflight_programs(&job->programs, error, sizeof error) || job_refuse(error)) &&
           (preflight_commands(&job->scenario, error, sizeof error) || job_refuse(error)) &&
           (preflight_probe(&job->scenario, &job->programs, error, sizeof error) ||
            job_refuse(error)) &&
           (preflight_files(&job->scenario, error, sizeof error) || job_refuse(error)) &&
           (preflight_memory(&job->scenario, error, sizeof error) || job_refuse(error)) &&
           (cap_groups_find(&job->groups, &job->scenario, error, sizeof error) ||
            job_refuse(error)) &&
           (preflight_ports(&job->scenario, error, sizeof error) || job_refuse(error)) &&
           (!is_reported(job) || preflight_uploader(job->programs.uploader, error, sizeof error) ||
            job_refuse(error));
}

static bool make_certificates(struct job *job)
{
    const struct certificates_maker maker = {.server = job->programs.server,
                                             .environment = guardian_environment(job->guardian),
                                             .run_dir = job->run_dir,
                                             .address = job->options->hosts.address,
                                             .both =
                                                 job->options->nemeses >> NEMESIS_CERTIFICATE & 1};
    char error[JOB_LINE];

    certificates_init(&job->certificates, job->tls_dir);
    return certificates_make(&job->certificates, &maker, error, sizeof error) || job_refuse(error);
}

static bool make_folder(struct job *job)
{
    const struct options *options = job->options;
    char error[JOB_LINE];

    job->run_dir =
        folder_new(options->working_dir, options->seed, clock_wall_ns(), error, sizeof error);
    if (job->run_dir == NULL)
        return job_refuse(error);
    snprintf(job->tls_dir, sizeof job->tls_dir, "%s/tls", job->run_dir);
    snprintf(job->evidence_dir, sizeof job->evidence_dir, "%s/" RUN_EVIDENCE, job->run_dir);
    return true;
}

static bool write_down(struct job *job, char **argv)
{
    char error[JOB_LINE];

    job->writer = run_writer_new(job->run_dir, error, sizeof error);
    if (job->writer == NULL)
        return job_refuse(error);
    if (!record_run(job->writer, job->options, argv) || !record_limits(job->writer, job->limits) ||
        !record_fleet(job->writer, job->fleet, is_reported(job), job->rows) ||
        !record_plan(job->writer, &job->scenario, &job->chaos, job->options->duration_ns,
                     job->rows) ||
        !run_writer_commit(job->writer))
        return job_refuse(run_writer_error(job->writer));
    /* Only now: what the name points to is a run. */
    if (!folder_make_latest(job->options->working_dir, job->run_dir, error, sizeof error))
        log_warn("%s", error);
    return true;
}

static bool make_lines(struct job *job)
{
    const struct lines_settings settings = {&job->scenario, job->guardian, job->run_dir};
    char error[JOB_LINE];

    if (!nemesis_needs_lines(job->options->nemeses))
        return true;
    job->lines = lines_new(&settings, error, sizeof error);
    if (job->lines == NULL)
        return job_refuse(error);
    lines_redirect(job->lines, &job->scenario);
    return true;
}

/* Certificates that other hosts trust, before they are told of; addresses, before commands are
 * made. */
static bool join(struct job *job, const struct share_hooks *hooks)
{
    const struct share_settings settings = {.orders = &job->options->hosts,
                                            .loop = job->loop,
                                            .uploader = job->programs.uploader,
                                            .run_dir = job->run_dir};
    char error[JOB_LINE], *ca;
    bool met;

    if (!is_reported(job))
        return true;
    ca = certificates_own(&job->certificates, error, sizeof error);
    if (ca == NULL)
        return job_refuse(error);
    job->share = share_new(&settings, hooks, job, error, sizeof error);
    met = job->share != NULL && share_meet(job->share, &job->scenario, ca, error, sizeof error) &&
          share_trust(job->share, &job->certificates, error, sizeof error);
    free(ca);
    if (!met && *error != '\0')
        log_error("%s", error);
    return met;
}

bool job_prepare(struct job *job, const struct share_hooks *hooks, char **argv)
{
    char error[JOB_LINE];

    if (!check(job))
        return false;
    job->guardian =
        guardian_new(job->groups.version != NULL ? job->groups.parent : NULL, error, sizeof error);
    if (job->guardian == NULL ||
        !cap_groups_make(&job->groups, &job->scenario, error, sizeof error))
        return job_refuse(error);
    if (!make_folder(job) || !make_certificates(job) || !join(job, hooks) || !make_lines(job))
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
        return job_refuse("no memory");
    return write_down(job, argv);
}
