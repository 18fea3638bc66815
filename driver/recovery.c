#include "driver/recovery.h"

#include "common/base/units.h"
#include "common/contract/page.h"
#include "common/contract/reason.h"
#include "driver/rules.h"
#include "driver/told.h"

#include <math.h>

/* What a fresh process is given to be started, and to become ready, before it is missed. */
#define START_NS NS_PER_S
#define READY_NS (5 * NS_PER_S)

enum comeback { COMEBACK_SEEN, COMEBACK_UNSEEN, COMEBACK_MISSED };

/*
 * The incarnation before the one that there was at a time: whatever was before it was replaced
 * before then. 0 if that was the first. A run of a day has thousands.
 */
static size_t before(const struct evidence_component *c, uint64_t time_ns)
{
    size_t low = 0,
           high = c->count; /* those below low were started by then, those from high on not */

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (c->incarnations[middle].row->spawn_ns <= time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low < 2 ? 0 : low - 2;
}

/*
 * From when an incarnation can be expected to have messages: its own ready, or that of its server
 * if chaos had that one down before the first message came. UINT64_MAX: the server never came back.
 */
static uint64_t possible_from(const struct evidence *e, const struct evidence_component *c,
                              uint64_t ready_ns, uint64_t first_ns)
{
    const struct evidence_component *server = c->peer;
    uint64_t from = ready_ns;

    if (server == NULL)
        return from;
    for (size_t i = before(server, ready_ns); i < server->count; i++) {
        const struct run_incarnation_row *down = server->incarnations[i].row;
        uint64_t up_ns = i + 1 < server->count ? server->incarnations[i + 1].row->ready_ns : 0;

        if (down->reason != REASON_CHAOS)
            continue;
        if (down->ordered_ns > from + e->limits->recovery_ns ||
            (first_ns != 0 && down->ordered_ns >= first_ns))
            break;
        if (up_ns == 0)
            return UINT64_MAX;
        if (up_ns > from)
            from = up_ns;
    }
    return from;
}

/* Whether a time that lies that far after another had come before the traffic ended. */
static bool had_come(const struct evidence_component *c, uint64_t time_ns, uint64_t after_ns)
{
    return time_ns < c->until_ns && after_ns <= c->until_ns - time_ns;
}

static enum comeback look_for_message(const struct evidence *e, const struct evidence_component *c,
                                      const struct evidence_incarnation *up, uint64_t *took_ns)
{
    uint64_t limit = e->limits->recovery_ns, first = up->first_message_ns, from, life_from, life_to;

    if (first == 0) { /* known from samples only, which come after the fact */
        first = up->first_progress_ns;
        limit += PAGE_PUBLISH_NS + e->info->sample_interval_ns;
    }
    from = possible_from(e, c, up->row->ready_ns, first);
    if (first != 0) {
        *took_ns = first > from ? first - from - told_excused(e, c, from, first) : 0;
        *took_ns -= up->stood_ns < *took_ns ? up->stood_ns : *took_ns;
        return *took_ns <= limit ? COMEBACK_SEEN : COMEBACK_MISSED;
    }
    if (!evidence_life(e, up->row, &life_from, &life_to) || from >= life_to ||
        life_to - from - told_excused(e, c, from, life_to) <= limit + up->stood_ns)
        return COMEBACK_UNSEEN;
    return COMEBACK_MISSED;
}

static enum comeback look_for_successor(const struct evidence *e,
                                        const struct evidence_component *c, size_t victim,
                                        uint64_t *took_ns, const char **how)
{
    const struct run_incarnation_row *row = c->incarnations[victim].row;
    const struct run_plan_row *plan = evidence_plan(e, row);
    const struct evidence_incarnation *up;

    if (row->exit_ns == 0)
        return COMEBACK_UNSEEN; /* "zombies" tells that */
    *how = "was not started again";
    if (victim + 1 == c->count)
        return had_come(c, row->exit_ns, START_NS + (plan == NULL ? 0 : plan->restart_delay_ns))
                   ? COMEBACK_MISSED
                   : COMEBACK_UNSEEN;
    up = &c->incarnations[victim + 1];
    *how = "was not ready again";
    if (up->row->ready_ns == 0)
        return had_come(c, up->row->spawn_ns, READY_NS) ? COMEBACK_MISSED : COMEBACK_UNSEEN;
    if (evidence_is_mute(c))
        return COMEBACK_SEEN; /* what it does is for its clients to tell */
    *how = "had no message in time";
    return look_for_message(e, c, up, took_ns);
}

struct recoveries recoveries_of(const struct evidence *e, const struct evidence_component *c)
{
    struct recoveries r = {0};

    for (size_t i = 0; i < c->count; i++) {
        const char *how = "";
        uint64_t took = 0;

        if (c->incarnations[i].row->reason != REASON_CHAOS)
            continue;
        r.kills++;
        switch (look_for_successor(e, c, i, &took, &how)) {
        case COMEBACK_SEEN:
            r.seen++;
            r.worst_ns = took > r.worst_ns ? took : r.worst_ns;
            break;
        case COMEBACK_UNSEEN:
            r.unseen++;
            break;
        case COMEBACK_MISSED:
            if (r.missed == NULL) {
                r.missed = c->incarnations[i].row;
                r.how = how;
            }
            break;
        }
    }
    return r;
}

void rule_recovery(const struct evidence *e, const struct evidence_component *c,
                   struct verdict *out)
{
    const struct evidence_restarts *restarts = &c->restarts;
    double limit = (double)e->limits->recovery_ns, worst;
    uint64_t unseen;
    struct recoveries own = recoveries_of(e, c);
    char slowest[32], limits[32];

    worst = (double)(own.worst_ns > restarts->worst_ns ? own.worst_ns : restarts->worst_ns);
    unseen = own.unseen + restarts->unseen;
    units_format_duration(e->limits->recovery_ns, limits, sizeof limits);
    if (own.missed != NULL)
        rule_say(out, OUTCOME_FAIL, worst, limit, "killed at %.1f s (pid %d), it %s (limit %s)",
                 rule_seconds(e, own.missed->ordered_ns), own.missed->pid, own.how, limits);
    else if (restarts->missed > 0)
        rule_say(out, OUTCOME_FAIL, worst, limit,
                 "its server was back at %.1f s, but no message came within %s",
                 rule_seconds(e, restarts->missed_ns), limits);
    else if (unseen > 0)
        rule_say(out, OUTCOME_INCONCLUSIVE, worst, limit,
                 "the run ended before %llu %s could be seen", (unsigned long long)unseen,
                 rule_word(unseen, "recovery", "recoveries"));
    else if (own.kills + restarts->seen == 0)
        rule_say(out, OUTCOME_PASS, 0, limit, "nothing to recover from");
    else if (evidence_is_mute(c))
        rule_say(out, OUTCOME_PASS, NAN, limit,
                 "ready again after its own kills: %llu; how soon it served its clients tell",
                 (unsigned long long)own.seen);
    else
        rule_say(out, OUTCOME_PASS, worst, limit,
                 "back from its own kills: %llu, from its server's: %llu; the slowest in %s",
                 (unsigned long long)own.seen, (unsigned long long)restarts->seen,
                 units_format_duration((uint64_t)worst, slowest, sizeof slowest));
}
