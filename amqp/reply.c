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

#define ELLIPSIS "..."

/* Ends TEXT, which is longer than fits, with an ellipsis, as RabbitMQ does, without cutting a
 * character in two; returns its size then. */
static size_t cut(char *text)
{
    const size_t room = REPLY_TEXT_MAX - (sizeof ELLIPSIS - 1);
    size_t size = room;
    while (size > room - 3 && (text[size] & 0xC0) == 0x80)
        size--;
    if ((text[size] & 0xC0) == 0x80)
        size = room; /* no UTF-8 at all: nothing to spare */
    memcpy(text + size, ELLIPSIS, sizeof ELLIPSIS - 1);
    return size + sizeof ELLIPSIS - 1;
}

int reply_error(struct reply_error *error, enum reply_code code, const char *format, ...)
{
    char text[REPLY_TEXT_MAX + 1];
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
