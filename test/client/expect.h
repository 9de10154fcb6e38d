/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing and what must come of it: messages, returns, confirms, refusals. Borrowed bytes are
 * valid until the client is closed. Nothing here waits longer than CLIENT_WAIT_MS. */
#ifndef STOATMQ_TEST_EXPECT_H
#define STOATMQ_TEST_EXPECT_H

#include "methods.h"

/* A message as basic.deliver, basic.get-ok or basic.return brought it; a field that its method
 * lacks is 0. */
struct delivery {
    uint64_t tag;
    bool redelivered;
    uint32_t message_count;
    uint16_t reply_code;
    amqp_bytes_t reply_text;
    amqp_bytes_t consumer_tag;
    amqp_bytes_t exchange;
    amqp_bytes_t routing_key;
    amqp_bytes_t body;
    const amqp_basic_properties_t *properties;
};

/* The broker closes the channel (answered with close-ok, the number can be opened again), or the
 * connection. The text is complete, a printf format; class and method must be those of the
 * channel's last method. */
void expect_channel_close(struct channel *ch, int code, const char *text, ...)
    __attribute__((format(printf, 3, 4)));
void expect_connection_close(struct channel *ch, int code, const char *text, ...)
    __attribute__((format(printf, 3, 4)));

void publish(struct channel *ch, const char *exchange, const char *key, const char *body);
void publish_with(struct channel *ch, const char *exchange, const char *key,
                  const amqp_basic_properties_t *properties, amqp_bytes_t body);
void publish_mandatory(struct channel *ch, const char *exchange, const char *key, const char *body);
/* Puts the channel into confirm mode; publish_confirmed() does so by itself and returns when the
 * message is confirmed, which means that its queues know it. wait_confirms() waits for those of all
 * that was published. */
void confirm_select(struct channel *ch);
void publish_confirmed(struct channel *ch, const char *exchange, const char *key, const char *body);
void wait_confirms(struct channel *ch);

struct delivery next_delivery(struct channel *ch);
struct delivery expect_delivery(struct channel *ch, const char *body);
struct delivery expect_return(struct channel *ch, int code, const char *text);
/* basic.get; false when the queue was empty. */
bool get(struct channel *ch, const char *queue, bool no_ack, struct delivery *delivery);
/* expect_get() leaves the message unacked, expect_got() acks it. */
struct delivery expect_get(struct channel *ch, const char *queue, const char *body);
void expect_got(struct channel *ch, const char *queue, const char *body);
void expect_empty(struct channel *ch, const char *queue);
/* Nothing is on its way to this channel, if all that was published before is confirmed. */
void expect_no_delivery(struct channel *ch);

/* As passive declares tell: waits until the queue holds so many ready messages (RabbitMQ's answer
 * may overtake a message that was published before it). */
void expect_ready(struct channel *ch, const char *queue, uint32_t count);
uint32_t consumer_count(struct channel *ch, const char *queue);

#endif
