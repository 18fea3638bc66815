/* The gate on the run of the scratch folder, for tests of what it says. */
#ifndef FLATLINE_TESTS_JUDGING_H
#define FLATLINE_TESTS_JUDGING_H

#include "driver/gate.h"

/* By the limits of the run; the caller frees the list. */
struct verdict_list judging_judge(void);

/* There must be one. */
const struct verdict *judging_find(const struct verdict_list *list, int64_t component,
                                   const char *rule);

#endif
