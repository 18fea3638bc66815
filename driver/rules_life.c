#include "driver/rules.h"

#include "common/contract/reason.h"
#include "common/run/host.h"
#include "driver/chaos.h"
#include "driver/faults.h"
#include "driver/told.h"

#include <math.h>
#include <stdio.h>

/* A kill may be carried out this late before it counts as forgotten. */
#define KILL_SLACK_NS NS_PER_S

static const char *log_of(const struct run_incarnation_row *row)
{
    return row->log == NULL ? "no log" : row->log;
}

static void describe_end(const struct run_incarnation_row *row, char *out, size_t cap)
{
    if (row->exit_signal != 0)
        snprintf(out, cap, "signal %d", row->exit_signal);
    else if (row->exit_code >= 0)
        snprintf(out, cap, "exit status %d", row->exit_code);
    else
        snprintf(out, cap, "no exit status");
}

static bool expected_end(const struct run_incarnation_row *row)
{
    return row->reason == REASON_STOPPED || (row->reason == REASON_CHAOS && row->ordered_ns != 0);
}

void rule_unexpected_exit(const struct evidence *e, const struct evidence_component *c,
                          struct verdict *out)
{
    const struct run_incarnation_row *first = NULL, *unstarted = NULL;
    uint64_t deaths = 0;
    char end[32];

    for (size_t i = 0; i < c->count; i++) {
        const struct run_incarnation_row *row = c->incarnations[i].row;

        if ((row->exit_ns == 0 && row->reason_name == NULL) || expected_end(row) ||
            evidence_unjudged_end(e, row))
            continue;
        if (row->reason == REASON_SPAWN_FAILED)
            unstarted = row;
        else if (deaths++ == 0)
            first = row;
    }
    if (first == NULL && unstarted != NULL) {
        rule_say(out, OUTCOME_INCONCLUSIVE, 0, 0, "at %.1f s it could not be started%s%s",
                 rule_seconds(e, unstarted->exit_ns), unstarted->obituary == NULL ? "" : ": ",
                 unstarted->obituary == NULL ? "" : unstarted->obituary);
        return;
    }
    if (first == NULL) {
        rule_say(out, OUTCOME_PASS, 0, 0, "no death that was not ordered");
        return;
    }
    describe_end(first, end, sizeof end);
    /* What goes on longest comes last, where it may be cut. */
    rule_say(out, OUTCOME_FAIL, (double)deaths, 0, "pid %d died at %.1f s, %s: %s; see %s%s%s",
             first->pid, rule_seconds(e, first->exit_ns), end,
             first->reason < 0 ? "reason unknown" : reason_text((enum reason)first->reason),
             log_of(first), first->obituary == NULL ? "" : ": ",
             first->obituary == NULL ? "" : first->obituary);
}

void rule_zombies(const struct evidence *e, const struct evidence_component *c, struct verdict *out)
{
    const struct run_incarnation_row *first = NULL;
    uint64_t unseen = 0;

    for (size_t i = 0; i < c->count; i++) {
        if (c->incarnations[i].row->exit_ns == 0 && unseen++ == 0)
            first = c->incarnations[i].row;
    }
    if (first == NULL)
        rule_say(out, OUTCOME_PASS, 0, 0, "every end was seen");
    else if (run_host_broke_off(c->host))
        rule_say(out, OUTCOME_INCONCLUSIVE, (double)unseen, 0,
                 "pid %d was alive when its host was heard last", first->pid);
    else if (!e->info->finished)
        rule_say(out, OUTCOME_INCONCLUSIVE, (double)unseen, 0,
                 "pid %d was alive when the record broke off", first->pid);
    else
        rule_say(out, OUTCOME_FAIL, (double)unseen, 0, "the end of pid %d was never seen; see %s",
                 first->pid, log_of(first));
}

/* Not before all was up: a share of a run may have stood by for the others. */
static uint64_t kill_time(const struct evidence *e, const struct run_incarnation_row *row)
{
    uint64_t from = row->ready_ns > e->info->ready_ns ? row->ready_ns : e->info->ready_ns;

    return from + evidence_plan(e, row)->after_ready_ns;
}

/* Whether a planned kill fell due while there was still time for it. */
static bool kill_was_due(const struct evidence *e, const struct evidence_component *c,
                         const struct run_incarnation_row *row)
{
    uint64_t latest, end = e->info->ready_ns + e->info->duration_ns;

    if (evidence_plan(e, row) == NULL || row->ready_ns == 0)
        return false;
    /* Chaos keeps to the duration that was asked for, though the run may have waited for victims.
     */
    if (c->own_until_ns < end)
        end = c->own_until_ns;
    latest = told_due(c, kill_time(e, row)) + KILL_SLACK_NS;
    if (row->exit_ns != 0 && row->exit_ns <= latest && row->reason != REASON_CHAOS)
        return false;
    return latest + CHAOS_QUIET_NS <= end || row->reason == REASON_CHAOS;
}

void rule_chaos(const struct evidence *e, const struct evidence_component *c, struct verdict *out)
{
    const struct run_incarnation_row *forgotten = NULL;
    struct faults_of faults = faults_of(e, c);
    uint64_t due = 0, kills = 0;

    for (size_t i = 0; i < c->count; i++) {
        const struct run_incarnation_row *row = c->incarnations[i].row;

        kills += row->reason == REASON_CHAOS;
        due += kill_was_due(e, c, row);
        if (forgotten == NULL && row->reason != REASON_CHAOS && kill_was_due(e, c, row))
            forgotten = row;
    }
    if (forgotten != NULL)
        rule_say(out, OUTCOME_FAIL, (double)kills, (double)due,
                 "the kill of pid %d that was due at %.1f s was never ordered", forgotten->pid,
                 rule_seconds(e, kill_time(e, forgotten)));
    else if (faults.unseen != NULL)
        rule_say(out, OUTCOME_FAIL, (double)kills, (double)due,
                 "%s was ordered at %.1f s, but no effect was seen", faults.unseen->kind,
                 rule_seconds(e, faults.unseen->ordered_ns));
    else if (faults.seen > 0)
        rule_say(out, OUTCOME_PASS, (double)kills, (double)due,
                 "kills, as planned: %llu; other faults, seen to take effect: %llu",
                 (unsigned long long)kills, (unsigned long long)faults.seen);
    else
        rule_say(out, OUTCOME_PASS, (double)kills, (double)due, "kills, as planned: %llu",
                 (unsigned long long)kills);
}
