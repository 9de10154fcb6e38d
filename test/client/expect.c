/* SPDX-License-Identifier: Apache-2.0 */
#include "expect.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- expectations
 * --------------------------------------------------------------------------------- */

static void __attribute__((format(printf, 4, 0)))
check_close(const struct channel *ch, const amqp_channel_close_t *m, int code, const char *format,
            va_list args)
{
    char text[256], expected[1024];

    if (vsnprintf(expected, sizeof expected, format, args) > 255)
        memcpy(expected + 252, "...", 4); /* as RabbitMQ cuts what a short string cannot hold */
    memcpy(text, m->reply_text.bytes, m->reply_text.len);
    text[m->reply_text.len] = '\0';
    if (m->reply_code != code || strcmp(text, expected) != 0)
        fail_msg("closed with %d \"%s\"\n          expected %d \"%s\"", m->reply_code, text, code,
                 expected);
    assert_int_equal((amqp_method_number_t)m->class_id << 16 | m->method_id, ch->last_sent);
}

void expect_channel_close(struct channel *ch, int code, const char *text, ...)
{
    va_list args;

    va_start(args, text);
    check_close(ch, answer(ch, CHANNEL_CLOSE, channel_close), code, text, args);
    va_end(args);
    send_method(ch, CHANNEL_CLOSE_OK, channel_close_ok, 0);
    client_forget(ch);
}

void expect_connection_close(struct channel *ch, int code, const char *text, ...)
{
    struct channel *connection = ch->client->channels[0];
    const amqp_connection_close_t *m = answer(connection, CONNECTION_CLOSE, connection_close);
    const amqp_channel_close_t same = {m->reply_code, m->reply_text, m->class_id, m->method_id};
    va_list args;

    va_start(args, text);
    check_close(ch, &same, code, text, args);
    va_end(args);
    send_method(connection, CONNECTION_CLOSE_OK, connection_close_ok, 0);
    client_await_drop(ch->client, CLIENT_WAIT_MS);
}

struct delivery next_delivery(struct channel *ch)
{
    struct delivery delivery = {0};
    const amqp_basic_deliver_t *m = client_await_content(ch, AMQP_BASIC_DELIVER_METHOD,
                                                         &delivery.properties, &delivery.body);
    delivery.tag = m->delivery_tag;
    delivery.redelivered = m->redelivered;
    delivery.consumer_tag = m->consumer_tag;
    delivery.exchange = m->exchange;
    delivery.routing_key = m->routing_key;
    return delivery;
}

struct delivery expect_delivery(struct channel *ch, const char *body)
{
    struct delivery delivery = next_delivery(ch);
    assert_bytes(delivery.body, body);
    return delivery;
}

struct delivery expect_return(struct channel *ch, int code, const char *text)
{
    struct delivery delivery = {0};
    const amqp_basic_return_t *m = client_await_content(ch, AMQP_BASIC_RETURN_METHOD,
                                                        &delivery.properties, &delivery.body);
    assert_int_equal(m->reply_code, code);
    assert_bytes(m->reply_text, text);
    delivery.reply_code = m->reply_code;
    delivery.reply_text = m->reply_text;
    delivery.exchange = m->exchange;
    delivery.routing_key = m->routing_key;
    return delivery;
}

bool get(struct channel *ch, const char *queue, bool no_ack, struct delivery *delivery)
{
    *delivery = (struct delivery){0};
    send_get(ch, .queue = str(queue), .no_ack = no_ack);
    if (client_await_either(ch, AMQP_BASIC_GET_OK_METHOD, AMQP_BASIC_GET_EMPTY_METHOD) ==
        AMQP_BASIC_GET_EMPTY_METHOD) {
        answer(ch, BASIC_GET_EMPTY, basic_get_empty);
        return false;
    }
    const amqp_basic_get_ok_t *m = client_await_content(ch, AMQP_BASIC_GET_OK_METHOD,
                                                        &delivery->properties, &delivery->body);
    delivery->tag = m->delivery_tag;
    delivery->redelivered = m->redelivered;
    delivery->exchange = m->exchange;
    delivery->routing_key = m->routing_key;
    delivery->message_count = m->message_count;
    return true;
}

struct delivery expect_get(struct channel *ch, const char *queue, const char *body)
{
    struct delivery delivery;
    if (!get(ch, queue, false, &delivery))
        fail_msg("queue %s is empty; expected '%s'", queue, body);
    assert_bytes(delivery.body, body);
    return delivery;
}

void expect_got(struct channel *ch, const char *queue, const char *body)
{
    ack(ch, expect_get(ch, queue, body).tag);
}

void expect_empty(struct channel *ch, const char *queue)
{
    struct delivery delivery;
    if (get(ch, queue, true, &delivery))
        fail_msg("queue %s holds '%.*s'; expected nothing", queue, (int)delivery.body.len,
                 (char *)delivery.body.bytes);
}

void expect_no_delivery(struct channel *ch)
{
    /* What the queues have sent waits before the channel's next answer but one. */
    flow(ch, true);
    flow(ch, true);
    assert_int_equal(client_pending(ch, AMQP_BASIC_DELIVER_METHOD), 0);
}

void expect_ready(struct channel *ch, const char *queue, uint32_t count)
{
    int64_t deadline_ms = client_now_ms() + CLIENT_WAIT_MS;
    uint32_t ready;

    do {
        ready = queue_declare(ch, .queue = str(queue), .passive = 1)->message_count;
    } while (ready != count && client_now_ms() < deadline_ms);
    assert_int_equal(ready, count);
}

uint32_t consumer_count(struct channel *ch, const char *queue)
{
    return queue_declare(ch, .queue = str(queue), .passive = 1)->consumer_count;
}

/* ---- publishing
 * ------------------------------------------------------------------------------------ */

static void publish_frames(struct channel *ch, const char *exchange, const char *key,
                           bool mandatory, const amqp_basic_properties_t *properties,
                           amqp_bytes_t body)
{
    int status = amqp_basic_publish(ch->client->state, ch->id, str(exchange), str(key), mandatory,
                                    0, properties, body);
    if (status != AMQP_STATUS_OK)
        fail_msg("publishing: %s", amqp_error_string2(status));
    ch->last_sent = AMQP_BASIC_PUBLISH_METHOD;
    ch->published += ch->confirming;
}

void publish(struct channel *ch, const char *exchange, const char *key, const char *body)
{
    publish_frames(ch, exchange, key, false, NULL, str(body));
}

void publish_with(struct channel *ch, const char *exchange, const char *key,
                  const amqp_basic_properties_t *properties, amqp_bytes_t body)
{
    publish_frames(ch, exchange, key, false, properties, body);
}

void publish_mandatory(struct channel *ch, const char *exchange, const char *key, const char *body)
{
    publish_frames(ch, exchange, key, true, NULL, str(body));
}

void confirm_select(struct channel *ch)
{
    send_confirm_select(ch);
    answer(ch, CONFIRM_SELECT_OK, confirm_select_ok);
    ch->confirming = true;
}

void publish_confirmed(struct channel *ch, const char *exchange, const char *key, const char *body)
{
    if (!ch->confirming)
        confirm_select(ch);
    publish(ch, exchange, key, body);
    wait_confirms(ch);
}

void wait_confirms(struct channel *ch)
{
    /* One flag for each tag past ch->confirmed: acks may come out of order. */
    uint64_t open = ch->published - ch->confirmed;
    bool *seen = calloc((size_t)open + 1, sizeof *seen);

    assert_non_null(seen);
    while (open > 0) {
        const amqp_basic_ack_t *m = answer(ch, BASIC_ACK, basic_ack);
        assert_in_range(m->delivery_tag, ch->confirmed + 1, ch->published);
        size_t last = (size_t)(m->delivery_tag - ch->confirmed);
        assert_false(seen[last]);
        for (size_t i = m->multiple ? 1 : last; i <= last; i++) {
            open -= !seen[i];
            seen[i] = true;
        }
    }
    free(seen);
    ch->confirmed = ch->published;
}
