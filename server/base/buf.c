/* SPDX-License-Identifier: Apache-2.0 */
#include "server/base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "server/base/check.h"
#include "server/base/mem.h"

enum { CAPACITY_MIN = 64 };

void buf_fini(struct buf *buf)
{
    mem_free(buf->data);
    *buf = (struct buf){0};
}

void buf_grow(struct buf *buf, size_t more)
{
    size_t needed;
    if (__builtin_add_overflow(buf->size, more, &needed))
        needed = SIZE_MAX; /* cannot be had: mem_realloc says so */
    size_t capacity = buf->capacity > SIZE_MAX / 2 ? SIZE_MAX : buf->capacity * 2;
    if (capacity < CAPACITY_MIN)
        capacity = CAPACITY_MIN;
    if (capacity < needed)
        capacity = needed;
    buf->data = mem_realloc(buf->data, capacity);
    buf->capacity = capacity;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);

    size_t room = buf->capacity - buf->size;
    char *to = room > 0 ? (char *)buf->data + buf->size : NULL;
    int length = vsnprintf(to, room, format, arguments);
    CHECK(length >= 0);
    if ((size_t)length >= room) {
        /* vsnprintf also writes a terminator, which is not counted in. */
        to = (char *)buf_reserve(buf, (size_t)length + 1);
        (void)vsnprintf(to, (size_t)length + 1, format, again);
    }
    buf->size += (size_t)length;

    va_end(again);
    va_end(arguments);
}
