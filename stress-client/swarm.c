#include "stress-client/swarm.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/rng.h"
#include "common/engine/mem.h"
#include "stress-client/swarm_member.h"

#include <ev.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* In order; which of them are taken is the config's. */
enum stage { CLIMBING, STAYING, AT_THE_TOP, DESCENDING, RELEASING };

struct swarm {
    struct swarm_config config;
    struct swarm_world world;
    struct swarm_member **members; /* client i is members[i - 1] */
    enum stage stage;
    uint64_t turn_began_ns; /* the last one, up or down */
    uint64_t turns;         /* begun in this stage */
    uint64_t served;        /* clients that the climb served */
    uint64_t under_way;     /* turns at the top, or connections being released */
    ev_timer pace;          /* until the next turn is due, or the stay is over */
    ev_signal sigterm, sigint;
    int status;
    char failure[640];
};

static struct ev_loop *ev_of(const struct swarm *swarm)
{
    return engine_loop_ev(swarm->config.loop);
}

static void after(struct swarm *swarm, uint64_t ns)
{
    ev_timer_stop(ev_of(swarm), &swarm->pace);
    ev_timer_set(&swarm->pace, (double)ns / 1e9, 0.);
    ev_timer_start(ev_of(swarm), &swarm->pace);
}

uint64_t swarm_messages(uint64_t from, uint64_t to, uint64_t i, uint64_t n)
{
    double step = n > 1 ? ((double)to - (double)from) / (double)(n - 1) : 0.;

    return (uint64_t)((double)from + step * (double)(i - 1) + 0.5);
}

/* ---- one after another ---- */

/* The turn that is due next begins now, or when the rate allows it. */
static void pace_turn(struct swarm *swarm)
{
    uint64_t rate = swarm->config.rate, now = clock_now_ns();
    uint64_t due = rate == 0 ? now : swarm->turn_began_ns + NS_PER_S / rate;

    after(swarm, due > now ? due - now : 0);
}

static void begin_turn(struct swarm *swarm)
{
    const struct swarm_config *c = &swarm->config;
    bool up = swarm->stage == CLIMBING;
    uint64_t client = up ? swarm->turns + 1 : swarm->served - swarm->turns;
    uint64_t messages = swarm_messages(c->messages_from, c->messages_to, client, c->clients);

    swarm->turns++;
    swarm->turn_began_ns = clock_now_ns();
    if (up && c->together)
        messages = 1;
    swarm_member_begin(swarm->members[client - 1], up ? SWARM_UP : SWARM_DOWN, messages,
                       up && (c->hold || c->together));
}

/* ---- stages ---- */

static void enter_next(struct swarm *swarm);

static void enter(struct swarm *swarm, enum stage stage)
{
    swarm->stage = stage;
    swarm->turns = 0;
}

/* All that are still held; a lost one has no turn any more. */
static void begin_top(struct swarm *swarm)
{
    const struct swarm_config *c = &swarm->config;

    for (uint64_t i = 1; i <= swarm->served; i++) {
        if (!swarm_member_is_held(swarm->members[i - 1]))
            continue;
        swarm->under_way++;
        swarm_member_begin(swarm->members[i - 1], SWARM_TOP,
                           swarm_messages(c->messages_from, c->messages_to, i, c->clients), true);
    }
    if (swarm->under_way == 0)
        enter_next(swarm);
}

static void release_all(struct swarm *swarm)
{
    for (uint64_t i = 0; i < swarm->config.clients; i++) {
        if (!swarm_member_is_held(swarm->members[i]))
            continue;
        swarm->under_way++;
        swarm_member_release(swarm->members[i]);
    }
    if (swarm->under_way == 0)
        ev_break(ev_of(swarm), EVBREAK_ALL);
}

static void enter_next(struct swarm *swarm)
{
    const struct swarm_config *c = &swarm->config;

    if (swarm->stage < STAYING && c->stay_ns != 0) {
        enter(swarm, STAYING);
        after(swarm, c->stay_ns);
    } else if (swarm->stage < AT_THE_TOP && c->together) {
        enter(swarm, AT_THE_TOP);
        begin_top(swarm);
    } else if (swarm->stage < DESCENDING && c->back && swarm->served > 0) {
        enter(swarm, DESCENDING);
        pace_turn(swarm);
    } else {
        enter(swarm, RELEASING);
        release_all(swarm);
    }
}

static void on_pace(struct ev_loop *ev, ev_timer *timer, int revents)
{
    struct swarm *swarm = timer->data;

    (void)ev, (void)revents;
    if (swarm->stage == STAYING)
        enter_next(swarm);
    else
        begin_turn(swarm);
}

/* ---- from the members ---- */

static void note_failure(struct swarm *swarm, const struct swarm_turn *turn, const char *text)
{
    if (swarm->status != STATUS_PASSED)
        return;
    swarm->status = STATUS_FAILED;
    snprintf(swarm->failure, sizeof swarm->failure, "%s: client %" PRIu32 " (%s): %s",
             swarm->config.address, turn->client, swarm_phase_name(turn->phase), text);
}

static void on_turn(void *user, const struct swarm_turn *turn, const char *text)
{
    struct swarm *swarm = user;
    bool failed = turn->fault != SWARM_FAULT_NONE;

    if (swarm->config.csv != NULL)
        swarm_turn_write(turn, swarm->config.csv);
    if (failed)
        note_failure(swarm, turn, text);
    switch (turn->phase) {
    case SWARM_UP:
        swarm->served += !failed;
        if (failed || swarm->served == swarm->config.clients)
            enter_next(swarm);
        else
            pace_turn(swarm);
        break;
    case SWARM_TOP:
        if (--swarm->under_way == 0)
            enter_next(swarm);
        break;
    case SWARM_DOWN:
        if (failed || swarm->turns == swarm->served)
            enter_next(swarm);
        else
            pace_turn(swarm);
        break;
    default: /* it has no turn of its own to wait for */
        break;
    }
}

static void on_released(void *user)
{
    struct swarm *swarm = user;

    if (--swarm->under_way == 0)
        ev_break(ev_of(swarm), EVBREAK_ALL);
}

static void on_signal(struct ev_loop *ev, ev_signal *watcher, int revents)
{
    struct swarm *swarm = watcher->data;

    (void)revents;
    swarm->status = STATUS_INTERRUPTED;
    ev_break(ev, EVBREAK_ALL);
}

static void fill_snapshot(void *user, struct page_snapshot *snapshot)
{
    const struct swarm *swarm = user;

    tally_fill(swarm->config.tally, snapshot);
}

static const struct telemetry_hooks hooks = {.fill = fill_snapshot};

/* ---- life ---- */

static bool make_members(struct swarm *swarm)
{
    uint64_t count = swarm->config.clients;

    swarm->members = mem_calloc(MEM_APP, (size_t)count, sizeof *swarm->members);
    if (swarm->members == NULL)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        swarm->members[i] = swarm_member_new(&swarm->world, (uint32_t)(i + 1));
        if (swarm->members[i] == NULL)
            return false;
    }
    return true;
}

static void init_watchers(struct swarm *swarm)
{
    ev_timer_init(&swarm->pace, on_pace, 0., 0.);
    ev_signal_init(&swarm->sigterm, on_signal, SIGTERM);
    ev_signal_init(&swarm->sigint, on_signal, SIGINT);
    swarm->pace.data = swarm;
    swarm->sigterm.data = swarm;
    swarm->sigint.data = swarm;
}

struct swarm *swarm_new(const struct swarm_config *config)
{
    struct swarm *swarm = mem_calloc(MEM_APP, 1, sizeof *swarm);

    if (swarm == NULL)
        return NULL;
    swarm->config = *config;
    swarm->world = (struct swarm_world){
        .loop = config->loop,
        .target = config->target,
        .tally = config->tally,
        .rng = {.seed = rng_seed_random()},
        .secure = config->secure,
        .reply_limit_ns = config->reply_limit_ns,
        .on_turn = on_turn,
        .on_released = on_released,
        .user = swarm,
    };
    init_watchers(swarm);
    if (!make_members(swarm)) {
        swarm_free(swarm);
        return NULL;
    }
    return swarm;
}

void swarm_free(struct swarm *swarm)
{
    if (swarm == NULL)
        return;
    for (uint64_t i = 0; swarm->members != NULL && i < swarm->config.clients; i++)
        swarm_member_free(swarm->members[i]);
    mem_free(MEM_APP, swarm->members);
    mem_free(MEM_APP, swarm);
}

int swarm_run(struct swarm *swarm)
{
    struct ev_loop *loop = ev_of(swarm);

    if (swarm->config.csv != NULL)
        swarm_turn_write_header(swarm->config.csv);
    ev_signal_start(loop, &swarm->sigterm);
    ev_signal_start(loop, &swarm->sigint);
    telemetry_start(swarm->config.telemetry, swarm->config.loop, &hooks, swarm);
    telemetry_set_state(swarm->config.telemetry, PAGE_READY);
    enter(swarm, CLIMBING);
    pace_turn(swarm);
    ev_run(loop, 0);
    ev_timer_stop(loop, &swarm->pace);
    ev_signal_stop(loop, &swarm->sigterm);
    ev_signal_stop(loop, &swarm->sigint);
    telemetry_publish(swarm->config.telemetry);
    return swarm->status;
}

const char *swarm_failure(const struct swarm *swarm)
{
    return swarm->failure[0] != '\0' ? swarm->failure : NULL;
}

bool swarm_is_idle(const struct swarm *swarm)
{
    return swarm->stage == RELEASING && swarm->under_way == 0;
}
