/* SPDX-License-Identifier: Apache-2.0
 *
 * move: messages from one queue to another, so that whatever happens each is in one of the two. An
 * operator's doing, no part of AMQP. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_MOVE_H
#define STOATMQ_EXCHANGE_MOVE_H

#include <stdint.h>

struct queue;

/* One piece: so much is moved by a call, at least a message and about that many bytes of bodies. */
#define MOVE_MESSAGES_MAX 500
#define MOVE_BYTES_MAX    (1u << 20)

/* Moves messages that are ready in SOURCE, the first ones, behind all others in DESTINATION, which
 * is another queue: at most COUNT, and one piece at most. They keep exchange and routing key, and
 * count as never delivered. In the log it is one transaction. Returns how many (0: SOURCE is empty,
 * or its next message has to be fetched: paging_await); LSN: what to wait for, or 0. To be followed
 * by engine_end_change. */
uint64_t queue_move(struct queue *source, struct queue *destination, uint64_t count, uint64_t *lsn);

#endif
