/* SPDX-License-Identifier: Apache-2.0
 *
 * reply_to: RabbitMQ's direct reply-to. A channel consumes from the pseudo-queue
 * amq.rabbitmq.reply-to; what it then publishes with that reply-to carries an address of its own
 * instead; a publish to the default exchange with such an address goes straight to the channel.
 * Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_REPLY_TO_H
#define STOATMQ_EXCHANGE_REPLY_TO_H

#include "exchange/channel.h"
#include "exchange/command.h"
#include "server/base/buf.h"

struct engine;

#define REPLY_TO_PSEUDO_QUEUE "amq.rabbitmq.reply-to"

static inline bool reply_to_is_pseudo_queue(struct slice name)
{
    return slice_equal(name, SLICE_LITERAL(REPLY_TO_PSEUDO_QUEUE));
}

/* Is it the form of an address (whether or not somebody is there)? */
static inline bool reply_to_is_address(struct slice name)
{
    return slice_starts_with(name, SLICE_LITERAL(REPLY_TO_PSEUDO_QUEUE "."));
}

/* Appends the address of CHANNEL, which has a reply consumer. */
void reply_to_put_address(const struct channel *channel, struct buf *out);

/* Does the address lead to a channel that consumes replies now? */
bool reply_to_is_alive(const struct engine *engine, struct slice address);

/* Starts CONSUMER_TAG as the channel's reply consumer: 0, or -1 with ERROR filled. */
int reply_to_consume(struct channel *channel, const struct method_basic_consume *consume,
                     struct slice consumer_tag, struct reply_error *error)
    __attribute__((warn_unused_result));

/* Delivers a message whose routing key is an address, when somebody is there; the caller keeps its
 * reference. */
void reply_to_deliver(const struct channel *publisher, struct message *message);

#endif
