// SPDX-License-Identifier: Apache-2.0
#include "histogram.h"

enum { SUB_BITS = 7, SUB_COUNT = 1 << SUB_BITS };

static unsigned bucket_of(uint64_t value)
{
    if (value < SUB_COUNT)
        return (unsigned)value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - SUB_BITS;
    return (shift + 1) * SUB_COUNT + (unsigned)((value >> shift) - SUB_COUNT);
}

static uint64_t upper_edge(unsigned bucket)
{
    if (bucket < SUB_COUNT)
        return bucket;
    unsigned shift = bucket / SUB_COUNT - 1;
    return (((uint64_t)(bucket % SUB_COUNT) + SUB_COUNT + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t value)
{
    h->buckets[bucket_of(value)]++;
    h->count++;
    if (value > h->max)
        h->max = value;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
    into->count += from->count;
    if (from->max > into->max)
        into->max = from->max;
}

uint64_t histogram_percentile(const struct histogram *h, double fraction)
{
    uint64_t rank = (uint64_t)(fraction * (double)h->count), seen = 0;
    if (rank >= h->count)
        return h->max;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen > rank)
            return upper_edge(i) < h->max ? upper_edge(i) : h->max;
    }
    return h->max;
}
