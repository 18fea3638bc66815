/* Judges a run folder: every rule on every component, as values. A pure function of the folder. */
#ifndef FLATLINE_DRIVER_GATE_H
#define FLATLINE_DRIVER_GATE_H

#include "common/base/exit_status.h"
#include "common/run/reader.h"
#include "common/run/verdict.h"
#include "driver/evidence.h"
#include "driver/limits.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Appends a verdict per rule and component to *out, those of a rule together and in the order of
 * driver/rules.h, so that the first of the worst names the cause. A run that broke off is judged by
 * what is there and is inconclusive at best. limits NULL: the run's own. False: *error holds one
 * line and *out is not to be used, but to be freed.
 */
bool gate_judge(struct run_reader *run, const struct gate_limits *limits, struct verdict_list *out,
                char *error, size_t cap);

/* The same of evidence that is there already, by its limits. False: no memory. */
bool gate_judge_evidence(const struct evidence *e, struct verdict_list *out);

/* What the program ends with. No verdict at all is inconclusive. */
enum exit_status gate_exit_status(const struct verdict_list *verdicts);

#endif
