#include "driver/gate.h"

#include "driver/hosts.h"
#include "driver/rules.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name, *unit;
    enum rule_scope scope;
    rule_judge *judge;
} rules[RULE_COUNT] = {
#define RULE_ROW(ident, name, unit, scope, judge, text) \
    [RULE_##ident] = {name, unit, RULE_##scope, judge},
    RULE_TABLE(RULE_ROW)
#undef RULE_ROW
};

void rule_say(struct verdict *out, enum outcome outcome, double value, double limit,
              const char *format, ...)
{
    va_list args;

    out->outcome = outcome;
    out->value = value;
    out->limit = limit;
    va_start(args, format);
    vsnprintf(out->text, sizeof out->text, format, args);
    va_end(args);
}

void rule_bound(struct verdict *out, double half, double smallest)
{
    out->low = out->value - half;
    out->high = out->value + half;
    out->smallest = isfinite(smallest) ? smallest : NAN;
}

double rule_alpha(const struct evidence *e, size_t tests)
{
    return e->limits->alpha / (double)(e->count * RULES_STATISTICAL * tests);
}

double rule_seconds(const struct evidence *e, uint64_t time_ns)
{
    uint64_t origin = e->info->ready_ns != 0 ? e->info->ready_ns : e->info->start_ns;

    return ((double)time_ns - (double)origin) / NS_PER_S;
}

static bool judge(const struct evidence *e, const struct evidence_component *c, enum rule rule,
                  struct verdict_list *out)
{
    struct verdict verdict = {
        .component = c == NULL ? 0 : c->row->id,
        .rule = rules[rule].name,
        .unit = rules[rule].unit,
        .low = NAN,
        .high = NAN,
        .smallest = NAN,
    };
    char excuse[VERDICT_TEXT - 32];

    if (c != NULL && c->count == 0)
        rule_say(&verdict, OUTCOME_INCONCLUSIVE, NAN, NAN, "it was never started");
    else
        rules[rule].judge(e, c, &verdict);
    if (verdict.outcome == OUTCOME_INCONCLUSIVE && hosts_excuse(c, excuse, sizeof excuse) != NULL)
        rule_say(&verdict, OUTCOME_PASS, verdict.value, verdict.limit, "not judged: %s", excuse);
    return verdict_list_add(out, &verdict);
}

bool gate_judge_evidence(const struct evidence *e, struct verdict_list *out)
{
    for (int rule = 0; rule < RULE_COUNT; rule++) {
        if (rules[rule].scope == RULE_RUN && !judge(e, NULL, (enum rule)rule, out))
            return false;
        for (size_t i = 0; rules[rule].scope == RULE_EACH && i < e->count; i++) {
            if (!judge(e, &e->components[i], (enum rule)rule, out))
                return false;
        }
    }
    return true;
}

bool gate_judge(struct run_reader *run, const struct gate_limits *limits, struct verdict_list *out,
                char *error, size_t cap)
{
    const struct gate_limits recorded = limits_of_run(run);
    struct evidence *e = evidence_new(run, limits == NULL ? &recorded : limits, error, cap);
    bool ok;

    if (e == NULL)
        return false;
    ok = gate_judge_evidence(e, out);
    if (!ok)
        snprintf(error, cap, "%s: no memory to judge it", run_reader_dir(run));
    evidence_free(e);
    return ok;
}

enum exit_status gate_exit_status(const struct verdict_list *verdicts)
{
    if (verdicts->count == 0)
        return STATUS_INCONCLUSIVE;
    switch (verdict_list_worst(verdicts, 0, NULL)) {
    case OUTCOME_PASS:
        return STATUS_PASSED;
    case OUTCOME_FAIL:
        return STATUS_FAILED;
    case OUTCOME_INCONCLUSIVE:
        break;
    }
    return STATUS_INCONCLUSIVE;
}
