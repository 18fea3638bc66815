#include "driver/checkpoint.h"

#include "common/base/log.h"
#include "driver/checkpoint_subject.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FREEZE_NS NS_PER_S          /* chaos rests so long before, */
#define AWAIT_NS (2 * NS_PER_S)     /* and so much longer for restarts under way, */
#define SETTLE_NS (300 * NS_PER_MS) /* after the last of which peers find each other again */
#define READ_NS (50 * NS_PER_MS)    /* of the pause, for reading all */
#define CLOSE_NS (5 * NS_PER_S)     /* for the servers to see their last connection end */
#define POLL_NS (10 * NS_PER_MS)    /* during a pause */
#define AWAIT_POLL_NS (50 * NS_PER_MS)
#define WHY 96

enum state {
    STATE_IDLE,     /* before the run, and after the last */
    STATE_WAITING,  /* timer: freeze */
    STATE_FREEZING, /* timer: pause, or ask again whether all are up */
    STATE_PAUSED,   /* timer: ask again whether all are quiet */
    STATE_LOOKED,   /* timer: let all go on, as those elsewhere */
    STATE_CLOSING,  /* timer: ask again whether the servers have no connection */
    STATES,
};

enum event {
    EVENT_TIMER,
    EVENT_END,   /* traffic ends */
    EVENT_CLOSE, /* the clients are gone */
    EVENTS,
};

struct checkpoints {
    struct checkpoint_settings settings;
    struct ev_loop *loop;
    ev_timer timer;
    enum state state;
    unsigned next; /* the look that is due or under way, from 1 */
    uint64_t begun_ns, frozen_ns, start_ns;
    uint64_t all_up_ns;    /* since when all are up; 0: they are not */
    uint64_t held_from_ns; /* 0: none is held back */
    struct subject subjects[];
};

/* Against the clock: after a stall the loop's idea of now is an old one. */
static void arm(struct checkpoints *c, uint64_t deadline_ns)
{
    uint64_t now = clock_now_ns();

    ev_now_update(c->loop);
    ev_timer_stop(c->loop, &c->timer);
    ev_timer_set(&c->timer, deadline_ns > now ? (double)(deadline_ns - now) / 1e9 : 0., 0.);
    ev_timer_start(c->loop, &c->timer);
}

static size_t count(const struct checkpoints *c)
{
    return c->settings.scenario->count;
}

/* NULL for who has no page, too: there is nothing to order and to read. */
static struct process *ready_process(const struct checkpoints *c, size_t i)
{
    struct process *process = supervisor_is_up(c->settings.supervisor, i)
                                  ? supervisor_process(c->settings.supervisor, i)
                                  : NULL;

    return process == NULL || process->page == NULL ? NULL : process;
}

static bool is_server(const struct checkpoints *c, size_t i)
{
    return c->settings.scenario->components[i].server;
}

static bool holds(const struct checkpoints *c, unsigned look, size_t i)
{
    return checkpoint_plan_holds(&c->settings.plan, look, c->settings.scenario, i);
}

/* What was held back on the way to this look: that is over now. */
static void record_holds(struct checkpoints *c, uint64_t until_ns)
{
    for (size_t i = 0; c->held_from_ns != 0 && i < count(c); i++) {
        if (holds(c, c->next, i))
            (void)run_writer_hold(c->settings.writer, c->settings.rows[i], c->held_from_ns,
                                  until_ns);
    }
    c->held_from_ns = 0;
}

static void write_reading(const struct checkpoints *c, int64_t id, struct subject *s,
                          const char *why)
{
    const struct run_reading reading = {
        .incarnation = s->row, .time_ns = s->seen_ns, .why = why, .values = &s->values};

    (void)run_writer_reading(c->settings.writer, id, &reading);
}

/* Of a peer on another host nothing is known here: a lack of it shows in the connections. */
static bool is_down(const struct checkpoints *c, size_t i)
{
    return !c->settings.scenario->components[i].elsewhere && !c->subjects[i].looked;
}

/* Whoever waits for a peer, or has something for one that does not take it, is not at rest. */
static const char *judge_peers(const struct checkpoints *c, size_t i)
{
    const struct component *components = c->settings.scenario->components;

    if (components[i].peer >= 0 && is_down(c, (size_t)components[i].peer))
        return "its server is down";
    for (size_t k = 0; k < count(c); k++) {
        if (components[k].peer == (int)i && is_down(c, k))
            return "a client of it is down";
    }
    return NULL;
}

/* Returns how many were valid. */
static unsigned write_readings(struct checkpoints *c, int64_t id)
{
    unsigned valid = 0;

    for (size_t i = 0; i < count(c); i++) {
        struct subject *s = &c->subjects[i];
        char line[WHY];
        const char *why;

        if (s->number == 0)
            continue;
        why = judge_peers(c, i);
        if (why == NULL)
            why = subject_judge(s, line, sizeof line);
        valid += why == NULL;
        if (why != NULL)
            log_debug("checkpoint %" PRId64 ": %s: %s", id,
                      c->settings.scenario->components[i].name, why);
        write_reading(c, id, s, why);
    }
    return valid;
}

/* --- the actions: each does one thing and returns the next state --------------------------------
 */

static bool is_aligned(const struct checkpoints *c)
{
    return c->settings.hold_ns != 0;
}

static uint64_t due_ns(const struct checkpoints *c)
{
    return c->begun_ns + checkpoint_plan_time(&c->settings.plan, c->next);
}

static enum state wait_for_next(struct checkpoints *c)
{
    uint64_t due = due_ns(c);

    if (c->next > checkpoint_plan_count(&c->settings.plan))
        return STATE_IDLE;
    arm(c, due > FREEZE_NS ? due - FREEZE_NS : 0);
    return STATE_WAITING;
}

static enum state freeze(struct checkpoints *c)
{
    supervisor_freeze(c->settings.supervisor, true);
    c->frozen_ns = clock_now_ns();
    c->all_up_ns = 0;
    arm(c, is_aligned(c) ? due_ns(c) : c->frozen_ns);
    return STATE_FREEZING;
}

/* Frozen long enough, and all are up and have found each other: or that takes too long. */
static bool is_time_to_pause(struct checkpoints *c, uint64_t now)
{
    struct supervisor_counts counts = supervisor_counts(c->settings.supervisor);

    if (is_aligned(c))
        return now >= due_ns(c);
    if (counts.up < counts.wanted)
        c->all_up_ns = 0;
    else if (c->all_up_ns == 0)
        c->all_up_ns = now;
    if (now < c->frozen_ns + FREEZE_NS)
        return false;
    return (c->all_up_ns != 0 && now >= c->all_up_ns + SETTLE_NS) ||
           now >= c->frozen_ns + FREEZE_NS + AWAIT_NS;
}

static enum state pause_all(struct checkpoints *c)
{
    uint64_t now = clock_now_ns();

    if (!is_time_to_pause(c, now)) {
        arm(c, now + AWAIT_POLL_NS);
        return STATE_FREEZING;
    }
    c->start_ns = now;
    for (size_t i = 0; i < count(c); i++)
        subject_tell(&c->subjects[i], ready_process(c, i), PAGE_COMMAND_PAUSE);
    arm(c, now + POLL_NS);
    return STATE_PAUSED;
}

/* Who has become ready meanwhile is told, too, or it would disturb the others' rest. */
static void tell_late_comers(struct checkpoints *c)
{
    for (size_t i = 0; i < count(c); i++) {
        struct process *process = ready_process(c, i);

        if (process != NULL && process->number != c->subjects[i].number)
            subject_tell(&c->subjects[i], process, PAGE_COMMAND_PAUSE);
    }
}

static bool all_are_quiet(struct checkpoints *c)
{
    bool quiet = true;

    for (size_t i = 0; i < count(c); i++)
        quiet = subject_is_quiet(&c->subjects[i], ready_process(c, i)) && quiet;
    return quiet;
}

/* All go on, but for those that are held back until the next look. */
static void resume(struct checkpoints *c)
{
    uint64_t now = clock_now_ns();

    record_holds(c, c->start_ns);
    c->next++;
    for (size_t i = 0; i < count(c); i++) {
        if (holds(c, c->next, i))
            c->held_from_ns = now;
        else
            subject_resume(&c->subjects[i], ready_process(c, i));
    }
    supervisor_freeze(c->settings.supervisor, false);
}

/* By when it must have been looked: from then on others may send again. */
static uint64_t latest_look_ns(const struct checkpoints *c)
{
    uint64_t end_ns =
        is_aligned(c) ? due_ns(c) + c->settings.hold_ns : c->start_ns + c->settings.pause_ns;

    return end_ns - READ_NS;
}

static enum state conclude(struct checkpoints *c)
{
    const char *held = checkpoint_plan_held(&c->settings.plan, c->next);
    struct run_checkpoint row = {.frozen_ns = c->frozen_ns, .start_ns = c->start_ns, .held = held};
    unsigned valid, number = c->next;
    int64_t id;

    resume(c);
    row.end_ns = clock_now_ns();
    if (run_writer_checkpoint(c->settings.writer, &row, &id)) {
        valid = write_readings(c, id);
        log_debug("checkpoint %u: %u of %zu at rest, after %" PRIu64 " ms", number, valid, count(c),
                  (row.end_ns - row.start_ns) / NS_PER_MS);
    }
    return wait_for_next(c);
}

static enum state look(struct checkpoints *c)
{
    tell_late_comers(c);
    if (!all_are_quiet(c) && clock_now_ns() < latest_look_ns(c)) {
        arm(c, clock_now_ns() + POLL_NS);
        return STATE_PAUSED;
    }
    for (size_t i = 0; i < count(c); i++)
        subject_look(&c->subjects[i], ready_process(c, i));
    if (!is_aligned(c))
        return conclude(c);
    arm(c, due_ns(c) + c->settings.hold_ns);
    return STATE_LOOKED;
}

static enum state thaw(struct checkpoints *c)
{
    ev_timer_stop(c->loop, &c->timer);
    supervisor_freeze(c->settings.supervisor, false);
    return STATE_IDLE;
}

static enum state abandon(struct checkpoints *c)
{
    for (size_t i = 0; i < count(c); i++)
        subject_resume(&c->subjects[i], ready_process(c, i));
    return thaw(c);
}

static enum state release_servers(struct checkpoints *c)
{
    supervisor_stop_servers(c->settings.supervisor);
    return STATE_IDLE;
}

static enum state close_up(struct checkpoints *c)
{
    if (c->settings.plan.wanted == 0)
        return release_servers(c);
    c->start_ns = clock_now_ns();
    for (size_t i = 0; i < count(c); i++)
        subject_tell(&c->subjects[i], is_server(c, i) ? ready_process(c, i) : NULL,
                     PAGE_COMMAND_PUBLISH);
    arm(c, c->start_ns + POLL_NS);
    return STATE_CLOSING;
}

static bool has_connections(const struct metric_values *values)
{
    return !metric_has(values, METRIC_CONNECTIONS) || values->value[METRIC_CONNECTIONS] != 0;
}

static bool all_are_closed(struct checkpoints *c)
{
    bool closed = all_are_quiet(c);

    for (size_t i = 0; i < count(c); i++)
        closed =
            closed && (c->subjects[i].seen_ns == 0 || !has_connections(&c->subjects[i].values));
    return closed;
}

static const char *judge_closed(const struct metric_values *values, char *why, size_t cap)
{
    if (!metric_has(values, METRIC_CONNECTIONS))
        return "publishes no connections";
    if (!has_connections(values))
        return NULL;
    snprintf(why, cap, "connections %" PRId64 ", should be 0", values->value[METRIC_CONNECTIONS]);
    return why;
}

static void write_closed(struct checkpoints *c, int64_t id, size_t i)
{
    const struct process *stopped = supervisor_stopped(c->settings.supervisor, i);
    struct subject *s = &c->subjects[i];
    char why[WHY];

    if (!is_server(c, i) && stopped != NULL) {
        s->number = stopped->number;
        s->row = stopped->row;
        s->seen_ns = c->start_ns;
        s->values = stopped->last;
    }
    if (s->number != 0)
        write_reading(c, id, s, judge_closed(&s->values, why, sizeof why));
}

static enum state look_closed(struct checkpoints *c)
{
    struct run_checkpoint row = {.closed = true, .start_ns = c->start_ns};
    int64_t id;

    if (!all_are_closed(c) && clock_now_ns() < c->start_ns + CLOSE_NS) {
        arm(c, clock_now_ns() + POLL_NS);
        return STATE_CLOSING;
    }
    for (size_t i = 0; i < count(c); i++)
        subject_look(&c->subjects[i], ready_process(c, i));
    row.end_ns = clock_now_ns();
    if (run_writer_checkpoint(c->settings.writer, &row, &id)) {
        for (size_t i = 0; i < count(c); i++)
            write_closed(c, id, i);
    }
    return release_servers(c);
}

typedef enum state action_fn(struct checkpoints *c);

static action_fn *const table[STATES][EVENTS] = {
    [STATE_IDLE] = {[EVENT_CLOSE] = close_up},
    [STATE_WAITING] = {[EVENT_TIMER] = freeze, [EVENT_END] = thaw},
    [STATE_FREEZING] = {[EVENT_TIMER] = pause_all, [EVENT_END] = thaw},
    [STATE_PAUSED] = {[EVENT_TIMER] = look, [EVENT_END] = abandon},
    [STATE_LOOKED] = {[EVENT_TIMER] = conclude, [EVENT_END] = abandon},
    [STATE_CLOSING] = {[EVENT_TIMER] = look_closed},
};

static void dispatch(struct checkpoints *c, enum event event)
{
    action_fn *action = table[c->state][event];

    if (action != NULL)
        c->state = action(c);
}

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    (void)loop, (void)revents;
    dispatch(watcher->data, EVENT_TIMER);
}

struct checkpoints *checkpoints_new(struct ev_loop *loop,
                                    const struct checkpoint_settings *settings)
{
    struct checkpoints *c =
        calloc(1, sizeof *c + settings->scenario->count * sizeof c->subjects[0]);

    if (c == NULL)
        return NULL;
    c->settings = *settings;
    c->loop = loop;
    ev_init(&c->timer, on_timer);
    c->timer.data = c;
    return c;
}

void checkpoints_free(struct checkpoints *c)
{
    if (c != NULL)
        ev_timer_stop(c->loop, &c->timer);
    free(c);
}

void checkpoints_begin(struct checkpoints *c, uint64_t now_ns)
{
    const struct checkpoint_plan *plan = &c->settings.plan;
    unsigned room = checkpoint_plan_count(plan);

    if (room < plan->wanted)
        log_info("a run of %.3g s has room for %u checkpoints, not %u",
                 (double)plan->duration_ns / 1e9, room, plan->wanted);
    c->begun_ns = now_ns;
    c->next = 1;
    c->state = wait_for_next(c);
}

void checkpoints_end(struct checkpoints *c)
{
    uint64_t now = clock_now_ns();

    /* While paused, what was held back until then is no longer apart. */
    record_holds(c, c->state == STATE_PAUSED || c->state == STATE_LOOKED ? c->start_ns : now);
    dispatch(c, EVENT_END);
}

void checkpoints_close(struct checkpoints *c)
{
    dispatch(c, EVENT_CLOSE);
}
