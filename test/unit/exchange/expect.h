/* SPDX-License-Identifier: Apache-2.0
 *
 * expect: cmocka assertions about what a client of the harness sees next.
 */
#ifndef STOATMQ_TEST_EXCHANGE_EXPECT_H
#define STOATMQ_TEST_EXCHANGE_EXPECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test/unit/exchange/harness.h"

static inline void assert_slice(struct slice actual, const char *expected)
{
    if (!slice_equal(actual, S(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARGS(actual), expected);
}

static inline void assert_body(const struct seen *seen, const char *expected)
{
    assert_non_null(seen->message);
    assert_slice(slice_of(message_body(seen->message), seen->message->body_bytes), expected);
}

static inline void expect_nothing(const struct client *client)
{
    const struct seen *seen = client_peek(client);
    if (seen == NULL)
        return;
    if (seen->kind == EFFECT_DELIVER)
        fail_msg("unexpected delivery %llu to %s", (unsigned long long)seen->delivery_tag,
                 seen->consumer_tag);
    fail_msg("unexpected %s on channel %u", method_infos[seen->method.id].name, seen->channel);
}

/* The next effect is METHOD on CHANNEL, with or without content. */
static inline const struct method *expect_method(struct client *client, uint16_t channel,
                                                 enum method_id method)
{
    const struct seen *seen = client_next(client);
    if (seen == NULL)
        fail_msg("nothing came; expected %s", method_infos[method].name);
    assert_true(seen->kind == EFFECT_METHOD || seen->kind == EFFECT_CONTENT);
    assert_string_equal(method_infos[seen->method.id].name, method_infos[method].name);
    assert_int_equal(seen->channel, channel);
    return &seen->method;
}

/* The next effect is a delivery to TAG on CHANNEL. */
static inline const struct seen *expect_delivery(struct client *client, uint16_t channel,
                                                 const char *tag, const char *body,
                                                 bool redelivered)
{
    const struct seen *seen = client_next(client);
    if (seen == NULL)
        fail_msg("nothing came; expected a delivery of \"%s\"", body);
    assert_int_equal(seen->kind, EFFECT_DELIVER);
    assert_int_equal(seen->channel, channel);
    assert_string_equal(seen->consumer_tag, tag);
    assert_body(seen, body);
    assert_int_equal(seen->redelivered, redelivered);
    return seen;
}

/* The next effect is a basic.ack of the broker's. */
static inline void expect_confirm(struct client *client, uint16_t channel, uint64_t tag,
                                  bool multiple)
{
    const struct method *method = expect_method(client, channel, METHOD_BASIC_ACK);
    assert_int_equal(method->basic_ack.delivery_tag, tag);
    assert_int_equal(method->basic_ack.multiple, multiple);
}

static inline void expect_channel_close(struct client *client, uint16_t channel, uint16_t code)
{
    const struct method *method = expect_method(client, channel, METHOD_CHANNEL_CLOSE);
    assert_int_equal(method->channel_close.reply_code, code);
}

static inline void expect_connection_close(struct client *client, uint16_t code)
{
    const struct method *method = expect_method(client, 0, METHOD_CONNECTION_CLOSE);
    assert_int_equal(method->connection_close.reply_code, code);
}

/* basic.get gets BODY, with LEFT messages behind it. */
static inline uint64_t expect_get(struct client *client, uint16_t channel, const char *body,
                                  bool redelivered, uint32_t left)
{
    const struct seen *seen = client_peek(client);
    const struct method *method = expect_method(client, channel, METHOD_BASIC_GET_OK);
    assert_body(seen, body);
    assert_int_equal(method->basic_get_ok.redelivered, redelivered);
    assert_int_equal(method->basic_get_ok.message_count, left);
    return method->basic_get_ok.delivery_tag;
}

#endif
