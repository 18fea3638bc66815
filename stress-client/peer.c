#include "stress-client/peer.h"

#include "common/base/clock.h"
#include "common/base/exit_status.h"
#include "common/engine/client.h"
#include "common/engine/mem.h"
#include "proto/relay.pb-c.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#define FINISH_NS NS_PER_S /* what a stream has for its receipt when the peer leaves */

static struct peer *peer_of(struct call *call)
{
    return call_user(call);
}

static struct peer_kind_counts *counts_of(const struct peer *p, size_t kind)
{
    return &p->world->counts->kinds[kind];
}

static void cancel_alarm(struct peer *p)
{
    peer_clock_cancel(p->world->clock, &p->alarm);
}

/* --- the schedule ----------------------------------------------------------------------------- */

/* Of jitter and sizes. */
static uint64_t seed_of(const struct peer *p, size_t kind)
{
    return rng_at(p->author, kind);
}

static void find_due(struct peer *p, size_t kind)
{
    struct peer_lot *lot = &p->lots[kind];

    lot->due_ns =
        schedule_due(&p->world->script->kinds[kind].schedule, seed_of(p, kind), lot->next);
}

/* What is due next, of all kinds; NULL: nothing any more. */
static struct peer_lot *next_lot(struct peer *p)
{
    struct peer_lot *best = NULL;

    for (size_t kind = 0; kind < p->world->script->kind_count; kind++) {
        struct peer_lot *lot = &p->lots[kind];

        if (lot->next < p->world->limits[kind] && (best == NULL || lot->due_ns < best->due_ns))
            best = lot;
    }
    return best;
}

/* A pure function of peer, kind and number, like all that is drawn. */
static uint64_t draw_size(const struct peer *p, size_t kind, uint64_t number)
{
    const struct script_kind *k = &p->world->script->kinds[kind];
    struct rng rng = {.seed = ~seed_of(p, kind), .index = number};

    return rng_range(&rng, k->size_least, k->size_most);
}

/* --- events ----------------------------------------------------------------------------------- */

/* Into the scratch; returns its size on the wire. The clocks are read here, so that a step of the
 * wall clock befalls only what is under way. */
static size_t make_event(struct peer *p, size_t kind, uint64_t late_ns, uint64_t body)
{
    const char *name = p->world->script->kinds[kind].name, *room = peer_room_name(p->room);
    uint64_t now_ns = clock_wall_ns();
    uint8_t *wire = p->world->scratch;
    struct event_view view = {.topic = room,
                              .topic_size = strlen(room),
                              .author = p->author,
                              .sequence = ++p->sequence,
                              .sent_ns = now_ns,
                              .body_size = body,
                              .kind = name,
                              .kind_size = strlen(name),
                              .due_ns = now_ns - late_ns};
    size_t head = GRPC_PREFIX + event_put_head(wire + GRPC_PREFIX, &view);
    uint32_t length = (uint32_t)(head + body - GRPC_PREFIX);

    wire[0] = 0;
    for (int i = 0; i < 4; i++)
        wire[1 + i] = (uint8_t)(length >> (24 - 8 * i));
    for (uint64_t i = 0; i < body; i += 8) {
        uint64_t word = rng_at(p->author ^ p->sequence, i);

        memcpy(wire + head + i, &word, body - i < 8 ? body - i : 8);
    }
    return head + body;
}

/* The next event that is due and has not expired, into the scratch; 0: there is none. */
static size_t next_event(struct peer *p)
{
    uint64_t since_ns = clock_now_ns() - p->begun_ns;
    struct peer_lot *lot;

    if (p->leaving || p->world->paused)
        return 0;
    while ((lot = next_lot(p)) != NULL && lot->due_ns <= since_ns) {
        size_t kind = (size_t)(lot - p->lots);
        uint64_t late_ns = since_ns - lot->due_ns, body = draw_size(p, kind, lot->next);
        uint64_t expires_ns = p->world->script->kinds[kind].expires_ns;

        lot->next++;
        find_due(p, kind);
        if (expires_ns == 0 || late_ns <= expires_ns) {
            peer_amount_add(&counts_of(p, kind)->amounts[PEER_SENT], 1, body);
            peer_amount_add(&lot->unconfirmed, 1, body);
            return make_event(p, kind, late_ns, body);
        }
        peer_amount_add(&counts_of(p, kind)->amounts[PEER_EXPIRED], 1, body);
    }
    return 0;
}

/* --- publishing ------------------------------------------------------------------------------- */

static void half_close(struct peer *p)
{
    p->half_closed = true;
    call_half_close(p->publish);
}

/* Until something is due, or the receipt of the stream under way is. */
static void wait_for_due(struct peer *p, const struct peer_lot *lot)
{
    uint64_t at = p->begun_ns + lot->due_ns;

    if (p->publish != NULL && p->stream_ns + PEER_STREAM_NS < at)
        at = p->stream_ns + PEER_STREAM_NS;
    peer_clock_set(p->world->clock, &p->alarm, at);
}

static size_t put_rest(struct peer *p, uint8_t *out, size_t cap)
{
    size_t left = p->rest_size - p->rest_sent, n = left < cap ? left : cap;

    memcpy(out, p->rest + p->rest_sent, n);
    p->rest_sent += (uint32_t)n;
    if (n == left) {
        mem_free(MEM_APP, p->rest);
        p->rest = NULL;
    }
    return n;
}

static bool keep_rest(struct peer *p, size_t sent, size_t size)
{
    p->rest = mem_alloc(MEM_APP, size - sent);
    if (p->rest == NULL)
        return false;
    memcpy(p->rest, p->world->scratch + sent, size - sent);
    p->rest_size = (uint32_t)(size - sent);
    p->rest_sent = 0;
    return true;
}

static size_t produce(struct call *call, uint8_t *out, size_t cap)
{
    struct peer *p = peer_of(call);
    const struct peer_lot *lot;
    size_t size, n;

    if (p->rest != NULL)
        return put_rest(p, out, cap);
    size = next_event(p);
    if (size > 0) {
        n = size < cap ? size : cap;
        memcpy(out, p->world->scratch, n);
        if (n < size && !keep_rest(p, n, size))
            client_abort(p->member.client);
        return n;
    }
    lot = next_lot(p);
    if (!p->half_closed && !p->world->paused && !p->leaving) {
        if (lot == NULL)
            half_close(p);
        else
            wait_for_due(p, lot);
    }
    return 0;
}

static int take_receipt(struct call *call, const uint8_t *data, size_t size)
{
    struct peer *p = peer_of(call);
    Flatline__V1__Receipt *receipt = flatline__v1__receipt__unpack(NULL, size, data);

    if (receipt == NULL)
        return GRPC_INTERNAL;
    p->receipt += receipt->count;
    flatline__v1__receipt__free_unpacked(receipt, NULL);
    return 0;
}

static uint64_t unconfirmed(const struct peer *p)
{
    uint64_t count = 0;

    for (size_t kind = 0; kind < p->world->script->kind_count; kind++)
        count += p->lots[kind].unconfirmed.count;
    return count;
}

static void confirm(struct peer *p)
{
    for (size_t kind = 0; kind < p->world->script->kind_count; kind++) {
        const struct peer_amount *amount = &p->lots[kind].unconfirmed;

        peer_amount_add(&counts_of(p, kind)->amounts[PEER_RELAYED], amount->count, amount->bytes);
    }
    p->confirmed = p->sequence;
}

/* Whether all that the stream carried is with the broker. */
static bool settle(struct peer *p, const struct grpc_status *status)
{
    struct party *party = p->member.party;
    bool whole = status->code == GRPC_OK && p->receipt == unconfirmed(p);

    if (whole)
        confirm(p);
    else if (status->code == GRPC_OK)
        party_fail(party, STATUS_FAILED,
                   "%s: peer %" PRIu32 ": the receipt says %" PRIu64 " events, not %" PRIu64,
                   party->config.address, p->member.number, p->receipt, unconfirmed(p));
    else if (status->code != GRPC_UNAVAILABLE && !party->stopping)
        party_fail(party, STATUS_FAILED, "%s: peer %" PRIu32 ": PublishStream: status %d %s: %s",
                   party->config.address, p->member.number, status->code,
                   grpc_code_name(status->code), status->message);
    party->config.tally->calls[CALL_CLIENT_STREAMING] += whole;
    for (size_t kind = 0; kind < p->world->script->kind_count; kind++)
        p->lots[kind].unconfirmed = (struct peer_amount){0, 0};
    return whole;
}

static void leave_on(struct peer *p);
static void go_on(struct peer *p);

static void on_published(struct call *call, const struct grpc_status *status)
{
    struct peer *p = peer_of(call);
    bool whole = settle(p, status);

    p->publish = NULL;
    p->half_closed = false;
    mem_free(MEM_APP, p->rest);
    p->rest = NULL;
    if (p->member.state != MEMBER_OPEN)
        return;
    if (p->leaving)
        leave_on(p);
    else if (whole)
        go_on(p);
    else
        member_refused(&p->member);
}

static const struct call_ops publishing = {
    .on_whole = take_receipt,
    .produce = produce,
    .on_done = on_published,
};

static void publish(struct peer *p)
{
    p->receipt = 0;
    p->stream_ns = clock_now_ns();
    p->publish =
        client_call(p->member.client, "/flatline.v1.Relay/PublishStream", &publishing, NULL);
    if (p->publish == NULL)
        member_refused(&p->member);
}

/* With nothing under way. */
static void begin_next(struct peer *p, const struct peer_lot *lot)
{
    if (p->member.goaway) {
        member_refused(&p->member);
    } else if (lot != NULL && p->begun_ns + lot->due_ns <= clock_now_ns()) {
        publish(p);
    } else if (lot != NULL) {
        wait_for_due(p, lot);
    } else if (!p->sent) {
        p->sent = true;
        p->world->on_sent(p->world->user);
    }
}

/* What there is to do now; nothing while a receipt is awaited. */
static void go_on(struct peer *p)
{
    const struct peer_lot *lot = next_lot(p);

    if (p->member.state != MEMBER_OPEN || !p->subscribed || p->begun_ns == 0 || p->world->paused ||
        p->leaving)
        return;
    if (p->publish == NULL)
        begin_next(p, lot);
    else if (p->half_closed)
        return;
    else if (p->member.goaway || clock_now_ns() - p->stream_ns >= PEER_STREAM_NS)
        half_close(p);
    else
        call_resume(p->publish);
}

static void on_alarm(struct peer_alarm *alarm)
{
    struct peer *p = (struct peer *)((char *)alarm - offsetof(struct peer, alarm));

    if (!p->leaving)
        go_on(p);
    else if (p->publish != NULL)
        call_cancel(p->publish);
}

/* --- the subscription ------------------------------------------------------------------------- */

static void on_subscribed(struct call *call)
{
    struct peer *p = peer_of(call);
    struct tally *tally = p->member.party->config.tally;

    member_alive(&p->member);
    if (tally->first_alive_ns == 0)
        tally->first_alive_ns = clock_now_ns();
    p->subscribed = true;
    if (!p->joined) {
        p->joined = true;
        p->world->on_joined(p->world->user);
    }
    go_on(p);
}

static int take_event(struct call *call, const uint8_t *data, size_t size)
{
    struct peer *p = peer_of(call);
    struct peer_kind_counts *counts;
    struct event_view view;
    size_t place;

    if (!event_read(data, size, &view))
        return GRPC_INTERNAL;
    if (view.author == p->author)
        return 0;
    counts = counts_of(p, peer_kind_find(p->world->script, view.kind, view.kind_size));
    place = peer_room_hear(p->room, view.author, clock_now_ns());
    if (place == PEER_NO_SPEAKER)
        return GRPC_RESOURCE_EXHAUSTED;
    switch (peer_heard_take(&p->heard, place, view.author, view.sequence)) {
    case PEER_NEW:
        peer_received(counts, view.body_size, view.due_ns, clock_wall_ns());
        return 0;
    case PEER_OLD:
        peer_amount_add(&counts->amounts[PEER_DUPLICATE], 1, view.body_size);
        return 0;
    default:
        return GRPC_RESOURCE_EXHAUSTED;
    }
}

static void on_unsubscribed(struct call *call, const struct grpc_status *status)
{
    struct peer *p = peer_of(call);
    struct party *party = p->member.party;

    p->member.call = NULL;
    p->subscribed = false;
    cancel_alarm(p);
    if (p->leaving && status->code == GRPC_CANCELLED) {
        party->config.tally->calls[CALL_SERVER_STREAMING]++;
        party->config.tally->cancelled++;
    } else if (!party->stopping && status->code != GRPC_UNAVAILABLE) {
        party_fail(party, STATUS_FAILED, "%s: peer %" PRIu32 ": Subscribe: status %d %s: %s",
                   party->config.address, p->member.number, status->code,
                   grpc_code_name(status->code), status->message);
    }
    if (p->member.state != MEMBER_OPEN)
        return;
    if (p->leaving)
        member_close(&p->member);
    else
        member_refused(&p->member);
}

static const struct call_ops subscription = {
    .on_headers = on_subscribed,
    .on_whole = take_event,
    .on_done = on_unsubscribed,
};

static void join(struct member *member)
{
    const struct peer *p = (const struct peer *)member;
    Flatline__V1__Subscription wanted = FLATLINE__V1__SUBSCRIPTION__INIT;
    uint8_t packed[EVENT_HEAD_MAX];

    wanted.topic = (char *)peer_room_name(p->room);
    wanted.subscriber = p->author;
    member->call = client_call(member->client, "/flatline.v1.Relay/Subscribe", &subscription, NULL);
    if (member->call != NULL &&
        call_send(member->call, packed, flatline__v1__subscription__pack(&wanted, packed)))
        call_half_close(member->call);
    else
        member_refused(member);
}

/* --- leaving ---------------------------------------------------------------------------------- */

static void leave_on(struct peer *p)
{
    cancel_alarm(p);
    if (p->member.call != NULL)
        call_cancel(p->member.call);
    else
        member_close(&p->member);
}

static void leave(struct member *member)
{
    struct peer *p = (struct peer *)member;

    p->leaving = true;
    if (p->publish == NULL) {
        leave_on(p);
        return;
    }
    if (!p->half_closed)
        half_close(p);
    peer_clock_set(p->world->clock, &p->alarm, clock_now_ns() + FINISH_NS);
}

/* It goes on until it is told to leave. */
static bool is_done(const struct member *member)
{
    (void)member;
    return false;
}

const struct party_ops peer_ops = {.on_open = join, .on_stop = leave, .is_done = is_done};

/* --- life ------------------------------------------------------------------------------------- */

void peer_init(struct peer *peer, struct peer_world *world, struct peer_room *room, uint64_t author,
               uint64_t sequence)
{
    peer->world = world;
    peer->room = room;
    peer->author = author;
    peer->sequence = sequence;
    peer->alarm.ring = on_alarm;
    for (size_t kind = 0; kind < world->script->kind_count; kind++)
        find_due(peer, kind);
}

void peer_free(struct peer *peer)
{
    peer_heard_free(&peer->heard);
}

void peer_begin(struct peer *peer, uint64_t begun_ns)
{
    peer->begun_ns = begun_ns;
    go_on(peer);
}

void peer_pause(struct peer *peer)
{
    cancel_alarm(peer);
    if (peer->publish != NULL && !peer->half_closed)
        half_close(peer);
}

void peer_resume(struct peer *peer, uint64_t paused_ns)
{
    if (peer->begun_ns != 0)
        peer->begun_ns += paused_ns;
    go_on(peer);
}
