#include "driver/checkpoint_plan.h"

#include "common/base/rng.h"

static const struct {
    const char *name;
    enum pattern patterns[2];
} families[FAMILY_COUNT] = {
#define FAMILY_ROW(ident, name, pattern, other) [FAMILY_##ident] = {name, {pattern, other}},
    FAMILY_TABLE(FAMILY_ROW)
#undef FAMILY_ROW
};

unsigned checkpoint_plan_count(const struct checkpoint_plan *plan)
{
    uint64_t intervals = plan->duration_ns / CHECKPOINT_SPACING_NS;
    uint64_t room = intervals > 1 ? intervals - 1 : 0;

    return room < plan->wanted ? (unsigned)room : plan->wanted;
}

uint64_t checkpoint_plan_time(const struct checkpoint_plan *plan, unsigned i)
{
    /* In this order no run of a human length overflows. */
    return plan->duration_ns / (checkpoint_plan_count(plan) + 1) * i;
}

/* The family whose turn it is at look i >= 2: one shuffle (Fisher-Yates), gone round and round. */
static enum family turn(const struct checkpoint_plan *plan, unsigned i)
{
    struct rng rng = {rng_seed_named(plan->seed, "held back"), 0};
    enum family order[FAMILY_COUNT];

    for (int k = 0; k < FAMILY_COUNT; k++) {
        uint64_t at = rng_range(&rng, 0, (uint64_t)k);

        order[k] = order[at];
        order[at] = (enum family)k;
    }
    return order[(i - 2) % FAMILY_COUNT];
}

const char *checkpoint_plan_held(const struct checkpoint_plan *plan, unsigned i)
{
    return i < 2 || i > checkpoint_plan_count(plan) ? NULL : families[turn(plan, i)].name;
}

bool checkpoint_plan_holds(const struct checkpoint_plan *plan, unsigned i,
                           const struct scenario *scenario, size_t c)
{
    const struct component *client = &scenario->components[c];
    enum family family;

    if (i < 2 || i > checkpoint_plan_count(plan))
        return false;
    if (client->server || !client->stable || !scenario->components[client->peer].stable)
        return false;
    family = turn(plan, i);
    return client->pattern == families[family].patterns[0] ||
           client->pattern == families[family].patterns[1];
}
