#include "stress-client/schedule.h"

#include "common/base/rng.h"

uint64_t schedule_due(const struct schedule *schedule, uint64_t seed, uint64_t index)
{
    uint64_t number = index / schedule->burst;
    struct rng rng = {.seed = seed, .index = number};

    return number * schedule->every_ns + rng_range(&rng, 0, schedule->jitter_ns);
}

uint64_t schedule_count(const struct schedule *schedule, uint64_t ns)
{
    return (ns / schedule->every_ns + (ns % schedule->every_ns != 0)) * schedule->burst;
}
