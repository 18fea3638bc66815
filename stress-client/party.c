#include "stress-client/party.h"

#include "common/base/exit_status.h"
#include "common/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct ev_loop *ev_of(const struct party *party)
{
    return engine_loop_ev(party->config.loop);
}

void party_fail(struct party *party, int status, const char *format, ...)
{
    va_list args;

    if (party->failure[0] != '\0')
        return;
    party->status = status;
    va_start(args, format);
    vsnprintf(party->failure, sizeof party->failure, format, args);
    va_end(args);
}

/* ---- a member's connections ---- */

static void finish(struct member *member)
{
    ev_timer_stop(ev_of(member->party), &member->timer);
    member->state = MEMBER_FINISHED;
    if (--member->party->busy == 0)
        ev_break(ev_of(member->party), EVBREAK_ALL);
}

static void wait_then_connect(struct member *member, uint64_t delay_ns)
{
    member->state = MEMBER_WAITING;
    ev_timer_stop(ev_of(member->party), &member->timer);
    ev_timer_set(&member->timer, (double)delay_ns / 1e9, 0.);
    ev_timer_start(ev_of(member->party), &member->timer);
}

static void lose(struct member *member, enum client_end end, int detail, const char *text)
{
    struct party *party = member->party;
    enum page_event_kind event = member->goaway ? PAGE_LOSS_GOAWAY : reconnect_event(end);
    bool may_heal = member->goaway || reconnect_may_heal(end);
    uint64_t delay_ns;

    tally_event(party->config.tally, event, member->number, detail);
    if (may_heal && reconnect_again(&member->reconnect, &party->rng, &delay_ns)) {
        wait_then_connect(member, delay_ns);
        return;
    }
    party_fail(party, STATUS_FAILED, "%s: connection %" PRIu32 ": %s%s", party->config.address,
               member->number, text,
               may_heal && member->reconnect.limit == 0 ? "; --retry N would try again" : "");
    finish(member);
}

static void on_ready(struct client *client, void *user)
{
    struct member *member = user;
    const struct party *party = member->party;
    struct tally *tally = party->config.tally;

    tally->connections++;
    tally->reconnects += member->reconnect.attempts > 0;
    histogram_record(&tally->connect, client_connect_ns(client));
    if (party->config.secure)
        tally_handshake(tally, client);
    member->state = MEMBER_OPEN;
    party->ops->on_open(member);
}

static void on_goaway(struct client *client, void *user)
{
    struct member *member = user;

    member->goaway = true;
    if (member->state == MEMBER_OPEN && member->call == NULL)
        client_close(client);
}

static void on_end(struct client *client, void *user, enum client_end end, int detail,
                   const char *text)
{
    struct member *member = user;

    (void)client;
    member->client = NULL;
    if (member->party->stopping || member->party->ops->is_done(member))
        finish(member);
    else if (member->state == MEMBER_CLOSING)
        wait_then_connect(member, 0);
    else
        lose(member, end, detail, text);
}

static const struct client_events events = {on_ready, on_goaway, on_end};

static void on_timer(struct ev_loop *ev, ev_timer *timer, int revents)
{
    struct member *member = timer->data;
    const struct party_config *config = &member->party->config;

    (void)ev, (void)revents;
    member->goaway = false;
    member->state = MEMBER_CONNECTING;
    member->client = client_new(config->loop, config->target, &events, member);
    if (member->client == NULL)
        lose(member, errno == ENOMEM ? CLIENT_NO_MEMORY : CLIENT_OTHER, errno,
             strerrordesc_np(errno));
}

void member_alive(struct member *member)
{
    member->reconnect.attempts = 0;
}

void member_close(struct member *member)
{
    member->state = MEMBER_CLOSING;
    client_close(member->client);
}

void member_refused(struct member *member)
{
    if (member->goaway)
        client_close(member->client);
    else
        client_abort(member->client);
}

static void stop_member(struct member *member)
{
    if (member->state == MEMBER_WAITING)
        finish(member);
    else if (member->state == MEMBER_CONNECTING)
        client_abort(member->client);
    else if (member->state == MEMBER_OPEN && member->party->ops->on_stop != NULL)
        member->party->ops->on_stop(member);
    else if (member->state == MEMBER_OPEN && member->call != NULL)
        call_cancel(member->call);
    else if (member->state == MEMBER_OPEN)
        member_close(member);
}

/* ---- the whole ---- */

void party_stop(struct party *party)
{
    if (party->stopping)
        return;
    party->stopping = true;
    telemetry_set_state(party->config.telemetry, PAGE_DRAINING);
    for (size_t i = 0; i < party->members; i++)
        stop_member(party->member(party, i));
}

static void on_signal(struct ev_loop *ev, ev_signal *watcher, int revents)
{
    struct party *party = watcher->data;

    (void)revents;
    if (watcher->signum == SIGINT)
        party_fail(party, STATUS_INTERRUPTED, "interrupted");
    if (party->stopping)
        ev_break(ev, EVBREAK_ALL);
    else
        party_stop(party);
}

static void fill_snapshot(void *user, struct page_snapshot *snapshot)
{
    const struct party *party = user;

    tally_fill(party->config.tally, snapshot);
}

static bool on_command(void *user, enum page_command_op op, uint64_t argument,
                       enum page_command_result *result)
{
    struct party *party = user;

    return party->ops->command(party, op, argument, result);
}

static void init_signal(struct party *party, ev_signal *watcher, int signum)
{
    ev_signal_init(watcher, on_signal, signum);
    watcher->data = party;
}

void party_init(struct party *party, const struct party_config *config, const struct party_ops *ops,
                struct member *(*member)(struct party *party, size_t index), size_t members)
{
    party->config = *config;
    party->ops = ops;
    party->rng = (struct rng){.seed = rng_seed_random()};
    party->status = STATUS_PASSED;
    party->member = member;
    party->members = members;
    party->hooks.fill = fill_snapshot;
    if (ops->command != NULL)
        party->hooks.command = on_command;
    init_signal(party, &party->sigterm, SIGTERM);
    init_signal(party, &party->sigint, SIGINT);
}

static void start_member(struct party *party, size_t index)
{
    struct member *member = party->member(party, index);

    member->party = party;
    member->number = (uint32_t)index + 1;
    member->reconnect = (struct reconnect){.limit = party->config.retry_limit};
    ev_timer_init(&member->timer, on_timer, 0., 0.);
    member->timer.data = member;
    wait_then_connect(member, 0);
}

int party_run(struct party *party)
{
    struct ev_loop *ev = ev_of(party);

    ev_signal_start(ev, &party->sigterm);
    ev_signal_start(ev, &party->sigint);
    telemetry_start(party->config.telemetry, party->config.loop, &party->hooks, party);
    party->busy = party->members;
    for (size_t i = 0; i < party->members; i++)
        start_member(party, i);
    ev_run(ev, 0);
    ev_signal_stop(ev, &party->sigterm);
    ev_signal_stop(ev, &party->sigint);
    telemetry_publish(party->config.telemetry);
    return party->status;
}

bool party_is_idle(const struct party *party)
{
    return party->busy == 0;
}
