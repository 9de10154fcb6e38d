/* SPDX-License-Identifier: Apache-2.0
 *
 * cursor: reads big-endian fields from a slice. The first read past the end sets `failed`, and
 * every later read answers zero or empty, so that a parser checks once, at its end. Owns nothing.
 */
#ifndef STOATMQ_BASE_CURSOR_H
#define STOATMQ_BASE_CURSOR_H

#include "server/base/slice.h"

struct cursor {
    const uint8_t *at, *end;
    bool failed;
};

static inline struct cursor cursor_of(struct slice bytes)
{
    /* An empty slice may be NULL, to which C allows nothing to be added, not even zero. */
    const uint8_t *start = bytes.data != NULL ? bytes.data : (const uint8_t *)"";
    return (struct cursor){start, start + bytes.size, false};
}

static inline size_t cursor_left(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

/* Fails the cursor: all later reads answer zero. */
static inline void cursor_fail(struct cursor *cursor)
{
    cursor->failed = true;
    cursor->at = cursor->end;
}

/* Moves over SIZE bytes and returns a slice of them. */
static inline struct slice cursor_bytes(struct cursor *cursor, size_t size)
{
    if (__builtin_expect(cursor_left(cursor) < size, 0)) {
        cursor_fail(cursor);
        return SLICE_EMPTY;
    }
    struct slice bytes = {cursor->at, size};
    cursor->at += size;
    return bytes;
}

static inline uint8_t load_u8(const uint8_t *from)
{
    return *from;
}

static inline uint16_t load_u16(const uint8_t *from)
{
    uint16_t value;
    memcpy(&value, from, sizeof value);
    return __builtin_bswap16(value);
}

static inline uint32_t load_u32(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return __builtin_bswap32(value);
}

static inline uint64_t load_u64(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return __builtin_bswap64(value);
}

#define CURSOR_READER(name, type, load)                                \
    static inline type name(struct cursor *cursor)                     \
    {                                                                  \
        if (__builtin_expect(cursor_left(cursor) < sizeof(type), 0)) { \
            cursor_fail(cursor);                                       \
            return 0;                                                  \
        }                                                              \
        type value = load(cursor->at);                                 \
        cursor->at += sizeof(type);                                    \
        return value;                                                  \
    }

CURSOR_READER(cursor_u8, uint8_t, load_u8)
CURSOR_READER(cursor_u16, uint16_t, load_u16)
CURSOR_READER(cursor_u32, uint32_t, load_u32)
CURSOR_READER(cursor_u64, uint64_t, load_u64)
#undef CURSOR_READER

#endif
