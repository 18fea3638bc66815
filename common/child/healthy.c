#include "common/child/healthy.h"

#include "common/engine/mem.h"

#include <string.h>

struct healthy {
    struct healthy_spec spec;
    struct engine_loop *loop;
    ev_prepare turn;
    uint64_t steps;
    void *parts[HEALTHY_STEPS];
    unsigned held; /* parts */
};

/* What is refused is done without, as by any cache. */
static void take(struct healthy *h, uint64_t size)
{
    void *part = mem_alloc(MEM_APP, size > 0 ? size : 1);

    if (part == NULL)
        return;
    memset(part, 0x5a, size);
    h->parts[h->held++] = part;
}

static void give_all(struct healthy *h)
{
    while (h->held > 0)
        mem_free(MEM_APP, h->parts[--h->held]);
}

/* From 1. */
static void step(struct healthy *h, uint64_t number)
{
    uint64_t part = h->spec.bytes / HEALTHY_STEPS;

    switch (h->spec.shape) {
    case HEALTHY_WARM_UP:
        if (number == 1)
            take(h, h->spec.bytes);
        break;
    case HEALTHY_CACHE:
        if (number <= HEALTHY_STEPS)
            take(h, part);
        break;
    case HEALTHY_POOL:
        if (number > HEALTHY_STEPS || (number & (number - 1)) != 0)
            break;
        give_all(h);
        take(h, part * number);
        break;
    case HEALTHY_SAWTOOTH:
        if (number % HEALTHY_STEPS == 0)
            give_all(h);
        take(h, part);
        break;
    case HEALTHY_SHAPES:
        break;
    }
}

void healthy_follow(struct healthy *h)
{
    const struct engine_stats *s = engine_loop_stats(h->loop);
    uint64_t due = (s->messages_sent + s->messages_received) / h->spec.every;

    while (h->steps < due)
        step(h, ++h->steps);
}

static void on_turn(struct ev_loop *ev, ev_prepare *w, int revents)
{
    (void)ev, (void)revents;
    healthy_follow(w->data);
}

struct healthy *healthy_new(const struct healthy_spec *spec, struct engine_loop *loop)
{
    struct healthy *h = mem_calloc(MEM_APP, 1, sizeof *h);

    if (h == NULL)
        return NULL;
    h->spec = *spec;
    h->loop = loop;
    ev_prepare_init(&h->turn, on_turn);
    h->turn.data = h;
    /* After the engine's own work of the turn. */
    ev_set_priority(&h->turn, EV_MINPRI);
    ev_prepare_start(engine_loop_ev(loop), &h->turn);
    /* The loop may end all the same. */
    ev_unref(engine_loop_ev(loop));
    return h;
}

void healthy_free(struct healthy *h)
{
    if (h == NULL)
        return;
    give_all(h);
    ev_ref(engine_loop_ev(h->loop));
    ev_prepare_stop(engine_loop_ev(h->loop), &h->turn);
    mem_free(MEM_APP, h);
}
