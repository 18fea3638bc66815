/*
 * The replies that a call still owes: a queue of runs of equal replies, so a request for a million
 * equal ones costs as much as a request for one.
 */
#ifndef FLATLINE_STRESS_SERVER_REPLY_PLAN_H
#define FLATLINE_STRESS_SERVER_REPLY_PLAN_H

#include "stress-server/test_request.h"

#define REPLY_PLAN_MAX 16384 /* runs */

struct reply_run {
    struct test_reply_parameters reply;
    uint64_t count;
};

/* All zero is empty. */
struct reply_plan {
    struct reply_run *runs;
    uint32_t first, count, cap; /* runs [first, first + count) of cap */
};

/* False: the plan is full, or no memory. */
bool reply_plan_add(struct reply_plan *plan, const struct test_reply_parameters *reply);

/* The next reply, or NULL. */
const struct test_reply_parameters *reply_plan_next(const struct reply_plan *plan);

/* The next reply is on its way. */
void reply_plan_pop(struct reply_plan *plan);

void reply_plan_free(struct reply_plan *plan);

#endif
