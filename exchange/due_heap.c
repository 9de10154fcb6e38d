/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/due_heap.h"

#include <string.h>

#include "server/base/check.h"
#include "server/base/mem.h"

#define CAPACITY_MIN 16

static const struct due *due_at(const struct due_heap *heap, uint32_t at)
{
    return due_heap_at(heap, at);
}

static void put(struct due_heap *heap, uint32_t at, const void *entry)
{
    memcpy(due_heap_at(heap, at), entry, heap->entry_bytes);
}

static void resize(struct due_heap *heap, uint32_t capacity)
{
    heap->entries = mem_realloc(heap->entries, (size_t)capacity * heap->entry_bytes);
    heap->capacity = capacity;
}

void due_heap_clear(struct due_heap *heap)
{
    mem_free(heap->entries);
    *heap = (struct due_heap){.entry_bytes = heap->entry_bytes};
}

/* Finds the place of ENTRY, which is none of the heap's, at AT or above it. */
static void rise(struct due_heap *heap, uint32_t at, const void *entry)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (!due_before(entry, due_at(heap, parent)))
            break;
        put(heap, at, due_at(heap, parent));
        at = parent;
    }
    put(heap, at, entry);
}

/* The same at AT or below it. */
static void sink(struct due_heap *heap, uint32_t at, const void *entry)
{
    for (;;) {
        uint64_t child = (uint64_t)at * 2 + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count &&
            due_before(due_at(heap, (uint32_t)child + 1), due_at(heap, (uint32_t)child)))
            child++;
        if (!due_before(due_at(heap, (uint32_t)child), entry))
            break;
        put(heap, at, due_at(heap, (uint32_t)child));
        at = (uint32_t)child;
    }
    put(heap, at, entry);
}

void due_heap_push(struct due_heap *heap, const void *entry)
{
    CHECK(heap->entry_bytes <= DUE_ENTRY_BYTES_MAX);
    if (heap->count == heap->capacity)
        resize(heap, heap->capacity == 0 ? CAPACITY_MIN : heap->capacity + heap->capacity / 2);
    rise(heap, heap->count++, entry);
}

void due_heap_remove(struct due_heap *heap, uint32_t at)
{
    CHECK_ID(at < heap->count, at);
    uint64_t last[DUE_ENTRY_BYTES_MAX / sizeof(uint64_t)];
    memcpy(last, due_heap_at(heap, --heap->count), heap->entry_bytes);
    if (at < heap->count) {
        if (at > 0 && due_before((const void *)last, due_at(heap, (at - 1) / 2)))
            rise(heap, at, last);
        else
            sink(heap, at, last);
    }
    if (heap->count == 0)
        due_heap_clear(heap);
    else if (heap->capacity > CAPACITY_MIN && heap->count < heap->capacity / 4)
        resize(heap, heap->capacity / 2);
}

bool due_heap_pop(struct due_heap *heap, void *entry)
{
    if (heap->count == 0)
        return false;
    memcpy(entry, heap->entries, heap->entry_bytes);
    due_heap_remove(heap, 0);
    return true;
}

/* The next in order is always a child of one that was seen: those that may be next are a heap
 * themselves, of places in this one. */
struct candidate {
    struct due due;
    uint32_t place;
};

void due_heap_walk(const struct due_heap *heap, uint64_t limit,
                   bool (*see)(void *context, const void *entry), void *context)
{
    struct due_heap candidates = {.entry_bytes = sizeof(struct candidate)};
    struct candidate candidate = {0};
    bool goes_on = heap->count > 0 && limit > 0;
    if (goes_on)
        candidate.due = *due_at(heap, 0);
    while (goes_on) {
        uint32_t place = candidate.place;
        goes_on = see(context, due_heap_at(heap, place)) && --limit > 0;
        for (uint64_t child = (uint64_t)place * 2 + 1;
             goes_on && child <= (uint64_t)place * 2 + 2 && child < heap->count; child++)
            due_heap_push(&candidates,
                          &(struct candidate){*due_at(heap, (uint32_t)child), (uint32_t)child});
        goes_on = goes_on && due_heap_pop(&candidates, &candidate);
    }
    due_heap_clear(&candidates);
}
