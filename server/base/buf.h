/* SPDX-License-Identifier: Apache-2.0
 *
 * buf: an owned, growing byte buffer with big-endian appends. Zero-initialise it, or buf_init;
 * buf_fini frees. Growth doubles and never fails (mem.h). One thread at a time.
 */
#ifndef STOATMQ_BASE_BUF_H
#define STOATMQ_BASE_BUF_H

#include "server/base/slice.h"

struct buf {
    uint8_t *data;
    size_t size, capacity;
};

static inline void buf_init(struct buf *buf)
{
    *buf = (struct buf){0};
}

void buf_fini(struct buf *buf);

/* The slow path of buf_reserve: makes room for MORE bytes behind the present size. */
void buf_grow(struct buf *buf, size_t more);

/* Room for MORE bytes, at least 1; returns where they go. The caller advances `size` by what it
 * wrote. */
static inline uint8_t *buf_reserve(struct buf *buf, size_t more)
{
    if (__builtin_expect(buf->capacity - buf->size < more, 0))
        buf_grow(buf, more);
    return buf->data + buf->size;
}

static inline struct slice buf_slice(const struct buf *buf)
{
    return (struct slice){buf->data, buf->size};
}

static inline void store_u16(uint8_t *to, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(to, &value, sizeof value);
}

static inline void store_u32(uint8_t *to, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(to, &value, sizeof value);
}

static inline void store_u64(uint8_t *to, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(to, &value, sizeof value);
}

static inline void buf_bytes(struct buf *buf, struct slice bytes)
{
    if (bytes.size > 0)
        memcpy(buf_reserve(buf, bytes.size), bytes.data, bytes.size);
    buf->size += bytes.size;
}

static inline void buf_u8(struct buf *buf, uint8_t value)
{
    *buf_reserve(buf, 1) = value;
    buf->size += 1;
}

static inline void buf_u16(struct buf *buf, uint16_t value)
{
    store_u16(buf_reserve(buf, 2), value);
    buf->size += 2;
}

static inline void buf_u32(struct buf *buf, uint32_t value)
{
    store_u32(buf_reserve(buf, 4), value);
    buf->size += 4;
}

static inline void buf_u64(struct buf *buf, uint64_t value)
{
    store_u64(buf_reserve(buf, 8), value);
    buf->size += 8;
}

/* Appends formatted text, without a terminator. */
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
