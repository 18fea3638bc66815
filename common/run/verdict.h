/* What a gate says of a run: values, made by the gate, shown by reports and charts. */
#ifndef FLATLINE_RUN_VERDICT_H
#define FLATLINE_RUN_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcome { OUTCOME_PASS, OUTCOME_FAIL, OUTCOME_INCONCLUSIVE };

#define VERDICT_TEXT 320

/*
 * One rule on one component (or on the whole run: component 0). Numbers are NaN where there is
 * none. An interval has the familywise confidence of its run, all of its tests together.
 */
struct verdict {
    int64_t component;
    const char *rule; /* "heap-cap", static */
    const char *unit; /* of value and limit: "B", "1", "ns"; static */
    enum outcome outcome;
    double value, limit;
    double low, high;        /* confidence interval of value */
    double smallest;         /* smallest effect that this run could have shown, in unit */
    char text[VERDICT_TEXT]; /* one line: what was found, where, what to look at */
};

struct verdict_list {
    struct verdict *items;
    size_t count, capacity;
};

/* "pass", "fail", "inconclusive" */
const char *outcome_name(enum outcome outcome);

/* fail beats inconclusive beats pass. */
enum outcome outcome_worse(enum outcome a, enum outcome b);

/* Appends a copy. False if there is no memory. All zero is the empty list. */
bool verdict_list_add(struct verdict_list *list, const struct verdict *verdict);

/* The worst outcome of a component's verdicts, or of all for component 0; *first (may be NULL) is
 * the first row of that outcome, NULL if there is no row at all. */
enum outcome verdict_list_worst(const struct verdict_list *list, int64_t component,
                                const struct verdict **first);

void verdict_list_free(struct verdict_list *list);

#endif
