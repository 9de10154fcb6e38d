/* SPDX-License-Identifier: Apache-2.0
 *
 * returned: a queue's messages that were delivered and came back, the lowest position first (a
 * binary heap). All of them stand before those in the queue's deque. Owns one reference to each
 * message.
 */
#ifndef STOATMQ_EXCHANGE_RETURNED_H
#define STOATMQ_EXCHANGE_RETURNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message;

struct returned_entry {
    uint64_t position;
    struct message *message;
    uint32_t delivery_count; /* how often it was delivered before */
};

struct returned {
    struct returned_entry *entries;
    uint32_t count, capacity;
};

/* Frees the heap's memory; it must be empty. */
void returned_fini(struct returned *returned);

/* Adds ENTRY, taking its reference. */
void returned_push(struct returned *returned, struct returned_entry entry);

/* The message with the lowest position, or NULL when empty. */
static inline const struct message *returned_peek(const struct returned *returned)
{
    return returned->count == 0 ? NULL : returned->entries[0].message;
}

/* Takes the entry with the lowest position, with its reference; false when empty. */
bool returned_pop(struct returned *returned, struct returned_entry *entry);

#endif
