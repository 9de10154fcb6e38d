/* SPDX-License-Identifier: Apache-2.0 */
#include "amqp/reply.h"

#include <stdarg.h>
#include <stdio.h>

const char *reply_name(uint16_t code)
{
    switch (code) {
#define REPLY(NAME, code, level) \
    case code:                   \
        return #NAME;
#include "amqp/replies.def"
    default:
        return NULL;
    }
}

enum reply_level reply_level(uint16_t code)
{
    switch (code) {
#define REPLY(NAME, code, level) \
    case code:                   \
        return REPLY_LEVEL_##level;
#include "amqp/replies.def"
    default:
        return REPLY_LEVEL_NEITHER;
    }
}

/* How much of TEXT, of which more than REPLY_TEXT_MAX octets are there, fits without cutting a
 * character in two. */
static size_t cut(const char *text)
{
    size_t size = REPLY_TEXT_MAX;
    while (size > REPLY_TEXT_MAX - 4 && (text[size] & 0xC0) == 0x80)
        size -= 1;
    return (text[size] & 0xC0) == 0x80 ? REPLY_TEXT_MAX
                                       : size; /* no UTF-8 at all: nothing to spare */
}

int reply_error(struct reply_error *error, enum reply_code code, const char *format, ...)
{
    char text[REPLY_TEXT_MAX +
              2]; /* one octet more than fits, to see whether it starts a character */
    int prefix = snprintf(text, sizeof text, "%s - ", reply_name((uint16_t)code));
    va_list arguments;
    va_start(arguments, format);
    int explanation = vsnprintf(text + prefix, sizeof text - (size_t)prefix, format, arguments);
    va_end(arguments);
    size_t size = (size_t)prefix + (explanation > 0 ? (size_t)explanation : 0);
    if (size > REPLY_TEXT_MAX)
        size = cut(text);
    error->code = (uint16_t)code;
    error->text_size = (uint8_t)size;
    memcpy(error->text, text, size);
    return -1;
}
