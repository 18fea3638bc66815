#include "driver/judge.h"

#include "charts/render.h"
#include "common/base/log.h"
#include "driver/gate.h"
#include "driver/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE 1024

static bool wants_colour(void)
{
    const char *no_color = getenv("NO_COLOR");

    return isatty(STDOUT_FILENO) && (no_color == NULL || *no_color == '\0');
}

static enum exit_status judge_reader(struct run_reader *run, const struct judge_wishes *wishes,
                                     struct verdict_list *verdicts)
{
    enum exit_status status;
    char error[LINE];

    if (!gate_judge(run, NULL, verdicts, error, sizeof error)) {
        log_error("%s", error);
        return STATUS_ENVIRONMENT;
    }
    status = gate_exit_status(verdicts);
    if (wishes->report) {
        report_terminal(run, verdicts, stdout, wants_colour());
        fflush(stdout);
    }
    if (wishes->charts && !charts_render(run, verdicts, error, sizeof error)) {
        log_error("%s", error);
        /* A failed run stays a failed run. */
        return status == STATUS_FAILED ? STATUS_FAILED : STATUS_ENVIRONMENT;
    }
    if (wishes->charts)
        log_info("charts: %s/index.html", run_reader_dir(run));
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
