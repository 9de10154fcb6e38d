/* SPDX-License-Identifier: Apache-2.0
 *
 * trace: the firehose: in a virtual host that is traced, a copy of each message that is published
 * goes to its exchange amq.rabbitmq.trace with the key publish.EXCHANGE, and one of each that is
 * delivered with the key deliver.QUEUE, with headers that say what it was and who did it.
 * Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_TRACE_H
#define STOATMQ_EXCHANGE_TRACE_H

#include "exchange/channel.h"

#define TRACE_EXCHANGE "amq.rabbitmq.trace"

/* MESSAGE, published on CHANNEL, whose vhost is traced, goes to COUNT queues. */
void trace_publish(struct channel *channel, struct message *message, struct queue *const *queues,
                   uint32_t count);

/* MESSAGE goes from QUEUE, whose vhost is traced, to the client of CHANNEL. */
void trace_deliver(struct channel *channel, const struct queue *queue, struct message *message,
                   bool redelivered);

#endif
