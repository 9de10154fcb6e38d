/* SPDX-License-Identifier: Apache-2.0 */
/* Queues with x-single-active-consumer: one consumer at a time. */
#include "expect.h"

#define SINGLE_ACTIVE TABLE(table_bool("x-single-active-consumer", true))

static const char *declared(struct channel *ch)
{
    const char *queue = queue_name();
    queue_declare(ch, .queue = str(queue), .arguments = SINGLE_ACTIVE);
    return queue;
}

static const char *declared_quorum(struct channel *ch)
{
    const char *queue = queue_name();
    queue_declare(ch, .queue = str(queue), .durable = 1,
                  .arguments = TABLE(table_bool("x-single-active-consumer", true),
                                     table_string("x-queue-type", "quorum")));
    return queue;
}

static void the_first_consumer_gets_all(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = declared(ch);

    consume(ch, .queue = str(queue));
    consume(other, .queue = str(queue), .arguments = TABLE(table_int("x-priority", 10)));
    publish(ch, "", queue, "1");
    publish_confirmed(ch, "", queue, "2");
    expect_delivery(ch, "1");
    expect_delivery(ch, "2");
    expect_no_delivery(other);
}

static void no_credit_is_no_reason_for_a_change(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = declared(ch);

    qos(ch, .prefetch_count = 1);
    consume(ch, .queue = str(queue));
    consume(other, .queue = str(queue));
    publish(ch, "", queue, "1");
    publish_confirmed(ch, "", queue, "2");
    expect_delivery(ch, "1");
    expect_no_delivery(other);
    ack(ch, 1);
    expect_delivery(ch, "2");
}

static void the_next_one_is_the_first_of_the_highest_priority(void **state)
{
    struct channel *ch = *state, *low = channel_open(ch->client);
    struct channel *high = channel_open(ch->client), *late = channel_open(ch->client);
    const char *queue = declared(ch);

    consume(ch, .queue = str(queue), .consumer_tag = str("active"));
    consume(low, .queue = str(queue));
    consume(high, .queue = str(queue), .consumer_tag = str("high"),
            .arguments = TABLE(table_int("x-priority", 5)));
    consume(late, .queue = str(queue), .arguments = TABLE(table_int("x-priority", 5)));
    cancel(ch, .consumer_tag = str("active"));
    publish(ch, "", queue, "1");
    expect_delivery(high, "1");
    cancel(high, .consumer_tag = str("high"));
    publish(ch, "", queue, "2");
    expect_delivery(late, "2");
    channel_close(late);
    publish(ch, "", queue, "3");
    struct delivery message = next_delivery(low); /* "2" came back with its channel */
    assert_bytes(message.body, "2");
    assert_true(message.redelivered);
    expect_delivery(low, "3");
}

static void what_a_cancelled_consumer_has_not_settled_stays_with_it(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = declared(ch);

    consume(ch, .queue = str(queue), .consumer_tag = str("first"));
    consume(other, .queue = str(queue));
    publish(ch, "", queue, "1");
    expect_delivery(ch, "1");
    cancel(ch, .consumer_tag = str("first"));
    publish(ch, "", queue, "2");
    expect_delivery(other, "2");
    nack(ch, 1, .requeue = 1);
    assert_true(expect_delivery(other, "1").redelivered);
}

static void an_exclusive_consumer_is_refused_403(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    send_consume(ch, .queue = str(queue), .exclusive = 1);
    expect_channel_close(ch, AMQP_ACCESS_REFUSED,
                         "ACCESS_REFUSED - queue '%s' in vhost '/' in exclusive use", queue);
}

static void quorum_queues_know_no_exclusive_consumers(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = declared_quorum(ch);

    consume(ch, .queue = str(queue), .exclusive = 1);
    consume(other, .queue = str(queue), .exclusive = 1);
    publish(ch, "", queue, "x");
    expect_delivery(ch, "x");
}

static void get_is_served_by_classic_queues(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    publish_confirmed(ch, "", queue, "x");
    expect_got(ch, queue, "x");
}

static void get_from_a_quorum_queue_closes_channel_405(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared_quorum(ch);

    send_get(ch, .queue = str(queue));
    expect_channel_close(ch, AMQP_RESOURCE_LOCKED,
                         "RESOURCE_LOCKED - cannot obtain access to locked queue '%s' in vhost "
                         "'/'. basic.get operations are not supported by quorum queues with single "
                         "active consumer",
                         queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(the_first_consumer_gets_all),
        behaviour(no_credit_is_no_reason_for_a_change),
        behaviour(the_next_one_is_the_first_of_the_highest_priority),
        behaviour(what_a_cancelled_consumer_has_not_settled_stays_with_it),
        behaviour(an_exclusive_consumer_is_refused_403),
        behaviour(quorum_queues_know_no_exclusive_consumers),
        behaviour(get_is_served_by_classic_queues),
        behaviour(get_from_a_quorum_queue_closes_channel_405),
    };
    return cmocka_run_group_tests_name("single_active", tests, NULL, NULL);
}
