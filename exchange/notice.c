/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/notice.h"

#include "exchange/engine.h"
#include "exchange/message.h"
#include "exchange/publish.h"
#include "exchange/queue.h"
#include "exchange/route.h"
#include "exchange/vhost.h"
#include "server/base/mem.h"

#define ROUTING_KEY_MAX 255

void notice_post(struct exchange *exchange, struct slice routing_key,
                 const struct properties *properties, struct slice body)
{
    struct notices *notices = &exchange->vhost->engine->notices;
    struct buf encoded = {0};
    if (routing_key.size > ROUTING_KEY_MAX)
        routing_key.size = ROUTING_KEY_MAX;
    properties_encode(properties, &encoded);
    struct message *message = message_new(exchange->name, routing_key, buf_slice(&encoded),
                                          (uint32_t)body.size, (uint32_t)body.size);
    buf_fini(&encoded);
    if (message == NULL)
        return;
    if (body.size > 0)
        memcpy(message_body(message), body.data, body.size);
    message_seal(message);
    if (properties->flags & PROPERTY_DELIVERY_MODE && properties->delivery_mode == 2)
        message->flags |= MESSAGE_PERSISTENT;
    if (notices->count == notices->capacity) {
        notices->capacity = notices->capacity == 0 ? 16 : notices->capacity * 2;
        notices->entries = mem_realloc(notices->entries,
                                       notices->capacity * sizeof *notices->entries);
    }
    notices->entries[notices->count++] = (struct notice){exchange, message};
}

/* Gives MESSAGE, with its reference, to where it leads; a queue that is full and would refuse it
 * does not get it. */
static void publish_one(struct exchange *exchange, struct message *message, struct route_set *set)
{
    struct engine *engine = exchange->vhost->engine;
    exchange->published++;
    route_set_begin(set, exchange->vhost);
    struct slice key = message_routing_key(message);
    (void)route_collect(exchange, &key, 1, message, set);
    uint32_t count = queue_limit_keep_willing(set->queues, set->count, message);
    exchange->routed += count;
    if (count > 0)
        (void)publish_to_queues(engine, message, set->queues, count);
    else
        message_unref(message);
}

void notices_publish(struct engine *engine)
{
    struct notices taken = engine->notices;
    struct route_set set = {0};
    engine->notices = (struct notices){0};
    for (uint32_t i = 0; i < taken.count; i++)
        if (taken.entries[i].exchange != NULL)
            publish_one(taken.entries[i].exchange, taken.entries[i].message, &set);
        else
            message_unref(taken.entries[i].message);
    route_set_fini(&set);
    if (engine->notices.capacity == 0) {
        taken.count = 0;
        engine->notices = taken;
    } else {
        mem_free(taken.entries);
    }
}

void notices_forget(struct engine *engine, const struct exchange *exchange)
{
    for (uint32_t i = 0; i < engine->notices.count; i++)
        if (engine->notices.entries[i].exchange == exchange)
            engine->notices.entries[i].exchange = NULL;
}

void notices_fini(struct engine *engine)
{
    for (uint32_t i = 0; i < engine->notices.count; i++)
        message_unref(engine->notices.entries[i].message);
    mem_free(engine->notices.entries);
    engine->notices = (struct notices){0};
}
