/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/message.h"

#include "amqp/frame.h"
#include "amqp/table.h"
#include "exchange/reply_to.h"
#include "server/base/buf.h"
#include "server/base/check.h"
#include "server/base/mem.h"

#define BASIC_CLASS_ID 60

static uint8_t *put_shortstr(uint8_t *at, struct slice text)
{
    *at++ = (uint8_t)text.size;
    if (text.size > 0)
        memcpy(at, text.data, text.size);
    return at + text.size;
}

/* A frame's front, with the channel left zero: whoever sends it patches that. */
static uint8_t *put_frame_front(uint8_t *at, enum frame_type type, uint32_t payload_bytes)
{
    at[0] = (uint8_t)type;
    at[1] = at[2] = 0;
    store_u32(at + 3, payload_bytes);
    return at + FRAME_HEADER_BYTES;
}

#define TIME_BYTES sizeof(uint64_t)

/* Bytes of the allocation with ROOM octets of body. There is room for the time in each, lest it be
 * moved for that: the allocator's rounding has those octets most often. */
static size_t allocation_bytes(const struct message *shape, uint32_t room)
{
    return sizeof *shape + message_body_at(shape) + room + 1 + TIME_BYTES;
}

struct message *message_new(struct slice exchange, struct slice routing_key,
                            struct slice properties, uint32_t body_bytes, uint32_t room)
{
    CHECK(exchange.size <= 255 && routing_key.size <= 255 && room <= body_bytes);
    struct message shape = {.references = 1,
                            .exchange_bytes = (uint8_t)exchange.size,
                            .routing_key_bytes = (uint8_t)routing_key.size,
                            .properties_bytes = (uint32_t)properties.size,
                            .body_bytes = body_bytes};
    struct message *message = mem_try_alloc(allocation_bytes(&shape, room));
    if (message == NULL)
        return NULL;
    memcpy(message, &shape, sizeof shape);

    uint8_t *at = put_shortstr(message->image, exchange);
    at = put_shortstr(at, routing_key);
    *at++ = FRAME_END;
    at = put_frame_front(at, FRAME_HEADER, CONTENT_HEADER_BYTES + message->properties_bytes);
    store_u16(at, BASIC_CLASS_ID);
    store_u16(at + 2, 0);
    store_u64(at + 4, body_bytes);
    at += CONTENT_HEADER_BYTES;
    memcpy(at, properties.data, properties.size);
    at += properties.size;
    *at++ = FRAME_END;
    if (body_bytes > 0)
        put_frame_front(at, FRAME_BODY, body_bytes);
    return message;
}

struct message *message_widen(struct message *message, uint32_t room)
{
    CHECK(atomic_load(&message->references) == 1 && room <= message->body_bytes);
    return mem_try_realloc(message, allocation_bytes(message, room));
}

void message_seal(struct message *message)
{
    if (message->body_bytes > 0)
        message->image[message_image_bytes(message) - 1] = FRAME_END;
}

void message_free(struct message *message)
{
    mem_free(message);
}

/* One pass: most headers are none of these. */
static bool has_notable_header(struct slice headers)
{
    struct cursor cursor = cursor_of(headers);
    struct table_value value;
    for (struct slice key; table_next(&cursor, &key, &value);)
        if (key.size <= 7 &&
            (slice_equal(key, SLICE_LITERAL("CC")) || slice_equal(key, SLICE_LITERAL("BCC")) ||
             slice_equal(key, SLICE_LITERAL("x-delay"))))
            return true;
    return false;
}

bool message_wants_inspection(const struct properties *properties)
{
    const unsigned notable = PROPERTY_USER_ID | PROPERTY_EXPIRATION | PROPERTY_DELIVERY_MODE |
                             PROPERTY_REPLY_TO | PROPERTY_HEADERS;
    if ((properties->flags & notable) == 0)
        return false;
    return (properties->flags & (PROPERTY_USER_ID | PROPERTY_EXPIRATION)) != 0 ||
           properties->delivery_mode > 2 ||
           (properties->delivery_mode == 0 && (properties->flags & PROPERTY_DELIVERY_MODE) != 0) ||
           reply_to_is_pseudo_queue(properties->reply_to) ||
           (properties->headers.size > 0 && has_notable_header(properties->headers));
}

struct message *message_with_properties(struct message *message,
                                        const struct properties *properties)
{
    struct buf encoded = {0};
    properties_encode(properties, &encoded);
    struct message *copy = message_new(message_exchange(message), message_routing_key(message),
                                       buf_slice(&encoded), message->body_bytes,
                                       message->body_bytes);
    buf_fini(&encoded);
    if (copy == NULL)
        return NULL;
    memcpy(message_body(copy), message_body(message), message->body_bytes);
    message_seal(copy);
    copy->flags = message->flags & (MESSAGE_PERSISTENT | MESSAGE_INSPECT | MESSAGE_BCC);
    return copy;
}

/* HEADERS without BCC, as a new table. */
static void put_without_bcc(struct buf *out, struct slice headers)
{
    struct cursor cursor = cursor_of(headers);
    struct table_value value;
    for (struct slice key; table_next(&cursor, &key, &value);)
        if (!slice_equal(key, SLICE_LITERAL("BCC")))
            table_put(out, key, &value);
}

struct message *message_for_receiver(struct message *message)
{
    struct properties properties;
    struct message *copy = NULL;
    if (message->flags & MESSAGE_BCC &&
        properties_decode(message_properties(message), &properties) == METHOD_OK) {
        struct buf headers = {0};
        put_without_bcc(&headers, properties.headers);
        properties.headers = buf_slice(&headers);
        copy = message_with_properties(message, &properties);
        buf_fini(&headers);
    }
    if (copy == NULL) {
        message_ref(message);
        return message;
    }
    copy->flags &= (uint8_t)~MESSAGE_BCC;
    return copy;
}

/* A copy of one reference, for which MESSAGE's is given up; NULL when memory is exhausted. */
static struct message *part(struct message *message)
{
    struct message *copy = mem_try_alloc(allocation_bytes(message, message->body_bytes));
    if (copy == NULL)
        return NULL;
    memcpy(copy, message, sizeof *message + message_image_bytes(message));
    atomic_store_explicit(&copy->references, 1, memory_order_relaxed);
    message_unref(message);
    return copy;
}

struct message *message_with_time(struct message *message, uint64_t wall_ms)
{
    struct message *timed = message;
    if (atomic_load_explicit(&message->references, memory_order_acquire) != 1)
        timed = part(message);
    if (timed == NULL)
        return message;
    memcpy(timed->image + message_image_bytes(timed), &wall_ms, sizeof wall_ms);
    timed->flags |= MESSAGE_TIMED;
    return timed;
}

bool message_expiration(const struct message *message, uint64_t *ms)
{
    struct slice encoded = message_properties(message);
    struct properties properties;
    *ms = 0;
    if (encoded.size < 2 || (encoded.data[0] & PROPERTY_EXPIRATION >> 8) == 0 ||
        properties_decode(encoded, &properties) != METHOD_OK)
        return false;
    struct slice text = properties.expiration;
    size_t at = text.size > 0 && (text.data[0] == '+' || text.data[0] == '-');
    for (size_t i = at; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || *ms > UINT64_MAX / 100)
            return false;
        *ms = *ms * 10 + (uint64_t)(text.data[i] - '0');
    }
    return text.size > at;
}

uint8_t message_priority(const struct message *message)
{
    struct slice encoded = message_properties(message);
    if (encoded.size < PROPERTY_FLAGS_BYTES || (encoded.data[0] & PROPERTY_PRIORITY >> 8) == 0)
        return 0;
    struct cursor cursor = cursor_of(encoded); /* past those that stand before it */
    uint16_t flags = cursor_u16(&cursor);
    if (flags & PROPERTY_CONTENT_TYPE)
        (void)cursor_bytes(&cursor, cursor_u8(&cursor));
    if (flags & PROPERTY_CONTENT_ENCODING)
        (void)cursor_bytes(&cursor, cursor_u8(&cursor));
    if (flags & PROPERTY_HEADERS)
        (void)cursor_bytes(&cursor, cursor_u32(&cursor));
    if (flags & PROPERTY_DELIVERY_MODE)
        (void)cursor_u8(&cursor);
    uint8_t priority = cursor_u8(&cursor);
    return cursor.failed ? 0 : priority;
}
