#include "probe/tally.h"

#include <stdatomic.h>
#include <stddef.h>

#define SHARDS 64u
#define CACHE_LINE 64

static struct shard {
    _Alignas(CACHE_LINE) atomic_int_fast64_t live;
} shards[SHARDS];

static atomic_uint next_shard;
static atomic_int_fast64_t refused;

/* Initial-exec: any other model may allocate at first use, and we are what allocates. */
static _Thread_local struct shard *own __attribute__((tls_model("initial-exec")));

void tally_add(int64_t bytes)
{
    if (own == NULL)
        own = &shards[atomic_fetch_add_explicit(&next_shard, 1, memory_order_relaxed) % SHARDS];
    atomic_fetch_add_explicit(&own->live, bytes, memory_order_relaxed);
}

void tally_refuse(void)
{
    atomic_fetch_add_explicit(&refused, 1, memory_order_relaxed);
}

int64_t tally_live(void)
{
    int64_t sum = 0;

    for (unsigned i = 0; i < SHARDS; i++)
        sum += atomic_load_explicit(&shards[i].live, memory_order_relaxed);
    return sum;
}

int64_t tally_refused(void)
{
    return atomic_load_explicit(&refused, memory_order_relaxed);
}
