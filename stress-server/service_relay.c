#include "stress-server/service_relay.h"

#include "common/base/clock.h"
#include "proto/relay.pb-c.h"
#include "stress-server/broker.h"
#include "stress-server/counted_protobuf.h"
#include "stress-server/service.h"
#include "stress-server/services.h"

#include <string.h>

/* The state of either way to publish. */
struct publish_call {
    struct relay_writer writer;
    struct call *call;
    struct relay_event *incoming; /* under assembly, in the very bytes that go out */
    size_t filled;                /* of its wire */
    struct relay_events parked;   /* whole, behind a subscriber that is too slow */
    uint64_t count;               /* taken by the hub */
    bool closing;                 /* the client has sent its last */
};

struct subscribe_call {
    struct relay_reader reader;
    struct call *call;
    const struct relay_event *event; /* being sent */
    size_t sent;                     /* of its wire */
    char topic[EVENT_TOPIC_MAX + 1]; /* asked for; empty: not yet */
};

static struct relay_port *port_of(struct call *call)
{
    const struct services *services = call_user(call);

    return services->relay;
}

/* ---- Publish and PublishStream ---- */

static struct publish_call *publish_of(struct relay_waiter *waiter)
{
    return (struct publish_call *)((char *)waiter - offsetof(struct publish_call, writer.waiter));
}

static bool hand_over(struct publish_call *p, struct relay_event *event)
{
    const struct services *services = call_user(p->call);
    uint64_t arrived_ns = event->arrived_ns;
    struct event_view view;

    (void)event_read(event->wire + GRPC_PREFIX, event->size - GRPC_PREFIX, &view);
    if (!relay_publish(services->relay, &p->writer, event, &view))
        return false;
    p->count++;
    broker_record(services->broker, &(struct event_row){.author = view.author,
                                                        .sequence = view.sequence,
                                                        .sent_ns = view.sent_ns,
                                                        .arrived_ns = arrived_ns});
    return true;
}

static int answer(struct publish_call *p)
{
    Flatline__V1__Receipt receipt = FLATLINE__V1__RECEIPT__INIT;
    uint8_t packed[16];

    receipt.count = p->count;
    if (!call_send(p->call, packed, flatline__v1__receipt__pack(&receipt, packed)))
        return GRPC_RESOURCE_EXHAUSTED;
    call_finish(p->call, GRPC_OK, NULL);
    return 0;
}

/* In the order of arrival, so behind those that wait already. */
static void publish(struct publish_call *p, struct relay_event *event)
{
    if (TAILQ_EMPTY(&p->parked) && hand_over(p, event))
        return;
    if (TAILQ_EMPTY(&p->parked))
        call_hold(p->call, true);
    TAILQ_INSERT_TAIL(&p->parked, event, entry);
}

static void try_again(struct relay_waiter *waiter)
{
    struct publish_call *p = publish_of(waiter);
    struct relay_event *event;

    while ((event = TAILQ_FIRST(&p->parked)) != NULL) {
        TAILQ_REMOVE(&p->parked, event, entry);
        if (!hand_over(p, event)) {
            TAILQ_INSERT_HEAD(&p->parked, event, entry);
            return;
        }
    }
    call_hold(p->call, false);
    if (p->closing && answer(p) != 0)
        call_finish(p->call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
}

static int start_publishing(struct call *call)
{
    struct publish_call *p = call_state(call);

    p->call = call;
    p->writer.waiter.wake = try_again;
    TAILQ_INIT(&p->parked);
    return 0;
}

static int begin_event(struct call *call, uint32_t length)
{
    struct publish_call *p = call_state(call);

    if (length > EVENT_MAX)
        return service_refuse(call, GRPC_RESOURCE_EXHAUSTED, "no Event may be larger than 64 KiB");
    p->incoming = relay_event_new(length);
    p->filled = GRPC_PREFIX;
    return p->incoming != NULL ? 0 : GRPC_RESOURCE_EXHAUSTED;
}

static int begin_only_event(struct call *call, uint32_t length)
{
    const struct publish_call *p = call_state(call);

    return p->incoming == NULL ? begin_event(call, length) : service_refuse_count(call);
}

static int take_event(struct call *call, const uint8_t *data, size_t size)
{
    struct publish_call *p = call_state(call);

    memcpy(p->incoming->wire + p->filled, data, size);
    p->filled += size;
    return 0;
}

static int check_event(struct call *call)
{
    const struct publish_call *p = call_state(call);
    struct event_view view;

    if (!event_read(p->incoming->wire + GRPC_PREFIX, p->incoming->size - GRPC_PREFIX, &view))
        return service_refuse_garbled(call);
    if (view.topic_size == 0 || view.topic_size > EVENT_TOPIC_MAX)
        return service_refuse(call, GRPC_INVALID_ARGUMENT,
                              "the topic of an Event has 1 to 255 bytes");
    p->incoming->arrived_ns = clock_wall_ns();
    return 0;
}

static int end_event(struct call *call)
{
    struct publish_call *p = call_state(call);
    struct relay_event *event = p->incoming;
    int code = check_event(call);

    if (code != 0)
        return code;
    p->incoming = NULL;
    publish(p, event);
    return 0;
}

static int close_stream(struct call *call)
{
    struct publish_call *p = call_state(call);

    p->closing = true;
    return TAILQ_EMPTY(&p->parked) ? answer(p) : 0;
}

/* A second message would have been one too many, so the one is published only now. */
static int close_single(struct call *call)
{
    struct publish_call *p = call_state(call);
    struct relay_event *event = p->incoming;

    if (event == NULL)
        return service_refuse_count(call);
    p->incoming = NULL;
    publish(p, event);
    return close_stream(call);
}

static void publishing_done(struct call *call, const struct grpc_status *status)
{
    struct publish_call *p = call_state(call);
    struct relay_event *event;

    (void)status;
    relay_forget(&p->writer);
    relay_event_free(p->incoming);
    while ((event = TAILQ_FIRST(&p->parked)) != NULL) {
        TAILQ_REMOVE(&p->parked, event, entry);
        relay_event_free(event);
    }
}

const struct call_ops relay_publish_one = {
    .state_size = sizeof(struct publish_call),
    .on_start = start_publishing,
    .on_message = begin_only_event,
    .on_data = take_event,
    .on_message_end = check_event,
    .on_half_close = close_single,
    .on_done = publishing_done,
};

const struct call_ops relay_publish_stream = {
    .state_size = sizeof(struct publish_call),
    .on_start = start_publishing,
    .on_message = begin_event,
    .on_data = take_event,
    .on_message_end = end_event,
    .on_half_close = close_stream,
    .on_done = publishing_done,
};

/* ---- Subscribe ---- */

static int take_subscription(struct call *call, const uint8_t *data, size_t size)
{
    struct subscribe_call *s = call_state(call);
    Flatline__V1__Subscription *wanted;
    size_t length;

    if (s->topic[0] != '\0')
        return service_refuse_count(call);
    wanted = flatline__v1__subscription__unpack(&counted_protobuf, size, data);
    if (wanted == NULL)
        return service_refuse_garbled(call);
    length = strlen(wanted->topic);
    if (length <= EVENT_TOPIC_MAX)
        memcpy(s->topic, wanted->topic, length);
    flatline__v1__subscription__free_unpacked(wanted, &counted_protobuf);
    if (s->topic[0] == '\0')
        return service_refuse(call, GRPC_INVALID_ARGUMENT,
                              "the topic of a Subscription has 1 to 255 bytes");
    return 0;
}

static void on_news(struct relay_waiter *waiter)
{
    struct subscribe_call *s =
        (struct subscribe_call *)((char *)waiter - offsetof(struct subscribe_call, reader.waiter));

    if (s->reader.cut_off)
        call_finish(s->call, GRPC_RESOURCE_EXHAUSTED,
                    "the subscriber is too slow: its queue is full");
    else
        call_resume(s->call);
}

/* The headers that call_resume sends tell the client that it missed nothing from here on. */
static int subscribe(struct call *call)
{
    struct subscribe_call *s = call_state(call);

    if (s->topic[0] == '\0')
        return service_refuse_count(call);
    s->call = call;
    if (!relay_subscribe(port_of(call), &s->reader, s->topic, strlen(s->topic), on_news))
        return GRPC_RESOURCE_EXHAUSTED;
    call_resume(call);
    return 0;
}

static bool is_sent(const struct subscribe_call *s)
{
    return s->event == NULL || s->sent == s->event->size;
}

static size_t send_events(struct call *call, uint8_t *out, size_t cap)
{
    struct subscribe_call *s = call_state(call);
    size_t used = 0;

    while (used < cap) {
        size_t n;

        if (is_sent(s)) {
            s->event = relay_next(&s->reader);
            s->sent = 0;
        }
        if (s->event == NULL)
            break;
        n = s->event->size - s->sent < cap - used ? s->event->size - s->sent : cap - used;
        memcpy(out + used, s->event->wire + s->sent, n);
        s->sent += n;
        used += n;
    }
    return used;
}

static void unsubscribe(struct call *call, const struct grpc_status *status)
{
    struct subscribe_call *s = call_state(call);

    (void)status;
    relay_unsubscribe(&s->reader, is_sent(s));
}

const struct call_ops relay_subscribe_call = {
    .state_size = sizeof(struct subscribe_call),
    .on_whole = take_subscription,
    .on_half_close = subscribe,
    .produce = send_events,
    .on_done = unsubscribe,
};
