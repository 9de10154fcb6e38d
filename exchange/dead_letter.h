/* SPDX-License-Identifier: Apache-2.0
 *
 * dead_letter: messages that leave a queue for another reason than that somebody took them. Where
 * the queue has a dead-letter exchange, a copy that says what happened (the header x-death) is
 * routed through that; removal and copy are one in the log. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_DEAD_LETTER_H
#define STOATMQ_EXCHANGE_DEAD_LETTER_H

#include <stdint.h>

struct engine;
struct message;
struct queue;

enum dead_letter_reason { DEAD_REJECTED, DEAD_EXPIRED, DEAD_MAXLEN, DEAD_DELIVERY_LIMIT };

/* Those that are to be sent when the command or tick at hand has done its work; the engine's. */
struct dead_letters {
    struct dead_letter *entries;
    uint32_t count, capacity;
};

/* MESSAGE, which was taken out of QUEUE, leaves it for good: POSITION is settled and, if the queue
 * has a dead-letter exchange, a copy published to that, at the end of the command. Takes the
 * caller's reference. */
void dead_letter(struct queue *queue, uint64_t position, struct message *message,
                 enum dead_letter_reason reason);

/* MESSAGE was refused by QUEUE, in which it never was: a copy is published to the queue's
 * dead-letter exchange, if it has one, at the end of the command. Takes the caller's reference. */
void dead_letter_refused(struct queue *queue, struct message *message,
                         enum dead_letter_reason reason);

/* Publishes what waits for that, and what comes of it. Not while a message is given to its queues.
 */
void dead_letter_send(struct engine *engine);

/* Drops what waits; the engine ends. */
void dead_letter_fini(struct engine *engine);

#endif
