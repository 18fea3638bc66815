/*
 * SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014),
 * used as a counter-based generator: draw i of a seed is a pure function of (seed, i). So any byte
 * of any message can be made again without state, and a plan does not depend on the order in which
 * it is drawn.
 */
#ifndef FLATLINE_BASE_RNG_H
#define FLATLINE_BASE_RNG_H

#include <stdint.h>

static inline uint64_t rng_at(uint64_t seed, uint64_t index)
{
    uint64_t z = seed + (index + 1) * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A stream of draws. */
struct rng {
    uint64_t seed;
    uint64_t index;
};

static inline uint64_t rng_next(struct rng *rng)
{
    return rng_at(rng->seed, rng->index++);
}

/* Uniform in [low, high], both inclusive; low <= high. */
static inline uint64_t rng_range(struct rng *rng, uint64_t low, uint64_t high)
{
    __extension__ typedef unsigned __int128 u128;

    return low + (uint64_t)(((u128)rng_next(rng) * ((u128)(high - low) + 1)) >> 64);
}

/* A seed of its own for a named part of a seeded whole: seed + name, by FNV-1a and one mixing step.
 */
uint64_t rng_seed_named(uint64_t seed, const char *name);

/* A seed from the kernel. */
uint64_t rng_seed_random(void);

#endif
