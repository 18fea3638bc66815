#include "stress-server/worker.h"

#include "common/base/thread.h"
#include "common/child/healthy.h"
#include "common/child/leak.h"
#include "common/engine/mem.h"
#include "stress-server/arena.h"
#include "stress-server/services.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* The deepest users are OpenSSL's handshakes, with some 20 KiB; the heap cap counts all of it. */
#define STACK_SIZE (256u << 10)

enum order { NONE, DRAIN, STOP };

struct worker {
    const struct worker_config *config;
    struct engine_loop *loop;
    struct server *server;
    struct services services;
    struct leak *leak; /* NULL: none planted */
    struct healthy *healthy;
    ev_prepare turn;
    ev_async wake;                               /* look at the order */
    atomic_int order;                            /* not yet taken */
    atomic_bool pause, paused;                   /* ordered, and obeyed */
    _Atomic(struct tls_context *) tls, tls_used; /* ordered, and taken */
    atomic_uint deeds;                           /* a bit for each that is ordered */
    atomic_uint_fast64_t stall_ns;
    ev_timer stall; /* until the windows open again */
    pthread_t thread;
    bool threaded;
    pthread_mutex_t lock; /* of `shared` */
    struct engine_stats shared;
};

static void share_stats(struct worker *worker)
{
    if (worker->config->alone)
        return;
    pthread_mutex_lock(&worker->lock);
    worker->shared = *engine_loop_stats(worker->loop);
    pthread_mutex_unlock(&worker->lock);
}

void worker_add_stats(struct worker *worker, struct engine_stats *sum)
{
    if (worker->config->alone) {
        engine_stats_add(sum, engine_loop_stats(worker->loop));
        return;
    }
    pthread_mutex_lock(&worker->lock);
    engine_stats_add(sum, &worker->shared);
    pthread_mutex_unlock(&worker->lock);
}

static void on_turn(struct ev_loop *ev, ev_prepare *w, int revents)
{
    struct worker *worker = w->data;

    (void)ev, (void)revents;
    share_stats(worker);
}

static void on_drained(void *arg)
{
    const struct worker *worker = arg;

    worker->config->drained(worker->config->arg);
}

/* Who sees that it was obeyed also sees what was done until then. */
static void obey_pause(struct worker *worker)
{
    bool on = atomic_load(&worker->pause);

    pause_set(&worker->services.pause, on);
    share_stats(worker);
    atomic_store(&worker->paused, on);
    worker->config->obeyed(worker->config->arg);
}

static void obey_tls(struct worker *worker)
{
    struct tls_context *tls = atomic_load(&worker->tls);

    if (tls == atomic_load(&worker->tls_used))
        return;
    server_set_tls(worker->server, tls);
    atomic_store(&worker->tls_used, tls);
}

static void on_stalled(struct ev_loop *ev, ev_timer *w, int revents)
{
    struct worker *worker = w->data;

    (void)ev, (void)revents;
    server_hold(worker->server, false);
}

static void do_abort(struct worker *worker)
{
    server_abort(worker->server);
}

static void do_turn_away(struct worker *worker)
{
    server_turn_away(worker->server, worker->config->drain_ns);
}

static void do_stall(struct worker *worker)
{
    struct ev_loop *ev = engine_loop_ev(worker->loop);

    server_hold(worker->server, true);
    ev_timer_stop(ev, &worker->stall);
    ev_timer_set(&worker->stall, (double)atomic_load(&worker->stall_ns) / 1e9, 0.);
    ev_timer_start(ev, &worker->stall);
}

static void befall(struct worker *worker)
{
    static void (*const verbs[WORKER_DEEDS])(struct worker * worker) = {
        [WORKER_ABORT] = do_abort,
        [WORKER_TURN_AWAY] = do_turn_away,
        [WORKER_STALL] = do_stall,
    };
    unsigned ordered = atomic_exchange(&worker->deeds, 0);

    for (int deed = 0; deed < WORKER_DEEDS; deed++) {
        if (ordered >> deed & 1)
            verbs[deed](worker);
    }
}

static void on_wake(struct ev_loop *ev, ev_async *w, int revents)
{
    struct worker *worker = w->data;

    (void)revents;
    switch (atomic_exchange(&worker->order, NONE)) {
    case STOP:
        ev_break(ev, EVBREAK_ALL);
        return;
    case DRAIN:
        health_drain(&worker->services.health);
        server_drain(worker->server, worker->config->drain_ns, on_drained, worker);
        return;
    default:
        befall(worker);
        obey_tls(worker);
        obey_pause(worker);
    }
}

static void give_order(struct worker *worker, enum order order)
{
    atomic_store(&worker->order, order);
    ev_async_send(engine_loop_ev(worker->loop), &worker->wake);
}

static void watch(struct worker *worker)
{
    struct ev_loop *ev = engine_loop_ev(worker->loop);

    ev_async_init(&worker->wake, on_wake);
    worker->wake.data = worker;
    ev_timer_init(&worker->stall, on_stalled, 0., 0.);
    worker->stall.data = worker;
    ev_async_start(ev, &worker->wake);
    ev_prepare_init(&worker->turn, on_turn);
    worker->turn.data = worker;
    /* After the engine's own work of the turn. */
    ev_set_priority(&worker->turn, EV_MINPRI);
    if (!worker->config->alone)
        ev_prepare_start(ev, &worker->turn);
}

static bool plant(struct worker *worker)
{
    const struct leak_spec *leak = worker->config->leak;
    const struct healthy_spec *healthy = worker->config->healthy;

    if (leak->bytes > 0 && (worker->leak = leak_new(leak, worker->loop)) == NULL)
        return false;
    return healthy->bytes == 0 || (worker->healthy = healthy_new(healthy, worker->loop)) != NULL;
}

/* False with *error; worker_free frees what was made until then. */
static bool set_up(struct worker *worker, uint16_t port, bool first, char *error, size_t cap)
{
    const struct worker_config *config = worker->config;
    enum server_port_use use = first ? SERVER_PORT_SHARE : SERVER_PORT_JOIN;
    struct server_config server = {
        .host = config->host,
        .port = port,
        .port_use = config->alone ? SERVER_PORT_ALONE : use,
        .tls = config->tls,
        .keepalive_ns = config->keepalive_ns,
        .keepalive_timeout_ns = config->keepalive_timeout_ns,
        .permit_keepalive_ns = config->permit_keepalive_ns,
        .admission = config->admission,
        .methods = services_methods,
        .user = &worker->services,
    };

    snprintf(error, cap, "no memory for the loop");
    worker->loop = engine_loop_new();
    if (worker->loop == NULL)
        return false;
    if (!plant(worker))
        return false;
    worker->services.seeds.seed = rng_seed_random();
    worker->services.message_size = config->message_size;
    worker->services.ev = engine_loop_ev(worker->loop);
    worker->services.relay = relay_port_new(broker_relay(config->broker), worker->services.ev);
    worker->services.broker = config->broker;
    if (worker->services.relay == NULL)
        return false;
    worker->server = server_new(worker->loop, &server, error, cap);
    if (worker->server != NULL)
        watch(worker);
    return worker->server != NULL;
}

struct worker *worker_new(const struct worker_config *config, uint16_t port,
                          const struct worker *first, char *error, size_t cap)
{
    struct worker *worker = mem_calloc(MEM_APP, 1, sizeof *worker);

    if (worker == NULL) {
        snprintf(error, cap, "no memory for a worker");
        return NULL;
    }
    worker->config = config;
    atomic_init(&worker->tls, config->tls);
    atomic_init(&worker->tls_used, config->tls);
    pthread_mutex_init(&worker->lock, NULL);
    if (set_up(worker, first == NULL ? port : worker_port(first), first == NULL, error, cap))
        return worker;
    worker_free(worker);
    return NULL;
}

uint16_t worker_port(const struct worker *worker)
{
    return server_port(worker->server);
}

struct engine_loop *worker_loop(struct worker *worker)
{
    return worker->loop;
}

void worker_run(struct worker *worker)
{
    ev_run(engine_loop_ev(worker->loop), 0);
    share_stats(worker);
}

static void *thread_main(void *arg)
{
    arena_take_own();
    worker_run(arg);
    return NULL;
}

bool worker_start(struct worker *worker, char *error, size_t cap)
{
    int failed = thread_start(&worker->thread, STACK_SIZE, thread_main, worker);

    if (failed != 0)
        snprintf(error, cap, "cannot start a thread: %s", strerrordesc_np(failed));
    worker->threaded = failed == 0;
    return worker->threaded;
}

void worker_drain(struct worker *worker)
{
    give_order(worker, DRAIN);
}

bool worker_pause(struct worker *worker, bool on)
{
    if (atomic_exchange(&worker->pause, on) != on)
        ev_async_send(engine_loop_ev(worker->loop), &worker->wake);
    return atomic_load(&worker->paused) == on;
}

bool worker_use_tls(struct worker *worker, struct tls_context *tls)
{
    if (atomic_exchange(&worker->tls, tls) != tls)
        ev_async_send(engine_loop_ev(worker->loop), &worker->wake);
    return atomic_load(&worker->tls_used) == tls;
}

void worker_befall(struct worker *worker, enum worker_deed deed, uint64_t argument)
{
    if (deed == WORKER_STALL)
        atomic_store(&worker->stall_ns, argument);
    atomic_fetch_or(&worker->deeds, 1u << deed);
    ev_async_send(engine_loop_ev(worker->loop), &worker->wake);
}

void worker_stop(struct worker *worker)
{
    if (!worker->threaded)
        return;
    give_order(worker, STOP);
    pthread_join(worker->thread, NULL);
    worker->threaded = false;
}

void worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    if (worker->server != NULL) {
        server_free(worker->server);
        ev_async_stop(engine_loop_ev(worker->loop), &worker->wake);
        ev_timer_stop(engine_loop_ev(worker->loop), &worker->stall);
        ev_prepare_stop(engine_loop_ev(worker->loop), &worker->turn);
    }
    relay_port_free(worker->services.relay);
    leak_free(worker->leak);
    healthy_free(worker->healthy);
    engine_loop_free(worker->loop);
    pthread_mutex_destroy(&worker->lock);
    mem_free(MEM_APP, worker);
}
