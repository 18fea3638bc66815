#include "driver/judge.h"

#include "charts/flame.h"
#include "charts/render.h"
#include "common/base/log.h"
#include "driver/gate.h"
#include "driver/limits_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE 1024

static bool wants_colour(void)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && (no_color == NULL || *no_color == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

static bool say(const char *error)
{
    log_error("%s", error);
    return false;
}

static bool write_reports(struct run_reader *run, const struct judge_wishes *wishes,
                          const struct evidence *evidence, const struct verdict_list *verdicts)
{
    const struct report_style style = {wishes->output == NULL && wants_colour(), wishes->max_size};
    char error[LINE];
    struct report *report;
    bool ok;

    if (!wishes->report && !wishes->keep)
        return true;
    report = report_new(run, evidence, verdicts, error, sizeof error);
    if (report == NULL)
        return say(error);
    ok = !wishes->keep || report_keep(report, error, sizeof error) || say(error);
    if (wishes->report &&
        !report_save(report, wishes->format, &style, wishes->output, error, sizeof error))
        ok = say(error);
    report_free(report);
    return ok;
}

static bool draw(struct run_reader *run, const struct judge_wishes *wishes,
                 const struct verdict_list *verdicts)
{
    char error[LINE];

    if (!wishes->charts)
        return true;
    /* The rest is drawn without them. */
    if (!charts_flames(run_reader_dir(run), error, sizeof error))
        log_warn("%s", error);
    if (!charts_render(run, verdicts, error, sizeof error))
        return say(error);
    log_info("charts: %s/index.html", run_reader_dir(run));
    return true;
}

/* What is gathered of the samples serves the gate and the report: of a long run it takes a while.
 */
static bool judge_and_report(struct run_reader *run, const struct judge_wishes *wishes,
                             const struct gate_limits *limits, struct verdict_list *verdicts,
                             enum exit_status *status)
{
    char error[LINE];
    struct evidence *evidence = evidence_new(run, limits, error, sizeof error);
    bool ok;

    *status = STATUS_ENVIRONMENT;
    if (evidence == NULL)
        return say(error);
    ok = gate_judge_evidence(evidence, verdicts);
    if (!ok) {
        log_error("%s: no memory to judge it", run_reader_dir(run));
    } else {
        *status = gate_exit_status(verdicts);
        ok = write_reports(run, wishes, evidence, verdicts);
    }
    evidence_free(evidence);
    return ok;
}

static enum exit_status judge_reader(struct run_reader *run, const struct judge_wishes *wishes,
                                     struct verdict_list *verdicts)
{
    struct gate_limits limits = limits_of_run(run);
    enum exit_status status;
    char error[LINE];
    bool ok;

    if (wishes->rules != NULL && !limits_load(wishes->rules, &limits, error, sizeof error)) {
        log_error("%s", error);
        return STATUS_USAGE;
    }
    ok = judge_and_report(run, wishes, &limits, verdicts, &status);
    if (!ok && status == STATUS_ENVIRONMENT)
        return status; /* it could not be judged */
    ok &= draw(run, wishes, verdicts);
    /* A failed run stays a failed run. */
    if (!ok)
        return wishes->verdict && status == STATUS_FAILED ? STATUS_FAILED : STATUS_ENVIRONMENT;
    if (!wishes->verdict)
        return STATUS_PASSED;
    return status == STATUS_INCONCLUSIVE && wishes->allow_inconclusive ? STATUS_PASSED : status;
}

enum exit_status judge_run(const char *run_dir, const struct judge_wishes *wishes)
{
    struct verdict_list verdicts = {0};
    enum exit_status status;
    struct run_reader *run;
    char error[LINE];

    run = run_reader_new(run_dir, error, sizeof error);
    if (run == NULL) {
        log_error("%s", error);
        return STATUS_ENVIRONMENT;
    }
    status = judge_reader(run, wishes, &verdicts);
    verdict_list_free(&verdicts);
    run_reader_free(run);
    return status;
}
