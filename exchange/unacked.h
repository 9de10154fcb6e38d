/* SPDX-License-Identifier: Apache-2.0
 *
 * unacked: a channel's deliveries that wait for an acknowledgement, in order of delivery tag. A
 * ring that the tag indexes; settled ones in the middle are holes until they reach the front or
 * outnumber the rest and are squeezed out. Owns one reference to each live entry's message. AMQP
 * 0-9-1 section 1.8.3.13.
 */
#ifndef STOATMQ_EXCHANGE_UNACKED_H
#define STOATMQ_EXCHANGE_UNACKED_H

#include <stdbool.h>
#include <stdint.h>

struct consumer;
struct message;
struct queue;

enum unacked_state {
    UNACKED_SETTLED, /* a hole */
    UNACKED_LIVE,
    UNACKED_HELD, /* settled in a transaction that is not committed yet */
};

struct unacked {
    uint64_t tag;
    uint64_t position; /* in queue */
    struct queue *queue;
    struct message *message;
    struct consumer *consumer; /* NULL for basic.get */
    uint32_t delivery_count;   /* how often it was delivered before this time */
    uint32_t state : 2;        /* enum unacked_state */
    uint32_t delivered : 30;   /* when, in UNACKED_TIME_MS; wraps (consumer_timeout.h) */
};

#define UNACKED_TIME_MS   100
#define UNACKED_TIME_MASK 0x3fffffffu

struct unacked_ring {
    struct unacked *entries;
    uint32_t capacity; /* 0 or a power of two */
    uint32_t head;     /* index of the oldest entry */
    uint32_t count;    /* entries, with holes */
    uint32_t settled;  /* holes */
};

/* Frees the ring's memory; no live entry may be left. */
void unacked_fini(struct unacked_ring *ring);

/* A place for the next delivery, whose TAG is above all before; the caller fills in the rest. Valid
 * until the next push or settle. */
struct unacked *unacked_push(struct unacked_ring *ring, uint64_t tag);

/* The entry of TAG, live or held; NULL when it was never issued, needed no acknowledgement or is
 * settled. */
struct unacked *unacked_find(const struct unacked_ring *ring, uint64_t tag);

/* The index of the first entry whose tag is above TAG; ring->count when there is none. */
uint32_t unacked_above(const struct unacked_ring *ring, uint64_t tag);

/* The INDEXth entry from the oldest, holes included; INDEX < count. */
static inline struct unacked *unacked_at(const struct unacked_ring *ring, uint32_t index)
{
    return &ring->entries[(ring->head + index) & (ring->capacity - 1)];
}

/* Makes ENTRY a hole. Entries stay where they are until unacked_tidy. */
static inline void unacked_settle(struct unacked_ring *ring, struct unacked *entry)
{
    entry->state = UNACKED_SETTLED;
    ring->settled++;
}

/* Drops the holes at the front, and all of them when they outnumber the rest; after one or more
 * settles. */
void unacked_tidy(struct unacked_ring *ring);

/* Live and held entries. */
static inline uint32_t unacked_live(const struct unacked_ring *ring)
{
    return ring->count - ring->settled;
}

#endif
