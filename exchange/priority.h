/* SPDX-License-Identifier: Apache-2.0
 *
 * priority: queues whose messages have priorities (x-max-priority). All that is ready in them is in
 * the heap queue.returned, where a rank stands in place of the position: the highest priority
 * first, and among equals the lowest position. It stays in memory; what an earlier run has left is
 * read before the first of it is taken. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_PRIORITY_H
#define STOATMQ_EXCHANGE_PRIORITY_H

#include "exchange/queue.h"

#define PRIORITY_SHIFT 56 /* no queue lives to see so many positions */

static inline bool queue_has_priorities(const struct queue *queue)
{
    return __builtin_expect(queue->settings.max_priority > 0, 0);
}

/* The rank of MESSAGE at POSITION of QUEUE, which has priorities. A message without one has 0, one
 * with too much has the most there is. */
uint64_t priority_rank(const struct queue *queue, const struct message *message, uint64_t position);

/* The position of what has RANK in QUEUE, which may have no priorities: then that is it. */
static inline uint64_t priority_position(const struct queue *queue, uint64_t rank)
{
    return queue_has_priorities(queue) ? rank & ((UINT64_C(1) << PRIORITY_SHIFT) - 1) : rank;
}

#endif
