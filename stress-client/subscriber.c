#include "stress-client/subscriber.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/engine/mem.h"
#include "common/events/event_db.h"
#include "proto/event.h"
#include "proto/relay.pb-c.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct subscriber {
    struct member member;
    struct subscribers *all;
    uint64_t received;
    bool known; /* to the broker, once */
};

struct subscribers {
    struct party party;
    const struct subscriber_config *config;
    struct subscriber *each;
    struct event_db *db; /* NULL: none */
    uint64_t known;      /* subscribers */
    uint64_t received;   /* events, by all */
    uint64_t last_ns;    /* when the last one came, or there was one to wait for */
    ev_timer idle;
    ev_async broken; /* the database cannot be written */
};

static struct subscriber *subscriber_of_call(struct call *call)
{
    return call_user(call);
}

static bool has_all(const struct subscriber *s)
{
    return s->all->config->expect > 0 && s->received >= s->all->config->expect;
}

/* ---- calls ---- */

/* For whoever waits for it: from here on nothing is missed. */
static void announce(struct subscribers *all)
{
    printf("subscribed\n");
    fflush(stdout);
    all->last_ns = clock_now_ns();
    telemetry_set_state(all->party.config.telemetry, PAGE_READY);
}

static void on_headers(struct call *call)
{
    struct subscriber *s = subscriber_of_call(call);
    struct subscribers *all = s->all;

    member_alive(&s->member);
    if (s->known)
        return;
    s->known = true;
    if (++all->known == all->config->subscribers)
        announce(all);
}

static int take_event(struct call *call, const uint8_t *data, size_t size)
{
    struct subscriber *s = subscriber_of_call(call);
    struct subscribers *all = s->all;
    struct event_view view;

    if (!event_read(data, size, &view))
        return GRPC_INTERNAL;
    all->last_ns = clock_now_ns();
    all->received++;
    s->received++;
    if (all->db != NULL) {
        const struct event_row row = {view.author, view.sequence, s->member.number, view.sent_ns,
                                      clock_wall_ns()};

        event_db_put(all->db, &row);
    }
    if (has_all(s))
        call_cancel(call);
    return 0;
}

static void on_done(struct call *call, const struct grpc_status *status)
{
    struct subscriber *s = subscriber_of_call(call);
    struct party *party = &s->all->party;
    bool planned = status->code == GRPC_CANCELLED && (has_all(s) || party->stopping);

    s->member.call = NULL;
    if (planned) {
        party->config.tally->calls[CALL_SERVER_STREAMING]++;
        party->config.tally->cancelled++;
    } else if (!party->stopping && status->code != GRPC_UNAVAILABLE) {
        /* A lost connection tells its own story. */
        party_fail(party, STATUS_FAILED,
                   "%s: subscriber %" PRIu32 ": status %d %s: %s, after %" PRIu64 " events",
                   party->config.address, s->member.number, status->code,
                   grpc_code_name(status->code), status->message, s->received);
    }
    if (s->member.state != MEMBER_OPEN)
        return;
    if (planned || party->stopping)
        member_close(&s->member);
    else
        member_refused(&s->member);
}

static const struct call_ops subscription = {
    .on_headers = on_headers,
    .on_whole = take_event,
    .on_done = on_done,
};

static void on_open(struct member *member)
{
    const struct subscriber *s = (struct subscriber *)member;
    Flatline__V1__Subscription wanted = FLATLINE__V1__SUBSCRIPTION__INIT;
    uint8_t packed[EVENT_HEAD_MAX];

    wanted.topic = (char *)s->all->config->topic;
    wanted.subscriber = member->number;
    member->call = client_call(member->client, "/flatline.v1.Relay/Subscribe", &subscription, NULL);
    if (member->call != NULL &&
        call_send(member->call, packed, flatline__v1__subscription__pack(&wanted, packed)))
        call_half_close(member->call);
    else
        member_refused(member);
}

static bool is_done(const struct member *member)
{
    return has_all((const struct subscriber *)member);
}

static const struct party_ops ops = {.on_open = on_open, .is_done = is_done};

/* ---- the whole ---- */

static struct member *member_at(struct party *party, size_t index)
{
    return &((struct subscribers *)party)->each[index].member;
}

static struct ev_loop *ev_of(const struct subscribers *all)
{
    return engine_loop_ev(all->party.config.loop);
}

/* Rearmed for what is left of the time, so that an event costs no timer. */
static void on_idle(struct ev_loop *ev, ev_timer *timer, int revents)
{
    struct subscribers *all = timer->data;
    uint64_t quiet_ns = clock_now_ns() - all->last_ns, idle_ns = all->config->idle_ns;

    (void)revents;
    if (all->known == all->config->subscribers && quiet_ns >= idle_ns) {
        log_info("no event for %.1f s", (double)quiet_ns / 1e9);
        party_stop(&all->party);
        return;
    }
    ev_timer_set(timer, (double)(quiet_ns < idle_ns ? idle_ns - quiet_ns : idle_ns) / 1e9, 0.);
    ev_timer_start(ev, timer);
}

static void on_broken(struct ev_loop *ev, ev_async *watcher, int revents)
{
    struct subscribers *all = watcher->data;

    (void)ev, (void)revents;
    party_stop(&all->party);
}

/* In the writer's thread. */
static void on_failure(void *arg)
{
    struct subscribers *all = arg;

    ev_async_send(ev_of(all), &all->broken);
}

static bool open_db(struct subscribers *all)
{
    const struct event_db_config config = {
        .path = all->config->db, .role = "subscriber", .on_failure = on_failure, .arg = all};
    char error[512];

    if (config.path == NULL)
        return true;
    all->db = event_db_new(&config, error, sizeof error);
    if (all->db == NULL)
        party_fail(&all->party, STATUS_ENVIRONMENT, "%s", error);
    return all->db != NULL;
}

static void close_db(struct subscribers *all)
{
    const struct event_count counts[] = {
        {"received", all->received},
        {"subscribers", all->config->subscribers},
        {"expected", all->config->expect * all->config->subscribers},
    };
    char error[640];

    if (all->db == NULL ||
        event_db_close(all->db, counts, sizeof counts / sizeof *counts, error, sizeof error))
        return;
    all->party.failure[0] = '\0';
    party_fail(&all->party, STATUS_ENVIRONMENT, "%s", error);
}

static bool make_subscribers(struct subscribers *all)
{
    uint64_t count = all->config->subscribers;

    all->each = mem_calloc(MEM_APP, count, sizeof *all->each);
    for (uint64_t i = 0; i < count && all->each != NULL; i++)
        all->each[i].all = all;
    if (all->each == NULL)
        party_fail(&all->party, STATUS_ENVIRONMENT, "no memory for %" PRIu64 " subscribers", count);
    return all->each != NULL;
}

static void watch(struct subscribers *all)
{
    ev_async_init(&all->broken, on_broken);
    all->broken.data = all;
    ev_async_start(ev_of(all), &all->broken);
    ev_timer_init(&all->idle, on_idle, (double)all->config->idle_ns / 1e9, 0.);
    all->idle.data = all;
    all->last_ns = clock_now_ns();
    if (all->config->idle_ns > 0)
        ev_timer_start(ev_of(all), &all->idle);
}

static void unwatch(struct subscribers *all)
{
    ev_async_stop(ev_of(all), &all->broken);
    ev_timer_stop(ev_of(all), &all->idle);
}

static void tell(struct subscribers *all)
{
    uint64_t expected = all->config->expect * all->config->subscribers;

    log_info("events on %s: %" PRIu64 " received by %" PRIu64 " subscribers", all->config->topic,
             all->received, all->config->subscribers);
    if (all->received < expected)
        party_fail(&all->party, STATUS_FAILED, "%s: only %" PRIu64 " of %" PRIu64 " events came",
                   all->party.config.address, all->received, expected);
}

int subscribers_run(const struct subscriber_config *config, char *failure, size_t cap)
{
    struct subscribers all = {.config = config};

    party_init(&all.party, &config->party, &ops, member_at, (size_t)config->subscribers);
    if (make_subscribers(&all) && open_db(&all)) {
        watch(&all);
        party_run(&all.party);
        tell(&all);
    }
    close_db(&all);
    unwatch(&all);
    snprintf(failure, cap, "%s", all.party.failure);
    if (!party_is_idle(&all.party))
        _exit(all.party.status);
    mem_free(MEM_APP, all.each);
    return all.party.status;
}
