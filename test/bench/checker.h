// SPDX-License-Identifier: Apache-2.0
// checker: whether one consumer saw every message of every producer once and in order. It knows
// which number must come next (see topology.h); only a message that is not that one costs more
// than a comparison. Used by the worker that has the consumer.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct checker {
    uint64_t stride, first;
    uint64_t *next; // by producer
    size_t producers;
    uint64_t *missing; // numbers (with their producer on top) that were skipped and may still come
    size_t missing_count, missing_cap;
    uint64_t duplicated, misordered;
};

void checker_init(struct checker *c, size_t producers, uint64_t first, uint64_t stride);
// Nothing of `producer` belongs here.
void checker_exclude(struct checker *c, size_t producer);
void checker_fini(struct checker *c);

// The rare case of checker_see.
void checker_see_unexpected(struct checker *c, uint64_t producer, uint64_t number);

// Notes message `number` of `producer`; returns -1 when there is no such producer.
static inline int checker_see(struct checker *c, uint64_t producer, uint64_t number)
{
    if (producer >= c->producers)
        return -1;
    if (__builtin_expect(number == c->next[producer], 1))
        c->next[producer] += c->stride;
    else
        checker_see_unexpected(c, producer, number);
    return 0;
}

// How many messages never came, when `sent` is the number of messages of each producer.
uint64_t checker_lost(const struct checker *c, const uint64_t *sent);
