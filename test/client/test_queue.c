/* SPDX-License-Identifier: Apache-2.0 */
/* queue.declare, bind, unbind, purge and delete, and basic.get. Life and death of queues:
 * test_lifetime.c. */
#include "expect.h"

static const char *declared(struct channel *ch)
{
    const char *queue = queue_name();
    queue_declare(ch, .queue = str(queue));
    return queue;
}

static void expect_no_queue(struct channel *ch, const char *queue)
{
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no queue '%s' in vhost '/'", queue);
}

static void declare_answers_name_and_counts(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    publish(ch, "", queue, "one");
    publish(ch, "", queue, "two");
    expect_ready(ch, queue, 2);
    consume(ch, .queue = str(queue));
    expect_delivery(ch, "one");
    expect_delivery(ch, "two");
    const amqp_queue_declare_ok_t *ok = queue_declare(ch, .queue = str(queue));
    assert_bytes(ok->queue, queue);
    assert_int_equal(ok->message_count, 0);
    assert_int_equal(ok->consumer_count, 1);
}

static void message_count_leaves_out_unacked_messages(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    publish(ch, "", queue, "one");
    publish(ch, "", queue, "two");
    publish(ch, "", queue, "three");
    expect_ready(ch, queue, 3);
    assert_int_equal(expect_get(ch, queue, "one").message_count, 2);
    expect_ready(ch, queue, 2);
    assert_int_equal(expect_get(ch, queue, "two").message_count, 1);
    assert_int_equal(expect_get(ch, queue, "three").message_count, 0);
    expect_empty(ch, queue);
}

static void declare_with_nowait_is_not_answered(void **state)
{
    struct channel *ch = *state;
    const char *queue = queue_name();

    send_queue_declare(ch, .queue = str(queue), .nowait = 1);
    publish(ch, "", queue, "here");
    expect_got(ch, queue, "here");
    assert_int_equal(client_pending(ch, AMQP_QUEUE_DECLARE_OK_METHOD), 0);
}

static void passive_declare_of_missing_queue_closes_channel_404(void **state)
{
    struct channel *ch = *state;
    const char *queue = queue_name();

    send_queue_declare(ch, .queue = str(queue), .passive = 1);
    expect_no_queue(ch, queue);
}

static void failing_declare_with_nowait_still_closes_channel(void **state)
{
    struct channel *ch = *state;
    const char *queue = queue_name();

    send_queue_declare(ch, .queue = str(queue), .passive = 1, .nowait = 1);
    expect_no_queue(ch, queue);
}

static void reserved_name_closes_channel_403(void **state)
{
    struct channel *ch = *state;

    send_queue_declare(ch, .queue = str("amq.stoat"));
    expect_channel_close(
        ch, AMQP_ACCESS_REFUSED,
        "ACCESS_REFUSED - queue name 'amq.stoat' contains reserved prefix 'amq.*'");
}

static void passive_declare_of_reserved_name_looks_it_up_404(void **state)
{
    struct channel *ch = *state;

    send_queue_declare(ch, .queue = str("amq.stoat"), .passive = 1);
    expect_no_queue(ch, "amq.stoat");
}

static void bind_to_missing_exchange_closes_channel_404(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch), *missing = exchange_name();

    send_queue_bind(ch, .queue = str(queue), .exchange = str(missing), .routing_key = str("k"));
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no exchange '%s' in vhost '/'", missing);
}

static void bind_of_missing_queue_closes_channel_404(void **state)
{
    struct channel *ch = *state;
    const char *missing = queue_name();

    send_queue_bind(ch, .queue = str(missing), .exchange = str("amq.direct"),
                    .routing_key = str("k"));
    expect_no_queue(ch, missing);
}

static void bind_to_default_exchange_closes_channel_403(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    send_queue_bind(ch, .queue = str(queue), .exchange = amqp_empty_bytes, .routing_key = str("k"));
    expect_channel_close(ch, AMQP_ACCESS_REFUSED,
                         "ACCESS_REFUSED - operation not permitted on the default exchange");
}

static void unbind_from_default_exchange_closes_channel_403(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    send_queue_unbind(ch, .queue = str(queue), .exchange = amqp_empty_bytes,
                      .routing_key = str(queue));
    expect_channel_close(ch, AMQP_ACCESS_REFUSED,
                         "ACCESS_REFUSED - operation not permitted on the default exchange");
}

static void unbind_of_what_does_not_exist_succeeds(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    queue_unbind(ch, .queue = str(queue), .exchange = str("amq.direct"),
                 .routing_key = str("never"));
    queue_unbind(ch, .queue = str(queue), .exchange = str(exchange_name()),
                 .routing_key = str("k"));
    queue_unbind(ch, .queue = str(queue_name()), .exchange = str("amq.direct"),
                 .routing_key = str("k"));
}

static void bind_with_nowait_is_not_answered(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    send_queue_bind(ch, .queue = str(queue), .exchange = str("amq.direct"),
                    .routing_key = str(queue), .nowait = 1);
    publish(ch, "amq.direct", queue, "routed");
    expect_got(ch, queue, "routed");
    assert_int_equal(client_pending(ch, AMQP_QUEUE_BIND_OK_METHOD), 0);
}

static void purge_tells_how_many_and_leaves_unacked_messages(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    for (int i = 0; i < 5; i++)
        publish(ch, "", queue, "x");
    struct delivery kept = expect_get(ch, queue, "x");
    assert_int_equal(queue_purge(ch, .queue = str(queue))->message_count, 4);
    assert_int_equal(queue_purge(ch, .queue = str(queue))->message_count, 0);
    nack(ch, kept.tag, .requeue = 1);
    expect_ready(ch, queue, 1);
}

static void purge_with_nowait_is_not_answered(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    publish(ch, "", queue, "x");
    send_queue_purge(ch, .queue = str(queue), .nowait = 1);
    expect_empty(ch, queue);
    assert_int_equal(client_pending(ch, AMQP_QUEUE_PURGE_OK_METHOD), 0);
}

static void purge_of_missing_queue_closes_channel_404(void **state)
{
    struct channel *ch = *state;
    const char *missing = queue_name();

    send_queue_purge(ch, .queue = str(missing));
    expect_no_queue(ch, missing);
}

static void delete_tells_how_many_messages_were_ready(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    for (int i = 0; i < 3; i++)
        publish(ch, "", queue, "x");
    assert_int_equal(queue_delete(ch, .queue = str(queue))->message_count, 3);
    send_queue_declare(ch, .queue = str(queue), .passive = 1);
    expect_no_queue(ch, queue);
}

static void delete_of_missing_queue_succeeds_with_0(void **state)
{
    struct channel *ch = *state;

    assert_int_equal(queue_delete(ch, .queue = str(queue_name()))->message_count, 0);
}

static void delete_with_nowait_is_not_answered(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    publish(ch, "", queue, "x");
    send_queue_delete(ch, .queue = str(queue), .nowait = 1);
    assert_int_equal(queue_declare(ch, .queue = str(queue))->message_count, 0);
    assert_int_equal(client_pending(ch, AMQP_QUEUE_DELETE_OK_METHOD), 0);
}

static void delete_removes_the_bindings(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch), *exchange = exchange_name();

    exchange_declare(ch, .exchange = str(exchange), .type = str("fanout"));
    queue_bind(ch, .queue = str(queue), .exchange = str(exchange));
    queue_delete(ch, .queue = str(queue));
    queue_declare(ch, .queue = str(queue));
    publish(ch, exchange, "", "lost");
    expect_empty(ch, queue);
    exchange_delete(ch, .exchange = str(exchange), .if_unused = 1);
}

static void delete_if_unused_of_consumed_queue_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    consume(ch, .queue = str(queue));
    send_queue_delete(ch, .queue = str(queue), .if_unused = 1);
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - queue '%s' in vhost '/' in use", queue);
}

static void delete_if_unused_of_bound_queue_succeeds(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    queue_bind(ch, .queue = str(queue), .exchange = str("amq.fanout"));
    queue_delete(ch, .queue = str(queue), .if_unused = 1);
}

static void delete_if_empty_of_filled_queue_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    publish(ch, "", queue, "x");
    send_queue_delete(ch, .queue = str(queue), .if_empty = 1);
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - queue '%s' in vhost '/' not empty", queue);
}

static void delete_if_empty_ignores_unacked_messages(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    publish(ch, "", queue, "x");
    expect_get(ch, queue, "x");
    queue_delete(ch, .queue = str(queue), .if_empty = 1);
}

static void get_from_missing_queue_closes_channel_404(void **state)
{
    struct channel *ch = *state;
    const char *missing = queue_name();

    send_get(ch, .queue = str(missing));
    expect_no_queue(ch, missing);
}

static void get_tells_exchange_key_and_rest(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    queue_bind(ch, .queue = str(queue), .exchange = str("amq.direct"), .routing_key = str(queue));
    publish(ch, "amq.direct", queue, "one");
    publish(ch, "amq.direct", queue, "two");
    struct delivery message = expect_get(ch, queue, "one");
    assert_bytes(message.exchange, "amq.direct");
    assert_bytes(message.routing_key, queue);
    assert_int_equal(message.message_count, 1);
    assert_false(message.redelivered);
}

static void get_with_no_ack_settles_at_once(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);
    struct delivery message;

    publish(ch, "", queue, "x");
    assert_true(get(ch, queue, true, &message));
    send_method(ch, BASIC_ACK, basic_ack, .delivery_tag = message.tag);
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - unknown delivery tag 1");
}

static void messages_come_in_publish_order(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);
    char body[] = "00";

    for (int i = 0; i < 100; i++) {
        body[0] = (char)('0' + i / 10), body[1] = (char)('0' + i % 10);
        publish(ch, "", queue, body);
    }
    for (int i = 0; i < 100; i++) {
        body[0] = (char)('0' + i / 10), body[1] = (char)('0' + i % 10);
        expect_got(ch, queue, body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(declare_answers_name_and_counts),
        behaviour(message_count_leaves_out_unacked_messages),
        behaviour(declare_with_nowait_is_not_answered),
        behaviour(passive_declare_of_missing_queue_closes_channel_404),
        behaviour(failing_declare_with_nowait_still_closes_channel),
        behaviour(reserved_name_closes_channel_403),
        behaviour(passive_declare_of_reserved_name_looks_it_up_404),
        behaviour(bind_to_missing_exchange_closes_channel_404),
        behaviour(bind_of_missing_queue_closes_channel_404),
        behaviour(bind_to_default_exchange_closes_channel_403),
        behaviour(unbind_from_default_exchange_closes_channel_403),
        behaviour(unbind_of_what_does_not_exist_succeeds),
        behaviour(bind_with_nowait_is_not_answered),
        behaviour(purge_tells_how_many_and_leaves_unacked_messages),
        behaviour(purge_with_nowait_is_not_answered),
        behaviour(purge_of_missing_queue_closes_channel_404),
        behaviour(delete_tells_how_many_messages_were_ready),
        behaviour(delete_of_missing_queue_succeeds_with_0),
        behaviour(delete_with_nowait_is_not_answered),
        behaviour(delete_removes_the_bindings),
        behaviour(delete_if_unused_of_consumed_queue_closes_channel_406),
        behaviour(delete_if_unused_of_bound_queue_succeeds),
        behaviour(delete_if_empty_of_filled_queue_closes_channel_406),
        behaviour(delete_if_empty_ignores_unacked_messages),
        behaviour(get_from_missing_queue_closes_channel_404),
        behaviour(get_tells_exchange_key_and_rest),
        behaviour(get_with_no_ack_settles_at_once),
        behaviour(messages_come_in_publish_order),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
