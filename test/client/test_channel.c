/* SPDX-License-Identifier: Apache-2.0 */
/* channel.*: open, close both ways, flow, and what happens around a closed channel. */
#include "expect.h"

static void provoke_channel_close(struct channel *ch)
{
    const char *queue = queue_name();
    send_queue_declare(ch, .queue = str(queue), .passive = 1);
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no queue '%s' in vhost '/'", queue);
}

static void reopen(struct channel *ch)
{
    send_method(ch, CHANNEL_OPEN, channel_open, .out_of_band = amqp_empty_bytes);
    answer(ch, CHANNEL_OPEN_OK, channel_open_ok);
}

static void second_open_of_a_channel_closes_connection_504(void **state)
{
    struct channel *ch = *state;

    send_method(ch, CHANNEL_OPEN, channel_open, .out_of_band = amqp_empty_bytes);
    expect_connection_close(ch, AMQP_CHANNEL_ERROR, "CHANNEL_ERROR - second 'channel.open' seen");
}

static void channel_number_can_be_used_again_after_close(void **state)
{
    struct channel *ch = *state;

    for (int i = 0; i < 3; i++) {
        channel_close(ch);
        reopen(ch);
        queue_declare(ch, .queue = str(queue_name()));
    }
}

static void channel_number_can_be_used_again_after_an_error(void **state)
{
    struct channel *ch = *state;

    provoke_channel_close(ch);
    reopen(ch);
    queue_declare(ch, .queue = str(queue_name()));
}

static void error_on_one_channel_leaves_others_open(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);

    provoke_channel_close(ch);
    queue_declare(other, .queue = str(queue_name()));
}

static void methods_on_a_closing_channel_are_ignored(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *missing = queue_name(), *late = queue_name();

    send_queue_declare(ch, .queue = str(missing), .passive = 1);
    client_peek(ch); /* the broker has closed the channel, and we have not answered */
    send_queue_declare(ch, .queue = str(late));
    publish(ch, "", late, "lost");
    ch->last_sent = AMQP_QUEUE_DECLARE_METHOD;
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no queue '%s' in vhost '/'", missing);
    send_queue_declare(other, .queue = str(late), .passive = 1);
    expect_channel_close(other, AMQP_NOT_FOUND, "NOT_FOUND - no queue '%s' in vhost '/'", late);
}

static void close_crossing_the_brokers_close_is_answered(void **state)
{
    struct channel *ch = *state;
    const char *missing = queue_name();

    send_queue_declare(ch, .queue = str(missing), .passive = 1);
    client_await(ch, AMQP_CHANNEL_CLOSE_METHOD);
    channel_close(ch);
    send_method(ch, CHANNEL_CLOSE_OK, channel_close_ok, 0); /* the answer to the broker's */
    reopen(ch);
    queue_declare(ch, .queue = str(queue_name()));
}

static void method_on_closed_channel_closes_connection_504(void **state)
{
    struct channel *ch = *state;

    channel_close(ch);
    send_queue_declare(ch, .queue = str(queue_name()));
    expect_connection_close(ch, AMQP_CHANNEL_ERROR, "CHANNEL_ERROR - expected 'channel.open'");
}

static void close_of_never_opened_channel_closes_connection_504(void **state)
{
    struct channel *ch = *state, *raw = channel_raw(ch->client, 7);

    send_method(raw, CHANNEL_CLOSE, channel_close, .reply_code = AMQP_REPLY_SUCCESS);
    expect_connection_close(raw, AMQP_CHANNEL_ERROR, "CHANNEL_ERROR - expected 'channel.open'");
}

static void flow_on_is_answered(void **state)
{
    struct channel *ch = *state;

    assert_true(flow(ch, true)->active);
}

static void flow_off_closes_connection_540(void **state)
{
    struct channel *ch = *state;

    send_flow(ch, false);
    expect_connection_close(ch, AMQP_NOT_IMPLEMENTED, "NOT_IMPLEMENTED - active=false");
}

static void access_request_is_granted(void **state)
{
    struct channel *ch = *state;

    send_method(ch, ACCESS_REQUEST, access_request, .realm = str("/data"), .active = 1, .write = 1,
                .read = 1);
    assert_int_equal(answer(ch, ACCESS_REQUEST_OK, access_request_ok)->ticket, 1);
}

static void channel_max_is_enforced_530(void **state)
{
    (void)state;
    struct client *client = client_connect();
    amqp_rpc_reply_t reply = amqp_login(client->state, "/", 3, AMQP_DEFAULT_FRAME_SIZE, 0,
                                        AMQP_SASL_METHOD_PLAIN, "guest", "guest");
    assert_int_equal(reply.reply_type, AMQP_RESPONSE_NORMAL);
    assert_int_equal(amqp_get_channel_max(client->state), 3);
    for (int i = 0; i < 3; i++)
        channel_open(client);
    struct channel *fourth = channel_raw(client, 4);
    send_method(fourth, CHANNEL_OPEN, channel_open, .out_of_band = amqp_empty_bytes);
    fourth->last_sent = 0; /* the close names no method */
    expect_connection_close(
        fourth, AMQP_NOT_ALLOWED,
        "NOT_ALLOWED - number of channels opened (3) has reached the negotiated "
        "channel_max (3)");
}

static void ten_thousand_channels_can_be_opened_and_leaked(void **state)
{
    struct channel *ch = *state, *last = NULL;
    enum { CONNECTIONS = 5, CHANNELS = 2047 };
    const char *queues[CONNECTIONS];
    struct client *leaking[CONNECTIONS];

    for (int i = 0; i < CONNECTIONS; i++) {
        leaking[i] = client_open();
        for (int k = 0; k < CHANNELS; k++)
            last = channel_open(leaking[i]);
        queue_declare(last, .queue = str(queues[i] = unique_name("leaked")), .exclusive = 1);
        publish(last, "", queues[i], "x");
        expect_get(last, queues[i], "x");
    }
    for (int i = 0; i < CONNECTIONS; i++)
        client_vanish(leaking[i]);
    queue_declare(ch, .queue = str(queue_name()));
}

static void channels_are_independent_of_each_other(void **state)
{
    struct channel *first = *state, *second = channel_open(first->client);
    const char *queue = queue_name();

    queue_declare(first, .queue = str(queue));
    publish(first, "", queue, "one");
    publish(first, "", queue, "two");
    /* Each channel numbers its own deliveries. */
    assert_int_equal(expect_get(first, queue, "one").tag, 1);
    assert_int_equal(expect_get(second, queue, "two").tag, 1);
    ack(first, 1);
    ack(second, 1);
    channel_close(second);
    expect_empty(first, queue);
}

static void answer_method_out_of_the_blue_closes_connection_503(void **state)
{
    struct channel *ch = *state;

    send_method(ch, QUEUE_DECLARE_OK, queue_declare_ok, .queue = str("x"));
    expect_connection_close(ch, AMQP_COMMAND_INVALID, "COMMAND_INVALID - unimplemented method");
}

static void unasked_channel_close_ok_closes_connection_503(void **state)
{
    struct channel *ch = *state;

    send_method(ch, CHANNEL_CLOSE_OK, channel_close_ok, 0);
    expect_connection_close(ch, AMQP_COMMAND_INVALID, "COMMAND_INVALID - unimplemented method");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(second_open_of_a_channel_closes_connection_504),
        behaviour(channel_number_can_be_used_again_after_close),
        behaviour(channel_number_can_be_used_again_after_an_error),
        behaviour(error_on_one_channel_leaves_others_open),
        behaviour(methods_on_a_closing_channel_are_ignored),
        behaviour(close_crossing_the_brokers_close_is_answered),
        behaviour(method_on_closed_channel_closes_connection_504),
        behaviour(close_of_never_opened_channel_closes_connection_504),
        behaviour(flow_on_is_answered),
        behaviour(flow_off_closes_connection_540),
        behaviour(access_request_is_granted),
        behaviour(channel_max_is_enforced_530),
        behaviour(ten_thousand_channels_can_be_opened_and_leaked),
        behaviour(channels_are_independent_of_each_other),
        behaviour(answer_method_out_of_the_blue_closes_connection_503),
        behaviour(unasked_channel_close_ok_closes_connection_503),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
