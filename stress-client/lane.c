#include "stress-client/lane.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/engine/mem.h"
#include "stress-client/reconnect.h"
#include "stress-client/routine.h"

#include <errno.h>
#include <ev.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A server that shuts down ends its calls before the connection: so long we wait for that end. */
#define DOUBT_S 1.0

#define LINE_MAX_BYTES 512

/* Peers end a connection after about 1,000 resets (nghttp2's and others' answer to rapid reset). */
#define RESETS_MAX 900

enum lane_state {
    LANE_IDLE,
    LANE_WAITING, /* for the timer, then connects */
    LANE_CONNECTING,
    LANE_OPEN,     /* with a call, or held back by a pause */
    LANE_DOUBTING, /* a call was cut short: by a loss, or is it an error? */
    LANE_CLOSING,  /* we want the connection's end */
};

/* One of the calls that a connection carries at once. */
struct slot {
    struct lane *lane;
    struct routine_host host;
    struct call *call;
    size_t index;    /* in the group's list, of the call it owes */
    bool owes;       /* a call that it has taken from the list and not done */
    bool cancelling; /* its call, by order */
};

struct lane {
    struct lane_world *world;
    const struct plan_group *group;
    struct client *client; /* from CONNECTING to on_end */
    ev_timer timer;
    enum lane_state state;
    uint32_t number; /* of the connection */
    struct reconnect reconnect;
    uint64_t repeats_taken;  /* of the group's call list, on this connection */
    size_t next_call;        /* in the list, to be taken by a slot */
    uint32_t calls;          /* under way */
    uint32_t owed;           /* slots that owe a call */
    uint32_t resets;         /* calls cancelled as planned, on this connection */
    uint64_t refused_before; /* allocations refused until this connection began */
    bool connected_before;
    bool goaway;
    bool rotating; /* closed by us because of the resets, or by order */
    bool starved;  /* closed by us because memory was refused */
    bool lost;     /* and not yet recovered */
    enum page_event_kind doubt_error;
    int doubt_detail;
    char doubt_text[LINE_MAX_BYTES];
    struct slot slots[]; /* world->calls_at_once */
};

static bool all_taken(const struct lane *lane)
{
    return lane->group->repeats != PLAN_ENDLESS && lane->repeats_taken == lane->group->repeats;
}

static bool work_is_over(const struct lane *lane)
{
    return all_taken(lane) && lane->owed == 0;
}

static const struct plan_call *call_of(const struct slot *slot)
{
    return plan_call(slot->lane->world->plan, slot->lane->group, slot->index);
}

/* Of each slot, as long as the connection is open. */
static void each_slot(struct lane *lane, void (*verb)(struct slot *slot))
{
    for (uint32_t i = 0; i < lane->world->calls_at_once && lane->state == LANE_OPEN; i++)
        verb(&lane->slots[i]);
}

static struct ev_loop *ev_of(const struct lane *lane)
{
    return engine_loop_ev(lane->world->loop);
}

static void set_timer(struct lane *lane, double seconds)
{
    ev_timer_stop(ev_of(lane), &lane->timer);
    ev_timer_set(&lane->timer, seconds, 0.);
    ev_timer_start(ev_of(lane), &lane->timer);
}

static void wait_then_connect(struct lane *lane, uint64_t delay_ns)
{
    lane->state = LANE_WAITING;
    set_timer(lane, (double)delay_ns / 1e9);
}

static void become_idle(struct lane *lane)
{
    ev_timer_stop(ev_of(lane), &lane->timer);
    lane->state = LANE_IDLE;
    lane->world->on_idle(lane->world->user);
}

static void take_next(struct lane *lane)
{
    if (lane->world->stopping || !lane->world->on_next(lane->world->user, &lane->number)) {
        become_idle(lane);
        return;
    }
    lane->repeats_taken = 0;
    lane->next_call = 0;
    wait_then_connect(lane, 0);
}

static void close_connection(struct lane *lane)
{
    ev_timer_stop(ev_of(lane), &lane->timer);
    lane->state = LANE_CLOSING;
    if (lane->world->abortive)
        client_abort(lane->client);
    else
        client_close(lane->client);
}

static void fail(struct lane *lane, enum page_event_kind error, int detail, const char *text)
{
    char line[LINE_MAX_BYTES + 64];

    tally_event(lane->world->tally, error, lane->number, detail);
    snprintf(line, sizeof line, "%s: connection %" PRIu32 ": %s", lane->world->address,
             lane->number, text);
    lane->world->on_failure(lane->world->user, line);
}

static void doubt(struct lane *lane, enum page_event_kind error, int detail, const char *text)
{
    lane->state = LANE_DOUBTING;
    lane->doubt_error = error;
    lane->doubt_detail = detail;
    snprintf(lane->doubt_text, sizeof lane->doubt_text, "%s", text);
    /* Not at once even after a GOAWAY: this may be the connection's teardown, its end comes next.
     */
    set_timer(lane, lane->goaway ? 0. : DOUBT_S);
}

/* No call could be started: for lack of memory, or because the connection is about to end. */
static void start_refused(struct lane *lane, bool no_memory)
{
    if (!no_memory) {
        doubt(lane, PAGE_ERROR_PROTOCOL, 0, "the server takes no calls on an open connection");
        return;
    }
    lane->starved = true;
    lane->state = LANE_CLOSING;
    client_abort(lane->client);
}

/* From the list, unless the slot still owes one; false: there is none left. */
static bool take_call(struct slot *slot)
{
    struct lane *lane = slot->lane;

    if (slot->owes)
        return true;
    if (all_taken(lane))
        return false;
    slot->owes = true;
    lane->owed++;
    slot->index = lane->next_call++;
    if (lane->next_call == lane->group->call_count) {
        lane->next_call = 0;
        if (lane->group->repeats != PLAN_ENDLESS)
            lane->repeats_taken++;
    }
    return true;
}

static void settle(struct slot *slot)
{
    slot->owes = false;
    slot->lane->owed--;
}

/* A slot of an open connection carries no call: what now? */
static void go_on(struct slot *slot)
{
    struct lane *lane = slot->lane;
    uint64_t refused = mem_refused();
    bool resets = lane->resets >= RESETS_MAX;

    if (lane->world->stopping || lane->goaway || work_is_over(lane) || resets) {
        lane->rotating = resets;
        if (lane->calls == 0)
            close_connection(lane);
        return;
    }
    if (lane->world->paused || !take_call(slot))
        return;
    slot->call = routine_start(lane->client, call_of(slot), &slot->host);
    if (slot->call == NULL)
        start_refused(lane, mem_refused() != refused);
    else
        lane->calls++;
}

/* ---- what befalls a call ---- */

static struct slot *slot_of(struct routine_host *host)
{
    return (struct slot *)((char *)host - offsetof(struct slot, host));
}

static void saw_life(struct routine_host *host)
{
    struct lane *lane = slot_of(host)->lane;
    struct tally *tally = lane->world->tally;

    lane->reconnect.attempts = 0;
    if (tally->first_alive_ns == 0)
        tally->first_alive_ns = clock_now_ns();
    if (!lane->lost)
        return;
    lane->lost = false;
    tally_event(tally, PAGE_RECOVERED, lane->number, 0);
}

static void call_done(struct routine_host *host, const struct routine_end *end)
{
    struct slot *slot = slot_of(host);
    struct lane *lane = slot->lane;
    bool ordered = slot->cancelling && end->fate == ROUTINE_LOST;

    slot->call = NULL;
    slot->cancelling = false;
    lane->calls--;
    lane->resets += ordered;
    if (end->fate == ROUTINE_DONE) {
        lane->world->tally->calls[call_of(slot)->kind]++;
        lane->world->tally->cancelled += end->cancelled;
        lane->resets += end->cancelled;
        settle(slot);
    } else if (end->fate == ROUTINE_PART) {
        lane->world->tally->parts++;
    } else if (end->fate == ROUTINE_BROKEN) {
        fail(lane, end->error, end->detail, end->text);
    }
    if (lane->state != LANE_OPEN)
        return;
    if (end->fate == ROUTINE_LOST && !ordered && !lane->world->stopping)
        doubt(lane, end->error, end->detail, end->text);
    else
        go_on(slot);
}

/* ---- what befalls a connection ---- */

static void on_ready(struct client *client, void *user)
{
    struct lane *lane = user;
    struct tally *tally = lane->world->tally;

    tally->connections++;
    tally->reconnects += lane->lost && lane->connected_before;
    histogram_record(&tally->connect, client_connect_ns(client));
    if (lane->world->secure)
        tally_handshake(tally, client);
    lane->connected_before = true;
    lane->state = LANE_OPEN;
    if (lane->world->holding)
        client_hold(client, true);
    each_slot(lane, go_on);
}

static void on_goaway(struct client *client, void *user)
{
    struct lane *lane = user;

    (void)client;
    lane->goaway = true;
    if ((lane->state == LANE_OPEN && lane->calls == 0) || lane->state == LANE_DOUBTING)
        close_connection(lane);
}

static void give_up(struct lane *lane, const char *text)
{
    char line[LINE_MAX_BYTES + 128];
    uint64_t limit = lane->reconnect.limit;

    if (limit == 0)
        snprintf(line, sizeof line, "%s: connection %" PRIu32 ": %s; --retry N would try again",
                 lane->world->address, lane->number, text);
    else
        snprintf(line, sizeof line,
                 "%s: connection %" PRIu32 ": %s; gave up after %" PRIu64 " attempts in a row",
                 lane->world->address, lane->number, text, limit);
    lane->world->on_failure(lane->world->user, line);
    become_idle(lane);
}

static void lose(struct lane *lane, enum client_end end, int detail, const char *text)
{
    enum page_event_kind event = lane->goaway ? PAGE_LOSS_GOAWAY : reconnect_event(end);
    uint64_t delay_ns;

    if (!lane->goaway && !reconnect_may_heal(end)) {
        char line[LINE_MAX_BYTES];

        snprintf(line, sizeof line, "%s: %s", page_event_text(event), text);
        fail(lane, event, detail, line);
        become_idle(lane);
        return;
    }
    tally_event(lane->world->tally, event, lane->number, detail);
    log_debug("connection %" PRIu32 ": %s: %s", lane->number, page_event_name(event), text);
    lane->lost = true;
    if (reconnect_again(&lane->reconnect, &lane->world->rng, &delay_ns))
        wait_then_connect(lane, delay_ns);
    else
        give_up(lane, text);
}

static void on_end(struct client *client, void *user, enum client_end end, int detail,
                   const char *text)
{
    struct lane *lane = user;

    (void)client;
    ev_timer_stop(ev_of(lane), &lane->timer);
    lane->client = NULL;
    if (lane->world->stopping || work_is_over(lane))
        take_next(lane);
    else if (lane->rotating)
        wait_then_connect(lane, 0);
    else if (lane->starved || (end == CLIENT_PROTOCOL && mem_refused() != lane->refused_before))
        /* What nghttp2 breaks off for lack of our memory is not the peer's fault. */
        lose(lane, CLIENT_NO_MEMORY, ENOMEM, "an allocation was refused");
    else
        lose(lane, end, detail, text);
}

static const struct client_events events = {on_ready, on_goaway, on_end};

static void connect_now(struct lane *lane)
{
    lane->goaway = false;
    lane->rotating = false;
    lane->starved = false;
    lane->resets = 0;
    lane->refused_before = mem_refused();
    lane->state = LANE_CONNECTING;
    lane->client = client_new(lane->world->loop, lane->world->target, &events, lane);
    if (lane->client == NULL)
        lose(lane, errno == ENOMEM ? CLIENT_NO_MEMORY : CLIENT_OTHER, errno, strerror(errno));
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct lane *lane = timer->data;

    (void)loop;
    (void)revents;
    if (lane->state == LANE_WAITING) {
        connect_now(lane);
        return;
    }
    /* Still connected, and the server did not say that it is going: so it was no loss. */
    if (!lane->goaway)
        fail(lane, lane->doubt_error, lane->doubt_detail, lane->doubt_text);
    close_connection(lane);
}

/* ---- from the runner ---- */

static struct routine_host make_host(struct lane_world *world)
{
    return (struct routine_host){
        .tally = world->tally,
        .rng = &world->rng,
        .service = world->service,
        .encoding = world->encoding,
        .cancel_after = world->cancel_after,
        .timeout_ns = world->call_timeout_ns,
        .overrun = world->overrun,
        .new_header = world->new_header,
        .message_size = world->message_size,
        .paused = &world->paused,
        .on_alive = saw_life,
        .on_done = call_done,
    };
}

struct lane *lane_new(struct lane_world *world)
{
    struct lane *lane =
        mem_calloc(MEM_APP, 1, sizeof *lane + world->calls_at_once * sizeof lane->slots[0]);

    if (lane == NULL)
        return NULL;
    lane->world = world;
    for (uint32_t i = 0; i < world->calls_at_once; i++) {
        lane->slots[i].lane = lane;
        lane->slots[i].host = make_host(world);
    }
    ev_timer_init(&lane->timer, on_timer, 0., 0.);
    lane->timer.data = lane;
    return lane;
}

void lane_free(struct lane *lane)
{
    mem_free(MEM_APP, lane);
}

void lane_start(struct lane *lane, const struct plan_group *group)
{
    lane->group = group;
    lane->reconnect = (struct reconnect){.limit = lane->world->retry_limit};
    lane->lost = false;
    take_next(lane);
}

static void resume(struct slot *slot)
{
    if (slot->call != NULL)
        call_resume(slot->call);
    else
        go_on(slot);
}

void lane_resume(struct lane *lane)
{
    each_slot(lane, resume);
}

static void end_endless(struct slot *slot)
{
    if (slot->call != NULL && call_of(slot)->messages == PLAN_ENDLESS)
        call_cancel(slot->call);
}

void lane_stop(struct lane *lane)
{
    switch (lane->state) {
    case LANE_WAITING:
        become_idle(lane);
        break;
    case LANE_CONNECTING:
        lane->state = LANE_CLOSING;
        client_abort(lane->client);
        break;
    case LANE_OPEN:
        if (lane->calls == 0)
            close_connection(lane);
        else
            each_slot(lane, end_endless);
        break;
    case LANE_DOUBTING:
        close_connection(lane);
        break;
    case LANE_IDLE:
    case LANE_CLOSING:
        break;
    }
}

static void end_any(struct slot *slot)
{
    if (slot->call != NULL)
        call_cancel(slot->call);
}

void lane_hurry(struct lane *lane)
{
    each_slot(lane, end_any);
}

void lane_hold(struct lane *lane)
{
    if (lane->state == LANE_OPEN)
        client_hold(lane->client, lane->world->holding);
}

static void cancel(struct slot *slot)
{
    if (slot->call == NULL)
        return;
    slot->cancelling = true;
    call_cancel(slot->call);
}

void lane_cancel(struct lane *lane)
{
    each_slot(lane, cancel);
}

void lane_reset(struct lane *lane)
{
    if (lane->state != LANE_OPEN)
        return;
    lane->rotating = true;
    lane->state = LANE_CLOSING;
    client_abort(lane->client);
}
