/* SPDX-License-Identifier: Apache-2.0
 *
 * expiry: messages and queues whose time is over. A message expires at the head of its queue, when
 * it has been there for as long as the queue's TTL or its own (the property expiration) says; a
 * queue when nobody has used it for as long as x-expires says. Queues in which nothing expires have
 * no clock, and pay one branch. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_EXPIRY_H
#define STOATMQ_EXCHANGE_EXPIRY_H

#include <stdbool.h>

#include "exchange/timers.h"

struct message;
struct queue;

struct queue_clock {
    struct queue *queue;
    struct timer messages;   /* the first message's time is over, or it has to be looked at */
    struct timer idle;       /* the queue's is */
    uint64_t ttl_since_ms;   /* since 1970: messages that have no time count from here on */
    uint64_t used_ms;        /* env.now_ms when the queue was used last */
    uint64_t fresh_until_ms; /* since 1970: nothing at the head ends before, unless it is mixed */
    bool has_ttl;
    bool is_mixed;    /* a message may end before one that stands before it does */
    bool is_on;       /* messages may expire: there is a TTL, or was one in one of them */
    bool is_dropping; /* the head changes, and that is known */
};

/* The queue's settings are not what they were, or it is new. */
void expiry_settings_changed(struct queue *queue);

/* An earlier run has left messages in QUEUE of which some may have a time. */
void expiry_restore(struct queue *queue);

/* MESSAGE was put at the end of QUEUE, or back into it; the queue has a clock or the message a
 * time.
 */
void expiry_pushed(struct queue *queue, const struct message *message);
void expiry_requeued(struct queue *queue, const struct message *message);

/* The first message of QUEUE, which has a clock, may be another one, or have come to memory. */
void expiry_head_changed(struct queue *queue);

/* Does that change anything? Not while one is looked at that ends no later. */
static inline bool expiry_looks_at_head(const struct queue_clock *clock)
{
    return clock->is_on && !clock->is_dropping &&
           (clock->is_mixed || !timer_is_armed(&clock->messages));
}

/* Is it known that nothing at the head is over at WALL_MS, since 1970? */
static inline bool expiry_is_fresh(const struct queue_clock *clock, uint64_t wall_ms)
{
    return !clock->is_mixed && timer_is_armed(&clock->messages) && clock->fresh_until_ms > wall_ms;
}

/* Drops the messages at the head of QUEUE, which has a clock, whose time is over. False: there are
 * so many that the rest waits for the end of the tick; then the queue is dispatched, and those who
 * wait in queue.paging.getters are released. */
bool expiry_drop(struct queue *queue);

/* QUEUE was used: somebody got a message, declared it again, was its last consumer. */
void expiry_used(struct queue *queue);

/* QUEUE is deleted. */
void expiry_forget(struct queue *queue);

#endif
