#include "stress-client/runner.h"

#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/base/rng.h"
#include "common/engine/mem.h"
#include "stress-client/lane.h"

#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define FINISH_S 0.25 /* what calls under way have after a stop */
#define CLOSE_S 1.25  /* what their connections have after that */

struct runner {
    struct lane_world world;
    struct telemetry *telemetry;
    struct lane **lanes;
    size_t lane_count; /* of the widest group */
    size_t lanes_used; /* of the group under way */
    size_t lanes_busy;
    size_t group;               /* under way */
    uint64_t connections_begun; /* of the group */
    uint32_t connection_number; /* of the run */
    ev_timer stall_timer;       /* until the windows open again */
    bool abortive;              /* by option */
    ev_timer stop_timer;
    double stop_next_s; /* delay of the next step; 0: none left */
    ev_signal sigterm, sigint;
    int status;
    char failure[640];
};

static struct ev_loop *ev_of(const struct runner *runner)
{
    return engine_loop_ev(runner->world.loop);
}

/* ---- groups ---- */

static void start_group(struct runner *runner)
{
    const struct plan_group *group = plan_group(runner->world.plan, runner->group);

    runner->connections_begun = 0;
    runner->lanes_used = group->concurrent ? (size_t)group->connections : 1;
    runner->lanes_busy = runner->lanes_used;
    for (size_t i = 0; i < runner->lanes_used; i++)
        lane_start(runner->lanes[i], group);
}

static bool next_connection(void *user, uint32_t *number)
{
    struct runner *runner = user;
    const struct plan_group *group = plan_group(runner->world.plan, runner->group);

    if (group->connections != PLAN_ENDLESS && runner->connections_begun == group->connections)
        return false;
    runner->connections_begun++;
    *number = ++runner->connection_number;
    return true;
}

static void lane_became_idle(void *user)
{
    struct runner *runner = user;

    if (--runner->lanes_busy > 0)
        return;
    if (!runner->world.stopping && ++runner->group < plan_group_count(runner->world.plan))
        start_group(runner);
    else
        ev_break(ev_of(runner), EVBREAK_ALL);
}

/* ---- stopping, in steps ---- */

static void step_later(struct runner *runner, double seconds)
{
    ev_timer_stop(ev_of(runner), &runner->stop_timer);
    ev_timer_set(&runner->stop_timer, seconds, 0.);
    ev_timer_start(ev_of(runner), &runner->stop_timer);
}

/* The first step is taken from the loop, not from inside the callback of whoever asks for it. */
static void begin_stop(struct runner *runner)
{
    if (runner->world.stopping)
        return;
    runner->world.stopping = true;
    telemetry_set_state(runner->telemetry, PAGE_DRAINING);
    runner->stop_next_s = FINISH_S;
    step_later(runner, 0.);
}

static void each_lane(struct runner *runner, void (*verb)(struct lane *lane))
{
    for (size_t i = 0; i < runner->lanes_used; i++)
        verb(runner->lanes[i]);
}

static void on_stop_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct runner *runner = timer->data;

    (void)revents;
    if (runner->stop_next_s == FINISH_S) {
        step_later(runner, FINISH_S);
        runner->stop_next_s = CLOSE_S;
        each_lane(runner, lane_stop);
    } else if (runner->stop_next_s == CLOSE_S) {
        step_later(runner, CLOSE_S);
        runner->stop_next_s = 0.;
        each_lane(runner, lane_hurry);
    } else {
        log_warn("closing took too long: %zu connections are dropped", runner->lanes_busy);
        ev_break(loop, EVBREAK_ALL);
    }
}

static void lane_failed(void *user, const char *line)
{
    struct runner *runner = user;

    if (runner->failure[0] != '\0')
        return;
    snprintf(runner->failure, sizeof runner->failure, "%s", line);
    runner->status = STATUS_FAILED;
    begin_stop(runner);
}

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int revents)
{
    struct runner *runner = watcher->data;

    (void)revents;
    if (watcher->signum == SIGINT && runner->status == STATUS_PASSED)
        runner->status = STATUS_INTERRUPTED;
    if (runner->world.stopping)
        ev_break(loop, EVBREAK_ALL);
    else
        begin_stop(runner);
}

/* ---- the driver's commands ---- */

static enum page_command_result pause_work(struct runner *runner)
{
    if (runner->world.stopping)
        return PAGE_RESULT_FAILED;
    runner->world.paused = true;
    telemetry_set_state(runner->telemetry, PAGE_PAUSED);
    return PAGE_RESULT_DONE;
}

static enum page_command_result resume_work(struct runner *runner)
{
    if (runner->world.stopping)
        return PAGE_RESULT_FAILED;
    runner->world.paused = false;
    telemetry_set_state(runner->telemetry, PAGE_READY);
    each_lane(runner, lane_resume);
    return PAGE_RESULT_DONE;
}

static void on_stall_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct runner *runner = timer->data;

    (void)loop, (void)revents;
    runner->world.holding = false;
    each_lane(runner, lane_hold);
}

static enum page_command_result stall(struct runner *runner, uint64_t ns)
{
    runner->world.holding = true;
    each_lane(runner, lane_hold);
    ev_timer_stop(ev_of(runner), &runner->stall_timer);
    ev_timer_set(&runner->stall_timer, (double)ns / 1e9, 0.);
    ev_timer_start(ev_of(runner), &runner->stall_timer);
    return PAGE_RESULT_DONE;
}

static enum page_command_result befall(struct runner *runner, void (*verb)(struct lane *lane))
{
    each_lane(runner, verb);
    return PAGE_RESULT_DONE;
}

static enum page_command_result close_abortively(struct runner *runner, bool on)
{
    runner->world.abortive = on || runner->abortive;
    return PAGE_RESULT_DONE;
}

static bool on_command(void *user, enum page_command_op op, uint64_t argument,
                       enum page_command_result *result)
{
    struct runner *runner = user;

    switch (op) {
    case PAGE_COMMAND_PAUSE:
        *result = pause_work(runner);
        break;
    case PAGE_COMMAND_RESUME:
        *result = resume_work(runner);
        break;
    case PAGE_COMMAND_RESET:
        *result = befall(runner, lane_reset);
        break;
    case PAGE_COMMAND_CANCEL:
        *result = befall(runner, lane_cancel);
        break;
    case PAGE_COMMAND_STALL:
        *result = stall(runner, argument);
        break;
    case PAGE_COMMAND_ABORT_CLOSE:
        *result = close_abortively(runner, argument != 0);
        break;
    default:
        *result = PAGE_RESULT_UNSUPPORTED;
    }
    return true;
}

static void fill_snapshot(void *user, struct page_snapshot *snapshot)
{
    const struct runner *runner = user;

    tally_fill(runner->world.tally, snapshot);
}

static const struct telemetry_hooks hooks = {.fill = fill_snapshot, .command = on_command};

/* ---- life ---- */

static bool make_lanes(struct runner *runner)
{
    size_t widest = (size_t)plan_widest(runner->world.plan);

    runner->lanes = mem_calloc(MEM_APP, widest, sizeof *runner->lanes);
    if (runner->lanes == NULL)
        return false;
    while (runner->lane_count < widest) {
        struct lane *lane = lane_new(&runner->world);

        if (lane == NULL)
            return false;
        runner->lanes[runner->lane_count++] = lane;
    }
    return true;
}

static void init_watchers(struct runner *runner)
{
    ev_timer_init(&runner->stall_timer, on_stall_timer, 0., 0.);
    ev_timer_init(&runner->stop_timer, on_stop_timer, 0., 0.);
    ev_signal_init(&runner->sigterm, on_signal, SIGTERM);
    ev_signal_init(&runner->sigint, on_signal, SIGINT);
    runner->stall_timer.data = runner->stop_timer.data = runner;
    runner->sigterm.data = runner;
    runner->sigint.data = runner;
}

struct runner *runner_new(const struct runner_config *config)
{
    struct runner *runner = mem_calloc(MEM_APP, 1, sizeof *runner);

    if (runner == NULL)
        return NULL;
    runner->telemetry = config->telemetry;
    runner->abortive = config->abortive;
    runner->world = (struct lane_world){
        .loop = config->loop,
        .target = config->target,
        .address = config->address,
        .plan = config->plan,
        .tally = config->tally,
        .rng = {.seed = rng_seed_random()},
        .service = config->service,
        .encoding = config->encoding,
        .calls_at_once = config->calls_at_once,
        .retry_limit = config->retry_limit,
        .secure = config->secure,
        .abortive = config->abortive,
        .call_timeout_ns = config->call_timeout_ns,
        .cancel_after = config->cancel_after,
        .overrun = config->overrun,
        .new_header = config->new_header,
        .message_size = config->message_size,
        .on_next = next_connection,
        .on_idle = lane_became_idle,
        .on_failure = lane_failed,
        .user = runner,
    };
    init_watchers(runner);
    if (!make_lanes(runner)) {
        runner_free(runner);
        return NULL;
    }
    return runner;
}

void runner_free(struct runner *runner)
{
    if (runner == NULL)
        return;
    for (size_t i = 0; i < runner->lane_count; i++)
        lane_free(runner->lanes[i]);
    mem_free(MEM_APP, runner->lanes);
    mem_free(MEM_APP, runner);
}

int runner_run(struct runner *runner)
{
    struct ev_loop *loop = ev_of(runner);

    ev_signal_start(loop, &runner->sigterm);
    ev_signal_start(loop, &runner->sigint);
    telemetry_start(runner->telemetry, runner->world.loop, &hooks, runner);
    telemetry_set_state(runner->telemetry, PAGE_READY);
    start_group(runner);
    ev_run(loop, 0);
    ev_timer_stop(loop, &runner->stop_timer);
    ev_timer_stop(loop, &runner->stall_timer);
    ev_signal_stop(loop, &runner->sigterm);
    ev_signal_stop(loop, &runner->sigint);
    telemetry_publish(runner->telemetry);
    return runner->status;
}

const char *runner_failure(const struct runner *runner)
{
    return runner->status == STATUS_FAILED ? runner->failure : NULL;
}

bool runner_is_idle(const struct runner *runner)
{
    return runner->lanes_busy == 0;
}
