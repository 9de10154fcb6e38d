/* SPDX-License-Identifier: Apache-2.0
 *
 * delivery_limit: queues that count how often a message was delivered without success
 * (x-delivery-limit; quorum queues always do): they tell consumers by the header x-delivery-count,
 * and what comes back once too often is dead-lettered. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_DELIVERY_LIMIT_H
#define STOATMQ_EXCHANGE_DELIVERY_LIMIT_H

#include "exchange/queue.h"

/* Is a message that was delivered DELIVERY_COUNT times without success not to be delivered again?
 */
static inline bool delivery_limit_is_reached(const struct queue *queue, uint32_t delivery_count)
{
    return queue->settings.delivery_limit >= 0 &&
           (int64_t)delivery_count > queue->settings.delivery_limit;
}

/* Does ENTRY of QUEUE go out with its count? */
static inline bool delivery_limit_counts(const struct queue *queue,
                                         const struct returned_entry *entry)
{
    return entry->delivery_count > 0 &&
           (queue->settings.delivery_limit >= 0 || queue->settings.is_quorum);
}

/* ENTRY's message with the header x-delivery-count, as a copy of one reference; the message itself,
 * with one more reference, when memory is exhausted. */
struct message *delivery_limit_counted(const struct returned_entry *entry);

#endif
