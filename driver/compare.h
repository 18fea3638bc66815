/*
 * Compares runs: each against the base, component by component, measure by measure. A change counts
 * when it exceeds both the noise floor, which comes from the runs given, and the least effect that
 * matters (driver/measure.h).
 */
#ifndef FLATLINE_DRIVER_COMPARE_H
#define FLATLINE_DRIVER_COMPARE_H

#include "common/base/exit_status.h"
#include "driver/measure.h"

#include <stdbool.h>
#include <stdio.h>

/*
 * Where the noise floor comes from: the spread of several bases, else that of several runs (taken
 * for repeats), else the spread within the two runs, which does not see what makes one run differ
 * from the next.
 */
enum compare_noise { NOISE_BASES, NOISE_RUNS, NOISE_WITHIN };

enum compare_outcome { COMPARE_SAME, COMPARE_BETTER, COMPARE_WORSE };

struct comparison {
    const char *component;
    enum measure measure;
    double base, run; /* the base is the mean over the bases */
    double floor;     /* what chance alone could do */
    double least;     /* what matters */
    enum compare_outcome outcome;
};

/* One run against the bases. */
struct compared {
    const char *path;
    struct comparison *items;
    size_t count, worse, better;
    const char **only_base, **only_run; /* names of components without a counterpart */
    size_t only_base_count, only_run_count;
    bool same_duration; /* as ordered, as every base */
};

struct compare {
    char *const *bases;
    size_t base_count;
    enum compare_noise noise;
    struct compared *runs;
    size_t run_count;
    struct compare_input *inputs; /* its own: what was read */
};

/* NULL: *error holds one line. The paths must outlive it; both counts are at least 1. */
struct compare *compare_new(char *const *bases, size_t base_count, char *const *runs,
                            size_t run_count, char *error, size_t cap);
void compare_free(struct compare *c);

/* Failed with a regression, inconclusive where no measure could be compared at all. */
enum exit_status compare_status(const struct compare *c);

/* "spread of 3 bases" */
const char *compare_noise_words(const struct compare *c, char *out, size_t cap);

void compare_terminal(const struct compare *c, FILE *out);
/* docs/reports.md says what is in it. False: out of memory. */
bool compare_json(const struct compare *c, FILE *out);

#endif
