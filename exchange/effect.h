/* SPDX-License-Identifier: Apache-2.0
 *
 * effect: what the engine wants sent to a client. The engine emits, the connection's side (the
 * sink) turns it into frames, at once or on another thread. Everything in an effect is borrowed for
 * the call; a sink that keeps the message takes a reference. Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_EFFECT_H
#define STOATMQ_EXCHANGE_EFFECT_H

#include "amqp/method.h"
#include "exchange/message.h"

enum effect_kind {
    EFFECT_METHOD,  /* method, on channel */
    EFFECT_CONTENT, /* method (basic.return, basic.get-ok) with message's content */
    EFFECT_DELIVER, /* basic.deliver: consumer_tag, delivery_tag, redelivered, message */
    EFFECT_LOGIN,   /* the answer to COMMAND_LOGIN: accepted, late_ms */
    EFFECT_GONE,    /* the session is freed; nothing will name this connection again */
};

struct effect {
    enum effect_kind kind;
    uint16_t channel;
    bool redelivered;
    bool accepted;
    uint32_t late_ms; /* by which the client is to be told late that it is not accepted */
    const struct method *method;
    struct message *message;
    struct slice consumer_tag;
    uint64_t delivery_tag;
};

/* What an effect with content counts for against a connection's output limit, in bytes: about its
 * size on the wire. Engine and sink must agree: COMMAND_DRAINED gives back what was counted. */
static inline uint32_t effect_cost(const struct effect *effect)
{
    return effect->kind != EFFECT_DELIVER
               ? 0
               : (uint32_t)(20 + effect->consumer_tag.size + message_image_bytes(effect->message));
}

struct sink {
    /* CONNECTION is what COMMAND_SESSION_OPEN named. */
    void (*emit)(struct sink *sink, void *connection, const struct effect *effect);
};

#endif
