/* SPDX-License-Identifier: Apache-2.0
 *
 * notice: messages that the broker itself publishes, to exchanges of its own: traces, events, its
 * log. They are noted where something happens and published when the command is over, so that
 * nothing is routed in the middle of a change. Nobody pays for what nobody has bound a queue to.
 * Engine's thread only.
 */
#ifndef STOATMQ_EXCHANGE_NOTICE_H
#define STOATMQ_EXCHANGE_NOTICE_H

#include "amqp/properties.h"
#include "exchange/exchange.h"

struct engine;
struct message;

struct notice {
    struct exchange *exchange; /* NULL: it is gone */
    struct message *message;   /* a reference */
};

/* Those that wait; the engine's. */
struct notices {
    struct notice *entries;
    uint32_t count, capacity;
};

/* Would what is published to EXCHANGE (NULL: there is none) get anywhere? */
static inline bool notice_is_wanted(const struct exchange *exchange)
{
    return exchange != NULL && !list_is_empty(&exchange->bindings_out);
}

/* Notes a message for EXCHANGE; a routing key over 255 octets is cut. Dropped when memory is
 * exhausted. */
void notice_post(struct exchange *exchange, struct slice routing_key,
                 const struct properties *properties, struct slice body);

/* Publishes those that wait; some may have come when it returns. */
void notices_publish(struct engine *engine);

/* EXCHANGE goes. */
void notices_forget(struct engine *engine, const struct exchange *exchange);

/* Drops what waits; the engine ends. */
void notices_fini(struct engine *engine);

#endif
