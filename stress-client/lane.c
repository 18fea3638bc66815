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

struct lane {
    struct lane_world *world;
    const struct plan_group *group;
    struct routine_host host;
    struct client *client; /* from CONNECTING to on_end */
    struct call *call;
    ev_timer timer;
    enum lane_state state;
    uint32_t number; /* of the connection */
    struct reconnect reconnect;
    uint64_t repeats_done;   /* of the group's call list, on this connection */
    size_t next_call;        /* in the list */
    uint32_t resets;         /* calls cancelled as planned, on this connection */
    uint64_t refused_before; /* allocations refused until this connection began */
    bool connected_before;
    bool goaway;
    bool rotating;   /* closed by us because of the resets, or by order */
    bool starved;    /* closed by us because memory was refused */
    bool cancelling; /* the call under way, by order */
    bool lost;       /* and not yet recovered */
    enum page_event_kind doubt_error;
    int doubt_detail;
    char doubt_text[LINE_MAX_BYTES];
};

static bool work_is_over(const struct lane *lane)
{
    return lane->group->repeats != PLAN_ENDLESS && lane->repeats_done == lane->group->repeats;
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
    lane->repeats_done = 0;
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

/* An open connection that carries no call: what now? */
static void go_on(struct lane *lane)
{
    const struct plan_call *call = plan_call(lane->world->plan, lane->group, lane->next_call);
    uint64_t refused = mem_refused();

    if (lane->world->stopping || lane->goaway || work_is_over(lane)) {
        close_connection(lane);
        return;
    }
    if (lane->resets >= RESETS_MAX) {
        lane->rotating = true;
        close_connection(lane);
        return;
    }
    if (lane->world->paused)
        return;
    lane->call = routine_start(lane->client, call, &lane->host);
    if (lane->call == NULL)
        start_refused(lane, mem_refused() != refused);
}

static void advance(struct lane *lane)
{
    lane->next_call++;
    if (lane->next_call < lane->group->call_count)
        return;
    lane->next_call = 0;
    if (lane->group->repeats != PLAN_ENDLESS)
        lane->repeats_done++;
}

/* ---- what befalls a call ---- */

static struct lane *lane_of(struct routine_host *host)
{
    return (struct lane *)((char *)host - offsetof(struct lane, host));
}

static void saw_life(struct routine_host *host)
{
    struct lane *lane = lane_of(host);
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
    struct lane *lane = lane_of(host);
    const struct plan_call *call = plan_call(lane->world->plan, lane->group, lane->next_call);

    bool ordered = lane->cancelling && end->fate == ROUTINE_LOST;

    lane->call = NULL;
    lane->cancelling = false;
    lane->resets += ordered;
    if (end->fate == ROUTINE_DONE) {
        lane->world->tally->calls[call->kind]++;
        lane->world->tally->cancelled += end->cancelled;
        lane->resets += end->cancelled;
        advance(lane);
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
        go_on(lane);
}

/* ---- what befalls a connection ---- */

static void on_ready(struct client *client, void *user)
{
    struct lane *lane = user;
    struct tally *tally = lane->world->tally;

    tally->connections++;
    tally->reconnects += lane->lost && lane->connected_before;
    histogram_record(&tally->connect, client_connect_ns(client));
    if (lane->world->secure) {
        histogram_record(&tally->handshake, client_handshake_ns(client));
        tally->peer_certificate = client_peer_certificate(client);
    }
    lane->connected_before = true;
    lane->state = LANE_OPEN;
    if (lane->world->holding)
        client_hold(client, true);
    go_on(lane);
}

static void on_goaway(struct client *client, void *user)
{
    struct lane *lane = user;

    (void)client;
    lane->goaway = true;
    if ((lane->state == LANE_OPEN && lane->call == NULL) || lane->state == LANE_DOUBTING)
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

struct lane *lane_new(struct lane_world *world)
{
    struct lane *lane = mem_calloc(MEM_APP, 1, sizeof *lane);

    if (lane == NULL)
        return NULL;
    lane->world = world;
    lane->host = (struct routine_host){
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

void lane_resume(struct lane *lane)
{
    if (lane->state != LANE_OPEN)
        return;
    if (lane->call != NULL)
        call_resume(lane->call);
    else
        go_on(lane);
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
        if (lane->call == NULL)
            close_connection(lane);
        else if (plan_call(lane->world->plan, lane->group, lane->next_call)->messages ==
                 PLAN_ENDLESS)
            call_cancel(lane->call);
        break;
    case LANE_DOUBTING:
        close_connection(lane);
        break;
    case LANE_IDLE:
    case LANE_CLOSING:
        break;
    }
}

void lane_hurry(struct lane *lane)
{
    if (lane->state == LANE_OPEN && lane->call != NULL)
        call_cancel(lane->call);
}

void lane_hold(struct lane *lane)
{
    if (lane->state == LANE_OPEN)
        client_hold(lane->client, lane->world->holding);
}

void lane_cancel(struct lane *lane)
{
    if (lane->state != LANE_OPEN || lane->call == NULL)
        return;
    lane->cancelling = true;
    call_cancel(lane->call);
}

void lane_reset(struct lane *lane)
{
    if (lane->state != LANE_OPEN)
        return;
    lane->rotating = true;
    lane->state = LANE_CLOSING;
    client_abort(lane->client);
}
