/* SPDX-License-Identifier: Apache-2.0
 *
 * slice: a borrowed run of bytes. Owns nothing; valid as long as what it points into.
 * Wire strings are slices: never NUL-terminated, may hold any byte. Any thread.
 */
#ifndef STOATMQ_BASE_SLICE_H
#define STOATMQ_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *data;
    size_t size;
};

#define SLICE_EMPTY ((struct slice){NULL, 0})

/* A slice of a string literal, without its terminator. */
#define SLICE_LITERAL(text) ((struct slice){(const uint8_t *)(text), sizeof(text) - 1})

/* Arguments for a "%.*s" conversion. */
#define SLICE_ARGS(slice) (int)(slice).size, (const char *)(slice).data

static inline struct slice slice_of(const void *data, size_t size)
{
    return (struct slice){data, size};
}

/* Borrows TEXT, which is NUL-terminated. */
static inline struct slice slice_from_string(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Less than, equal to or greater than 0, in the order of octets. */
static inline int slice_compare(struct slice a, struct slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool slice_starts_with(struct slice whole, struct slice prefix)
{
    return whole.size >= prefix.size &&
           (prefix.size == 0 || memcmp(whole.data, prefix.data, prefix.size) == 0);
}

/* Returns an owned copy of the bytes (free with mem_free), or SLICE_EMPTY for an empty slice. */
struct slice slice_dup(struct slice source);

/* Is it well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF)? */
bool slice_is_utf8(struct slice text);

#endif
