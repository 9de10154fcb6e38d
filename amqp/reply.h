/* SPDX-License-Identifier: Apache-2.0
 *
 * reply: reply codes with their names and what they close, and an error on its way to a client.
 * Pure; any thread.
 */
#ifndef STOATMQ_AMQP_REPLY_H
#define STOATMQ_AMQP_REPLY_H

#include "amqp/method.h"

enum reply_code {
#define REPLY(NAME, code, level) REPLY_##NAME = code,
#include "amqp/replies.def"
};

enum reply_level { REPLY_LEVEL_NEITHER, REPLY_LEVEL_CHANNEL, REPLY_LEVEL_CONNECTION };

#define REPLY_TEXT_MAX 255

/* An AMQP error: what goes into channel.close or connection.close. A caller's variable, filled by
 * reply_error. */
struct reply_error {
    uint16_t code; /* 0: no error */
    uint8_t text_size;
    char text[REPLY_TEXT_MAX]; /* "NAME - explanation", cut to 255 octets */
};

/* "NOT_FOUND" for 404; NULL for a number that is no reply code. */
const char *reply_name(uint16_t code);

enum reply_level reply_level(uint16_t code);

/* Fills ERROR with CODE and "NAME - " and the formatted explanation, cut to 255 octets
 * that then end with "...", and returns -1, so that a handler can `return reply_error(...)`. */
int reply_error(struct reply_error *error, enum reply_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
