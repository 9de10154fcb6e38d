/* SPDX-License-Identifier: Apache-2.0
 *
 * pause: a queue that takes messages and delivers none, until it is resumed: neither to consumers
 * nor to basic.get, which finds it empty. An operator's doing, no part of AMQP. A durable queue
 * stays paused over a restart. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_PAUSE_H
#define STOATMQ_EXCHANGE_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/slice.h"

struct engine;
struct queue;

/* Pauses QUEUE, or has it deliver again; nothing when it is so already. Returns the LSN to wait
 * for, or 0. To be followed by engine_end_change. */
uint64_t queue_pause(struct queue *queue);
uint64_t queue_resume(struct queue *queue);

/* The store forgets that QUEUE, which is deleted, was paused; nothing when it was not. */
void pause_forget(struct queue *queue);

/* A queue that the store has as paused: definition.c's, when the queues are there. */
bool pause_restore(struct engine *engine, struct slice key, struct slice value);

#endif
