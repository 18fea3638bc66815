#include "driver/rules.h"

#include "common/base/exit_status.h"
#include "common/base/units.h"
#include "common/contract/reason.h"

#include <math.h>
#include <string.h>

static double known(int64_t value)
{
    return value < 0 ? NAN : (double)value;
}

/* The scenario wanted none. */
static bool has_no_cap(const struct evidence_component *c, struct verdict *out)
{
    if (strcmp(c->row->cap_kind, "none") != 0)
        return false;
    rule_say(out, OUTCOME_PASS, known(-1), NAN, "not judged: it was given no cap");
    return true;
}

/* What is capped is not `data`, but what the kernel kills for: it alone says who went beyond. */
static bool has_group_cap(const struct evidence_component *c, const char *what, struct verdict *out)
{
    char size[32];

    if (c->row->group_cap == 0)
        return false;
    rule_say(out, OUTCOME_PASS, known(-1), NAN, "%s its cgroup of %s", what,
             units_format_size(c->row->group_cap, size, sizeof size));
    return true;
}

static const struct evidence_incarnation *find_overflow(const struct evidence *e,
                                                        const struct evidence_component *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct evidence_incarnation *inc = &c->incarnations[i];
        const struct run_incarnation_row *row = inc->row;

        if (evidence_unjudged_end(e, row))
            continue;
        if (row->reason == REASON_HEAP_CAP || row->exit_code == STATUS_HEAP_OVERFLOW ||
            inc->refused > 0 ||
            (row->obituary != NULL && strncmp(row->obituary, "heap overflow", 13) == 0))
            return inc;
    }
    return NULL;
}

void rule_heap_cap(const struct evidence *e, const struct evidence_component *c,
                   struct verdict *out)
{
    double cap = (double)(c->row->heap_cap + c->row->group_cap);
    double peak = c->row->group_cap != 0 ? NAN : known(evidence_sum(e, c).data_peak);
    const struct evidence_incarnation *inc = find_overflow(e, c);
    char size[32];

    if (inc == NULL && (has_no_cap(c, out) || has_group_cap(c, "none was killed in", out)))
        return;
    units_format_size(c->row->heap_cap + c->row->group_cap, size, sizeof size);
    if (inc == NULL && isnan(peak))
        rule_say(out, OUTCOME_INCONCLUSIVE, NAN, cap, "its memory was never sampled");
    else if (inc == NULL)
        rule_say(out, OUTCOME_PASS, peak, cap, "no allocation refused under its cap of %s", size);
    else if (inc->row->obituary != NULL)
        rule_say(out, OUTCOME_FAIL, peak, cap, "hit its cap of %s at %.1f s: %s", size,
                 rule_seconds(e, inc->row->exit_ns), inc->row->obituary);
    else if (inc->refused > 0)
        rule_say(out, OUTCOME_FAIL, peak, cap, "%lld %s refused under its cap of %s",
                 (long long)inc->refused,
                 rule_word((uint64_t)inc->refused, "allocation", "allocations"), size);
    else
        rule_say(out, OUTCOME_FAIL, peak, cap, "%s at its cap of %s at %.1f s, see %s",
                 evidence_is_mute(c) ? "died, probably" : "died", size,
                 rule_seconds(e, inc->row->exit_ns), inc->row->log == NULL ? "-" : inc->row->log);
}

void rule_heap_limit(const struct evidence *e, const struct evidence_component *c,
                     struct verdict *out)
{
    struct evidence_sum sum = evidence_sum(e, c);
    bool live = sum.live_peak > sum.data_peak;
    int64_t peak = live ? sum.live_peak : sum.data_peak;
    double cap = (double)c->row->heap_cap, limit = e->limits->heap_share * cap;
    char size[32];

    if (has_no_cap(c, out) || has_group_cap(c, "not judged: data is not what is capped in", out))
        return;
    if (peak < 0 || c->row->heap_cap == 0) {
        rule_say(out, OUTCOME_INCONCLUSIVE, known(peak), limit,
                 peak < 0 ? "its memory was never sampled" : "it has no cap");
        return;
    }
    units_format_size((uint64_t)peak, size, sizeof size);
    rule_say(out, (double)peak > limit ? OUTCOME_FAIL : OUTCOME_PASS, (double)peak, limit,
             "%s bytes peaked at %s, %.0f %% of its cap (limit %.0f %%)", live ? "live" : "data",
             size, 100 * (double)peak / cap, 100 * e->limits->heap_share);
}
