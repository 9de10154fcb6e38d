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

#define TARGET_BYTES 16

/* --- writing: little endian; strings and tables with four octets of size in front --------- */

static void put_u32(struct buf *out, uint32_t value)
{
    put_le32(buf_reserve(out, sizeof value), value);
    out->size += sizeof value;
}

static void put_u64(struct buf *out, uint64_t value)
{
    put_le64(buf_reserve(out, sizeof value), value);
    out->size += sizeof value;
}

static void put_bytes(struct buf *out, struct slice bytes)
{
    put_u32(out, (uint32_t)bytes.size);
    buf_bytes(out, bytes);
}

static void put_queue(const struct queue *queue, struct buf *out)
{
    buf_u8(out, (uint8_t)((queue->durable ? FACT_DURABLE : 0) |
                          (queue->auto_delete ? FACT_AUTO_DELETE : 0)));
    put_u64(out, queue->id);
    put_bytes(out, queue->vhost->name);
    put_bytes(out, queue->name);
    put_bytes(out, queue->arguments);
}

static void put_exchange_name(const struct exchange *exchange, struct buf *out)
{
    put_bytes(out, exchange->vhost->name);
    put_bytes(out, exchange->name);
}

static void put_exchange(const struct exchange *exchange, struct buf *out)
{
    buf_u8(out, (uint8_t)((exchange->durable ? FACT_DURABLE : 0) |
                          (exchange->auto_delete ? FACT_AUTO_DELETE : 0) |
                          (exchange->internal ? FACT_INTERNAL : 0)));
    put_exchange_name(exchange, out);
    put_bytes(out, slice_from_string(exchange->type->name));
    put_bytes(out, exchange->arguments);
}

static void put_binding(const struct binding *binding, struct buf *out)
{
    buf_u8(out, binding->queue != NULL ? 0 : FACT_TO_EXCHANGE);
    put_u64(out, binding->queue != NULL ? binding->queue->id : 0);
    put_exchange_name(binding->source, out);
    put_bytes(out, binding->exchange != NULL ? binding->exchange->name : SLICE_EMPTY);
    put_bytes(out, binding->routing_key);
    put_bytes(out, binding->arguments);
}

void fact_encode_target(uint64_t queue, uint64_t position, struct buf *out)
{
    put_u64(out, queue);
    put_u64(out, position);
}

void fact_encode_message(struct message *message, struct slice targets, uint64_t parts_lsn,
                         struct buf *out)
{
    buf_u8(out, (uint8_t)((message->flags & MESSAGE_PERSISTENT ? FACT_PERSISTENT : 0) |
                          (parts_lsn != 0 ? FACT_PARTS : 0)));
    put_u32(out, (uint32_t)(targets.size / TARGET_BYTES));
    buf_bytes(out, targets);
    put_bytes(out, message_exchange(message));
    put_bytes(out, message_routing_key(message));
    put_bytes(out, message_properties(message));
    put_u32(out, message->body_bytes);
    if (parts_lsn != 0)
        put_u64(out, parts_lsn);
}

void fact_encode(const struct store_record *record, struct buf *out)
{
    switch (record->kind) {
    case STORE_SETTLE:
        put_u64(out, record->queue->id);
        put_u64(out, record->position);
        put_u64(out, record->span);
        put_u64(out, record->bytes);
        break;
    case STORE_REQUEUE:
        put_u64(out, record->queue->id);
        put_u64(out, record->position);
        put_u32(out, record->delivery_count);
        break;
    case STORE_QUEUE_DECLARE:
        put_queue(record->queue, out);
        break;
    case STORE_QUEUE_DELETE:
        put_u64(out, record->queue->id);
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

static uint32_t get_u32(struct cursor *cursor)
{
    struct slice bytes = cursor_bytes(cursor, sizeof(uint32_t));
    return cursor->failed ? 0 : get_le32(bytes.data);
}

static uint64_t get_u64(struct cursor *cursor)
{
    struct slice bytes = cursor_bytes(cursor, sizeof(uint64_t));
    return cursor->failed ? 0 : get_le64(bytes.data);
}

static struct slice get_bytes(struct cursor *cursor)
{
    return cursor_bytes(cursor, get_u32(cursor));
}

/* As get_bytes, of a name or key: at most 255 octets. */
static struct slice get_short(struct cursor *cursor)
{
    struct slice bytes = get_bytes(cursor);
    if (bytes.size > 255)
        cursor_fail(cursor);
    return bytes;
}

static struct slice get_table(struct cursor *cursor)
{
    struct slice table = get_bytes(cursor);
    if (!cursor->failed && table_validate(table) != TABLE_OK)
        cursor_fail(cursor);
    return table;
}

static void get_message(struct cursor *cursor, struct fact *fact)
{
    fact->flags = cursor_u8(cursor);
    fact->target_count = get_u32(cursor);
    fact->targets = cursor_bytes(cursor, (size_t)fact->target_count * TARGET_BYTES);
    fact->exchange = get_short(cursor);
    fact->routing_key = get_short(cursor);
    fact->properties = get_bytes(cursor);
    fact->body_bytes = get_u32(cursor);
    fact->parts_lsn = fact->flags & FACT_PARTS ? get_u64(cursor) : 0;
    fact->body = cursor_bytes(cursor, cursor_left(cursor));
    if (fact->body.size > fact->body_bytes)
        cursor_fail(cursor);
}

static void get_binding(struct cursor *cursor, struct fact *fact)
{
    fact->flags = cursor_u8(cursor);
    fact->queue = get_u64(cursor);
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
        fact->queue = get_u64(cursor);
    fact->vhost = get_short(cursor);
    fact->name = get_short(cursor);
    if (!of_queue)
        fact->type = get_short(cursor);
    fact->arguments = get_table(cursor);
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
        fact->queue = get_u64(&cursor);
        fact->position = get_u64(&cursor);
        fact->span = get_u64(&cursor);
        fact->bytes = get_u64(&cursor);
        break;
    case STORE_REQUEUE:
        fact->queue = get_u64(&cursor);
        fact->position = get_u64(&cursor);
        fact->count = get_u32(&cursor);
        break;
    case STORE_QUEUE_DECLARE:
    case STORE_EXCHANGE_DECLARE:
        get_declaration(&cursor, fact);
        break;
    case STORE_QUEUE_DELETE:
        fact->queue = get_u64(&cursor);
        break;
    case STORE_EXCHANGE_DELETE:
        fact->vhost = get_short(&cursor);
        fact->name = get_short(&cursor);
        break;
    case STORE_BIND:
    case STORE_UNBIND:
        get_binding(&cursor, fact);
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
    const uint8_t *target = fact->targets.data + (size_t)index * TARGET_BYTES;
    *queue = get_le64(target);
    *position = get_le64(target + sizeof(uint64_t));
}
