// SPDX-License-Identifier: Apache-2.0
// histogram: counts of durations in log-linear buckets, 128 to each power of two, so that a
// percentile is right to 0.8 %. Fixed size, no allocation. Owned by one thread; merge when that
// thread has ended.
#pragma once

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 58 * 128 };

struct histogram {
    uint64_t count, max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);

// The value below or at which `fraction` (0 to 1) of the counted values lie; 0 when empty.
uint64_t histogram_percentile(const struct histogram *h, double fraction);
