// SPDX-License-Identifier: Apache-2.0
#include "frames.h"

#include <stdio.h>
#include <stdlib.h>

void bytes_reserve(struct bytes *b, size_t more)
{
    if (b->cap - b->len >= more)
        return;
    size_t cap = b->cap ? b->cap : 256;
    while (cap - b->len < more)
        cap *= 2;
    b->data = realloc(b->data, cap);
    if (!b->data) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    b->cap = cap;
}

void bytes_append(struct bytes *b, const void *data, size_t len)
{
    if (len == 0)
        return;
    bytes_reserve(b, len);
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

void bytes_free(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

void put_u8(struct bytes *b, uint8_t v)
{
    bytes_append(b, &v, 1);
}

void put_u16(struct bytes *b, uint16_t v)
{
    v = __builtin_bswap16(v);
    bytes_append(b, &v, sizeof v);
}

void put_u32(struct bytes *b, uint32_t v)
{
    v = __builtin_bswap32(v);
    bytes_append(b, &v, sizeof v);
}

void put_u64(struct bytes *b, uint64_t v)
{
    v = __builtin_bswap64(v);
    bytes_append(b, &v, sizeof v);
}

void put_shortstr(struct bytes *b, const char *s)
{
    size_t len = strlen(s);
    put_u8(b, (uint8_t)len);
    bytes_append(b, s, len & 0xFF);
}

void put_longstr(struct bytes *b, const void *s, size_t len)
{
    put_u32(b, (uint32_t)len);
    bytes_append(b, s, len);
}

size_t frame_begin(struct bytes *b, uint8_t type, uint16_t channel)
{
    size_t begin = b->len;
    put_u8(b, type);
    put_u16(b, channel);
    put_u32(b, 0);
    return begin;
}

size_t method_begin(struct bytes *b, uint16_t channel, uint32_t method)
{
    size_t begin = frame_begin(b, FRAME_METHOD, channel);
    put_u32(b, method);
    return begin;
}

void frame_end(struct bytes *b, size_t begin)
{
    uint32_t size = __builtin_bswap32((uint32_t)(b->len - begin - 7));
    memcpy(b->data + begin + 3, &size, sizeof size);
    put_u8(b, FRAME_END);
}

void put_ack(struct bytes *b, uint16_t channel, uint64_t delivery_tag, bool multiple)
{
    size_t at = method_begin(b, channel, BASIC_ACK);
    put_u64(b, delivery_tag);
    put_u8(b, multiple);
    frame_end(b, at);
}

void put_reject(struct bytes *b, uint16_t channel, uint64_t delivery_tag)
{
    size_t at = method_begin(b, channel, BASIC_NACK);
    put_u64(b, delivery_tag);
    put_u8(b, 1); // multiple, no requeueing
    frame_end(b, at);
}

static void put_properties(struct bytes *b, const struct publish *p)
{
    static const char key[] = "x-delay";
    bool has_priority = p->priority >= 0, has_headers = p->delay_ms > 0;
    put_u16(b, (uint16_t)(has_headers << 13 | 1 << 12 | has_priority << 11));
    if (has_headers) {
        put_u32(b, 1 + sizeof key - 1 + 1 + 8);
        put_shortstr(b, key);
        put_u8(b, 'l');
        put_u64(b, p->delay_ms);
    }
    put_u8(b, p->persistent ? 2 : 1); // delivery-mode
    if (has_priority)
        put_u8(b, (uint8_t)p->priority);
}

size_t put_publish(struct bytes *b, uint16_t channel, const struct publish *p)
{
    size_t at = method_begin(b, channel, BASIC_PUBLISH);
    put_u16(b, 0); // reserved
    put_shortstr(b, p->exchange);
    put_shortstr(b, p->key);
    put_u8(b, 0); // neither mandatory nor immediate
    frame_end(b, at);

    at = frame_begin(b, FRAME_HEADER, channel);
    put_u16(b, CLASS_BASIC);
    put_u16(b, 0); // weight
    put_u64(b, p->size);
    put_properties(b, p);
    frame_end(b, at);

    size_t body_at = b->len + 7;
    for (size_t sent = 0; sent < p->size;) {
        size_t part = p->size - sent;
        if (part > FRAME_MAX - FRAME_OVERHEAD)
            part = FRAME_MAX - FRAME_OVERHEAD;
        at = frame_begin(b, FRAME_BODY, channel);
        bytes_append(b, p->body + sent, part);
        frame_end(b, at);
        sent += part;
    }
    return body_at;
}
