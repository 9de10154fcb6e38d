/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/message.h"

#include "amqp/frame.h"
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

/* Bytes of the allocation with ROOM octets of body. */
static size_t allocation_bytes(const struct message *shape, uint32_t room)
{
    return sizeof *shape + message_body_at(shape) + room + 1;
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
    copy->flags = message->flags;
    return copy;
}
