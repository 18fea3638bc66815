#include "common/base/histogram.h"

#include <math.h>
#include <stddef.h>

#define SUB_COUNT (1u << HISTOGRAM_SUB_BITS)

/* Below 2 * SUB_COUNT the index is the value itself; above, the top SUB_BITS + 1 bits and the
 * exponent. */
static size_t bucket_of(uint64_t value)
{
    unsigned exponent;

    if (value >= UINT64_C(1) << HISTOGRAM_MAX_BITS)
        return HISTOGRAM_BUCKETS - 1;
    if (value < SUB_COUNT)
        return (size_t)value;
    exponent = 63u - (unsigned)__builtin_clzll(value);
    return ((size_t)(exponent - HISTOGRAM_SUB_BITS) << HISTOGRAM_SUB_BITS) +
           (size_t)(value >> (exponent - HISTOGRAM_SUB_BITS));
}

/* The largest value that falls into the bucket. */
static uint64_t bucket_top(size_t index)
{
    unsigned shift;

    if (index < 2 * SUB_COUNT)
        return index;
    shift = (unsigned)(index >> HISTOGRAM_SUB_BITS) - 1;
    return (((index & (SUB_COUNT - 1)) + SUB_COUNT + 1) << shift) - 1;
}

void histogram_record(struct histogram *h, uint64_t ns)
{
    uint32_t *bucket = &h->buckets[bucket_of(ns)];

    if (*bucket != UINT32_MAX)
        ++*bucket;
    if (h->count == 0 || ns < h->min)
        h->min = ns;
    if (ns > h->max)
        h->max = ns;
    h->count++;
    h->sum += ns;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    if (from->count == 0)
        return;
    if (into->count == 0 || from->min < into->min)
        into->min = from->min;
    if (from->max > into->max)
        into->max = from->max;
    into->count += from->count;
    into->sum += from->sum;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (__builtin_add_overflow(into->buckets[i], from->buckets[i], &into->buckets[i]))
            into->buckets[i] = UINT32_MAX;
    }
}

uint64_t histogram_percentile(const struct histogram *h, double percent)
{
    uint64_t rank = (uint64_t)ceil((double)h->count * percent / 100.0), seen = 0;
    size_t i;

    if (h->count == 0)
        return 0;
    if (rank == 0)
        return h->min;
    for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= rank)
            break;
    }
    /* The last bucket has no top: it takes all that is too long for the others. */
    if (i >= HISTOGRAM_BUCKETS - 1 || bucket_top(i) > h->max)
        return h->max;
    return bucket_top(i);
}

uint64_t histogram_mean(const struct histogram *h)
{
    return h->count == 0 ? 0 : h->sum / h->count;
}

uint64_t histogram_count_from(const struct histogram *h, uint64_t ns)
{
    uint64_t count = 0;

    for (size_t i = bucket_of(ns); i < HISTOGRAM_BUCKETS; i++)
        count += h->buckets[i];
    return count;
}
