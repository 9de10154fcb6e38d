/* SPDX-License-Identifier: Apache-2.0 */
#include "persist/fact.h"

#include "amqp/table.h"
#include "exchange/binding.h"
#include "exchange/exchange.h"
#include "exchange/message.h"
#include "exchange/queue.h"
#include "exchange/vhost.h"
#include "persist/record.h"
#include "server/base/check.h"

/* --- writing: little endian; strings and tables with four octets of size in front --------- */

static void put_queue(const struct queue *queue, struct buf *out)
{
    buf_u8(out, (uint8_t)((queue->durable ? FACT_DURABLE : 0) |
                          (queue->auto_delete ? FACT_AUTO_DELETE : 0) |
                          (queue->delay != NULL ? FACT_INTERNAL : 0)));
    bytes_put_u64(out, queue->id);
    bytes_put_string(out, queue->vhost->name);
    bytes_put_string(out, queue->name);
    bytes_put_string(out, queue->arguments);
}

static void put_exchange_name(const struct exchange *exchange, struct buf *out)
{
    bytes_put_string(out, exchange->vhost->name);
    bytes_put_string(out, exchange->name);
}

static void put_exchange(const struct exchange *exchange, struct buf *out)
{
    buf_u8(out, (uint8_t)((exchange->durable ? FACT_DURABLE : 0) |
                          (exchange->auto_delete ? FACT_AUTO_DELETE : 0) |
                          (exchange->internal ? FACT_INTERNAL : 0) |
                          (exchange->user.size > 0 ? FACT_USER : 0)));
    put_exchange_name(exchange, out);
    bytes_put_string(out, slice_from_string(exchange->type->name));
    bytes_put_string(out, exchange->arguments);
    if (exchange->user.size > 0)
        bytes_put_string(out, exchange->user);
}

static void put_binding(const struct binding *binding, struct buf *out)
{
    buf_u8(out, binding->queue != NULL ? 0 : FACT_TO_EXCHANGE);
    bytes_put_u64(out, binding->queue != NULL ? binding->queue->id : 0);
    put_exchange_name(binding->source, out);
    bytes_put_string(out, binding->exchange != NULL ? binding->exchange->name : SLICE_EMPTY);
    bytes_put_string(out, binding->routing_key);
    bytes_put_string(out, binding->arguments);
}

/* One that ends what was defined is the front of the other. */
static void put_definition(const struct store_record *record, struct buf *out)
{
    buf_u8(out, (uint8_t)record->definition->kind);
    bytes_put_string(out, record->definition->key);
    if (record->kind == STORE_DEFINE)
        bytes_put_string(out, record->definition->value);
}

void fact_encode_target(uint64_t queue, uint64_t position, struct buf *out)
{
    bytes_put_u64(out, queue);
    bytes_put_u64(out, position);
}

void fact_encode_message(struct message *message, struct slice targets, uint64_t parts_lsn,
                         struct buf *out)
{
    buf_u8(out, (uint8_t)((message->flags & MESSAGE_PERSISTENT ? FACT_PERSISTENT : 0) |
                          (parts_lsn != 0 ? FACT_PARTS : 0) |
                          (message->flags & MESSAGE_TIMED ? FACT_TIMED : 0) |
                          (message->flags & MESSAGE_BCC ? FACT_BCC : 0)));
    bytes_put_u32(out, (uint32_t)(targets.size / FACT_TARGET_BYTES));
    buf_bytes(out, targets);
    bytes_put_string(out, message_exchange(message));
    bytes_put_string(out, message_routing_key(message));
    bytes_put_string(out, message_properties(message));
    bytes_put_u32(out, message->body_bytes);
    if (parts_lsn != 0)
        bytes_put_u64(out, parts_lsn);
    if (message->flags & MESSAGE_TIMED)
        bytes_put_u64(out, message_time_ms(message));
}

void fact_encode(const struct store_record *record, struct buf *out)
{
    switch (record->kind) {
    case STORE_SETTLE:
        bytes_put_u64(out, record->queue->id);
        bytes_put_u64(out, record->position);
        bytes_put_u64(out, record->span);
        bytes_put_u64(out, record->bytes);
        break;
    case STORE_STOP:
        bytes_put_u64(out, record->queue->id);
        bytes_put_u64(out, record->position);
        break;
    case STORE_REQUEUE:
        bytes_put_u64(out, record->queue->id);
        bytes_put_u64(out, record->position);
        bytes_put_u32(out, record->delivery_count);
        break;
    case STORE_QUEUE_DECLARE:
        put_queue(record->queue, out);
        break;
    case STORE_QUEUE_DELETE:
        bytes_put_u64(out, record->queue->id);
        break;
    case STORE_EXCHANGE_DECLARE:
        put_exchange(record->exchange, out);
        break;
    case STORE_EXCHANGE_DELETE:
        put_exchange_name(record->exchange, out);
        break;
    case STORE_BIND:
    case STORE_UNBIND:
        put_binding(record->binding, out);
        break;
    case STORE_DEFINE:
    case STORE_UNDEFINE:
        put_definition(record, out);
        break;
    case STORE_TX_BEGIN:
    case STORE_TX_COMMIT:
        break;
    case STORE_MESSAGE:
    case STORE_MOVED:
    case STORE_PAGE:
        CHECK_ID(false, record->kind);
    }
}

/* --- reading ------------------------------------------------------------------------------ */

/* A name or key: at most 255 octets. */
static struct slice get_short(struct cursor *cursor)
{
    struct slice bytes = bytes_string(cursor);
    if (bytes.size > 255)
        cursor_fail(cursor);
    return bytes;
}

static struct slice get_table(struct cursor *cursor)
{
    struct slice table = bytes_string(cursor);
    if (!cursor->failed && table_validate(table) != TABLE_OK)
        cursor_fail(cursor);
    return table;
}

static void get_message(struct cursor *cursor, struct fact *fact)
{
    fact->flags = cursor_u8(cursor);
    fact->target_count = bytes_u32(cursor);
    fact->targets = cursor_bytes(cursor, (size_t)fact->target_count * FACT_TARGET_BYTES);
    fact->exchange = get_short(cursor);
    fact->routing_key = get_short(cursor);
    fact->properties = bytes_string(cursor);
    fact->body_bytes = bytes_u32(cursor);
    fact->parts_lsn = fact->flags & FACT_PARTS ? bytes_u64(cursor) : 0;
    fact->time_ms = fact->flags & FACT_TIMED ? bytes_u64(cursor) : 0;
    fact->body = cursor_bytes(cursor, cursor_left(cursor));
    if (fact->body.size > fact->body_bytes)
        cursor_fail(cursor);
}

static void get_binding(struct cursor *cursor, struct fact *fact)
{
    fact->flags = cursor_u8(cursor);
    fact->queue = bytes_u64(cursor);
    fact->vhost = get_short(cursor);
    fact->name = get_short(cursor);
    fact->destination = get_short(cursor);
    fact->routing_key = get_short(cursor);
    fact->arguments = get_table(cursor);
}

static void get_declaration(struct cursor *cursor, struct fact *fact)
{
    bool of_queue = fact->kind == STORE_QUEUE_DECLARE;
    fact->flags = cursor_u8(cursor);
    if (of_queue)
        fact->queue = bytes_u64(cursor);
    fact->vhost = get_short(cursor);
    fact->name = get_short(cursor);
    if (!of_queue)
        fact->type = get_short(cursor);
    fact->arguments = get_table(cursor);
    if (!of_queue && fact->flags & FACT_USER)
        fact->user = bytes_string(cursor);
}

static void get_definition(struct cursor *cursor, struct fact *fact)
{
    fact->definition = (enum definition_kind)cursor_u8(cursor);
    fact->key = bytes_string(cursor);
    if (fact->kind == STORE_DEFINE)
        fact->value = get_table(cursor);
}

int fact_decode(enum store_record_kind kind, struct slice payload, struct fact *fact)
{
    struct cursor cursor = cursor_of(payload);
    *fact = (struct fact){.kind = kind};
    switch (kind) {
    case STORE_MESSAGE:
    case STORE_MOVED:
    case STORE_PAGE:
        get_message(&cursor, fact);
        break;
    case STORE_SETTLE:
        fact->queue = bytes_u64(&cursor);
        fact->position = bytes_u64(&cursor);
        fact->span = bytes_u64(&cursor);
        fact->bytes = bytes_u64(&cursor);
        break;
    case STORE_STOP:
        fact->queue = bytes_u64(&cursor);
        fact->position = bytes_u64(&cursor);
        break;
    case STORE_REQUEUE:
        fact->queue = bytes_u64(&cursor);
        fact->position = bytes_u64(&cursor);
        fact->count = bytes_u32(&cursor);
        break;
    case STORE_QUEUE_DECLARE:
    case STORE_EXCHANGE_DECLARE:
        get_declaration(&cursor, fact);
        break;
    case STORE_QUEUE_DELETE:
        fact->queue = bytes_u64(&cursor);
        break;
    case STORE_EXCHANGE_DELETE:
        fact->vhost = get_short(&cursor);
        fact->name = get_short(&cursor);
        break;
    case STORE_BIND:
    case STORE_UNBIND:
        get_binding(&cursor, fact);
        break;
    case STORE_DEFINE:
    case STORE_UNDEFINE:
        get_definition(&cursor, fact);
        break;
    case STORE_TX_BEGIN:
    case STORE_TX_COMMIT:
        break;
    default:
        return -1;
    }
    return cursor.failed || cursor_left(&cursor) > 0 ? -1 : 0;
}

void fact_target(const struct fact *fact, uint32_t index, uint64_t *queue, uint64_t *position)
{
    const uint8_t *target = fact->targets.data + (size_t)index * FACT_TARGET_BYTES;
    *queue = get_le64(target);
    *position = get_le64(target + sizeof(uint64_t));
}
