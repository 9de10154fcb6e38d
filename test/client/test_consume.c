/* SPDX-License-Identifier: Apache-2.0 */
/* basic.consume, deliver and cancel: who gets a message, and how a consumer ends. */
#include "expect.h"

#include <stdio.h>

static const char *declared(struct channel *ch)
{
    const char *queue = queue_name();
    queue_declare(ch, .queue = str(queue));
    return queue;
}

/* A client that takes part in consumer cancel notification, or one that never heard of it. */
static struct channel *channel_of_client(bool cancel_notify)
{
    amqp_table_entry_t capabilities = {
        .key = str("capabilities"),
        .value = {.kind = AMQP_FIELD_KIND_TABLE,
                  .value.table = TABLE(table_bool("consumer_cancel_notify", cancel_notify))}};
    amqp_table_t properties = TABLE(capabilities);
    return channel_open(client_open_with(&properties));
}

static void deliveries_tell_tag_number_exchange_and_key(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    assert_bytes(consume(ch, .queue = str(queue), .consumer_tag = str("me"))->consumer_tag, "me");
    publish(ch, "", queue, "one");
    publish(ch, "", queue, "two");
    for (uint64_t tag = 1; tag <= 2; tag++) {
        struct delivery message = expect_delivery(ch, tag == 1 ? "one" : "two");
        assert_int_equal(message.tag, tag);
        assert_bytes(message.consumer_tag, "me");
        assert_bytes(message.exchange, "");
        assert_bytes(message.routing_key, queue);
        assert_false(message.redelivered);
    }
}

static void empty_tag_makes_the_broker_name_one(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);
    amqp_bytes_t first = consume(ch, .queue = str(queue))->consumer_tag;
    amqp_bytes_t second = consume(ch, .queue = str(queue))->consumer_tag;

    assert_memory_equal(first.bytes, "amq.ctag-", 9);
    assert_memory_equal(second.bytes, "amq.ctag-", 9);
    assert_true(first.len > 9);
    assert_false(first.len == second.len && memcmp(first.bytes, second.bytes, first.len) == 0);
}

static void waiting_messages_are_delivered_when_a_consumer_comes(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    publish(ch, "", queue, "one");
    publish(ch, "", queue, "two");
    consume(ch, .queue = str(queue));
    expect_delivery(ch, "one");
    expect_delivery(ch, "two");
}

static void consume_from_missing_queue_closes_channel_404(void **state)
{
    struct channel *ch = *state;
    const char *missing = queue_name();

    send_consume(ch, .queue = str(missing));
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no queue '%s' in vhost '/'", missing);
}

static void consume_with_nowait_is_not_answered(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    send_consume(ch, .queue = str(queue), .consumer_tag = str("quiet"), .nowait = 1);
    publish(ch, "", queue, "x");
    assert_bytes(expect_delivery(ch, "x").consumer_tag, "quiet");
    assert_int_equal(client_pending(ch, AMQP_BASIC_CONSUME_OK_METHOD), 0);
}

static void duplicate_tag_on_a_channel_closes_connection_530(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    consume(ch, .queue = str(queue), .consumer_tag = str("same"));
    send_consume(ch, .queue = str(queue), .consumer_tag = str("same"));
    expect_connection_close(ch, AMQP_NOT_ALLOWED,
                            "NOT_ALLOWED - attempt to reuse consumer tag 'same'");
}

static void same_tag_on_two_channels_is_allowed(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = declared(ch);

    consume(ch, .queue = str(queue), .consumer_tag = str("same"));
    consume(other, .queue = str(queue), .consumer_tag = str("same"));
    assert_int_equal(consumer_count(ch, queue), 2);
}

static void second_consumer_beside_an_exclusive_one_closes_channel_403(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = declared(ch);

    consume(ch, .queue = str(queue), .exclusive = 1);
    send_consume(other, .queue = str(queue));
    expect_channel_close(other, AMQP_ACCESS_REFUSED,
                         "ACCESS_REFUSED - queue '%s' in vhost '/' in exclusive use", queue);
}

static void exclusive_consumer_beside_another_closes_channel_403(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = declared(ch);

    consume(ch, .queue = str(queue));
    send_consume(other, .queue = str(queue), .exclusive = 1);
    expect_channel_close(other, AMQP_ACCESS_REFUSED,
                         "ACCESS_REFUSED - queue '%s' in vhost '/' in exclusive use", queue);
}

static void exclusive_use_ends_with_its_consumer(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = declared(ch);

    consume(ch, .queue = str(queue), .consumer_tag = str("first"), .exclusive = 1);
    cancel(ch, .consumer_tag = str("first"));
    consume(other, .queue = str(queue), .exclusive = 1);
    publish(ch, "", queue, "x");
    expect_delivery(other, "x");
}

static void no_ack_deliveries_are_settled(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = declared(other);

    consume(ch, .queue = str(queue), .no_ack = 1);
    for (int i = 0; i < 10; i++)
        publish(ch, "", queue, "x");
    for (uint64_t tag = 1; tag <= 10; tag++)
        assert_int_equal(expect_delivery(ch, "x").tag, tag);
    channel_close(ch);
    expect_empty(other, queue);
}

static void no_local_is_ignored(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    consume(ch, .queue = str(queue), .no_local = 1);
    publish(ch, "", queue, "mine");
    expect_delivery(ch, "mine");
}

static void messages_go_round_robin(void **state)
{
    struct channel *ch = *state;
    struct channel *consumers[3];
    const char *queue = declared(ch);
    enum { ROUNDS = 5 };

    for (size_t i = 0; i < 3; i++) {
        consumers[i] = channel_open(ch->client);
        consume(consumers[i], .queue = str(queue), .no_ack = 1);
    }
    for (int i = 0; i < 3 * ROUNDS; i++)
        publish(ch, "", queue, "x");
    for (size_t i = 0; i < 3; i++) {
        for (uint64_t tag = 1; tag <= ROUNDS; tag++)
            assert_int_equal(expect_delivery(consumers[i], "x").tag, tag);
    }
    expect_empty(ch, queue);
}

static void consumer_with_higher_priority_goes_first(void **state)
{
    struct channel *ch = *state, *low = channel_open(ch->client), *high = channel_open(ch->client);
    const char *queue = declared(ch);

    consume(low, .queue = str(queue), .arguments = TABLE(table_int("x-priority", -1)));
    qos(high, .prefetch_count = 2);
    consume(high, .queue = str(queue), .arguments = TABLE(table_int("x-priority", 10)));
    publish(ch, "", queue, "1");
    publish(ch, "", queue, "2");
    publish(ch, "", queue, "3");
    expect_delivery(high, "1");
    expect_delivery(high, "2");
    expect_delivery(low, "3"); /* high has no credit left */
    ack(high, 1);
    publish_confirmed(high, "", queue, "4"); /* follows the ack */
    expect_delivery(high, "4");
    expect_no_delivery(low);
}

static void priority_of_wrong_type_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    send_consume(ch, .queue = str(queue), .arguments = TABLE(table_string("x-priority", "high")));
    expect_channel_close(
        ch, AMQP_PRECONDITION_FAILED,
        "PRECONDITION_FAILED - invalid arg 'x-priority' for queue '%s' in vhost '/': "
        "\"expected integer, got longstr\"",
        queue);
}

static void unknown_consumer_arguments_are_accepted(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    consume(
        ch, .queue = str(queue),
        .arguments = TABLE(table_bool("x-cancel-on-ha-failover", true), table_int("x-colour", 1)));
    publish(ch, "", queue, "x");
    expect_delivery(ch, "x");
}

static void get_takes_messages_beside_an_exclusive_consumer(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = declared(ch);

    qos(ch, .prefetch_count = 1);
    consume(ch, .queue = str(queue), .exclusive = 1);
    publish_confirmed(ch, "", queue, "1");
    expect_delivery(ch, "1");
    publish_confirmed(ch, "", queue, "2");
    expect_got(other, queue, "2");
}

static void cancel_is_answered_and_stops_deliveries(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    consume(ch, .queue = str(queue), .consumer_tag = str("me"));
    assert_bytes(cancel(ch, .consumer_tag = str("me"))->consumer_tag, "me");
    publish(ch, "", queue, "x");
    expect_got(ch, queue, "x");
    expect_no_delivery(ch);
    assert_int_equal(consumer_count(ch, queue), 0);
}

static void cancel_keeps_unacked_deliveries(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    consume(ch, .queue = str(queue), .consumer_tag = str("me"));
    publish(ch, "", queue, "x");
    struct delivery message = expect_delivery(ch, "x");
    cancel(ch, .consumer_tag = str("me"));
    expect_empty(ch, queue);
    nack(ch, message.tag, .requeue = 1);
    assert_true(expect_get(ch, queue, "x").redelivered);
}

static void cancel_of_unknown_tag_is_answered(void **state)
{
    struct channel *ch = *state;

    assert_bytes(cancel(ch, .consumer_tag = str("nobody"))->consumer_tag, "nobody");
}

static void cancel_with_nowait_is_not_answered(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    consume(ch, .queue = str(queue), .consumer_tag = str("me"));
    send_cancel(ch, .consumer_tag = str("me"), .nowait = 1);
    publish(ch, "", queue, "x");
    expect_got(ch, queue, "x");
    assert_int_equal(client_pending(ch, AMQP_BASIC_CANCEL_OK_METHOD), 0);
    consume(ch, .queue = str(queue), .consumer_tag = str("me"));
}

static void deleting_the_queue_cancels_its_consumers(void **state)
{
    struct channel *ch = *state, *notified = channel_of_client(true);
    const char *queue = declared(ch);

    consume(notified, .queue = str(queue), .consumer_tag = str("one"));
    consume(notified, .queue = str(queue), .consumer_tag = str("two"));
    queue_delete(ch, .queue = str(queue));
    amqp_bytes_t first = answer(notified, BASIC_CANCEL, basic_cancel)->consumer_tag;
    const amqp_basic_cancel_t *second = answer(notified, BASIC_CANCEL, basic_cancel);
    assert_true(second->nowait);
    assert_int_equal(first.len, 3);
    assert_bytes(second->consumer_tag, memcmp(first.bytes, "one", 3) == 0 ? "two" : "one");
    /* The tags are free again. */
    const char *next = declared(notified);
    consume(notified, .queue = str(next), .consumer_tag = str("one"));
}

static void client_without_the_capability_is_not_notified(void **state)
{
    struct channel *ch = *state, *plain = channel_of_client(false);
    const char *queue = declared(ch);

    consume(plain, .queue = str(queue), .consumer_tag = str("me"));
    queue_delete(ch, .queue = str(queue));
    flow(plain, true);
    flow(plain, true);
    assert_int_equal(client_pending(plain, AMQP_BASIC_CANCEL_METHOD), 0);
}

static void unacked_deliveries_of_a_deleted_queue_can_still_be_acked(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = declared(ch);

    consume(ch, .queue = str(queue));
    publish(ch, "", queue, "x");
    struct delivery message = expect_delivery(ch, "x");
    queue_delete(other, .queue = str(queue));
    ack(ch, message.tag);
    flow(ch, true); /* the channel is alive */
}

static void consumers_of_a_closed_channel_are_gone(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = declared(ch);

    consume(other, .queue = str(queue));
    assert_int_equal(consumer_count(ch, queue), 1);
    channel_close(other);
    assert_int_equal(consumer_count(ch, queue), 0);
    publish(ch, "", queue, "x");
    expect_got(ch, queue, "x");
}

static void one_channel_consumes_from_many_queues(void **state)
{
    struct channel *ch = *state;
    enum { QUEUES = 20 };
    const char *queues[QUEUES];
    char tag[16];

    for (int i = 0; i < QUEUES; i++) {
        queues[i] = declared(ch);
        snprintf(tag, sizeof tag, "tag-%d", i);
        consume(ch, .queue = str(queues[i]), .consumer_tag = str(tag), .no_ack = 1);
    }
    for (int i = QUEUES - 1; i >= 0; i--) {
        publish(ch, "", queues[i], queues[i]);
        struct delivery message = expect_delivery(ch, queues[i]);
        snprintf(tag, sizeof tag, "tag-%d", i);
        assert_bytes(message.consumer_tag, tag);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(deliveries_tell_tag_number_exchange_and_key),
        behaviour(empty_tag_makes_the_broker_name_one),
        behaviour(waiting_messages_are_delivered_when_a_consumer_comes),
        behaviour(consume_from_missing_queue_closes_channel_404),
        behaviour(consume_with_nowait_is_not_answered),
        behaviour(duplicate_tag_on_a_channel_closes_connection_530),
        behaviour(same_tag_on_two_channels_is_allowed),
        behaviour(second_consumer_beside_an_exclusive_one_closes_channel_403),
        behaviour(exclusive_consumer_beside_another_closes_channel_403),
        behaviour(exclusive_use_ends_with_its_consumer),
        behaviour(no_ack_deliveries_are_settled),
        behaviour(no_local_is_ignored),
        behaviour(messages_go_round_robin),
        behaviour(consumer_with_higher_priority_goes_first),
        behaviour(priority_of_wrong_type_closes_channel_406),
        behaviour(unknown_consumer_arguments_are_accepted),
        behaviour(get_takes_messages_beside_an_exclusive_consumer),
        behaviour(cancel_is_answered_and_stops_deliveries),
        behaviour(cancel_keeps_unacked_deliveries),
        behaviour(cancel_of_unknown_tag_is_answered),
        behaviour(cancel_with_nowait_is_not_answered),
        behaviour(deleting_the_queue_cancels_its_consumers),
        behaviour(client_without_the_capability_is_not_notified),
        behaviour(unacked_deliveries_of_a_deleted_queue_can_still_be_acked),
        behaviour(consumers_of_a_closed_channel_are_gone),
        behaviour(one_channel_consumes_from_many_queues),
    };
    return cmocka_run_group_tests_name("consume", tests, NULL, NULL);
}
