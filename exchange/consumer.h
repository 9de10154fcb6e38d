/* SPDX-License-Identifier: Apache-2.0
 *
 * consumer: a subscription of a channel to a queue, with its credit. It is in its queue's list of
 * active ones while it may take a message; found without credit there, it is parked with its
 * channel until credit comes back. A cancelled consumer is freed with its last unsettled delivery.
 * Engine's thread only. AMQP 0-9-1 section 1.8.3.3.
 */
#ifndef STOATMQ_EXCHANGE_CONSUMER_H
#define STOATMQ_EXCHANGE_CONSUMER_H

#include "exchange/registry.h"
#include "exchange/returned.h"
#include "server/base/list.h"
#include "server/base/slice.h"

struct channel;
struct queue;

struct consumer {
    struct list_node by_queue;
    struct list_node active; /* in queue->active, or */
    struct list_node parked; /* in channel->parked, or neither once cancelled */
    struct channel *channel;
    struct registered registered;
    struct queue *queue; /* NULL: the channel's direct reply-to consumer */
    int32_t priority;
    uint32_t prefetch; /* unsettled deliveries it may have; 0: no limit */
    uint32_t unacked;
    int64_t timeout_ms; /* for its deliveries to be settled; 0: none; negative: the queue's */
    bool no_ack, exclusive, cancelled;
    struct slice arguments; /* owned; a valid table */
    uint8_t tag_bytes;
    uint8_t tag[];
};

struct consumer_spec {
    struct slice tag;
    int32_t priority;
    int64_t timeout_ms;
    bool no_ack, exclusive;
    struct slice arguments;
};

/* A new consumer in CHANNEL's map, and in QUEUE's lists (QUEUE may be NULL). Schedules the queue.
 * The tag is new in the channel. */
struct consumer *consumer_add(struct channel *channel, struct queue *queue,
                              const struct consumer_spec *spec);

/* Takes the consumer out of its channel and queue; an auto-delete queue that loses its last
 * consumer is deleted. Unsettled deliveries stay with the channel. */
void consumer_cancel(struct consumer *consumer);

/* May it take one more message now? */
bool consumer_may_take(const struct consumer *consumer);

/* Hands it a message that left the queue, with the caller's reference. */
void consumer_deliver(struct consumer *consumer, const struct returned_entry *entry);

/* Moves it from its queue's active ones to its channel's parked ones. */
void consumer_park(struct consumer *consumer);

/* When it is parked and may take a message again, from a queue that is not paused and of which it
 * is not another's turn (single_active.h): back among the active ones, and the queue is scheduled.
 */
void consumer_wake(struct consumer *consumer);

/* Puts it behind the others of its priority; after a delivery. */
void consumer_rotate(struct consumer *consumer);

/* One of its deliveries is settled or has gone back. Frees it when it is cancelled and that was the
 * last. */
void consumer_settled(struct consumer *consumer);

static inline struct slice consumer_tag(const struct consumer *consumer)
{
    return slice_of(consumer->tag, consumer->tag_bytes);
}

#endif
