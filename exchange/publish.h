/* SPDX-License-Identifier: Apache-2.0
 *
 * publish: a basic.publish on its way: legality, then routing, store, queues, return, confirm.
 * Engine's thread only. AMQP 0-9-1 section 1.8.3.7.
 */
#ifndef STOATMQ_EXCHANGE_PUBLISH_H
#define STOATMQ_EXCHANGE_PUBLISH_H

#include "exchange/channel.h"
#include "exchange/command.h"
#include "exchange/route.h"

/* Publishes, or keeps for the transaction's commit. Takes the message in any case. 0, or -1 with
 * ERROR filled. */
int publish(struct channel *channel, const struct command_publish *command,
            struct reply_error *error) __attribute__((warn_unused_result));

/* Routes a publish that was found legal and puts it into its queues, or returns it; takes the
 * message. The result is the LSN of its record in the store, 0 when it needed none. */
uint64_t publish_route(struct channel *channel, const struct command_publish *command);

/* Fills SET with where MESSAGE leads from EXCHANGE by its own routing key and those in its headers
 * CC and BCC, each queue once. */
void publish_collect(struct exchange *exchange, struct message *message,
                     const struct properties *properties, struct route_set *set);

/* Puts MESSAGE, whose reference is taken, into COUNT queues, one at least, with a record in the
 * store for those that last when it does. It is on its way already: nobody looks at its properties,
 * nor counts it as published. Returns the record's LSN, or 0. */
uint64_t publish_to_queues(struct engine *engine, struct message *message,
                           struct queue *const *queues, uint32_t count);
void publish_into(struct queue *queue, struct message *message);

#endif
