/* SPDX-License-Identifier: Apache-2.0 */
/* Direct reply-to: answers that go straight to a channel, without a queue. */
#include "expect.h"

#include <stdio.h>

#define REPLY_TO "amq.rabbitmq.reply-to"

static void publish_request(struct channel *ch, const char *queue)
{
    const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_REPLY_TO_FLAG |
                                                          AMQP_BASIC_CORRELATION_ID_FLAG,
                                                .reply_to = str(REPLY_TO),
                                                .correlation_id = str("42")};
    publish_with(ch, "", queue, &properties, str("request"));
}

static const char *declared(struct channel *ch)
{
    const char *queue = queue_name();
    queue_declare(ch, .queue = str(queue));
    return queue;
}

/* Makes ch a client that can receive replies, and copies the key that a server must answer to. */
static void reply_key(struct channel *ch, char key[256])
{
    const char *queue = declared(ch);

    consume(ch, .queue = str(REPLY_TO), .consumer_tag = str("replies"), .no_ack = 1);
    publish_request(ch, queue);
    struct delivery request = expect_get(ch, queue, "request");
    assert_in_range(request.properties->reply_to.len, sizeof REPLY_TO, 255);
    snprintf(key, 256, "%.*s", (int)request.properties->reply_to.len,
             (char *)request.properties->reply_to.bytes);
    assert_memory_equal(key, REPLY_TO ".", sizeof REPLY_TO);
}

static void reply_comes_to_the_consumer_of_the_pseudo_queue(void **state)
{
    struct channel *ch = *state, *server = channel_open(client_open());
    char key[256];

    reply_key(ch, key);
    const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_CORRELATION_ID_FLAG,
                                                .correlation_id = str("42")};
    publish_with(server, "", key, &properties, str("reply"));
    struct delivery reply = expect_delivery(ch, "reply");
    assert_bytes(reply.consumer_tag, "replies");
    assert_bytes(reply.exchange, "");
    assert_bytes(reply.routing_key, key);
    assert_bytes(reply.properties->correlation_id, "42");
    assert_false(reply.redelivered);
    assert_int_equal(reply.tag, 2); /* 1 was the request, on the same channel */
}

static void many_replies_come_in_order(void **state)
{
    struct channel *ch = *state, *server = channel_open(client_open());
    char key[256], body[16];

    reply_key(ch, key);
    for (int i = 0; i < 100; i++) {
        snprintf(body, sizeof body, "%d", i);
        publish(server, "", key, body);
    }
    for (int i = 0; i < 100; i++) {
        snprintf(body, sizeof body, "%d", i);
        expect_delivery(ch, body);
    }
}

static void each_channel_has_a_key_of_its_own(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    char key[256], other_key[256];

    reply_key(ch, key);
    reply_key(other, other_key);
    assert_string_not_equal(key, other_key);
    publish(ch, "", other_key, "for other");
    publish(other, "", key, "for first");
    expect_delivery(ch, "for first");
    expect_delivery(other, "for other");
}

/* RabbitMQ counts queues, and there is none: what asks for a return gets it although the reply
 * arrives. */
static void mandatory_reply_arrives_and_is_returned(void **state)
{
    struct channel *ch = *state, *server = channel_open(ch->client);
    char key[256];

    reply_key(ch, key);
    publish_mandatory(server, "", key, "reply");
    expect_delivery(ch, "reply");
    assert_bytes(expect_return(server, AMQP_NO_ROUTE, "NO_ROUTE").routing_key, key);
}

static void mandatory_reply_to_a_gone_consumer_is_returned(void **state)
{
    struct channel *ch = *state, *server = channel_open(client_open());
    char key[256];

    reply_key(ch, key);
    client_close(ch->client);
    publish_mandatory(server, "", key, "late");
    expect_return(server, AMQP_NO_ROUTE, "NO_ROUTE");
}

static void reply_after_cancel_is_dropped(void **state)
{
    struct channel *ch = *state, *server = channel_open(client_open());
    char key[256];

    reply_key(ch, key);
    cancel(ch, .consumer_tag = str("replies"));
    publish_confirmed(server, "", key, "late");
    expect_no_delivery(ch);
}

static void reply_to_a_made_up_key_is_returned(void **state)
{
    struct channel *ch = *state;

    publish_mandatory(ch, "", REPLY_TO ".nonsense", "x");
    expect_return(ch, AMQP_NO_ROUTE, "NO_ROUTE");
}

static void reply_is_confirmed(void **state)
{
    struct channel *ch = *state, *server = channel_open(client_open());
    char key[256];

    reply_key(ch, key);
    publish_confirmed(server, "", key, "reply");
    expect_delivery(ch, "reply");
}

static void request_can_be_returned_and_keeps_the_client_alive(void **state)
{
    struct channel *ch = *state;
    const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_REPLY_TO_FLAG,
                                                .reply_to = str(REPLY_TO)};

    consume(ch, .queue = str(REPLY_TO), .no_ack = 1);
    amqp_basic_publish(ch->client->state, ch->id, str(""), str("nobody"), 1, 0, &properties,
                       str("x"));
    expect_return(ch, AMQP_NO_ROUTE, "NO_ROUTE");
    flow(ch, true);
}

static void consume_with_acks_closes_channel_406(void **state)
{
    struct channel *ch = *state;

    send_consume(ch, .queue = str(REPLY_TO));
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - reply consumer cannot acknowledge");
}

static void second_consumer_on_a_channel_closes_channel_406(void **state)
{
    struct channel *ch = *state;

    consume(ch, .queue = str(REPLY_TO), .no_ack = 1);
    send_consume(ch, .queue = str(REPLY_TO), .no_ack = 1);
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - reply consumer already set");
}

static void consumer_can_come_back_after_cancel(void **state)
{
    struct channel *ch = *state, *server = channel_open(ch->client);
    char key[256];

    consume(ch, .queue = str(REPLY_TO), .consumer_tag = str("first"), .no_ack = 1);
    cancel(ch, .consumer_tag = str("first"));
    reply_key(ch, key);
    publish(server, "", key, "reply");
    expect_delivery(ch, "reply");
}

static void request_without_a_consumer_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    publish_request(ch, queue);
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - fast reply consumer does not exist");
}

static void declare_of_the_pseudo_queue_is_answered(void **state)
{
    struct channel *ch = *state;
    const amqp_queue_declare_ok_t *ok = queue_declare(ch, .queue = str(REPLY_TO), .passive = 1);

    assert_bytes(ok->queue, REPLY_TO);
    assert_int_equal(ok->message_count, 0);
    assert_int_equal(ok->consumer_count, 1);
}

static void passive_declare_of_a_reply_key_tells_whether_anybody_waits(void **state)
{
    struct channel *ch = *state, *server = channel_open(client_open());
    char key[256];

    reply_key(ch, key);
    assert_bytes(queue_declare(server, .queue = str(key), .passive = 1)->queue, key);
    client_close(ch->client);
    send_queue_declare(server, .queue = str(key), .passive = 1);
    expect_channel_close(server, AMQP_NOT_FOUND, "NOT_FOUND - no queue '%s' in vhost '/'", key);
}

static void get_from_the_pseudo_queue_closes_channel_404(void **state)
{
    struct channel *ch = *state;

    send_get(ch, .queue = str(REPLY_TO), .no_ack = 1);
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no queue '" REPLY_TO "' in vhost '/'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(reply_comes_to_the_consumer_of_the_pseudo_queue),
        behaviour(many_replies_come_in_order),
        behaviour(each_channel_has_a_key_of_its_own),
        behaviour(mandatory_reply_arrives_and_is_returned),
        behaviour(mandatory_reply_to_a_gone_consumer_is_returned),
        behaviour(reply_after_cancel_is_dropped),
        behaviour(reply_to_a_made_up_key_is_returned),
        behaviour(reply_is_confirmed),
        behaviour(request_can_be_returned_and_keeps_the_client_alive),
        behaviour(consume_with_acks_closes_channel_406),
        behaviour(second_consumer_on_a_channel_closes_channel_406),
        behaviour(consumer_can_come_back_after_cancel),
        behaviour(request_without_a_consumer_closes_channel_406),
        behaviour(declare_of_the_pseudo_queue_is_answered),
        behaviour(passive_declare_of_a_reply_key_tells_whether_anybody_waits),
        behaviour(get_from_the_pseudo_queue_closes_channel_404),
    };
    return cmocka_run_group_tests_name("reply_to", tests, NULL, NULL);
}
