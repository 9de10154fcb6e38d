/* SPDX-License-Identifier: Apache-2.0
 *
 * deque: a queue's messages that were never delivered, in order of position: first in, first out.
 * Blocks of pointers; positions are implied by a block's first one. Spare blocks are shared by all
 * queues of an engine (struct deque_pool), so that an empty queue holds none. Owns one reference to
 * each message.
 */
#ifndef STOATMQ_EXCHANGE_DEQUE_H
#define STOATMQ_EXCHANGE_DEQUE_H

#include <stdbool.h>
#include <stdint.h>

struct deque_block;
struct message;

struct deque_pool {
    struct deque_block *spare;
    unsigned count;
};

struct deque {
    struct deque_block *head, *tail;
    uint64_t count;
};

void deque_pool_fini(struct deque_pool *pool);

/* Appends MESSAGE, taking its reference, at POSITION, which is above all that are there. */
void deque_push(struct deque *deque, struct deque_pool *pool, uint64_t position,
                struct message *message);

/* Takes the first message with its reference, and its position; NULL when empty. */
struct message *deque_pop(struct deque *deque, struct deque_pool *pool, uint64_t *position);

/* Has the memory of messages a few places ahead of the first brought near; before a run of
 * deque_pop. */
void deque_prefetch(const struct deque *deque);

static inline bool deque_is_empty(const struct deque *deque)
{
    return deque->count == 0;
}

#endif
