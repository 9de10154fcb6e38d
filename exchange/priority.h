/* SPDX-License-Identifier: Apache-2.0
 *
 * priority: queues whose messages have priorities (x-max-priority). Each level that was ever used
 * (position.h) has a deque of its own, with a cold range of its own. That of the highest level that
 * has messages is queue.ready, so that it is a queue like others for whoever takes from it; the
 * rest are parked here. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_PRIORITY_H
#define STOATMQ_EXCHANGE_PRIORITY_H

#include "exchange/queue.h"

struct priority_level {
    struct deque deque;       /* empty while it is queue.ready */
    uint64_t next_position;   /* of the next message of this level */
    uint64_t recovered_below; /* what stands before it may have been delivered by an earlier run */
};

struct priority {
    uint64_t waiting[POSITION_LEVELS / 64]; /* a bit for each level whose parked deque has any */
    uint32_t level_count;
    struct priority_level *levels[]; /* by number; NULL: was not used yet */
};

static inline bool queue_has_priorities(const struct queue *queue)
{
    return __builtin_expect(queue->settings.max_priority > 0, 0);
}

/* Where MESSAGE will stand when QUEUE, which has priorities, is given it next. Without a priority
 * it is of the lowest level, with too high a one of the highest. */
uint64_t priority_position(const struct queue *queue, const struct message *message);

/* Where MESSAGE will stand in QUEUE of any kind. */
static inline uint64_t priority_place_of(const struct queue *queue, const struct message *message)
{
    return queue_has_priorities(queue) ? priority_position(queue, message) : queue->next_position;
}

/* The same, and the next message of its level stands behind it. */
uint64_t priority_take_position(struct queue *queue, const struct message *message);

/* Appends MESSAGE, taking its reference, to the deque of POSITION's level, and returns that. */
struct deque *priority_push(struct queue *queue, uint64_t position, struct message *message);

/* queue.ready is empty, and others are not: the first of them takes its place. */
void priority_advance(struct queue *queue);

/* An earlier run has left COLD, at one level, which has nothing yet. */
void priority_restore(struct queue *queue, const struct deque_cold *cold);

/* What stands before POSITION, at its level, may have been delivered by an earlier run. */
void priority_set_recovered(struct queue *queue, uint64_t position);

/* Was that so of POSITION? */
bool priority_is_recovered(const struct queue *queue, uint64_t position);

/* All deques are empty; PRIORITY may be NULL. */
void priority_free(struct priority *priority);

/* --- one level after the other: that of queue.ready is queue.level ---------------------------- */

/* The next level behind LEVEL that has messages; false: there is none. */
bool priority_next(const struct queue *queue, uint32_t *level);

/* The last level that has messages (or queue.level, when none has), and the last before LEVEL;
 * false: there is none. */
uint32_t priority_last(const struct queue *queue);
bool priority_before(const struct queue *queue, uint32_t *level);

static inline struct deque *priority_deque(struct queue *queue, uint32_t level)
{
    return level == queue->level ? &queue->ready : &queue->priority->levels[level]->deque;
}

static inline const struct deque *priority_deque_of(const struct queue *queue, uint32_t level)
{
    return level == queue->level ? &queue->ready : &queue->priority->levels[level]->deque;
}

/* The first level of which messages are cold; false: there is none. */
bool priority_first_cold(const struct queue *queue, uint32_t *level);

#endif
