#include "driver/chaos.h"

#include "common/base/rng.h"

#include <signal.h>

struct chaos_kill chaos_draw(const struct chaos *chaos, const char *component, int incarnation)
{
    uint64_t seed = rng_seed_named(chaos->seed, component);
    struct rng rng = {rng_at(seed, (uint64_t)incarnation), 0};
    int term_first = (int)(rng_at(seed, 0) & 1);
    struct chaos_kill kill;

    kill.after_ready_ns = rng_range(&rng, chaos->after_low_ns, chaos->after_high_ns);
    kill.restart_delay_ns = rng_range(&rng, CHAOS_RESTART_LOW_NS, CHAOS_RESTART_HIGH_NS);
    kill.signal = (incarnation & 1) == term_first ? SIGTERM : SIGKILL;
    return kill;
}

struct chaos_kill chaos_plan(const struct chaos *chaos, const struct component *component,
                             int incarnation)
{
    struct chaos_kill kill = chaos_draw(chaos, component->name, incarnation);

    if (component->kill != KILL_BOTH)
        kill.signal = component->kill == KILL_TERM ? SIGTERM : SIGKILL;
    return kill;
}

int chaos_count(const struct chaos *chaos, uint64_t duration_ns)
{
    uint64_t cycle = chaos->after_low_ns + CHAOS_RESTART_LOW_NS;

    /* The first kill needs no restart before it. */
    return (int)((duration_ns + CHAOS_RESTART_LOW_NS) / cycle);
}
