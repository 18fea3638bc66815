#include "common/base/rng.h"

#include "common/base/clock.h"

#include <sys/random.h>

uint64_t rng_seed_named(uint64_t seed, const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return rng_at(seed ^ hash, 0);
}

uint64_t rng_seed_random(void)
{
    uint64_t seed;

    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        seed = clock_wall_ns();
    return seed;
}
