/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/unacked.h"

#include <stddef.h>
#include <string.h>

#include "server/base/check.h"
#include "server/base/mem.h"

#define CAPACITY_MIN  8
#define CAPACITY_KEEP 1024 /* an emptied ring larger than this is given back */
#define SQUEEZE_HOLES 64

void unacked_fini(struct unacked_ring *ring)
{
    CHECK(unacked_live(ring) == 0);
    mem_free(ring->entries);
    *ring = (struct unacked_ring){0};
}

/* Moves the entries that are no holes to the front of a new array of CAPACITY. */
static void rebuild(struct unacked_ring *ring, uint32_t capacity)
{
    struct unacked *entries = mem_alloc(capacity * sizeof *entries);
    uint32_t count = 0;
    for (uint32_t i = 0; i < ring->count; i++) {
        const struct unacked *entry = unacked_at(ring, i);
        if (entry->state != UNACKED_SETTLED)
            entries[count++] = *entry;
    }
    mem_free(ring->entries);
    *ring = (struct unacked_ring){.entries = entries, .capacity = capacity, .count = count};
}

struct unacked *unacked_push(struct unacked_ring *ring, uint64_t tag)
{
    if (ring->count == ring->capacity)
        rebuild(ring, ring->capacity == 0 ? CAPACITY_MIN : ring->capacity * 2);
    struct unacked *entry = unacked_at(ring, ring->count++);
    entry->tag = tag;
    entry->state = UNACKED_LIVE;
    return entry;
}

uint32_t unacked_above(const struct unacked_ring *ring, uint64_t tag)
{
    uint32_t low = 0, high = ring->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (unacked_at(ring, middle)->tag <= tag)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct unacked *unacked_find(const struct unacked_ring *ring, uint64_t tag)
{
    if (ring->count == 0 || tag < unacked_at(ring, 0)->tag)
        return NULL;
    /* Tags grow by one or more from entry to entry; as long as it was one, this is the place. */
    uint64_t guess = tag - unacked_at(ring, 0)->tag;
    struct unacked *entry = guess < ring->count ? unacked_at(ring, (uint32_t)guess) : NULL;
    if (entry == NULL || entry->tag != tag)
        entry = unacked_at(ring, unacked_above(ring, tag) - 1);
    return entry->tag == tag && entry->state != UNACKED_SETTLED ? entry : NULL;
}

void unacked_tidy(struct unacked_ring *ring)
{
    while (ring->count > 0 && unacked_at(ring, 0)->state == UNACKED_SETTLED) {
        ring->head = (ring->head + 1) & (ring->capacity - 1);
        ring->count--;
        ring->settled--;
    }
    if (ring->count == 0 && ring->capacity > CAPACITY_KEEP) {
        mem_free(ring->entries);
        *ring = (struct unacked_ring){0};
    } else if (ring->settled > SQUEEZE_HOLES && ring->settled > ring->count / 2) {
        rebuild(ring, ring->capacity);
    }
}
