/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/trace.h"

#include "amqp/table.h"
#include "exchange/engine.h"
#include "exchange/message.h"
#include "exchange/notice.h"
#include "exchange/queue.h"
#include "exchange/session.h"
#include "exchange/vhost.h"

static void put_int(struct buf *out, const char *key, int64_t value)
{
    enum table_type type = value <= INT32_MAX ? TABLE_INT32 : TABLE_INT64;
    table_put(out, slice_from_string(key), &(struct table_value){.type = type, .integer = value});
}

static void put_table(struct buf *out, const char *key, enum table_type type, struct slice contents)
{
    table_put(out, slice_from_string(key), &(struct table_value){.type = type, .bytes = contents});
}

static void put_text(struct buf *items, struct slice text)
{
    table_put_item(items, &(struct table_value){.type = TABLE_LONGSTR, .bytes = text});
}

/* --- what it was ----------------------------------------------------------------------------- */

#define PUT_SHORTBYTES(out, key, value) table_put_longstr(out, key, value)
#define PUT_OCTET(out, key, value)      put_int(out, key, value)
#define PUT_LONGLONG(out, key, value)   put_int(out, key, (int64_t)(value))
#define PUT_TABLE(out, key, value)      put_table(out, key, TABLE_TABLE, value)

static void put_properties(struct buf *out, const struct properties *properties)
{
#define PROPERTY(NAME, name, type, bit)             \
    if ((properties->flags & PROPERTY_##NAME) != 0) \
        PUT_##type(out, #name, properties->name);
#include "amqp/properties.def"
}

/* Its own routing key, and those that it has in the header CC. */
static void put_routing_keys(struct buf *items, const struct message *message,
                             const struct properties *properties)
{
    struct table_value keys, key;
    put_text(items, message_routing_key(message));
    if (!table_find(properties->headers, SLICE_LITERAL("CC"), &keys) || keys.type != TABLE_ARRAY)
        return;
    struct cursor cursor = cursor_of(keys.bytes);
    while (table_next_item(&cursor, &key))
        if (key.type == TABLE_LONGSTR)
            put_text(items, key.bytes);
}

static void put_message(struct buf *headers, const struct engine *engine, struct message *traced)
{
    struct message *message = message_for_receiver(traced);
    struct properties properties;
    struct buf keys = {0}, table = {0};
    if (properties_decode(message_properties(message), &properties) != METHOD_OK)
        properties = (struct properties){0};
    put_routing_keys(&keys, message, &properties);
    put_properties(&table, &properties);
    table_put_longstr(headers, "exchange_name", message_exchange(message));
    put_table(headers, "routing_keys", TABLE_ARRAY, buf_slice(&keys));
    put_table(headers, "properties", TABLE_TABLE, buf_slice(&table));
    table_put_longstr(headers, "node", engine->node_name);
    buf_fini(&keys);
    buf_fini(&table);
    message_unref(message);
}

/* --- who did it ------------------------------------------------------------------------------ */

static void put_channel(struct buf *headers, const struct channel *channel)
{
    const struct session *session = channel->session;
    table_put_longstr(headers, "vhost", session->vhost->name);
    table_put_longstr(headers, "connection", session->name);
    put_int(headers, "channel", channel->number);
    table_put_longstr(headers, "user", session->user->name);
}

/* The exchange for traces, when somebody wants one of MESSAGE: what comes from that is not traced
 * again. */
static struct exchange *wanted(const struct vhost *vhost, const struct message *message)
{
    const struct slice name = SLICE_LITERAL(TRACE_EXCHANGE);
    struct exchange *exchange = vhost_exchange(vhost, name);
    return notice_is_wanted(exchange) && !slice_equal(message_exchange(message), name) ? exchange
                                                                                       : NULL;
}

static void post(struct exchange *exchange, const char *verb, struct slice name,
                 struct message *message, const struct buf *headers)
{
    struct buf key = {0};
    buf_bytes(&key, slice_from_string(verb));
    buf_bytes(&key, name);
    notice_post(exchange, buf_slice(&key),
                &(struct properties){.flags = PROPERTY_HEADERS, .headers = buf_slice(headers)},
                slice_of(message_body(message), message->body_bytes));
    buf_fini(&key);
}

void trace_publish(struct channel *channel, struct message *message, struct queue *const *queues,
                   uint32_t count)
{
    struct vhost *vhost = channel->session->vhost;
    struct exchange *exchange = wanted(vhost, message);
    if (exchange == NULL)
        return;
    struct buf headers = {0}, routed = {0};
    for (uint32_t i = 0; i < count; i++)
        if (queues[i]->delay == NULL)
            put_text(&routed, queues[i]->name);
    put_message(&headers, vhost->engine, message);
    put_channel(&headers, channel);
    put_table(&headers, "routed_queues", TABLE_ARRAY, buf_slice(&routed));
    post(exchange, "publish.", message_exchange(message), message, &headers);
    buf_fini(&headers);
    buf_fini(&routed);
}

void trace_deliver(struct channel *channel, const struct queue *queue, struct message *message,
                   bool redelivered)
{
    struct exchange *exchange = wanted(queue->vhost, message);
    if (exchange == NULL)
        return;
    struct buf headers = {0};
    put_message(&headers, queue->vhost->engine, message);
    put_int(&headers, "redelivered", redelivered);
    put_channel(&headers, channel);
    post(exchange, "deliver.", queue->name, message, &headers);
    buf_fini(&headers);
}
