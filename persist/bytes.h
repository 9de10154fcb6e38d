/* SPDX-License-Identifier: Apache-2.0
 *
 * bytes: how numbers and strings stand in what persist/ writes: little endian, a string behind its
 * size in four octets. Reading trusts nothing: it fails the cursor. Pure; any thread.
 */
#ifndef STOATMQ_PERSIST_BYTES_H
#define STOATMQ_PERSIST_BYTES_H

#include "server/base/buf.h"
#include "server/base/cursor.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the log is little endian");

static inline void put_le32(uint8_t *to, uint32_t value)
{
    memcpy(to, &value, sizeof value);
}

static inline void put_le64(uint8_t *to, uint64_t value)
{
    memcpy(to, &value, sizeof value);
}

static inline uint32_t get_le32(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline uint64_t get_le64(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline void bytes_put_u32(struct buf *out, uint32_t value)
{
    put_le32(buf_reserve(out, sizeof value), value);
    out->size += sizeof value;
}

static inline void bytes_put_u64(struct buf *out, uint64_t value)
{
    put_le64(buf_reserve(out, sizeof value), value);
    out->size += sizeof value;
}

static inline void bytes_put_string(struct buf *out, struct slice string)
{
    bytes_put_u32(out, (uint32_t)string.size);
    buf_bytes(out, string);
}

static inline uint32_t bytes_u32(struct cursor *cursor)
{
    struct slice bytes = cursor_bytes(cursor, sizeof(uint32_t));
    return cursor->failed ? 0 : get_le32(bytes.data);
}

static inline uint64_t bytes_u64(struct cursor *cursor)
{
    struct slice bytes = cursor_bytes(cursor, sizeof(uint64_t));
    return cursor->failed ? 0 : get_le64(bytes.data);
}

static inline struct slice bytes_string(struct cursor *cursor)
{
    return cursor_bytes(cursor, bytes_u32(cursor));
}

#endif
