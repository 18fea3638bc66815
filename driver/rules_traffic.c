#include "driver/rules.h"

#include "common/base/units.h"
#include "driver/told.h"

#include <math.h>

/* Fewer due samples than this say nothing about how well they were taken. */
#define FEW_SAMPLES 10

void rule_errors(const struct evidence *e, const struct evidence_component *c, struct verdict *out)
{
    const struct evidence_trouble *lost = &c->unforgiven, *wrong = &c->errors;
    int64_t counted = evidence_sum(e, c).errors;
    double value = (double)lost->count + fmax((double)wrong->count, (double)counted);

    if (wrong->count > 0)
        rule_say(out, OUTCOME_FAIL, value, 0, "%llu %s, the first %s at %.1f s",
                 (unsigned long long)wrong->count, rule_word(wrong->count, "error", "errors"),
                 wrong->kind, rule_seconds(e, wrong->first_ns));
    else if (counted > 0)
        rule_say(out, OUTCOME_FAIL, value, 0, "%lld %s counted; see its log", (long long)counted,
                 rule_word((uint64_t)counted, "error", "errors"));
    else if (lost->count > 0)
        rule_say(out, OUTCOME_FAIL, value, 0,
                 "%llu %s that chaos did not order, the first %s at %.1f s",
                 (unsigned long long)lost->count, rule_word(lost->count, "loss", "losses"),
                 lost->kind, rule_seconds(e, lost->first_ns));
    else if (c->overrun > 0)
        rule_say(out, OUTCOME_INCONCLUSIVE, 0, 0, "%llu events came too fast to be recorded",
                 (unsigned long long)c->overrun);
    else
        rule_say(out, OUTCOME_PASS, 0, 0, "no error; losses by chaos: %llu",
                 (unsigned long long)c->losses);
}

/* How long nothing had moved when an incarnation was last looked at under traffic. */
static uint64_t silence_ns(const struct evidence *e, const struct evidence_incarnation *inc)
{
    uint64_t since = inc->progress_ns > inc->row->ready_ns ? inc->progress_ns : inc->row->ready_ns;

    uint64_t told;

    if (inc->last_ns <= since)
        return 0;
    /* Where a hold goes over into a pause the two overlap by a moment. */
    told = told_silent(e, inc->row->component, since, inc->last_ns);
    return inc->last_ns - since > told ? inc->last_ns - since - told : 0;
}

/* Of one that publishes nothing its clients tell. */
static void judge_mute_traffic(const struct evidence *e, const struct evidence_component *c,
                               struct verdict *out)
{
    int64_t messages = 0;
    size_t clients = 0;

    for (size_t i = 0; i < e->count; i++) {
        const struct evidence_component *other = &e->components[i];

        if (other->peer != c || evidence_is_mute(other))
            continue;
        clients++;
        messages += evidence_sum(e, other).messages;
    }
    if (clients == 0)
        rule_say(out, OUTCOME_PASS, NAN, NAN,
                 "not judged: it publishes nothing, and no client of ours talks to it");
    else if (messages == 0)
        rule_say(out, OUTCOME_FAIL, 0, NAN, "not one message, by %zu %s of it", clients,
                 rule_word(clients, "client", "clients"));
    else
        rule_say(out, OUTCOME_PASS, (double)messages, NAN, "%lld messages, by %zu %s of it",
                 (long long)messages, clients, rule_word(clients, "client", "clients"));
}

void rule_no_traffic(const struct evidence *e, const struct evidence_component *c,
                     struct verdict *out)
{
    struct evidence_sum sum = evidence_sum(e, c);
    double limit = (double)e->limits->stall_ns;

    if (evidence_is_mute(c)) {
        judge_mute_traffic(e, c, out);
        return;
    }
    if (sum.messages == 0 && (sum.samples == sum.stale || sum.alive_ns < e->limits->recovery_ns)) {
        rule_say(out, OUTCOME_INCONCLUSIVE, 0, NAN, "too short a life to see traffic");
        return;
    }
    if (sum.messages == 0) {
        rule_say(out, OUTCOME_FAIL, 0, NAN, "not one message in %.1f s",
                 (double)sum.alive_ns / NS_PER_S);
        return;
    }
    for (size_t i = 0; i < c->count; i++) {
        const struct evidence_incarnation *inc = &c->incarnations[i];
        uint64_t silence = silence_ns(e, inc);

        if ((double)silence > limit && c->crosses) {
            rule_say(out, OUTCOME_PASS, (double)sum.messages, NAN,
                     "%lld messages; of the last %.1f s another host knows why",
                     (long long)sum.messages, (double)silence / NS_PER_S);
            return;
        }
        if ((double)silence > limit) {
            rule_say(out, OUTCOME_FAIL, (double)sum.messages, NAN,
                     "pid %d moved no message in the last %.1f s of its life", inc->row->pid,
                     (double)silence / NS_PER_S);
            return;
        }
    }
    rule_say(out, OUTCOME_PASS, (double)sum.messages, NAN, "%lld messages, to the end",
             (long long)sum.messages);
}

/*
 * The instrument, not the specimen: never a failure. A sample late by less than an interval carries
 * its true time and takes nothing from what the other rules look at.
 */
void rule_sampling(const struct evidence *e, const struct evidence_component *c,
                   struct verdict *out)
{
    struct evidence_sum sum = evidence_sum(e, c);
    uint64_t fresh = sum.samples - sum.stale;
    double late = (double)c->late_p99_ns, limit = (double)e->info->sample_interval_ns;
    char text[32];

    units_format_duration(c->late_p99_ns, text, sizeof text);
    if (c->due < FEW_SAMPLES)
        rule_say(out, OUTCOME_INCONCLUSIVE, late, limit, "too few samples: %llu",
                 (unsigned long long)sum.samples);
    else if ((double)fresh < e->limits->coverage * (double)c->due)
        rule_say(out, OUTCOME_INCONCLUSIVE, late, limit,
                 "%llu fresh samples of %llu that were due (%llu stale)", (unsigned long long)fresh,
                 (unsigned long long)c->due, (unsigned long long)sum.stale);
    else if (late >= limit)
        rule_say(out, OUTCOME_INCONCLUSIVE, late, limit, "samples late by %s (p99)", text);
    else
        rule_say(out, OUTCOME_PASS, late, limit, "%llu fresh samples, late by %s (p99)",
                 (unsigned long long)fresh, text);
}

void rule_complete(const struct evidence *e, const struct evidence_component *c,
                   struct verdict *out)
{
    const struct run_info *info = e->info;
    uint64_t ran =
        info->ready_ns != 0 && e->until_ns > info->ready_ns ? e->until_ns - info->ready_ns : 0;
    double value = (double)ran, limit = (double)info->duration_ns;
    double seconds = value / NS_PER_S, due = limit / NS_PER_S;

    (void)c;
    if (e->count == 0)
        rule_say(out, OUTCOME_INCONCLUSIVE, value, limit, "the run has no components");
    else if (!info->finished)
        rule_say(out, OUTCOME_INCONCLUSIVE, value, limit,
                 "the record breaks off after %.1f of %.1f s: the driver did not come to its end",
                 seconds, due);
    else if (info->interrupted)
        rule_say(out, OUTCOME_INCONCLUSIVE, value, limit, "interrupted after %.1f of %.1f s",
                 seconds, due);
    else if (info->ready_ns == 0)
        rule_say(out, OUTCOME_INCONCLUSIVE, value, limit, "not every process became ready");
    else if (value < 0.98 * limit)
        rule_say(out, OUTCOME_INCONCLUSIVE, value, limit, "stopped after %.1f of %.1f s", seconds,
                 due);
    else
        rule_say(out, OUTCOME_PASS, value, limit, "%.1f s under traffic", seconds);
}
