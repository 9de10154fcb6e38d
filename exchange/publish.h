/* SPDX-License-Identifier: Apache-2.0
 *
 * publish: a basic.publish on its way: legality, then routing, store, queues, return, confirm.
 * Engine's thread only. AMQP 0-9-1 section 1.8.3.7.
 */
#ifndef STOATMQ_EXCHANGE_PUBLISH_H
#define STOATMQ_EXCHANGE_PUBLISH_H

#include "exchange/channel.h"
#include "exchange/command.h"

/* Publishes, or keeps for the transaction's commit. Takes the message in any case. 0, or -1 with
 * ERROR filled. */
int publish(struct channel *channel, const struct command_publish *command,
            struct reply_error *error) __attribute__((warn_unused_result));

/* Routes a publish that was found legal and puts it into its queues, or returns it; takes the
 * message. The result is the LSN of its record in the store, 0 when it needed none. */
uint64_t publish_route(struct channel *channel, const struct command_publish *command);

/* Puts MESSAGE, whose reference is taken, into QUEUE, with a record in the store when both last. It
 * is on its way already: nobody looks at its properties, nor counts it as published. */
void publish_into(struct queue *queue, struct message *message);

#endif
