/* Whose memory failed in a run, worst first: what an evidence phase is to look into. */
#ifndef FLATLINE_DRIVER_SUSPECTS_H
#define FLATLINE_DRIVER_SUSPECTS_H

#include "common/base/exit_status.h"
#include "common/run/reader.h"
#include "common/run/verdict.h"

#include <stddef.h>

#define SUSPECTS_MAX 3

struct suspect {
    const struct run_component_row *component;
    const char *rule; /* static */
    double growth;    /* of its live bytes, a second; 0: not known, or none */
};

/* Fills at most SUSPECTS_MAX; returns how many. */
size_t suspects_find(struct run_reader *run, const struct verdict_list *verdicts,
                     struct suspect *out);

/* Judges the folder and prints a line for each: "NAME RULE BYTES-A-SECOND". */
enum exit_status suspects_print(const char *run_dir);

#endif
