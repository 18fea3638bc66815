#include "stress-server/relay.h"

#include "common/engine/grpc.h"
#include "common/engine/mem.h"

#include <pthread.h>
#include <string.h>

#define BUCKETS 64

TAILQ_HEAD(relay_readers, relay_reader);

struct relay_topic {
    struct relay_topic *next; /* of its bucket */
    struct relay_events events;
    struct relay_readers readers;
    struct relay_waiters blocked; /* publishers */
    size_t full;                  /* readers that they wait for */
    size_t size;
    char name[];
};

struct relay {
    struct relay_config config;
    pthread_mutex_t lock; /* of all that follows, and of what hangs on it */
    struct relay_counts counts;
    struct relay_topic *topics[BUCKETS];
};

struct relay_port {
    struct relay *relay;
    struct ev_loop *ev;
    ev_async wake;
    struct relay_waiters ready;
    bool waking; /* of its thread alone */
};

struct relay *relay_new(const struct relay_config *config)
{
    struct relay *relay = mem_calloc(MEM_APP, 1, sizeof *relay);

    if (relay == NULL)
        return NULL;
    relay->config = *config;
    pthread_mutex_init(&relay->lock, NULL);
    return relay;
}

void relay_free(struct relay *relay)
{
    if (relay == NULL)
        return;
    pthread_mutex_destroy(&relay->lock);
    mem_free(MEM_APP, relay);
}

void relay_get_counts(struct relay *relay, struct relay_counts *counts)
{
    pthread_mutex_lock(&relay->lock);
    *counts = relay->counts;
    pthread_mutex_unlock(&relay->lock);
}

/* ---- who is to be woken ---- */

static void unlist(struct relay_waiter *waiter)
{
    if (waiter->list != NULL)
        TAILQ_REMOVE(waiter->list, waiter, entry);
    waiter->list = NULL;
}

static void list(struct relay_waiters *waiters, struct relay_waiter *waiter)
{
    if (waiter->list == waiters)
        return;
    unlist(waiter);
    waiter->list = waiters;
    TAILQ_INSERT_TAIL(waiters, waiter, entry);
}

/* `own`: of the port that is about to wake its waiters anyway; NULL: none is. */
static void make_ready(struct relay_waiter *waiter, const struct relay_port *own)
{
    struct relay_port *port = waiter->port;
    bool told = !TAILQ_EMPTY(&port->ready);

    list(&port->ready, waiter);
    if (port != own && !told)
        ev_async_send(port->ev, &port->wake);
}

/* Whoever is woken may publish in turn: that only adds to what is being worked off here. */
static void wake_ready(struct relay_port *port)
{
    struct relay *relay = port->relay;
    struct relay_waiter *waiter;

    if (port->waking)
        return;
    port->waking = true;
    pthread_mutex_lock(&relay->lock);
    while ((waiter = TAILQ_FIRST(&port->ready)) != NULL) {
        unlist(waiter);
        pthread_mutex_unlock(&relay->lock);
        waiter->wake(waiter);
        pthread_mutex_lock(&relay->lock);
    }
    pthread_mutex_unlock(&relay->lock);
    port->waking = false;
}

static void on_wake(struct ev_loop *ev, ev_async *w, int revents)
{
    (void)ev, (void)revents;
    wake_ready(w->data);
}

struct relay_port *relay_port_new(struct relay *relay, struct ev_loop *ev)
{
    struct relay_port *port = mem_calloc(MEM_APP, 1, sizeof *port);

    if (port == NULL)
        return NULL;
    port->relay = relay;
    port->ev = ev;
    TAILQ_INIT(&port->ready);
    ev_async_init(&port->wake, on_wake);
    port->wake.data = port;
    ev_async_start(ev, &port->wake);
    return port;
}

void relay_port_free(struct relay_port *port)
{
    if (port == NULL)
        return;
    ev_async_stop(port->ev, &port->wake);
    mem_free(MEM_APP, port);
}

/* ---- events ---- */

struct relay_event *relay_event_new(uint32_t message)
{
    struct relay_event *event = mem_alloc(MEM_APP, sizeof *event + GRPC_PREFIX + message);

    if (event == NULL)
        return NULL;
    event->waiting = 0;
    event->size = GRPC_PREFIX + message;
    event->wire[0] = 0;
    for (int i = 0; i < 4; i++)
        event->wire[1 + i] = (uint8_t)(message >> (24 - 8 * i));
    return event;
}

void relay_event_free(struct relay_event *event)
{
    mem_free(MEM_APP, event);
}

static void let_go(struct relay_topic *topic, struct relay_event *event)
{
    if (--event->waiting > 0)
        return;
    TAILQ_REMOVE(&topic->events, event, entry);
    relay_event_free(event);
}

/* ---- topics ---- */

/* FNV-1a. */
static struct relay_topic **bucket_of(struct relay *relay, const char *name, size_t size)
{
    uint32_t hash = UINT32_C(2166136261);

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (uint8_t)name[i]) * UINT32_C(16777619);
    return &relay->topics[hash % BUCKETS];
}

/* Where it hangs, or would. */
static struct relay_topic **find_topic(struct relay *relay, const char *name, size_t size)
{
    struct relay_topic **at = bucket_of(relay, name, size);

    while (*at != NULL && ((*at)->size != size || memcmp((*at)->name, name, size) != 0))
        at = &(*at)->next;
    return at;
}

static struct relay_topic *topic_new(const char *name, size_t size)
{
    struct relay_topic *topic = mem_calloc(MEM_APP, 1, sizeof *topic + size);

    if (topic == NULL)
        return NULL;
    TAILQ_INIT(&topic->events);
    TAILQ_INIT(&topic->readers);
    TAILQ_INIT(&topic->blocked);
    topic->size = size;
    memcpy(topic->name, name, size);
    return topic;
}

static void unblock(struct relay_topic *topic)
{
    while (!TAILQ_EMPTY(&topic->blocked))
        make_ready(TAILQ_FIRST(&topic->blocked), NULL);
}

/* Nothing is kept for nobody: its last event went with its last reader. */
static void drop_if_unused(struct relay *relay, struct relay_topic *topic)
{
    struct relay_topic **at;

    if (!TAILQ_EMPTY(&topic->readers))
        return;
    at = find_topic(relay, topic->name, topic->size);
    *at = topic->next;
    mem_free(MEM_APP, topic);
}

/* ---- readers ---- */

/*
 * Takes the oldest event off its queue; the caller has it. What follows the last one, while an
 * event is being published, is not yet its own.
 */
static struct relay_event *dequeue(struct relay_reader *reader)
{
    struct relay_event *event = reader->next;

    if (event == NULL)
        return NULL;
    reader->next = --reader->queued > 0 ? TAILQ_NEXT(event, entry) : NULL;
    return event;
}

static void set_full(struct relay_reader *reader, bool full)
{
    if (reader->full != full)
        reader->topic->full += full ? 1 : (size_t)-1;
    reader->full = full;
}

/* Publishers wait until the half is free, so that they are not woken for each event. */
static void note_room(const struct relay *relay, struct relay_reader *reader)
{
    if (!reader->full || reader->queued > relay->config.queue / 2)
        return;
    set_full(reader, false);
    if (reader->topic->full == 0)
        unblock(reader->topic);
}

/* Gives back what is queued, each counted in *count. */
static void empty(struct relay_reader *reader, uint64_t *count)
{
    struct relay_event *event;

    while ((event = dequeue(reader)) != NULL) {
        let_go(reader->topic, event);
        ++*count;
    }
}

/* The event in its hands is done with. */
static void put_down(struct relay_reader *reader, uint64_t *count)
{
    if (reader->held == NULL)
        return;
    let_go(reader->topic, reader->held);
    reader->held = NULL;
    ++*count;
}

bool relay_subscribe(struct relay_port *port, struct relay_reader *reader, const char *topic,
                     size_t size, void (*wake)(struct relay_waiter *waiter))
{
    struct relay *relay = port->relay;
    struct relay_topic **at;

    pthread_mutex_lock(&relay->lock);
    at = find_topic(relay, topic, size);
    if (*at == NULL)
        *at = topic_new(topic, size);
    if (*at != NULL) {
        reader->waiter.port = port;
        reader->waiter.wake = wake;
        reader->topic = *at;
        TAILQ_INSERT_TAIL(&reader->topic->readers, reader, entry);
    }
    pthread_mutex_unlock(&relay->lock);
    return reader->topic != NULL;
}

const struct relay_event *relay_next(struct relay_reader *reader)
{
    struct relay *relay = reader->waiter.port->relay;

    pthread_mutex_lock(&relay->lock);
    put_down(reader, &relay->counts.delivered);
    reader->held = dequeue(reader);
    note_room(relay, reader);
    pthread_mutex_unlock(&relay->lock);
    return reader->held;
}

static void leave(struct relay *relay, struct relay_reader *reader, bool delivered)
{
    struct relay_counts *counts = &relay->counts;
    struct relay_topic *topic = reader->topic;
    uint64_t *lost = reader->cut_off ? &counts->dropped : &counts->undelivered;

    put_down(reader, delivered ? &counts->delivered : lost);
    empty(reader, lost);
    set_full(reader, false);
    TAILQ_REMOVE(&topic->readers, reader, entry);
    reader->topic = NULL;
    if (topic->full == 0)
        unblock(topic);
    drop_if_unused(relay, topic);
}

void relay_unsubscribe(struct relay_reader *reader, bool delivered)
{
    struct relay *relay;

    if (reader->topic == NULL)
        return;
    relay = reader->waiter.port->relay;
    pthread_mutex_lock(&relay->lock);
    unlist(&reader->waiter);
    leave(relay, reader, delivered);
    pthread_mutex_unlock(&relay->lock);
}

/* ---- publishing ---- */

/* Its queue is full; with RELAY_BLOCK nobody publishes then. */
static void apply_policy(struct relay_port *port, struct relay_reader *reader)
{
    struct relay_counts *counts = &port->relay->counts;

    if (port->relay->config.policy == RELAY_DROP_OLDEST) {
        let_go(reader->topic, dequeue(reader));
        counts->dropped++;
        return;
    }
    /* What it has in its hands may just be read by its loop. */
    empty(reader, &counts->dropped);
    counts->disconnected++;
    reader->cut_off = true;
    make_ready(&reader->waiter, port);
}

static void enqueue(struct relay_port *port, struct relay_reader *reader, struct relay_event *event)
{
    const struct relay_config *config = &port->relay->config;

    if (reader->queued == config->queue)
        apply_policy(port, reader);
    if (reader->cut_off)
        return;
    if (reader->next == NULL)
        reader->next = event;
    reader->queued++;
    event->waiting++;
    port->relay->counts.offered++;
    if (config->policy == RELAY_BLOCK && reader->queued == config->queue)
        set_full(reader, true);
    make_ready(&reader->waiter, port);
}

static void fan_out(struct relay_port *port, struct relay_topic *topic, struct relay_event *event)
{
    struct relay_reader *reader;

    TAILQ_INSERT_TAIL(&topic->events, event, entry);
    event->waiting = 1; /* ours */
    TAILQ_FOREACH(reader, &topic->readers, entry)
    {
        enqueue(port, reader, event);
    }
    let_go(topic, event);
}

bool relay_publish(struct relay_port *port, struct relay_writer *writer, struct relay_event *event,
                   const struct event_view *view)
{
    struct relay *relay = port->relay;
    struct relay_topic *topic;
    bool taken;

    pthread_mutex_lock(&relay->lock);
    topic = *find_topic(relay, view->topic, view->topic_size);
    taken = topic == NULL || topic->full == 0;
    if (taken) {
        relay->counts.accepted++;
        if (topic != NULL)
            fan_out(port, topic, event);
        else
            relay_event_free(event);
    } else {
        relay->counts.blocked++;
        writer->waiter.port = port;
        list(&topic->blocked, &writer->waiter);
    }
    pthread_mutex_unlock(&relay->lock);
    if (taken)
        wake_ready(port);
    return taken;
}

void relay_forget(struct relay_writer *writer)
{
    struct relay *relay;

    if (writer->waiter.port == NULL)
        return;
    relay = writer->waiter.port->relay;
    pthread_mutex_lock(&relay->lock);
    unlist(&writer->waiter);
    pthread_mutex_unlock(&relay->lock);
}
