/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/reply_to.h"

#include "exchange/consumer.h"
#include "exchange/engine.h"
#include "exchange/message.h"
#include "exchange/session.h"
#include "server/base/crypto.h"

#define TOKEN_RANDOM_BYTES 18

/* Bytes that may wait for a client that does not read its replies; what comes then is dropped. */
#define REPLY_BACKLOG_MAX (64u << 20)

_Static_assert(CRYPTO_TOKEN_CHARS(TOKEN_RANDOM_BYTES) == CHANNEL_REPLY_TOKEN_BYTES, "token size");

static struct slice token_of(const struct channel *channel)
{
    return slice_of(channel->reply_token, CHANNEL_REPLY_TOKEN_BYTES);
}

void reply_to_put_address(const struct channel *channel, struct buf *out)
{
    buf_bytes(out, SLICE_LITERAL(REPLY_TO_PSEUDO_QUEUE "."));
    buf_bytes(out, token_of(channel));
}

static struct channel *find_channel(const struct engine *engine, struct slice address)
{
    size_t prefix = sizeof REPLY_TO_PSEUDO_QUEUE;
    return map_get(&engine->reply_consumers,
                   slice_of(address.data + prefix, address.size - prefix));
}

bool reply_to_is_alive(const struct engine *engine, struct slice address)
{
    return find_channel(engine, address) != NULL;
}

int reply_to_consume(struct channel *channel, const struct method_basic_consume *consume,
                     struct slice consumer_tag, struct reply_error *error)
{
    struct engine *engine = channel->session->engine;
    if (channel->reply_consumer != NULL)
        return reply_error(error, REPLY_PRECONDITION_FAILED, "reply consumer already set");
    if (!consume->no_ack)
        return reply_error(error, REPLY_PRECONDITION_FAILED, "reply consumer cannot acknowledge");
    uint8_t random[TOKEN_RANDOM_BYTES];
    engine->env->random(engine->env->context, random, sizeof random);
    (void)crypto_token(channel->reply_token, slice_of(random, sizeof random));
    channel->reply_consumer = consumer_add(
        channel, NULL, &(struct consumer_spec){.tag = consumer_tag, .no_ack = true});
    map_add(&engine->reply_consumers, token_of(channel), channel);
    return 0;
}

void reply_to_deliver(const struct channel *publisher, struct message *message)
{
    struct engine *engine = publisher->session->engine;
    struct channel *channel = find_channel(engine, message_routing_key(message));
    if (channel == NULL || channel->session->unwritten >= REPLY_BACKLOG_MAX)
        return; /* replies are not kept for who does not read them */
    engine->counters.messages_routed++;
    message_ref(message);
    consumer_deliver(channel->reply_consumer, &(struct returned_entry){.message = message});
}
