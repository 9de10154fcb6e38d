/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. What came back is a heap, of which the first few are found without taking any: the
 * next in order is always a child of one that was found before. Those that may be next are a heap
 * themselves, of places in the other one. With priorities what came back of a level stands before
 * the rest of it, and so on, level by level.
 */
#include "exchange/browse.h"

#include "exchange/message.h"
#include "exchange/priority.h"
#include "server/base/mem.h"

struct look {
    const struct queue *queue;
    struct browsed *entries;
    uint64_t skip, count; /* to pass over; to fill in at most */
    uint64_t bytes_left;
    uint64_t seen, filled;
};

static bool is_done(const struct look *look)
{
    return look->filled == look->count || (look->bytes_left == 0 && look->filled > 0);
}

static void see(struct look *look, const struct returned_entry *entry)
{
    uint64_t body_bytes = entry->message->body_bytes;
    look->seen++;
    if (look->seen <= look->skip)
        return;
    look->entries[look->filled++] = (struct browsed){
        .message = message_for_receiver(entry->message),
        .left = queue_depth(look->queue) - look->seen,
        .redelivered = queue_is_redelivery(look->queue, entry),
    };
    look->bytes_left -= body_bytes < look->bytes_left ? body_bytes : look->bytes_left;
}

/* --- what came back -------------------------------------------------------------------------- */

/* Places in the queue's heap that may be next. */
struct candidates {
    const struct returned_entry *entries;
    uint32_t *places;
    uint32_t count;
};

static bool is_before(const struct candidates *candidates, uint32_t a, uint32_t b)
{
    return candidates->entries[candidates->places[a]].position <
           candidates->entries[candidates->places[b]].position;
}

static void swap(struct candidates *candidates, uint32_t a, uint32_t b)
{
    uint32_t place = candidates->places[a];
    candidates->places[a] = candidates->places[b];
    candidates->places[b] = place;
}

static void add(struct candidates *candidates, uint32_t place)
{
    uint32_t at = candidates->count++;
    candidates->places[at] = place;
    for (; at > 0 && is_before(candidates, at, (at - 1) / 2); at = (at - 1) / 2)
        swap(candidates, at, (at - 1) / 2);
}

static uint32_t take_first(struct candidates *candidates)
{
    uint32_t first = candidates->places[0], at = 0;
    candidates->places[0] = candidates->places[--candidates->count];
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child + 1 < candidates->count && is_before(candidates, child + 1, child))
            child++;
        if (child >= candidates->count || !is_before(candidates, child, at))
            return first;
        swap(candidates, at, child);
        at = child;
    }
}

/* Those for LOOK: the first, with room for as many as it may see. */
static struct candidates begin(const struct look *look)
{
    const struct returned *returned = &look->queue->returned;
    uint64_t most = look->skip + look->count; /* each that is seen leaves one candidate more */
    struct candidates candidates = {.entries = returned->entries};
    if (returned->count == 0)
        return candidates;
    if (most > returned->count)
        most = returned->count;
    candidates.places = mem_alloc((size_t)(most + 2) * sizeof *candidates.places);
    add(&candidates, 0);
    return candidates;
}

/* Sees what came back and stands before END. */
static void see_returned(struct look *look, struct candidates *candidates, uint64_t end)
{
    const struct returned *returned = &look->queue->returned;
    while (candidates->count > 0 && !is_done(look) &&
           returned->entries[candidates->places[0]].position < end) {
        uint32_t place = take_first(candidates);
        see(look, &returned->entries[place]);
        for (uint32_t child = place * 2 + 1; child <= place * 2 + 2; child++)
            if (child < returned->count)
                add(candidates, child);
    }
}

/* --- what was never delivered ---------------------------------------------------------------- */

static void see_block(struct look *look, const struct deque_block *block)
{
    for (uint32_t at = block->begin; at < block->end && !is_done(look); at++)
        see(look,
            &(struct returned_entry){
                .position = block->first_position + at,
                .message = block->messages[at],
                .delivery_count = block->delivery_counts == NULL ? 0 : block->delivery_counts[at],
            });
}

static void see_front(struct look *look, const struct deque *deque)
{
    for (const struct deque_block *block = deque->front.head; block != NULL && !is_done(look);
         block = block->next) {
        uint32_t waiting = block->end - block->begin;
        if (look->seen + waiting <= look->skip)
            look->seen += waiting;
        else
            see_block(look, block);
    }
}

/* How many that came back are of levels before END. */
static uint64_t returned_before(const struct queue *queue, uint32_t end)
{
    uint64_t count = 0;
    if (!queue_has_priorities(queue))
        return queue->returned.count;
    for (uint32_t i = 0; i < queue->returned.count; i++)
        count += position_level(queue->returned.entries[i].position) < end;
    return count;
}

uint64_t queue_browsable(const struct queue *queue, uint64_t *bytes)
{
    uint64_t count = 0;
    uint32_t level = queue->level;
    const struct deque *deque;
    *bytes = 0;
    do {
        deque = priority_deque_of(queue, level);
        for (const struct deque_block *block = deque->front.head; block != NULL;
             block = block->next) {
            count += block->end - block->begin;
            *bytes += block->bytes;
        }
    } while (deque->cold.count == 0 && priority_next(queue, &level));
    return count + returned_before(queue, deque->cold.count == 0 ? POSITION_LEVELS : level + 1);
}

uint64_t queue_browse(const struct queue *queue, uint64_t offset, uint64_t count,
                      uint64_t bytes_max, struct browsed *entries)
{
    struct look look = {.queue = queue,
                        .entries = entries,
                        .skip = offset,
                        .count = count,
                        .bytes_left = bytes_max};
    struct candidates candidates = {0};
    if (!queue_has_priorities(queue) && offset >= queue->returned.count)
        look.seen = queue->returned.count;
    else
        candidates = begin(&look);
    uint32_t level = queue->level;
    const struct deque *deque;
    do {
        deque = priority_deque_of(queue, level);
        see_returned(&look, &candidates, position_of(level, POSITION_NUMBER_MAX));
        see_front(&look, deque);
    } while (deque->cold.count == 0 && priority_next(queue, &level));
    if (deque->cold.count == 0)
        see_returned(&look, &candidates, UINT64_MAX);
    mem_free(candidates.places);
    return look.filled;
}
