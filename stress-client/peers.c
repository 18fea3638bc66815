#include "stress-client/peers.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/base/log.h"
#include "common/engine/mem.h"
#include "stress-client/peer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INTERVAL_S 2.
#define LOOK_S 0.02               /* between two looks whether all was heard */
#define LINGER_NS (20 * NS_PER_S) /* for what was sent last to be heard */
#define AUTHOR_BITS 56

struct peers {
    struct party party;
    const struct peers_config *config;
    struct peer_world world;
    struct peer_stats *stats;
    struct peer *each;
    struct peer_room **rooms;
    size_t count, room_size, room_count;
    uint64_t start_ns;    /* as the uplink said; 0: not yet */
    uint64_t interval_ns; /* beginning of the one under way; 0: no schedule has begun */
    uint64_t paused_ns;
    size_t joined, sent;
    bool looked;            /* around, for the last time */
    size_t heard, heard_of; /* all_heard: up to whom, and of whom of its room, that is known */
    uint64_t linger_ns;
    ev_timer interval, linger;
};

static struct peers *peers_of(struct party *party)
{
    return (struct peers *)party;
}

static struct ev_loop *ev_of(const struct peers *all)
{
    return engine_loop_ev(all->party.config.loop);
}

/* --- statistics ------------------------------------------------------------------------------- */

static void look_around(struct peers *all, uint64_t now_ns)
{
    uint64_t heard_ns = all->config->script->heard_ns;
    uint64_t since_ns = now_ns > heard_ns ? now_ns - heard_ns : 0;

    all->stats->known = all->stats->connected = 0;
    for (size_t i = 0; i < all->room_count; i++) {
        all->stats->known += peer_room_known(all->rooms[i]);
        all->stats->connected += peer_room_connected(all->rooms[i], since_ns);
    }
    if (all->stats->connected > all->stats->most)
        all->stats->most = all->stats->connected;
}

static void tell_point(struct peers *all, uint64_t now_ns)
{
    FILE *line = all->config->uplink != NULL ? uplink_open(all->config->uplink) : NULL;
    struct json json;

    if (line == NULL)
        return;
    json_start_line(&json, line);
    json_number(&json, "time_ns", now_ns);
    json_text(&json, "source", all->config->name);
    json_begin(&json, "values");
    peer_stats_put_values(all->stats, now_ns - all->interval_ns, &json);
    json_end(&json);
    json_end(&json);
    uplink_send(all->config->uplink);
}

static void end_interval(struct peers *all)
{
    uint64_t now_ns = clock_now_ns();

    if (all->interval_ns == 0)
        return;
    if (!all->party.stopping)
        look_around(all, now_ns);
    tell_point(all, now_ns);
    peer_stats_fold(all->stats, now_ns - all->interval_ns);
    all->interval_ns = now_ns;
}

static void on_interval(struct ev_loop *ev, ev_timer *timer, int revents)
{
    (void)ev, (void)revents;
    end_interval(timer->data);
}

/* --- beginning -------------------------------------------------------------------------------- */

/* All have joined, and the test has started, if there is one to wait for. */
static void begin_when_ready(struct peers *all)
{
    uint64_t now_ns = clock_now_ns(), jitter_ns = all->config->script->start_jitter_ns;
    uint64_t from_ns;

    if (all->joined < all->count || all->interval_ns != 0 || all->party.stopping ||
        (all->config->uplink != NULL && all->start_ns == 0))
        return;
    if (all->start_ns < now_ns)
        all->start_ns = now_ns;
    all->interval_ns = now_ns;
    ev_timer_start(ev_of(all), &all->interval);
    from_ns = all->world.paused ? all->paused_ns : all->start_ns; /* what a resume adds to */
    for (size_t i = 0; i < all->count; i++)
        peer_begin(&all->each[i], from_ns + rng_range(&all->party.rng, 0, jitter_ns));
}

static void on_joined(void *user)
{
    struct peers *all = user;

    if (++all->joined < all->count)
        return;
    log_info("%zu peers have joined %zu rooms", all->count, all->room_count);
    telemetry_set_state(all->party.config.telemetry, all->world.paused ? PAGE_PAUSED : PAGE_READY);
    begin_when_ready(all);
}

/* --- the end of a bounded run ----------------------------------------------------------------- */

/* Whether the peer has heard the last event that the broker has of the other. */
static bool has_heard(const struct peer *listener, const struct peer *speaker)
{
    size_t place = peer_room_find(listener->room, speaker->author);

    return listener == speaker || speaker->confirmed == 0 ||
           peer_heard_highest(&listener->heard, place, speaker->author) >= speaker->confirmed;
}

/* What has been heard need not be looked at again. */
static bool all_heard(struct peers *all)
{
    for (; all->heard < all->count; all->heard++, all->heard_of = 0) {
        size_t first = all->heard / all->room_size * all->room_size;

        for (; all->heard_of < all->room_size && first + all->heard_of < all->count;
             all->heard_of++) {
            if (!has_heard(&all->each[all->heard], &all->each[first + all->heard_of]))
                return false;
        }
    }
    return true;
}

static void on_linger(struct ev_loop *ev, ev_timer *timer, int revents)
{
    struct peers *all = timer->data;
    bool late = clock_now_ns() - all->linger_ns > LINGER_NS;

    (void)revents;
    if (!all_heard(all) && !late)
        return;
    if (late)
        log_warn("not all peers heard the last events of all others");
    ev_timer_stop(ev, timer);
    party_stop(&all->party);
}

static void on_sent(void *user)
{
    struct peers *all = user;

    if (++all->sent < all->count)
        return;
    all->linger_ns = clock_now_ns();
    ev_timer_start(ev_of(all), &all->linger);
}

/* --- the driver's commands -------------------------------------------------------------------- */

static void pause_all(struct peers *all)
{
    all->world.paused = true;
    all->paused_ns = clock_now_ns();
    telemetry_set_state(all->party.config.telemetry, PAGE_PAUSED);
    for (size_t i = 0; i < all->count; i++)
        peer_pause(&all->each[i]);
}

static void resume_all(struct peers *all)
{
    uint64_t paused_ns = clock_now_ns() - all->paused_ns;

    all->world.paused = false;
    telemetry_set_state(all->party.config.telemetry,
                        all->joined == all->count ? PAGE_READY : PAGE_STARTING);
    for (size_t i = 0; i < all->count; i++)
        peer_resume(&all->each[i], paused_ns);
}

static bool on_command(struct party *party, enum page_command_op op, uint64_t argument,
                       enum page_command_result *result)
{
    struct peers *all = peers_of(party);

    (void)argument;
    *result = party->stopping ? PAGE_RESULT_FAILED : PAGE_RESULT_DONE;
    if (op != PAGE_COMMAND_PAUSE && op != PAGE_COMMAND_RESUME)
        *result = PAGE_RESULT_UNSUPPORTED;
    else if (!party->stopping && op == PAGE_COMMAND_PAUSE && !all->world.paused)
        pause_all(all);
    else if (!party->stopping && op == PAGE_COMMAND_RESUME && all->world.paused)
        resume_all(all);
    return true;
}

/* --- the uplink ------------------------------------------------------------------------------- */

static void on_test_start(void *user, uint64_t start_ns)
{
    struct peers *all = user;

    all->start_ns = start_ns;
    begin_when_ready(all);
}

static void on_test_end(void *user)
{
    struct peers *all = user;

    log_info("the test is over");
    party_stop(&all->party);
}

/* Traffic goes on, but what was never started has nothing to wait for any more. */
static void on_uplink_gone(void *user)
{
    struct peers *all = user;

    if (all->start_ns == 0)
        party_stop(&all->party);
}

static const struct uplink_events uplink_events = {on_test_start, on_test_end, on_uplink_gone};

/* --- life ------------------------------------------------------------------------------------- */

static struct member *member_at(struct party *party, size_t index)
{
    return &peers_of(party)->each[index].member;
}

/*
 * Those of a named process are the same in its next life, whose events must not be taken for those
 * of the life before: their numbers go on from the time in ns, more than any life gets through.
 */
static void make_peer(struct peers *all, size_t index, uint64_t seed)
{
    uint64_t author = rng_at(seed, index) >> (64 - AUTHOR_BITS);
    uint64_t sequence = all->config->name != NULL ? clock_wall_ns() : 0;

    peer_init(&all->each[index], &all->world, all->rooms[index / all->room_size],
              author != 0 ? author : 1, sequence);
}

static bool make_room(struct peers *all, size_t index)
{
    char name[EVENT_TOPIC_MAX + 1];
    const char *stem = all->config->script->room;

    if (all->room_count > 1)
        snprintf(name, sizeof name, "%.*s-%zu", EVENT_TOPIC_MAX - 24, stem, index + 1);
    else
        snprintf(name, sizeof name, "%s", stem);
    all->rooms[index] = peer_room_new(name);
    return all->rooms[index] != NULL;
}

static bool make_all(struct peers *all)
{
    uint64_t seed =
        all->config->name != NULL ? rng_seed_named(0, all->config->name) : rng_seed_random();

    all->each = mem_calloc(MEM_APP, all->count, sizeof *all->each);
    all->rooms = mem_calloc(MEM_APP, all->room_count, sizeof(struct peer_room *));
    all->world.scratch = mem_alloc(MEM_APP, PEER_SCRATCH);
    all->world.clock = peer_clock_new(ev_of(all), all->count);
    if (all->each == NULL || all->rooms == NULL || all->world.scratch == NULL ||
        all->world.clock == NULL)
        return false;
    for (size_t i = 0; i < all->room_count; i++) {
        if (!make_room(all, i))
            return false;
    }
    for (size_t i = 0; i < all->count; i++)
        make_peer(all, i, seed);
    return true;
}

static void free_all(struct peers *all)
{
    for (size_t i = 0; all->each != NULL && i < all->count; i++)
        peer_free(&all->each[i]);
    for (size_t i = 0; all->rooms != NULL && i < all->room_count; i++)
        peer_room_free(all->rooms[i]);
    mem_free(MEM_APP, all->each);
    mem_free(MEM_APP, all->rooms);
    mem_free(MEM_APP, all->world.scratch);
    peer_clock_free(all->world.clock);
}

static void set_world(struct peers *all)
{
    const struct script *script = all->config->script;
    uint64_t duration_ns = all->config->duration_ns;

    all->world = (struct peer_world){
        .script = script,
        .counts = &all->stats->recent,
        .on_joined = on_joined,
        .on_sent = on_sent,
        .user = all,
    };
    for (size_t kind = 0; kind < script->kind_count; kind++)
        all->world.limits[kind] = duration_ns == 0
                                      ? UINT64_MAX
                                      : schedule_count(&script->kinds[kind].schedule, duration_ns);
}

static void watch(struct peers *all)
{
    ev_timer_init(&all->interval, on_interval, INTERVAL_S, INTERVAL_S);
    ev_timer_init(&all->linger, on_linger, 0., LOOK_S);
    all->interval.data = all->linger.data = all;
    if (all->config->uplink != NULL)
        uplink_start(all->config->uplink, ev_of(all), &uplink_events, all);
}

static void unwatch(struct peers *all)
{
    ev_timer_stop(ev_of(all), &all->interval);
    ev_timer_stop(ev_of(all), &all->linger);
    if (all->config->uplink != NULL)
        uplink_stop(all->config->uplink);
}

/* The first to be told looks around while the others are still there. */
static void stop_peer(struct member *member)
{
    struct peers *all = peers_of(member->party);

    if (!all->looked && all->interval_ns != 0)
        look_around(all, clock_now_ns());
    all->looked = true;
    peer_ops.on_stop(member);
}

static const struct party_ops *make_ops(struct party_ops *ops)
{
    *ops = peer_ops;
    ops->on_stop = stop_peer;
    ops->command = on_command;
    return ops;
}

int peers_run(const struct peers_config *config, struct peer_stats *stats, char *failure,
              size_t cap)
{
    struct peers all = {.config = config, .stats = stats, .count = (size_t)config->script->peers};
    struct party_ops ops;

    all.room_size = config->script->room_size != 0 && config->script->room_size < all.count
                        ? (size_t)config->script->room_size
                        : all.count;
    all.room_count = (all.count + all.room_size - 1) / all.room_size;
    stats->script = config->script;
    stats->peers = all.count;
    stats->rooms = all.room_count;
    party_init(&all.party, &config->party, make_ops(&ops), member_at, all.count);
    set_world(&all);
    if (make_all(&all)) {
        watch(&all);
        party_run(&all.party);
        end_interval(&all);
        unwatch(&all);
    } else {
        party_fail(&all.party, STATUS_ENVIRONMENT, "no memory or descriptor for %zu peers",
                   all.count);
    }
    snprintf(failure, cap, "%s", all.party.failure);
    if (!party_is_idle(&all.party))
        _exit(all.party.status);
    free_all(&all);
    return all.party.status;
}
