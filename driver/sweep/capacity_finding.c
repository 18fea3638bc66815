#include "driver/sweep/capacity_finding.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARE_MET 0.99 /* of the clients must meet the bound */

static const char *end_name(enum capacity_end end)
{
    static const char *const names[CAPACITY_ENDS] = {
#define NAME(ident, name) [END_##ident] = (name),
        CAPACITY_END_TABLE(NAME)
#undef NAME
    };

    return names[end];
}

/* ---- where the server stood ---- */

bool capacity_bytes(const struct trial_plan *plan, const struct trial_sample *sample,
                    int64_t *bytes)
{
    enum metric metric = plan->server.command == NULL ? METRIC_LIVE : METRIC_RSS;

    if (!metric_has(&sample->values, metric))
        return false;
    *bytes = sample->values.value[metric];
    return true;
}

/* Turns are in order of their ends; those at the top move nobody. */
static const struct swarm_turn *last_turn_before(const struct trial *trial, uint64_t time_ns)
{
    const struct swarm_turn *last = NULL;
    size_t low = 0, high = trial->turn_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (trial->turns[middle].ended_ns <= time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    while (low > 0 && last == NULL) {
        enum swarm_phase phase = trial->turns[--low].phase;

        if (phase == SWARM_UP || phase == SWARM_DOWN)
            last = &trial->turns[low];
    }
    return last;
}

double capacity_place(const struct trial_plan *plan, const struct trial *trial,
                      const struct trial_sample *sample, bool *down)
{
    const struct swarm_turn *turn = last_turn_before(trial, sample->time_ns);
    bool held = plan->swarm.hold || plan->swarm.together;
    bool failed = turn != NULL && turn->fault != SWARM_FAULT_NONE;

    *down = turn != NULL && turn->phase == SWARM_DOWN;
    /* What it knows itself is of the same moment as its memory. */
    if (held && metric_has(&sample->values, METRIC_CONNECTIONS))
        return (double)sample->values.value[METRIC_CONNECTIONS];
    if (turn == NULL)
        return 0;
    return (double)turn->client - (*down || failed ? 1 : 0);
}

/* ---- memory ---- */

struct fit {
    double n, x, y, xx, xy;
};

static void fit_add(struct fit *f, double x, double y)
{
    f->n++;
    f->x += x;
    f->y += y;
    f->xx += x * x;
    f->xy += x * y;
}

static double fit_slope(const struct fit *f)
{
    double spread = f->n * f->xx - f->x * f->x;

    return spread > 0 ? (f->n * f->xy - f->x * f->y) / spread : NAN;
}

static void measure_memory(const struct trial_plan *plan, const struct trial *trial,
                           struct capacity_memory *m)
{
    struct fit fit = {0};
    double highest = -1;

    m->live = plan->server.command == NULL;
    for (size_t i = 0; i < trial->sample_count; i++) {
        const struct trial_sample *s = &trial->samples[i];
        int64_t bytes;
        double place;
        bool down;

        if (!s->server || s->time_ns < trial->ready_ns || !capacity_bytes(plan, s, &bytes))
            continue;
        place = capacity_place(plan, trial, s, &down);
        if (place == 0 && !down)
            m->before = bytes;
        if (place >= highest) {
            highest = place;
            m->top = bytes;
        }
        if (!down)
            fit_add(&fit, place, (double)bytes);
        m->after = bytes;
    }
    m->each = fit_slope(&fit);
}

/* ---- round trips ---- */

static int compare_ns(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static uint64_t quantile(uint64_t *values, size_t count, double share)
{
    size_t index = (size_t)ceil(share * (double)count);

    if (count == 0)
        return 0;
    qsort(values, count, sizeof *values, compare_ns);
    return values[index == 0 ? 0 : index - 1];
}

static void measure_round_trips(const struct trial *trial, bool top, struct capacity_finding *f)
{
    uint64_t *p99 = calloc(trial->turn_count + 1, sizeof *p99);
    uint64_t *median = calloc(trial->turn_count + 1, sizeof *median);
    size_t count = 0;

    for (size_t i = 0; p99 != NULL && median != NULL && i < trial->turn_count; i++) {
        const struct swarm_turn *turn = &trial->turns[i];

        if (turn->phase != (top ? SWARM_TOP : SWARM_UP) || turn->replies == 0)
            continue;
        median[count] = turn->rtt_median_ns;
        p99[count++] = turn->rtt_p99_ns;
    }
    if (p99 != NULL && median != NULL) {
        f->p99_ns = quantile(p99, count, SHARE_MET);
        f->median_ns = quantile(median, count, 0.5);
    }
    free(p99);
    free(median);
}

/* ---- the end of the road ---- */

static bool out_of_descriptors(const struct trial *trial)
{
    if (trial->accepts_refused > 0)
        return true;
    for (size_t i = 0; i < trial->sample_count; i++) {
        const struct trial_sample *s = &trial->samples[i];

        if (s->server && trial->descriptors > 0 && metric_has(&s->values, METRIC_FDS) &&
            (uint64_t)s->values.value[METRIC_FDS] >= trial->descriptors)
            return true;
    }
    return false;
}

static void say_swarm_fault(const struct swarm_turn *turn, struct capacity_finding *f)
{
    const char *remedy = swarm_fault_remedy(turn->fault);

    f->end = END_SWARM;
    f->name = swarm_fault_name(turn->fault);
    snprintf(f->text, sizeof f->text, "client %" PRIu32 " (%s): %s%s%s", turn->client,
             swarm_phase_name(turn->phase), swarm_fault_text(turn->fault),
             *remedy != '\0' ? "; the limit: " : "", remedy);
}

static void name_fault(const struct trial *trial, const struct swarm_turn *turn,
                       struct capacity_finding *f)
{
    bool waited = turn->fault == SWARM_FAULT_UNANSWERED ||
                  turn->fault == SWARM_FAULT_CONNECT_TIMEOUT || turn->fault == SWARM_FAULT_RESET;

    if (waited && out_of_descriptors(trial)) {
        f->end = END_SERVER_DESCRIPTORS;
        snprintf(f->text, sizeof f->text,
                 "client %" PRIu32 " was not served: all of the server's %" PRIu64
                 " file descriptors are in use; the limit: ulimit -n %" PRIu64,
                 turn->client, trial->descriptors, trial->descriptors);
    } else if (turn->fault == SWARM_FAULT_CONNECT_TIMEOUT) {
        f->end = END_BACKLOG;
        snprintf(f->text, sizeof f->text,
                 "client %" PRIu32 " was not connected in time: the server's listen backlog is "
                 "full; the limit: sysctl net.core.somaxconn = %d, and what the server asks for",
                 turn->client, trial->backlog);
    } else {
        say_swarm_fault(turn, f);
    }
}

static const struct swarm_turn *first_fault(const struct trial *trial, uint64_t *count)
{
    const struct swarm_turn *first = NULL;

    for (size_t i = 0; i < trial->turn_count; i++) {
        if (trial->turns[i].fault == SWARM_FAULT_NONE)
            continue;
        first = first != NULL ? first : &trial->turns[i];
        ++*count;
    }
    return first;
}

/* How it died, without what its log says besides. */
static void say_death(const struct trial *trial, struct capacity_finding *f)
{
    const char *more = strstr(trial->death, "; its last line: ");
    size_t length = more != NULL ? (size_t)(more - trial->death) : strlen(trial->death);

    f->end = END_SERVER_DIED;
    snprintf(f->text, sizeof f->text, "%.*s%s", (int)length, trial->death,
             trial->server_code == STATUS_HEAP_OVERFLOW ? "; the limit: its heap cap, --server-heap"
                                                        : "");
}

static void judge_end(const struct trial *trial, uint64_t rtt_bound_ns, struct capacity_finding *f)
{
    const struct swarm_turn *fault = first_fault(trial, &f->refused);

    f->end = END_NONE;
    if (trial->server_died) {
        say_death(trial, f);
    } else if (fault != NULL) {
        name_fault(trial, fault, f);
    } else if (rtt_bound_ns != 0 && f->p99_ns > rtt_bound_ns) {
        f->end = END_RTT;
        snprintf(f->text, sizeof f->text,
                 "round trips (p99) of %.1f ms are beyond the bound of %.1f ms; the limit: the "
                 "server's processor time, or --rtt-bound",
                 (double)f->p99_ns / 1e6, (double)rtt_bound_ns / 1e6);
    }
    if (f->end != END_SWARM)
        f->name = end_name(f->end);
}

void capacity_judge(const struct trial_plan *plan, const struct trial *trial, uint64_t rtt_bound_ns,
                    struct capacity_finding *f)
{
    *f = (struct capacity_finding){.memory = {.each = NAN}};
    for (size_t i = 0; i < trial->turn_count; i++)
        f->served += trial->turns[i].phase == SWARM_UP && trial->turns[i].fault == SWARM_FAULT_NONE;
    measure_memory(plan, trial, &f->memory);
    measure_round_trips(trial, plan->swarm.together, f);
    judge_end(trial, rtt_bound_ns, f);
}
