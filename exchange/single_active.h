/* SPDX-License-Identifier: Apache-2.0
 *
 * single_active: a queue of which only one consumer gets messages at a time
 * (x-single-active-consumer): the first, until it is cancelled; then the one with the highest
 * priority that has waited longest: they are in that order in queue.consumers. Those that wait are
 * parked with their channels. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_SINGLE_ACTIVE_H
#define STOATMQ_EXCHANGE_SINGLE_ACTIVE_H

#include "exchange/consumer.h"
#include "exchange/queue.h"

/* Does CONSUMER, of a queue, wait for its turn to be the single active one? */
static inline bool single_active_waits(const struct consumer *consumer)
{
    const struct queue *queue = consumer->queue;
    return queue->settings.single_active && queue->single_active != consumer;
}

/* CONSUMER, which is among its queue's consumers, is the active one when there is none yet. */
void single_active_added(struct consumer *consumer);

/* CONSUMER is not among its queue's consumers any more: when it was the active one, another is. */
void single_active_removed(struct consumer *consumer);

#endif
