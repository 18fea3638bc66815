#include "charts/answer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What a component did that broke the rule. A rule that has no row is named as it is. */
#define BREACH_TABLE(X)                       \
    X("hosts", "lost a host")                 \
    X("heap-cap", "hit its heap cap")         \
    X("heap-limit", "came close to its cap")  \
    X("leak", "leaks")                        \
    X("growth", "grows")                      \
    X("unexpected-exit", "died unexpectedly") \
    X("errors", "had errors")                 \
    X("recovery", "did not recover in time")  \
    X("no-traffic", "made no progress")       \
    X("fds", "gained file descriptors")       \
    X("threads", "gained threads")            \
    X("zombies", "left a zombie")             \
    X("sampling", "was sampled too late")

static const struct {
    const char *rule, *words;
} breaches[] = {
#define BREACH_ROW(rule, words) {rule, words},
    BREACH_TABLE(BREACH_ROW)
#undef BREACH_ROW
};

char *answer_words(enum outcome outcome, const struct verdict *verdict, char *out, size_t cap)
{
    if (verdict == NULL) {
        snprintf(out, cap, "not judged");
        return out;
    }
    switch (outcome) {
    case OUTCOME_PASS:
        snprintf(out, cap, "flat");
        break;
    case OUTCOME_INCONCLUSIVE:
        snprintf(out, cap, "inconclusive (%s)", verdict->rule);
        break;
    case OUTCOME_FAIL:
        snprintf(out, cap, "failed %s", verdict->rule);
        for (size_t i = 0; i < sizeof breaches / sizeof breaches[0]; i++) {
            if (strcmp(breaches[i].rule, verdict->rule) == 0)
                snprintf(out, cap, "%s", breaches[i].words);
        }
        break;
    }
    return out;
}

char *answer_of(const struct facts_component *c, char *out, size_t cap)
{
    if (c->lost && c->verdict != NULL && c->outcome == OUTCOME_PASS)
        snprintf(out, cap, "flat until lost");
    else
        answer_words(c->outcome, c->verdict, out, cap);
    return out;
}

char *answer_format(const struct facts_component *c, char *out, size_t cap)
{
    double used = isnan(c->peak[SERIES_DATA]) ? c->peak[SERIES_LIVE] : c->peak[SERIES_DATA];
    size_t length;

    answer_of(c, out, cap);
    length = strlen(out);
    if (isnan(used))
        snprintf(out + length, cap - length, ", no samples");
    else if (c->row->heap_cap == 0)
        snprintf(out + length, cap - length, ", %.1f MB", used / FACTS_MB);
    else
        snprintf(out + length, cap - length, ", %.1f of %.4g MB", used / FACTS_MB,
                 (double)c->row->heap_cap / FACTS_MB);
    return out;
}

enum palette answer_colour(const struct facts_component *c)
{
    if (c->verdict == NULL)
        return PALETTE_QUIET;
    switch (c->outcome) {
    case OUTCOME_FAIL:
        return PALETTE_FAIL;
    case OUTCOME_INCONCLUSIVE:
        return PALETTE_UNSURE;
    case OUTCOME_PASS:
        break;
    }
    if (c->lost)
        return PALETTE_UNSURE;
    return PALETTE_PASS;
}
