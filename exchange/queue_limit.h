/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_limit: queues that hold only so many messages, or so many bytes of bodies, that are ready
 * (x-max-length, x-max-length-bytes). What is too much goes at the head, or is not taken in the
 * first place, as x-overflow says. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_QUEUE_LIMIT_H
#define STOATMQ_EXCHANGE_QUEUE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "exchange/timers.h"

struct message;
struct queue;

/* Of a queue. */
struct queue_limit {
    bool drops;                    /* it has a limit, and what is too much goes at the head */
    bool rejects;                  /* it has one, and takes no more (counted in vhost.rejecting) */
    uint64_t count_max, bytes_max; /* the limit; UINT64_MAX: any number */
    struct timer rest;             /* armed while there is more to drop than was dropped at once */
};

/* QUEUE, which has limit.drops, may hold too much by now: drops what is too much, a bounded number
 * at once and the rest soon. What is not in memory is dropped when it has been read, or unread when
 * all of it has to go. Returns how many that were. */
uint32_t queue_limit_enforce(struct queue *queue);

/* Has QUEUE no room for MESSAGE, and says so to publishers? */
bool queue_limit_rejects(const struct queue *queue, const struct message *message);

/* Takes those queues out of the COUNT in QUEUES that have no room for MESSAGE (borrowed) and say so
 * to publishers; what follows for the message is what their x-overflow says. Returns how many are
 * left. Only with vhost.rejecting there may be any. */
uint32_t queue_limit_keep_willing(struct queue **queues, uint32_t count, struct message *message);

/* The settings of QUEUE are not what they were; it is dropped from soon. */
void queue_limit_changed(struct queue *queue);

/* QUEUE is deleted. */
void queue_limit_forget(struct queue *queue);

#endif
