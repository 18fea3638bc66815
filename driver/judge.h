/* What comes after a run, or long after it: a run folder is judged, shown, drawn. */
#ifndef FLATLINE_DRIVER_JUDGE_H
#define FLATLINE_DRIVER_JUDGE_H

#include "common/base/exit_status.h"
#include "driver/report.h"

#include <stdbool.h>

struct judge_wishes {
    bool report;             /* in `format`, to `output` */
    bool keep;               /* the reports that lie in the folder */
    bool charts;             /* into the folder */
    bool verdict;            /* is the status; else only whether all could be done is */
    bool allow_inconclusive; /* counts as passed */
    const char *rules;       /* a rules file, over the run's own limits; NULL: none */
    enum report_format format;
    const char *output; /* a file; NULL: standard output */
    size_t max_size;    /* see report_style */
};

/*
 * Logs what goes wrong, which makes the status STATUS_ENVIRONMENT, but for a verdict that is wished
 * for and is STATUS_FAILED, and a rules file that cannot be used: STATUS_USAGE.
 */
enum exit_status judge_run(const char *run_dir, const struct judge_wishes *wishes);

#endif
