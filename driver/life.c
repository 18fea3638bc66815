#include "driver/life.h"

#include "common/base/log.h"
#include "common/base/units.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define FORCE_NS (3 * NS_PER_S)       /* a chaos victim's drain (500 ms by default) and slack */
#define SIGKILL_NS (60 * NS_PER_S)    /* nothing survives it, but exits were seen to stall 16 s */
#define STAGGER_NS (5 * NS_PER_MS)    /* between the first starts, so that sampling stays on time */
#define THAW_POLL_NS (20 * NS_PER_MS) /* a kill that fell due in a freeze asks so often */
#define LOG_NAME (COMPONENT_NAME + 32)
/*
 * So many looks in a row, evenly over the limit, must find it stopped: a driver that stood still
 * itself, and with it whoever was to let the child go on, has not looked.
 */
#define FROZEN_LOOKS 5

/* Against the clock: after a stall the loop's idea of now is an old one. */
static void arm(struct life *life, uint64_t deadline_ns)
{
    struct ev_loop *loop = life->shared->loop;
    uint64_t now = clock_now_ns();

    ev_now_update(loop);
    ev_timer_stop(loop, &life->timer);
    ev_timer_set(&life->timer, deadline_ns > now ? (double)(deadline_ns - now) / 1e9 : 0., 0.);
    ev_timer_start(loop, &life->timer);
}

static void disarm(struct life *life)
{
    ev_timer_stop(life->shared->loop, &life->timer);
}

static struct chaos_kill planned(const struct life *life)
{
    return chaos_plan(&life->shared->chaos, life->component, life->number);
}

static void log_name(const struct life *life, char *out, size_t cap)
{
    snprintf(out, cap, "logs/%s.%d.log", life->component->name, life->number);
}

static uint64_t ready_limit(const struct life *life)
{
    return life->component->ready_limit_ns != 0 ? life->component->ready_limit_ns
                                                : life->shared->ready_limit_ns;
}

/* Whether it became ready, ever: then life->ready_ns says when. */
static bool is_ready(struct life *life)
{
    uint64_t now = clock_now_ns();

    if (life->component->ready == READY_PAGE)
        life->ready_ns = process_ready_ns(&life->process);
    else if (life->ready_ns == 0 && !spawn_is_dead(&life->process.child) &&
             readiness_look(&life->readiness, now))
        life->ready_ns = now;
    return life->ready_ns != 0;
}

static void breach(struct life *life, enum reason reason, const char *line)
{
    struct life_shared *shared = life->shared;

    if (shared->unjudged) {
        log_info("%s: %s: %s; this is not judged", life->component->name, reason_name(reason),
                 line);
        return;
    }
    if (shared->breached) {
        log_error("%s: %s: %s", life->component->name, reason_name(reason), line);
        return;
    }
    shared->breached = true;
    shared->breach_index = life->index;
    shared->breach_reason = reason;
    snprintf(shared->breach_line, sizeof shared->breach_line, "%s", line);
}

static void record_order(struct life *life, enum order order, int signal)
{
    /* It dies of the first order; a stop that overtakes a chaos kill changes nothing. */
    if (life->order != ORDER_NONE)
        return;
    life->order = order;
    life->ordered_ns = clock_now_ns();
    life->ordered_signal = signal;
}

static void record_exit(struct life *life, const struct death *death, enum reason reason)
{
    struct run_exit end = {.time_ns = clock_now_ns(),
                           .ordered_ns = life->ordered_ns,
                           .ordered_signal = life->ordered_signal,
                           .code = death->end.code,
                           .signal = death->end.signal,
                           .reason = reason,
                           .obituary = death->obituary};

    (void)run_writer_exit(life->shared->writer, life->process.row, &end);
}

/* The last words of one that was given up: why. */
static bool tell_patience(const struct life *life, char *out, size_t cap)
{
    const struct component *c = life->component;
    char limit[32];

    if (life->order == ORDER_FROZEN) {
        units_format_duration(life->shared->frozen_limit_ns, limit, sizeof limit);
        snprintf(out, cap, "stopped by signal %d (%s) for %s, not by the driver", life->stop_signal,
                 strsignal(life->stop_signal), limit);
        return true;
    }
    if (life->order != ORDER_NOT_READY)
        return false;
    units_format_duration(ready_limit(life), limit, sizeof limit);
    if (c->ready == READY_PAGE)
        snprintf(out, cap, "not ready within %s", limit);
    else
        snprintf(out, cap, "not ready within %s, by %s on port %d", limit, ready_name(c->ready),
                 c->port);
    return true;
}

/* What its cgroup has counted since this incarnation began. */
static void ask_group(const struct life *life, struct death *death)
{
    struct cap_report report;

    if (!cap_groups_report(life->shared->groups, life->component, &report))
        return;
    death->group_cap = life->component->group_cap;
    death->group_kills = report.kills < 0 ? -1 : report.kills - life->group.kills;
    death->group_refusals = report.refusals - life->group.refusals;
}

/* Writes down how it ended and releases what it had. */
static void bury(struct life *life)
{
    struct process *process = &life->process;
    struct death death = {.order = life->order,
                          .foreign = life->component->command != NULL,
                          .forced = life->forced,
                          .end = life->end,
                          .heap_cap = life->component->heap_cap};
    char words[PAGE_OBITUARY], text[PAGE_OBITUARY + 64], log[LOG_NAME], line[LIFE_LINE];
    enum reason reason;

    disarm(life);
    readiness_end(&life->readiness);
    process_observe_last(process, life->shared->writer, clock_now_ns());
    death.data = process->data;
    death.refused =
        metric_has(&process->last, METRIC_REFUSED) && process->last.value[METRIC_REFUSED] > 0;
    ask_group(life, &death);
    death.not_executed = spawn_exec_failed(&process->child, words, sizeof words);
    if (death.not_executed || process_obituary(process, words, sizeof words) ||
        tell_patience(life, words, sizeof words) || death_tell_group(&death, words, sizeof words))
        death.obituary = words;
    reason = death_reason(&death);
    record_exit(life, &death, reason);
    process_release(process);
    life->lives = false;
    if (!death_is_breach(reason))
        return;
    log_name(life, log, sizeof log);
    snprintf(line, sizeof line, "%s; its log: %s/%s", death_describe(&death, text, sizeof text),
             life->shared->run_dir, log);
    breach(life, reason, line);
}

/* Its namespace has not ended yet, which is looked at now and then; true: no longer. */
static bool linger(struct life *life)
{
    uint64_t now = clock_now_ns();

    ev_io_stop(life->shared->loop, &life->exit_watcher);
    if (life->dead_ns == 0)
        life->dead_ns = now;
    if (now - life->dead_ns < SIGKILL_NS)
        return false;
    log_error("%s: what it left in its namespace survives SIGKILL; going on without it",
              life->component->name);
    return true;
}

/* Whether it has ended and was reaped; then its end is dealt with. */
static bool collect(struct life *life)
{
    struct spawned *child = &life->process.child;

    if (life->dead_ns == 0) {
        /* While the zombie holds the number, nobody else's group can have it. */
        spawn_signal(child, SIGKILL);
        guardian_forget(life->shared->guardian, child->pid);
    }
    if (!spawn_reap(child, &life->end)) {
        if (!spawn_lingers(child) || !linger(life))
            return false;
        life->end = child->end;
    }
    ev_io_stop(life->shared->loop, &life->exit_watcher);
    life_dispatch(life, LIFE_EXIT);
    return true;
}

static void on_exit_ready(struct ev_loop *loop, ev_io *watcher, int revents)
{
    struct life *life = watcher->data;

    (void)loop;
    /* Not dead: libev could not watch it, and has stopped. Its end is looked for, then. */
    if ((revents & EV_ERROR) != 0)
        log_warn("%s: the kernel refuses to watch it", life->component->name);
    else if (collect(life))
        life->shared->changed(life->shared->user);
}

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    struct life *life = watcher->data;

    (void)loop, (void)revents;
    life_dispatch(life, LIFE_TIMER);
    life->shared->changed(life->shared->user);
}

/* The actions: each does one thing and returns the next state. */

/* Its next start, not before that moment. */
static enum life_state await_start(struct life *life, uint64_t at_ns)
{
    uint64_t earliest = life->spawn_ns + LIFE_STARTS_APART_NS;

    arm(life, life->spawn_ns != 0 && at_ns < earliest ? earliest : at_ns);
    return LIFE_WAITING;
}

static enum life_state queue(struct life *life)
{
    return await_start(life, clock_now_ns() + life->index * STAGGER_NS);
}

static enum life_state fail_start(struct life *life, const char *why)
{
    struct life_shared *shared = life->shared;
    struct run_exit end = {
        .time_ns = clock_now_ns(), .code = -1, .reason = REASON_SPAWN_FAILED, .obituary = why};
    int64_t row;

    if (run_writer_spawn(shared->writer, shared->rows[life->index], life->number, 0, end.time_ns,
                         NULL, &row))
        (void)run_writer_exit(shared->writer, row, &end);
    breach(life, REASON_SPAWN_FAILED, why);
    return LIFE_DONE;
}

static enum life_state launch(struct life *life)
{
    struct life_shared *shared = life->shared;
    const struct fleet_command *command = &shared->fleet->commands[life->index];
    const struct component *c = life->component;
    char path[PATH_MAX], group[PATH_MAX], log[LOG_NAME], error[LIFE_LINE];
    struct spawn_request request = {
        .argv = command->argv,
        .envp = command->environment != NULL ? command->environment
                                             : guardian_environment(shared->guardian),
        .log_path = path,
        .page_target = c->command == NULL || c->coverage != COVERAGE_NONE ? FLEET_PAGE_FD : 0,
        .isolate = c->command != NULL,
        .data_limit = c->cap == CAP_DATA ? c->heap_cap : 0};

    if (c->cap == CAP_CGROUP) {
        cap_groups_entry(shared->groups, c, group);
        request.group_entry = group;
        (void)cap_groups_report(shared->groups, c, &life->group);
    }
    life->number++;
    life->order = ORDER_NONE;
    life->ordered_ns = 0;
    life->ordered_signal = 0;
    life->forced = false;
    life->ready_ns = 0;
    life->dead_ns = 0;
    life->stopped_looks = 0;
    life->spawn_ns = clock_now_ns();
    log_name(life, log, sizeof log);
    snprintf(path, sizeof path, "%s/%s", shared->run_dir, log);
    if (!process_start(&life->process, &request, error, sizeof error))
        return fail_start(life, error);
    life->lives = true;
    life->process.number = life->number;
    guardian_watch(shared->guardian, life->process.child.pid);
    (void)run_writer_spawn(shared->writer, shared->rows[life->index], life->number,
                           life->process.child.pid, life->spawn_ns, log, &life->process.row);
    ev_io_set(&life->exit_watcher, life->process.child.pidfd, EV_READ);
    ev_io_start(shared->loop, &life->exit_watcher);
    readiness_begin(&life->readiness, c, &life->probe);
    arm(life, clock_now_ns() + ready_limit(life));
    return LIFE_STARTING;
}

static enum life_state rise(struct life *life)
{
    disarm(life);
    readiness_end(&life->readiness);
    (void)run_writer_ready(life->shared->writer, life->process.row, life->ready_ns);
    if (life->number > 1)
        life->shared->restarts++;
    life_plan_kill(life);
    return LIFE_UP;
}

/* Signals and waits for the end, at most so long. Not what died by another hand: that is not ours.
 */
static void order_death(struct life *life, enum order order, int signal, uint64_t limit_ns)
{
    if (!spawn_is_dead(&life->process.child)) {
        record_order(life, order, signal);
        spawn_hurry(&life->process.child);
        spawn_signal(&life->process.child, signal);
    }
    life->forced = signal == SIGKILL;
    if (life->forced && limit_ns < SIGKILL_NS)
        limit_ns = SIGKILL_NS;
    arm(life, clock_now_ns() + limit_ns);
}

static enum life_state give_up(struct life *life)
{
    /* A stalled loop may have overlooked it. */
    if (is_ready(life))
        return rise(life);
    order_death(life, ORDER_NOT_READY, SIGKILL, life->shared->stop_limit_ns);
    return LIFE_STOPPING;
}

static enum life_state end_frozen(struct life *life)
{
    order_death(life, ORDER_FROZEN, SIGKILL, life->shared->stop_limit_ns);
    return LIFE_STOPPING;
}

static enum life_state strike(struct life *life)
{
    struct life_shared *shared = life->shared;

    if (!shared->running || clock_now_ns() >= shared->quiet_ns ||
        spawn_is_dead(&life->process.child))
        return LIFE_UP;
    if (shared->frozen) {
        arm(life, clock_now_ns() + THAW_POLL_NS);
        return LIFE_UP;
    }
    shared->kills++;
    order_death(life, ORDER_CHAOS, planned(life).signal, FORCE_NS);
    return LIFE_DYING;
}

static enum life_state force(struct life *life)
{
    /* After a stall of the loop its end may be as due as this timer. */
    if (spawn_is_dead(&life->process.child))
        return life->state;
    if (life->forced) {
        log_error("%s (pid %d) survives SIGKILL; going on without it", life->component->name,
                  (int)life->process.child.pid);
        ev_io_stop(life->shared->loop, &life->exit_watcher);
        return LIFE_DONE;
    }
    log_warn("%s did not end in time after SIGTERM; killing it", life->component->name);
    (void)run_writer_note(life->shared->writer, life->process.row, clock_now_ns(), "forced-kill",
                          0);
    order_death(life, life->order, SIGKILL, life->shared->stop_limit_ns);
    return life->state;
}

static enum life_state end(struct life *life)
{
    bury(life);
    return LIFE_DONE;
}

static enum life_state revive_later(struct life *life)
{
    bury(life);
    if (!life->shared->running)
        return LIFE_DONE;
    return await_start(life, clock_now_ns() + planned(life).restart_delay_ns);
}

static enum life_state terminate(struct life *life)
{
    order_death(life, ORDER_STOP, SIGTERM, life->shared->stop_limit_ns);
    return LIFE_STOPPING;
}

static enum life_state kill_now(struct life *life)
{
    order_death(life, ORDER_STOP, SIGKILL, life->shared->stop_limit_ns);
    return LIFE_STOPPING;
}

static enum life_state retire(struct life *life)
{
    disarm(life);
    return LIFE_DONE;
}

typedef enum life_state action_fn(struct life *life);

static action_fn *const table[LIFE_STATES][LIFE_EVENTS] = {
    [LIFE_IDLE] = {[LIFE_START] = queue, [LIFE_STOP] = retire, [LIFE_HURRY] = retire},
    [LIFE_WAITING] = {[LIFE_TIMER] = launch, [LIFE_STOP] = retire, [LIFE_HURRY] = retire},
    [LIFE_STARTING] = {[LIFE_READY] = rise,
                       [LIFE_TIMER] = give_up,
                       [LIFE_FROZEN] = end_frozen,
                       [LIFE_EXIT] = end,
                       [LIFE_STOP] = terminate,
                       [LIFE_HURRY] = kill_now},
    [LIFE_UP] = {[LIFE_TIMER] = strike,
                 [LIFE_FROZEN] = end_frozen,
                 [LIFE_EXIT] = end,
                 [LIFE_STOP] = terminate,
                 [LIFE_HURRY] = kill_now},
    [LIFE_DYING] = {[LIFE_TIMER] = force, [LIFE_EXIT] = revive_later, [LIFE_HURRY] = kill_now},
    [LIFE_DONE] = {[LIFE_START] = queue},
    [LIFE_STOPPING] = {[LIFE_TIMER] = force, [LIFE_EXIT] = end, [LIFE_HURRY] = kill_now},
};

void life_init(struct life *life, struct life_shared *shared, size_t index)
{
    memset(life, 0, sizeof *life);
    life->shared = shared;
    life->component = &shared->fleet->scenario->components[index];
    life->index = index;
    life->readiness.fd = -1;
    snprintf(life->probe_log, sizeof life->probe_log, "%s/logs/%s.probe.log", shared->run_dir,
             life->component->name);
    life->probe = (struct spawn_request){.argv = shared->fleet->commands[index].probe,
                                         .envp = guardian_environment(shared->guardian),
                                         .log_path = life->probe_log,
                                         .page_fd = -1};
    ev_init(&life->exit_watcher, on_exit_ready);
    ev_init(&life->timer, on_timer);
    life->exit_watcher.data = life;
    life->timer.data = life;
}

void life_dispatch(struct life *life, enum life_event event)
{
    action_fn *action = table[life->state][event];
    enum life_state before = life->state;

    if (action == NULL)
        return;
    life->state = action(life);
    life->shared->up += (life->state == LIFE_UP) - (before == LIFE_UP);
}

static bool is_frozen(struct life *life)
{
    uint64_t limit = life->shared->frozen_limit_ns, now = clock_now_ns();

    if (limit == 0 || now - life->looked_ns < limit / FROZEN_LOOKS)
        return false;
    life->looked_ns = now;
    life->stop_signal = spawn_stop_signal(&life->process.child);
    life->stopped_looks = life->stop_signal == 0 ? 0 : life->stopped_looks + 1;
    return life->stopped_looks > FROZEN_LOOKS;
}

void life_poll(struct life *life)
{
    bool leaving = life->state == LIFE_DYING || life->state == LIFE_STOPPING;
    bool wanted = life->state == LIFE_STARTING || life->state == LIFE_UP;
    bool unwatched = wanted && !ev_is_active(&life->exit_watcher);

    if (life->state == LIFE_STARTING && is_ready(life))
        life_dispatch(life, LIFE_READY);
    else if (wanted && is_frozen(life))
        life_dispatch(life, LIFE_FROZEN);
    else if (life->lives && life->dead_ns != 0)
        (void)collect(life);
    else if ((leaving || unwatched) && spawn_is_dead(&life->process.child) && collect(life))
        log_debug("%s: its end was seen by looking", life->component->name);
}

bool life_is_moving(const struct life *life)
{
    return life->state == LIFE_STARTING || life->state == LIFE_DYING ||
           life->state == LIFE_STOPPING || (life->lives && life->dead_ns != 0);
}

void life_plan_kill(struct life *life)
{
    uint64_t from = life->ready_ns;

    if (from < life->shared->begin_ns)
        from = life->shared->begin_ns;
    if (!life->component->stable && life->shared->running)
        arm(life, from + planned(life).after_ready_ns);
}
