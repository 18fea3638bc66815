#include "common/child/leak.h"

#include "common/engine/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STACK_SIZE (64u << 10)

struct leak {
    struct leak_spec spec;
    struct engine_loop *loop;
    ev_prepare turn;
    uint64_t events; /* of that shape, so far */
};

/* The blocks leaked so far by every thread, each linked through its first bytes. */
static _Atomic(void *) chain;

static void keep(void *block, size_t size)
{
    void *next = atomic_load(&chain);

    if (block == NULL)
        return;
    memset(block, 0xa5, size); /* resident, as a real leak would be */
    do {
        memcpy(block, &next, sizeof next);
    } while (!atomic_compare_exchange_weak(&chain, &next, block));
}

/* At the limit of descriptors there is no more to leak. */
static void open_some(uint64_t count)
{
    for (uint64_t i = 0; i < count && eventfd(0, EFD_CLOEXEC) >= 0; i++)
        ;
}

static void *idle_for_ever(void *arg)
{
    (void)arg;
    for (;;)
        pause();
    return NULL;
}

/* Signals are for the threads that do something. */
static void start_some(uint64_t count)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (uint64_t i = 0; i < count; i++) {
        if (pthread_create(&thread, &attributes, idle_for_ever, NULL) != 0)
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

#define PLANT_MEMORY(size) keep(mem_alloc(MEM_APP, size), size)
#define PLANT_DESCRIPTORS(size) open_some(size)
#define PLANT_THREADS(size) start_some(size)

/* One function per shape: the name that a heap profile shows. */
#define DEFINE_PLANTED_LEAK(ident, function, name, what, ...)                  \
    __attribute__((noinline)) static void planted_leak_##function(size_t size) \
    {                                                                          \
        PLANT_##what(size);                                                    \
    }
LEAK_SHAPE_TABLE(DEFINE_PLANTED_LEAK)
#undef DEFINE_PLANTED_LEAK

static void (*const planted[LEAK_SHAPES])(size_t size) = {
#define PLANTED_LEAK_ROW(ident, function, ...) [LEAK_##ident] = planted_leak_##function,
    LEAK_SHAPE_TABLE(PLANTED_LEAK_ROW)
#undef PLANTED_LEAK_ROW
};

static const bool is_memory[LEAK_SHAPES] = {
#define MEMORY 1
#define DESCRIPTORS 0
#define THREADS 0
#define IS_MEMORY_ROW(ident, function, name, what, ...) [LEAK_##ident] = (what),
    LEAK_SHAPE_TABLE(IS_MEMORY_ROW)
#undef IS_MEMORY_ROW
#undef THREADS
#undef DESCRIPTORS
#undef MEMORY
};

static uint64_t count_events(enum leak_shape shape, const struct engine_stats *s)
{
    switch (shape) {
#define EVENTS_CASE(ident, function, name, what, event, count, seen) \
    case LEAK_##ident:                                               \
        return (count);
        LEAK_SHAPE_TABLE(EVENTS_CASE)
#undef EVENTS_CASE
    default:
        return 0;
    }
}

void leak_follow(struct leak *leak)
{
    uint64_t events = count_events(leak->spec.shape, engine_loop_stats(leak->loop));

    while (leak->events < events) {
        if (++leak->events % leak->spec.every == 0)
            planted[leak->spec.shape](leak->spec.bytes);
    }
}

static void on_turn(struct ev_loop *ev, ev_prepare *w, int revents)
{
    (void)ev, (void)revents;
    leak_follow(w->data);
}

struct leak *leak_new(const struct leak_spec *spec, struct engine_loop *loop)
{
    struct leak *leak = mem_calloc(MEM_APP, 1, sizeof *leak);

    if (leak == NULL)
        return NULL;
    leak->spec = *spec;
    leak->loop = loop;
    /* No allocator hands out less than a pointer's worth. */
    if (is_memory[spec->shape] && leak->spec.bytes < sizeof chain)
        leak->spec.bytes = sizeof chain;
    ev_prepare_init(&leak->turn, on_turn);
    leak->turn.data = leak;
    /* After the engine's own work of the turn. */
    ev_set_priority(&leak->turn, EV_MINPRI);
    ev_prepare_start(engine_loop_ev(loop), &leak->turn);
    /* The loop may end all the same. */
    ev_unref(engine_loop_ev(loop));
    return leak;
}

void leak_free(struct leak *leak)
{
    if (leak == NULL)
        return;
    ev_ref(engine_loop_ev(leak->loop));
    ev_prepare_stop(engine_loop_ev(leak->loop), &leak->turn);
    mem_free(MEM_APP, leak);
}
