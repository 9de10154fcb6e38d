/* SPDX-License-Identifier: Apache-2.0 */
#include "persist/inventory_levels.h"

#include "server/base/mem.h"

struct inventory_level *inventory_level(struct inventory_queue *queue, uint32_t level)
{
    if (queue->max_priority == 0 || level > queue->max_priority)
        return NULL;
    if (queue->levels == NULL) {
        queue->levels = mem_zalloc((queue->max_priority + 1u) * sizeof *queue->levels);
        for (uint32_t i = 0; i <= queue->max_priority; i++)
            queue->levels[i].next_position = position_of(i, 1);
    }
    return &queue->levels[level];
}

void levels_pass(struct inventory_queue *queue, uint64_t end)
{
    struct inventory_level *level = inventory_level(queue, position_level(end));
    if (queue->next_position < position_number(end))
        queue->next_position = position_number(end);
    if (level != NULL && level->next_position < end)
        level->next_position = end;
}

bool levels_take_position(struct inventory_queue *queue, uint64_t position)
{
    struct inventory_level *level = inventory_level(queue, position_level(position));
    uint64_t next = level != NULL ? level->next_position : queue->next_position;
    if (position < next || position_number(position) == POSITION_NUMBER_MAX ||
        position_level(position) > queue->max_priority)
        return false;
    levels_pass(queue, position + 1);
    return true;
}

void levels_count(struct inventory_queue *queue, uint64_t position, uint64_t bytes)
{
    struct inventory_level *level = inventory_level(queue, position_level(position));
    queue->live++;
    queue->bytes += bytes;
    if (level != NULL) {
        level->live++;
        level->bytes += bytes;
    }
}

/* SETTLED fewer. BYTES may be too many, as those of paged messages are among them. */
static void discount(uint64_t *live, uint64_t *bytes, uint64_t settled, uint64_t settled_bytes)
{
    *live -= settled;
    *bytes = *live == 0 || settled_bytes > *bytes ? 0 : *bytes - settled_bytes;
}

void levels_discount(struct inventory_queue *queue, uint64_t position, uint64_t settled,
                     uint64_t bytes)
{
    struct inventory_level *level = inventory_level(queue, position_level(position));
    discount(&queue->live, &queue->bytes, settled, bytes);
    if (level != NULL)
        discount(&level->live, &level->bytes, settled, bytes);
}

bool inventory_left(const struct inventory *inventory, const struct inventory_queue *queue,
                    uint32_t level, struct inventory_left *left)
{
    const struct inventory_level whole = {queue->next_position, queue->undelivered, queue->live,
                                          queue->bytes};
    const struct inventory_level *at = queue->levels == NULL ? &whole : &queue->levels[level];
    struct inventory_place first;
    if (!inventory_next(queue, position_of(level, 0), &first) ||
        position_level(first.position) != level)
        return false;
    bool is_known = at->undelivered > 0 && queue->stopped == inventory->changes;
    *left = (struct inventory_left){
        .first = first.position,
        .end = at->next_position,
        .count = at->live,
        .bytes = at->bytes,
        .undelivered = is_known && at->undelivered < at->next_position ? at->undelivered
                                                                       : at->next_position,
    };
    return true;
}
