/* SPDX-License-Identifier: Apache-2.0
 *
 * Design notes. While anything waits in parked deques, queue.ready has messages, and its level is
 * above all of theirs. What came back (queue.returned) stands before the deque of its own level and
 * of those below: whatever was delivered of a level had a lower position than all of it that was
 * not.
 */
#include "exchange/priority.h"

#include "exchange/engine.h"
#include "exchange/message.h"
#include "exchange/vhost.h"
#include "server/base/check.h"
#include "server/base/mem.h"

#define WORD_BITS 64

/* --- levels ---------------------------------------------------------------------------------- */

static uint32_t level_of(const struct queue *queue, const struct message *message)
{
    uint8_t most = queue->settings.max_priority, priority = message_priority(message);
    return priority < most ? (uint32_t)(most - priority) : 0;
}

static struct priority_level *find_level(const struct queue *queue, uint32_t level)
{
    return queue->priority == NULL ? NULL : queue->priority->levels[level];
}

/* Level LEVEL, used for the first time: it goes on where no position was given before. */
static struct priority_level *add_level(struct queue *queue, uint32_t level)
{
    if (queue->priority == NULL) {
        uint32_t count = queue->settings.max_priority + 1u;
        queue->priority = mem_zalloc(sizeof *queue->priority +
                                     count * sizeof(struct priority_level *));
        queue->priority->level_count = count;
    }
    CHECK_ID(level < queue->priority->level_count, level);
    struct priority_level *added = mem_zalloc(sizeof *added);
    added->next_position = position_of(level, queue->next_position);
    queue->priority->levels[level] = added;
    return added;
}

static inline struct priority_level *level_at(struct queue *queue, uint32_t level)
{
    struct priority_level *found = find_level(queue, level);
    return found != NULL ? found : add_level(queue, level);
}

void priority_free(struct priority *priority)
{
    if (priority == NULL)
        return;
    for (uint32_t i = 0; i < priority->level_count; i++)
        mem_free(priority->levels[i]);
    mem_free(priority);
}

uint64_t priority_position(const struct queue *queue, const struct message *message)
{
    uint32_t level = level_of(queue, message);
    const struct priority_level *found = find_level(queue, level);
    return found != NULL ? found->next_position : position_of(level, queue->next_position);
}

uint64_t priority_take_position(struct queue *queue, const struct message *message)
{
    uint64_t position = level_at(queue, level_of(queue, message))->next_position++;
    if (position_number(position) >= queue->next_position)
        queue->next_position = position_number(position) + 1;
    return position;
}

void priority_set_recovered(struct queue *queue, uint64_t position)
{
    level_at(queue, position_level(position))->recovered_below = position;
    queue->recovered_below = UINT64_MAX; /* ask priority_is_recovered */
}

bool priority_is_recovered(const struct queue *queue, uint64_t position)
{
    const struct priority_level *level = find_level(queue, position_level(position));
    return level != NULL && position < level->recovered_below;
}

/* --- which deque is on top ------------------------------------------------------------------- */

static void set_waiting(struct priority *priority, uint32_t level, bool is_waiting)
{
    uint64_t bit = UINT64_C(1) << (level % WORD_BITS);
    if (is_waiting)
        priority->waiting[level / WORD_BITS] |= bit;
    else
        priority->waiting[level / WORD_BITS] &= ~bit;
}

/* Puts queue.ready aside, and the deque of LEVEL in its place. */
static void put_on_top(struct queue *queue, uint32_t level)
{
    struct deque *above = &level_at(queue, level)->deque;
    if (!deque_is_empty(&queue->ready)) {
        level_at(queue, queue->level)->deque = queue->ready;
        queue->parked += queue->ready.count;
        set_waiting(queue->priority, queue->level, true);
    }
    queue->parked -= above->count;
    set_waiting(queue->priority, level, false);
    queue->ready = *above;
    *above = (struct deque){0};
    queue->level = (uint8_t)level;
}

/* The deque of LEVEL, to which COUNT messages are about to be added. */
static struct deque *make_room(struct queue *queue, uint32_t level, uint64_t count)
{
    if (level == queue->level)
        return &queue->ready;
    if (level < queue->level || deque_is_empty(&queue->ready)) {
        put_on_top(queue, level);
        return &queue->ready;
    }
    queue->parked += count;
    struct deque *deque = &level_at(queue, level)->deque;
    set_waiting(queue->priority, level, true);
    return deque;
}

struct deque *priority_push(struct queue *queue, uint64_t position, struct message *message)
{
    struct deque *deque = make_room(queue, position_level(position), 1);
    deque_push(deque, &queue->vhost->engine->blocks, position, message);
    return deque;
}

void priority_restore(struct queue *queue, const struct deque_cold *cold)
{
    struct deque *deque = make_room(queue, position_level(cold->first), cold->count);
    deque_fill_cold(deque, cold);
}

void priority_advance(struct queue *queue)
{
    uint32_t level = queue->level;
    CHECK_ID(deque_is_empty(&queue->ready) && queue->parked > 0, queue->id);
    CHECK_ID(priority_next(queue, &level), queue->id);
    put_on_top(queue, level);
}

/* --- one level after the other --------------------------------------------------------------- */

bool priority_next(const struct queue *queue, uint32_t *level)
{
    if (queue->parked == 0)
        return false;
    uint32_t from = *level + 1;
    for (uint32_t word = from / WORD_BITS; word < POSITION_LEVELS / WORD_BITS; word++) {
        uint64_t bits = queue->priority->waiting[word];
        if (word == from / WORD_BITS)
            bits &= ~UINT64_C(0) << (from % WORD_BITS);
        if (bits != 0) {
            *level = word * WORD_BITS + (uint32_t)__builtin_ctzll(bits);
            return true;
        }
    }
    return false;
}

uint32_t priority_last(const struct queue *queue)
{
    uint32_t level = POSITION_LEVELS;
    (void)priority_before(queue, &level);
    return level;
}

bool priority_before(const struct queue *queue, uint32_t *level)
{
    uint32_t end = *level;
    if (queue->parked > 0)
        for (uint32_t word = (end + WORD_BITS - 1) / WORD_BITS; word-- > 0;) {
            uint64_t bits = queue->priority->waiting[word];
            if (end - word * WORD_BITS < WORD_BITS)
                bits &= (UINT64_C(1) << (end % WORD_BITS)) - 1;
            if (bits != 0) {
                *level = word * WORD_BITS + WORD_BITS - 1 - (uint32_t)__builtin_clzll(bits);
                return true;
            }
        }
    *level = queue->level; /* above all that are parked */
    return queue->level < end;
}

bool priority_first_cold(const struct queue *queue, uint32_t *level)
{
    *level = queue->level;
    while (priority_deque_of(queue, *level)->cold.count == 0)
        if (!priority_next(queue, level))
            return false;
    return true;
}
