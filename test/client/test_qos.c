/* SPDX-License-Identifier: Apache-2.0 */
/* basic.qos: how many unacked deliveries a consumer, or a channel, may have. */
#include "expect.h"

static const char *filled(struct channel *ch, int messages)
{
    const char *queue = queue_name();
    char body[] = "1";

    queue_declare(ch, .queue = str(queue));
    confirm_select(ch);
    for (int i = 0; i < messages; i++, body[0]++)
        publish(ch, "", queue, body);
    wait_confirms(ch);
    return queue;
}

static void prefetch_limits_each_consumer(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 6);

    qos(ch, .prefetch_count = 2);
    consume(ch, .queue = str(queue), .consumer_tag = str("one"));
    consume(ch, .queue = str(queue), .consumer_tag = str("two"));
    assert_bytes(expect_delivery(ch, "1").consumer_tag, "one");
    assert_bytes(expect_delivery(ch, "2").consumer_tag, "one");
    assert_bytes(expect_delivery(ch, "3").consumer_tag, "two");
    assert_bytes(expect_delivery(ch, "4").consumer_tag, "two");
    expect_no_delivery(ch);
    ack(ch, 3);
    assert_bytes(expect_delivery(ch, "5").consumer_tag, "two");
    ack(ch, 1);
    assert_bytes(expect_delivery(ch, "6").consumer_tag, "one");
}

static void prefetch_holds_for_later_consumers_only(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 3);

    qos(ch, .prefetch_count = 1);
    consume(ch, .queue = str(queue));
    expect_delivery(ch, "1");
    qos(ch, .prefetch_count = 0);
    expect_no_delivery(ch);
    ack(ch, 1);
    expect_delivery(ch, "2");
    expect_no_delivery(ch);
    consume(ch, .queue = str(queue));
    expect_delivery(ch, "3");
}

static void prefetch_0_means_no_limit(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 9);

    qos(ch, .prefetch_count = 1);
    qos(ch, .prefetch_count = 0);
    consume(ch, .queue = str(queue));
    for (uint64_t tag = 1; tag <= 9; tag++)
        assert_int_equal(next_delivery(ch).tag, tag);
}

static void ack_multiple_gives_all_the_credit_back(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 9);

    qos(ch, .prefetch_count = 3);
    consume(ch, .queue = str(queue));
    for (uint64_t tag = 1; tag <= 9; tag += 3) {
        assert_int_equal(next_delivery(ch).tag, tag);
        assert_int_equal(next_delivery(ch).tag, tag + 1);
        assert_int_equal(next_delivery(ch).tag, tag + 2);
        expect_no_delivery(ch);
        ack_upto(ch, tag + 2);
    }
}

static void nack_and_reject_give_credit_back(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 3);

    qos(ch, .prefetch_count = 1);
    consume(ch, .queue = str(queue));
    expect_delivery(ch, "1");
    nack(ch, 1, .requeue = 0);
    expect_delivery(ch, "2");
    reject(ch, 2, 0);
    expect_delivery(ch, "3");
}

static void prefetch_does_not_count_no_ack_consumers(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 5);

    qos(ch, .prefetch_count = 1);
    consume(ch, .queue = str(queue), .no_ack = 1);
    for (uint64_t tag = 1; tag <= 5; tag++)
        assert_int_equal(next_delivery(ch).tag, tag);
}

static void prefetch_does_not_count_gets(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 4);

    qos(ch, .prefetch_count = 1);
    expect_get(ch, queue, "1");
    expect_get(ch, queue, "2");
    consume(ch, .queue = str(queue));
    expect_delivery(ch, "3");
    expect_no_delivery(ch);
    ack(ch, 1); /* of a get: gives the consumer nothing */
    expect_no_delivery(ch);
    ack(ch, 3);
    expect_delivery(ch, "4");
}

static void global_prefetch_limits_the_channel(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 5);

    qos(ch, .prefetch_count = 3, .global = 1);
    consume(ch, .queue = str(queue), .consumer_tag = str("one"));
    expect_delivery(ch, "1");
    expect_delivery(ch, "2");
    expect_delivery(ch, "3");
    consume(ch, .queue = str(queue), .consumer_tag = str("two"));
    expect_no_delivery(ch);
    ack_upto(ch, 2);
    expect_delivery(ch, "4");
    expect_delivery(ch, "5");
}

static void global_prefetch_spans_queues(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 2), *other = queue_name();

    queue_declare(ch, .queue = str(other));
    publish_confirmed(ch, "", other, "other");
    qos(ch, .prefetch_count = 2, .global = 1);
    consume(ch, .queue = str(queue));
    expect_delivery(ch, "1");
    expect_delivery(ch, "2");
    consume(ch, .queue = str(other));
    expect_no_delivery(ch);
    ack(ch, 1);
    expect_delivery(ch, "other");
}

static void global_and_consumer_prefetch_hold_together(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 6);

    qos(ch, .prefetch_count = 2);
    qos(ch, .prefetch_count = 3, .global = 1);
    consume(ch, .queue = str(queue), .consumer_tag = str("one"));
    expect_delivery(ch, "1");
    expect_delivery(ch, "2");
    expect_no_delivery(ch);
    consume(ch, .queue = str(queue), .consumer_tag = str("two"));
    assert_bytes(expect_delivery(ch, "3").consumer_tag, "two");
    expect_no_delivery(ch);
}

static void raising_global_prefetch_lets_waiting_messages_go(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 4);

    qos(ch, .prefetch_count = 1, .global = 1);
    consume(ch, .queue = str(queue));
    expect_delivery(ch, "1");
    expect_no_delivery(ch);
    qos(ch, .prefetch_count = 2, .global = 1);
    expect_delivery(ch, "2");
    expect_no_delivery(ch);
    qos(ch, .prefetch_count = 0, .global = 1);
    expect_delivery(ch, "3");
    expect_delivery(ch, "4");
}

static void prefetch_is_a_channels_own(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = filled(ch, 4);

    qos(ch, .prefetch_count = 1);
    qos(ch, .prefetch_count = 1, .global = 1);
    consume(ch, .queue = str(queue));
    expect_delivery(ch, "1");
    consume(other, .queue = str(queue));
    expect_delivery(other, "2");
    expect_delivery(other, "3");
    expect_delivery(other, "4");
}

static void busy_consumer_is_passed_over(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = filled(ch, 1);

    qos(ch, .prefetch_count = 1);
    consume(ch, .queue = str(queue));
    expect_delivery(ch, "1");
    consume(other, .queue = str(queue));
    publish_confirmed(ch, "", queue, "2");
    publish_confirmed(ch, "", queue, "3");
    expect_delivery(other, "2");
    expect_delivery(other, "3");
    expect_no_delivery(ch);
}

static void prefetch_size_closes_connection_540(void **state)
{
    struct channel *ch = *state;

    send_qos(ch, .prefetch_size = 1000);
    expect_connection_close(ch, AMQP_NOT_IMPLEMENTED, "NOT_IMPLEMENTED - prefetch_size!=0 (1000)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(prefetch_limits_each_consumer),
        behaviour(prefetch_holds_for_later_consumers_only),
        behaviour(prefetch_0_means_no_limit),
        behaviour(ack_multiple_gives_all_the_credit_back),
        behaviour(nack_and_reject_give_credit_back),
        behaviour(prefetch_does_not_count_no_ack_consumers),
        behaviour(prefetch_does_not_count_gets),
        behaviour(global_prefetch_limits_the_channel),
        behaviour(global_prefetch_spans_queues),
        behaviour(global_and_consumer_prefetch_hold_together),
        behaviour(raising_global_prefetch_lets_waiting_messages_go),
        behaviour(prefetch_is_a_channels_own),
        behaviour(busy_consumer_is_passed_over),
        behaviour(prefetch_size_closes_connection_540),
    };
    return cmocka_run_group_tests_name("qos", tests, NULL, NULL);
}
