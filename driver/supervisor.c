#include "driver/supervisor.h"

#include "common/base/clock.h"
#include "driver/life.h"

#include <stdlib.h>

#define READY_POLL_S 0.02  /* between two looks at all lives, */
#define SETTLED_POLL_S 0.1 /* ... when nobody is expected to change */

enum phase {
    PHASE_IDLE,
    PHASE_SERVERS, /* starting */
    PHASE_CLIENTS, /* starting */
    PHASE_ALL_UP,  /* waiting for supervisor_begin */
    PHASE_RUNNING,
    PHASE_STOP_CLIENTS,
    PHASE_CLIENTS_GONE,
    PHASE_STOP_SERVERS,
    PHASE_OVER,
};

enum who { SERVERS = 1, CLIENTS = 2, ALL = SERVERS | CLIENTS };

struct supervisor {
    struct life_shared shared;
    uint64_t duration_ns;
    const struct supervisor_hooks *hooks;
    void *user;
    enum phase phase;
    bool breach_told;
    ev_timer ready_poll;
    size_t count;
    struct life lives[];
};

static bool is_one_of(const struct life *life, enum who who)
{
    return !life->component->elsewhere &&
           (who & (life->component->server ? SERVERS : CLIENTS)) != 0;
}

static void tell(struct supervisor *s, enum who who, enum life_event event)
{
    for (size_t i = 0; i < s->count; i++) {
        if (is_one_of(&s->lives[i], who))
            life_dispatch(&s->lives[i], event);
    }
}

static bool all_are(const struct supervisor *s, enum who who, enum life_state state)
{
    for (size_t i = 0; i < s->count; i++) {
        if (is_one_of(&s->lives[i], who) && s->lives[i].state != state)
            return false;
    }
    return true;
}

static void begin(struct supervisor *s, uint64_t begin_ns)
{
    s->phase = PHASE_RUNNING;
    s->shared.running = true;
    s->shared.quiet_ns =
        begin_ns + (s->duration_ns > CHAOS_QUIET_NS ? s->duration_ns - CHAOS_QUIET_NS : 0);
    for (size_t i = 0; i < s->count; i++)
        life_plan_kill(&s->lives[i]);
    s->hooks->begun(s->user, begin_ns);
}

static void stand_by(struct supervisor *s)
{
    if (s->hooks->all_up == NULL) {
        begin(s, clock_now_ns());
        return;
    }
    s->phase = PHASE_ALL_UP;
    s->hooks->all_up(s->user);
}

static bool may_connect(const struct supervisor *s)
{
    return s->hooks->may_connect == NULL || s->hooks->may_connect(s->user);
}

static void order_servers(struct supervisor *s)
{
    s->phase = PHASE_STOP_SERVERS;
    tell(s, SERVERS, LIFE_STOP);
}

/* One step, if its time has come. */
static bool advance(struct supervisor *s)
{
    if (s->phase == PHASE_SERVERS && all_are(s, SERVERS, LIFE_UP) && may_connect(s)) {
        s->phase = PHASE_CLIENTS;
        tell(s, CLIENTS, LIFE_START);
    } else if (s->phase == PHASE_CLIENTS && !s->shared.unjudged && all_are(s, ALL, LIFE_UP)) {
        stand_by(s);
    } else if (s->phase == PHASE_STOP_CLIENTS && all_are(s, CLIENTS, LIFE_DONE)) {
        s->phase = PHASE_CLIENTS_GONE;
        if (s->hooks->clients_gone == NULL || all_are(s, SERVERS, LIFE_DONE))
            order_servers(s);
        else
            s->hooks->clients_gone(s->user);
    } else if (s->phase == PHASE_STOP_SERVERS && all_are(s, SERVERS, LIFE_DONE)) {
        s->phase = PHASE_OVER;
        ev_timer_stop(s->shared.loop, &s->ready_poll);
        s->hooks->over(s->user);
    } else {
        return false;
    }
    return true;
}

/* After whatever happened: tells of a breach once, moves on as far as it goes. */
static void settle(struct supervisor *s)
{
    if (s->shared.breached && !s->breach_told) {
        s->breach_told = true;
        s->hooks->breached(s->user, s->lives[s->shared.breach_index].component,
                           s->shared.breach_reason, s->shared.breach_line);
    }
    while (advance(s))
        ;
}

static void set_pace(struct supervisor *s, double period_s)
{
    if (s->ready_poll.repeat == period_s || !ev_is_active(&s->ready_poll))
        return;
    s->ready_poll.repeat = period_s;
    ev_timer_again(s->shared.loop, &s->ready_poll);
}

/* Whoever died, or was killed or started, is soon another. */
static void on_changed(void *user)
{
    struct supervisor *s = user;

    set_pace(s, READY_POLL_S);
    settle(s);
}

static void on_ready_poll(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    struct supervisor *s = watcher->data;
    bool moving = false;

    (void)loop, (void)revents;
    for (size_t i = 0; i < s->count; i++) {
        life_poll(&s->lives[i]);
        moving |= life_is_moving(&s->lives[i]);
    }
    settle(s);
    set_pace(s, moving || s->phase != PHASE_RUNNING ? READY_POLL_S : SETTLED_POLL_S);
}

struct supervisor *supervisor_new(struct ev_loop *loop, const struct supervisor_settings *settings,
                                  const struct supervisor_hooks *hooks, void *user)
{
    size_t count = settings->fleet->scenario->count;
    struct supervisor *s = calloc(1, sizeof *s + count * sizeof *s->lives);

    if (s == NULL)
        return NULL;
    s->shared = (struct life_shared){.changed = on_changed,
                                     .user = s,
                                     .loop = loop,
                                     .fleet = settings->fleet,
                                     .rows = settings->rows,
                                     .writer = settings->writer,
                                     .guardian = settings->guardian,
                                     .groups = settings->groups,
                                     .run_dir = settings->run_dir,
                                     .chaos = settings->chaos,
                                     .ready_limit_ns = settings->ready_limit_ns,
                                     .frozen_limit_ns = settings->frozen_limit_ns,
                                     .stop_limit_ns = settings->stop_limit_ns};
    s->duration_ns = settings->duration_ns;
    s->hooks = hooks;
    s->user = user;
    s->count = count;
    for (size_t i = 0; i < s->count; i++)
        life_init(&s->lives[i], &s->shared, i);
    ev_timer_init(&s->ready_poll, on_ready_poll, READY_POLL_S, READY_POLL_S);
    s->ready_poll.data = s;
    return s;
}

void supervisor_free(struct supervisor *s)
{
    free(s);
}

void supervisor_start(struct supervisor *s)
{
    s->phase = PHASE_SERVERS;
    ev_timer_start(s->shared.loop, &s->ready_poll);
    tell(s, SERVERS, LIFE_START);
}

void supervisor_begin(struct supervisor *s, uint64_t begin_ns)
{
    if (s->phase != PHASE_ALL_UP)
        return;
    s->shared.begin_ns = begin_ns;
    begin(s, begin_ns);
}

void supervisor_calm(struct supervisor *s)
{
    s->shared.running = false;
    s->shared.unjudged = true;
}

void supervisor_kill(struct supervisor *s, size_t i)
{
    if (s->lives[i].state == LIFE_UP)
        life_dispatch(&s->lives[i], LIFE_HURRY);
}

void supervisor_revive(struct supervisor *s, size_t i)
{
    if (!s->lives[i].lives)
        life_dispatch(&s->lives[i], LIFE_START);
}

void supervisor_stop(struct supervisor *s)
{
    set_pace(s, READY_POLL_S);
    s->shared.running = false;
    s->shared.unjudged = false;
    if (s->phase >= PHASE_STOP_CLIENTS) {
        tell(s, ALL, LIFE_HURRY);
    } else {
        s->phase = PHASE_STOP_CLIENTS;
        tell(s, CLIENTS, LIFE_STOP);
        for (size_t i = 0; i < s->count; i++) {
            /* A server that chaos was about to start again. */
            if (s->lives[i].state == LIFE_WAITING)
                life_dispatch(&s->lives[i], LIFE_STOP);
        }
    }
    settle(s);
}

void supervisor_stop_servers(struct supervisor *s)
{
    if (s->phase != PHASE_CLIENTS_GONE)
        return;
    order_servers(s);
    settle(s);
}

void supervisor_freeze(struct supervisor *s, bool frozen)
{
    s->shared.frozen = frozen;
}

bool supervisor_is_frozen(const struct supervisor *s)
{
    return s->shared.frozen;
}

struct process *supervisor_process(struct supervisor *s, size_t i)
{
    return s->lives[i].lives ? &s->lives[i].process : NULL;
}

bool supervisor_is_up(const struct supervisor *s, size_t i)
{
    return s->lives[i].state == LIFE_UP;
}

bool supervisor_is_settled(const struct supervisor *s, uint64_t since_ns)
{
    uint64_t now = clock_now_ns();

    for (size_t i = 0; i < s->count; i++) {
        if (is_one_of(&s->lives[i], ALL) &&
            (s->lives[i].state != LIFE_UP || now < s->lives[i].ready_ns + since_ns))
            return false;
    }
    return true;
}

const struct process *supervisor_stopped(const struct supervisor *s, size_t i)
{
    const struct life *life = &s->lives[i];
    bool well = life->state == LIFE_DONE && life->order == ORDER_STOP && life->end.code == 0;

    return well && life->process.last.present != 0 ? &life->process : NULL;
}

struct supervisor_counts supervisor_counts(const struct supervisor *s)
{
    unsigned wanted = 0;

    for (size_t i = 0; i < s->count; i++)
        wanted += is_one_of(&s->lives[i], ALL);
    return (struct supervisor_counts){wanted, s->shared.up, s->shared.kills, s->shared.restarts};
}
