/* SPDX-License-Identifier: Apache-2.0
 *
 * due_heap: what is due, the first first: a binary heap of entries that begin with a struct due and
 * are all of one size. Of those that are due at the same time the one with the lower position comes
 * first. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_DUE_HEAP_H
#define STOATMQ_EXCHANGE_DUE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct due {
    uint64_t ms; /* since 1970 */
    uint64_t position;
};

static inline bool due_before(const struct due *a, const struct due *b)
{
    return a->ms != b->ms ? a->ms < b->ms : a->position < b->position;
}

/* ENTRY_BYTES is set before anything else is done; all else is 0 at first. */
struct due_heap {
    uint8_t *entries;
    uint32_t entry_bytes;
    uint32_t count, capacity;
};

/* An entry is no larger than this. */
#define DUE_ENTRY_BYTES_MAX 32

/* Forgets all entries, and frees the memory. */
void due_heap_clear(struct due_heap *heap);

/* Adds a copy of ENTRY. */
void due_heap_push(struct due_heap *heap, const void *entry);

/* Copies the first into ENTRY and takes it out; false when there is none. */
bool due_heap_pop(struct due_heap *heap, void *entry);

/* Takes out the entry in place AT. */
void due_heap_remove(struct due_heap *heap, uint32_t at);

/* In the heap's order: the children of place AT are at 2 AT + 1 and 2 AT + 2. */
static inline void *due_heap_at(const struct due_heap *heap, uint32_t at)
{
    return heap->entries + (size_t)at * heap->entry_bytes;
}

/* The first, or NULL. */
static inline const struct due *due_heap_first(const struct due_heap *heap)
{
    return heap->count == 0 ? NULL : due_heap_at(heap, 0);
}

/* Calls SEE for the entries in their order, until it returns false, LIMIT times at most. */
void due_heap_walk(const struct due_heap *heap, uint64_t limit,
                   bool (*see)(void *context, const void *entry), void *context);

#endif
