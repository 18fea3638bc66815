#include "stress-client/swarm_member.h"

#include "common/base/clock.h"
#include "common/engine/mem.h"
#include "stress-client/reconnect.h"
#include "stress-client/routine.h"

#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <string.h>

#define DOUBT_S 0.1 /* for the connection to show that it was what ended the call */
#define TEXT_MAX 512

enum state {
    AWAY,   /* not connected */
    UNABLE, /* to connect: told on the loop's next turn, not from inside a verb */
    CONNECTING,
    CALLING,
    DOUBTING,  /* the call was cut short; is it the connection's end? */
    CLOSING,   /* the turn's work is done, or has failed */
    HELD,      /* connected and idle, between turns */
    REPLACING, /* closing what was held, to connect anew */
    RELEASING,
};

struct swarm_member {
    struct swarm_world *world;
    struct client *client; /* NULL: AWAY */
    struct histogram *rtt; /* of the turn; NULL between turns */
    struct routine_host host;
    struct plan_call plan;
    struct swarm_turn turn;
    ev_timer timer; /* until the next reply must have come; or of a doubt */
    enum state state;
    bool keep;
    char *text; /* of a fault; NULL between turns */
};

static struct ev_loop *ev_of(const struct swarm_member *m)
{
    return engine_loop_ev(m->world->loop);
}

static void set_timer(struct swarm_member *m, double seconds)
{
    ev_timer_stop(ev_of(m), &m->timer);
    ev_timer_set(&m->timer, seconds, 0.);
    ev_timer_start(ev_of(m), &m->timer);
}

/* ---- the end of a turn ---- */

static void note_fault(struct swarm_member *m, enum swarm_fault fault, int detail, const char *text)
{
    if (m->turn.fault != SWARM_FAULT_NONE)
        return;
    m->turn.fault = fault;
    m->turn.detail = detail;
    m->turn.ended_ns = clock_now_ns();
    if (m->text != NULL)
        snprintf(m->text, TEXT_MAX, "%s: %s", swarm_fault_text(fault), text);
}

static void sum_up(struct swarm_member *m)
{
    const struct engine_stats *stats = engine_loop_stats(m->world->loop);

    if (m->turn.ended_ns == 0)
        m->turn.ended_ns = clock_now_ns();
    m->turn.open = (uint32_t)stats->connections;
    if (m->rtt == NULL)
        return;
    m->turn.replies = m->rtt->count;
    m->turn.rtt_median_ns = histogram_percentile(m->rtt, 50);
    m->turn.rtt_p99_ns = histogram_percentile(m->rtt, 99);
    m->turn.rtt_max_ns = m->rtt->max;
}

/* The state is set before: on_turn may begin the next turn. */
static void end_turn(struct swarm_member *m)
{
    const struct swarm_turn turn = m->turn;
    char *text = m->text;

    mem_free(MEM_APP, m->rtt);
    m->rtt = NULL;
    m->text = NULL;
    m->world->on_turn(m->world->user, &turn, text != NULL ? text : "");
    mem_free(MEM_APP, text);
}

/* The call is over, one way or the other; what remains is the connection. */
static void leave(struct swarm_member *m)
{
    ev_timer_stop(ev_of(m), &m->timer);
    sum_up(m);
    if (m->turn.fault == SWARM_FAULT_NONE && m->keep) {
        m->state = HELD;
        end_turn(m);
        return;
    }
    m->state = CLOSING;
    if (m->turn.fault == SWARM_FAULT_NONE)
        client_close(m->client);
    else
        client_abort(m->client);
}

/* ---- what befalls the call ---- */

static struct swarm_member *member_of(struct routine_host *host)
{
    return (struct swarm_member *)((char *)host - offsetof(struct swarm_member, host));
}

static void await_reply(struct swarm_member *m)
{
    set_timer(m, (double)m->world->reply_limit_ns / 1e9);
}

static void saw_life(struct routine_host *host)
{
    struct swarm_member *m = member_of(host);
    uint64_t now = clock_now_ns();

    if (m->turn.first_reply_ns == 0)
        m->turn.first_reply_ns = now - m->turn.begun_ns;
    if (m->world->tally->first_alive_ns == 0)
        m->world->tally->first_alive_ns = now;
    if (m->state == CALLING)
        await_reply(m);
}

static void call_done(struct routine_host *host, const struct routine_end *end)
{
    struct swarm_member *m = member_of(host);
    bool status = end->error == PAGE_ERROR_STATUS;

    if (m->state != CALLING)
        return;
    if (end->fate == ROUTINE_DONE) {
        m->world->tally->calls[CALL_BIDI_STREAMING]++;
        leave(m);
    } else if (end->fate == ROUTINE_LOST) {
        m->state = DOUBTING;
        set_timer(m, DOUBT_S);
    } else {
        tally_event(m->world->tally, end->error, m->turn.client, end->detail);
        note_fault(m, status ? SWARM_FAULT_STATUS : SWARM_FAULT_PAYLOAD, end->detail, end->text);
        leave(m);
    }
}

static void start_call(struct swarm_member *m)
{
    m->state = CALLING;
    m->rtt = mem_calloc(MEM_APP, 1, sizeof *m->rtt);
    m->host.rtt = m->rtt;
    await_reply(m);
    if (m->rtt != NULL && routine_start(m->client, &m->plan, &m->host) != NULL)
        return;
    note_fault(m, SWARM_FAULT_MEMORY, ENOMEM, "no call could be started");
    leave(m);
}

static void give_up(struct swarm_member *m)
{
    bool doubt = m->state == DOUBTING;

    tally_event(m->world->tally, doubt ? PAGE_ERROR_STATUS : PAGE_LOSS_TIMEOUT, m->turn.client, 0);
    if (doubt)
        note_fault(m, SWARM_FAULT_STATUS, GRPC_UNAVAILABLE, "the call was cut short");
    else
        note_fault(m, SWARM_FAULT_UNANSWERED, 0,
                   m->turn.first_reply_ns == 0 ? "not even the first" : "after others had come");
    leave(m);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int revents)
{
    struct swarm_member *m = timer->data;

    (void)ev, (void)revents;
    if (m->state != UNABLE) {
        give_up(m);
        return;
    }
    m->state = AWAY;
    end_turn(m);
}

/* ---- what befalls the connection ---- */

static void on_ready(struct client *client, void *user)
{
    struct swarm_member *m = user;
    struct tally *tally = m->world->tally;

    m->turn.connect_ns = client_connect_ns(client);
    tally->connections++;
    histogram_record(&tally->connect, m->turn.connect_ns);
    if (m->world->secure) {
        m->turn.handshake_ns = client_handshake_ns(client);
        tally_handshake(tally, client);
    }
    start_call(m);
}

static enum swarm_fault fault_of_errno(int number)
{
    switch (number) {
    case EMFILE:
        return SWARM_FAULT_DESCRIPTORS;
    case ENFILE:
        return SWARM_FAULT_SYSTEM_DESCRIPTORS;
    case EADDRNOTAVAIL:
        return SWARM_FAULT_PORTS;
    case ENOMEM:
        return SWARM_FAULT_MEMORY;
    default:
        return SWARM_FAULT_OTHER;
    }
}

static enum swarm_fault fault_of_end(enum client_end end, int detail)
{
    switch (end) {
    case CLIENT_REFUSED:
        return SWARM_FAULT_REFUSED;
    case CLIENT_RESET:
        return SWARM_FAULT_RESET;
    case CLIENT_CLOSED:
    case CLIENT_PEER_CLOSED:
        return SWARM_FAULT_CLOSED;
    case CLIENT_GOAWAY:
        return SWARM_FAULT_GOAWAY;
    case CLIENT_TIMEOUT:
        return SWARM_FAULT_CONNECT_TIMEOUT;
    case CLIENT_TLS_FAILED:
        return SWARM_FAULT_TLS;
    case CLIENT_PROTOCOL:
        return SWARM_FAULT_PROTOCOL;
    case CLIENT_NO_MEMORY:
        return SWARM_FAULT_MEMORY;
    default:
        return fault_of_errno(detail);
    }
}

static void connect_now(struct swarm_member *m);

/* Between turns: a turn of its own tells it. */
static void lose_held(struct swarm_member *m)
{
    uint64_t now = clock_now_ns();

    m->turn = (struct swarm_turn){
        .phase = SWARM_HELD, .client = m->turn.client, .begun_ns = now, .ended_ns = now};
    m->text = mem_calloc(MEM_APP, 1, TEXT_MAX);
}

static void on_end(struct client *client, void *user, enum client_end end, int detail,
                   const char *text)
{
    struct swarm_member *m = user;
    enum state was = m->state;

    (void)client;
    ev_timer_stop(ev_of(m), &m->timer);
    m->client = NULL;
    m->state = AWAY;
    if (was == REPLACING) {
        connect_now(m);
        return;
    }
    if (was == RELEASING) {
        m->world->on_released(m->world->user);
        return;
    }
    if (was == HELD)
        lose_held(m);
    if (was != CLOSING) {
        tally_event(m->world->tally, reconnect_event(end), m->turn.client, detail);
        note_fault(m, fault_of_end(end, detail), detail, text);
        sum_up(m);
    }
    end_turn(m);
}

static const struct client_events events = {.on_ready = on_ready, .on_end = on_end};

static void connect_now(struct swarm_member *m)
{
    int number;

    m->turn.begun_ns = clock_now_ns();
    m->state = CONNECTING;
    m->client = client_new(m->world->loop, m->world->target, &events, m);
    if (m->client != NULL)
        return;
    number = errno;
    note_fault(m, fault_of_errno(number), number, strerrordesc_np(number));
    sum_up(m);
    m->state = UNABLE;
    set_timer(m, 0.);
}

/* ---- from the swarm ---- */

struct swarm_member *swarm_member_new(struct swarm_world *world, uint32_t number)
{
    struct swarm_member *m = mem_calloc(MEM_APP, 1, sizeof *m);

    if (m == NULL)
        return NULL;
    m->world = world;
    m->turn.client = number;
    m->plan.kind = CALL_BIDI_STREAMING;
    m->host = (struct routine_host){
        .tally = world->tally,
        .rng = &world->rng,
        .numbered = true,
        .paused = &world->paused,
        .on_alive = saw_life,
        .on_done = call_done,
    };
    ev_timer_init(&m->timer, on_timer, 0., 0.);
    /* After the machine stood still, a reply that has come is read before it is missed. */
    ev_set_priority(&m->timer, EV_MINPRI);
    m->timer.data = m;
    return m;
}

void swarm_member_free(struct swarm_member *m)
{
    if (m == NULL)
        return;
    ev_timer_stop(ev_of(m), &m->timer);
    mem_free(MEM_APP, m->rtt);
    mem_free(MEM_APP, m->text);
    mem_free(MEM_APP, m);
}

void swarm_member_begin(struct swarm_member *m, enum swarm_phase phase, uint64_t messages,
                        bool keep)
{
    m->turn = (struct swarm_turn){
        .phase = phase, .client = m->turn.client, .messages = messages, .begun_ns = clock_now_ns()};
    m->plan.messages = messages;
    m->keep = keep;
    m->text = mem_calloc(MEM_APP, 1, TEXT_MAX);
    if (m->state != HELD) {
        connect_now(m);
    } else if (phase == SWARM_TOP) {
        start_call(m);
    } else {
        m->state = REPLACING;
        client_close(m->client);
    }
}

bool swarm_member_is_held(const struct swarm_member *m)
{
    return m->state == HELD;
}

void swarm_member_release(struct swarm_member *m)
{
    m->state = RELEASING;
    client_close(m->client);
}
