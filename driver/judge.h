/* What comes after a run, or long after it: a run folder is judged, shown, drawn. */
#ifndef FLATLINE_DRIVER_JUDGE_H
#define FLATLINE_DRIVER_JUDGE_H

#include "common/base/exit_status.h"

#include <stdbool.h>

struct judge_wishes {
    bool report;             /* table and verdict on standard output */
    bool charts;             /* into the folder */
    bool allow_inconclusive; /* counts as passed */
};

/* Logs what goes wrong. The verdict's status, or STATUS_ENVIRONMENT. */
enum exit_status judge_run(const char *run_dir, const struct judge_wishes *wishes);

#endif
