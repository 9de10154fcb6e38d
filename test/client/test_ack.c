/* SPDX-License-Identifier: Apache-2.0 */
/* basic.ack, nack, reject and recover: what is settled, what comes back, where and how it is
 * marked. */
#include "expect.h"

/* A queue that holds the messages "1", "2", ... */
static const char *filled(struct channel *ch, int messages)
{
    const char *queue = queue_name();
    char body[] = "1";

    queue_declare(ch, .queue = str(queue));
    for (int i = 0; i < messages; i++, body[0]++)
        publish_confirmed(ch, "", queue, body);
    return queue;
}

static void expect_unknown_tag(struct channel *ch, int tag)
{
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - unknown delivery tag %d", tag);
}

/* The queue holds these messages (one digit each) and no more; all have the mark. */
static void expect_content(struct channel *ch, const char *queue, const char *digits,
                           bool redelivered)
{
    for (; *digits != '\0'; digits++) {
        const char body[] = {*digits, '\0'};
        struct delivery message = expect_get(ch, queue, body);
        assert_int_equal(message.redelivered, redelivered);
        ack(ch, message.tag);
    }
    expect_empty(ch, queue);
}

static void acked_message_does_not_come_back(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = filled(ch, 2);

    ack(ch, expect_get(ch, queue, "1").tag);
    expect_get(ch, queue, "2");
    channel_close(ch);
    consume(other, .queue = str(queue));
    assert_true(expect_delivery(other, "2").redelivered);
    expect_no_delivery(other);
}

static void acks_may_come_in_any_order(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = filled(ch, 4);

    for (char body[] = "1"; body[0] <= '4'; body[0]++)
        expect_get(ch, queue, body);
    ack(ch, 4);
    ack(ch, 1);
    ack(ch, 3);
    channel_close(ch);
    consume(other, .queue = str(queue));
    expect_delivery(other, "2");
    expect_no_delivery(other);
}

static void ack_multiple_settles_all_up_to_its_tag(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 5);

    for (char body[] = "1"; body[0] <= '5'; body[0]++)
        expect_get(ch, queue, body);
    ack(ch, 2);
    ack_upto(ch, 4);
    nack(ch, 0, .multiple = 1, .requeue = 1);
    expect_content(ch, queue, "5", true);
}

static void ack_multiple_with_tag_0_settles_all(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = filled(ch, 3);

    for (char body[] = "1"; body[0] <= '3'; body[0]++)
        expect_get(ch, queue, body);
    ack_upto(ch, 0);
    channel_close(ch);
    expect_empty(other, queue);
}

static void ack_multiple_with_tag_0_and_nothing_unacked_is_allowed(void **state)
{
    struct channel *ch = *state;

    ack_upto(ch, 0);
    nack(ch, 0, .multiple = 1, .requeue = 1);
    flow(ch, true);
}

static void ack_of_unknown_tag_closes_channel_406(void **state)
{
    struct channel *ch = *state;

    ack(ch, 1);
    expect_unknown_tag(ch, 1);
}

static void ack_of_tag_0_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 1);

    expect_get(ch, queue, "1");
    ack(ch, 0);
    expect_unknown_tag(ch, 0);
}

static void second_ack_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 2);

    expect_get(ch, queue, "1");
    expect_get(ch, queue, "2");
    ack(ch, 1);
    ack(ch, 1);
    expect_unknown_tag(ch, 1);
}

static void ack_multiple_of_settled_tag_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 3);

    for (char body[] = "1"; body[0] <= '3'; body[0]++)
        expect_get(ch, queue, body);
    ack_upto(ch, 2);
    ack_upto(ch, 2);
    expect_unknown_tag(ch, 2);
}

static void ack_multiple_past_the_last_tag_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 1);

    expect_get(ch, queue, "1");
    ack_upto(ch, 9);
    expect_unknown_tag(ch, 9);
}

static void nack_of_unknown_tag_closes_channel_406(void **state)
{
    struct channel *ch = *state;

    nack(ch, 7, .requeue = 1);
    expect_unknown_tag(ch, 7);
}

static void reject_of_unknown_tag_closes_channel_406(void **state)
{
    struct channel *ch = *state;

    reject(ch, 7, 1);
    expect_unknown_tag(ch, 7);
}

static void tag_of_another_channel_is_unknown(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = filled(ch, 1);

    expect_get(ch, queue, "1");
    ack(other, 1);
    expect_unknown_tag(other, 1);
    nack(ch, 1, .requeue = 1);
    expect_content(ch, queue, "1", true);
}

static void nack_without_requeue_drops_the_message(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 3);

    for (char body[] = "1"; body[0] <= '3'; body[0]++)
        expect_get(ch, queue, body);
    nack(ch, 2, .multiple = 1);
    nack(ch, 3, .requeue = 1);
    expect_content(ch, queue, "3", true);
}

static void reject_drops_or_requeues_one_message(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 2);

    expect_get(ch, queue, "1");
    expect_get(ch, queue, "2");
    reject(ch, 2, 1);
    reject(ch, 1, 0);
    expect_content(ch, queue, "2", true);
}

static void requeued_message_goes_back_to_its_place(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 5);

    for (char body[] = "1"; body[0] <= '4'; body[0]++)
        expect_get(ch, queue, body);
    nack(ch, 2, .requeue = 1);
    struct delivery again = expect_get(ch, queue, "2");
    assert_true(again.redelivered);
    nack(ch, 4, .requeue = 1);
    nack(ch, 1, .requeue = 1);
    nack(ch, again.tag, .requeue = 1);
    nack(ch, 3, .requeue = 1);
    for (char body[] = "1"; body[0] <= '5'; body[0]++)
        assert_int_equal(expect_get(ch, queue, body).redelivered, body[0] != '5');
}

static void requeue_multiple_keeps_the_order(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 6);

    for (char body[] = "1"; body[0] <= '5'; body[0]++)
        expect_get(ch, queue, body);
    ack(ch, 3);
    nack(ch, 5, .multiple = 1, .requeue = 1);
    for (const char *next = "1245"; *next != '\0'; next++)
        assert_true(expect_get(ch, queue, (const char[]){*next, '\0'}).redelivered);
    assert_false(expect_get(ch, queue, "6").redelivered);
}

static void requeued_message_is_delivered_again_with_a_new_tag(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 1);

    consume(ch, .queue = str(queue));
    assert_false(expect_delivery(ch, "1").redelivered);
    for (uint64_t tag = 1; tag <= 5; tag++) {
        reject(ch, tag, 1);
        struct delivery again = expect_delivery(ch, "1");
        assert_int_equal(again.tag, tag + 1);
        assert_true(again.redelivered);
    }
}

static void recover_redelivers_all_in_order(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 3);

    consume(ch, .queue = str(queue));
    for (char body[] = "1"; body[0] <= '3'; body[0]++)
        expect_delivery(ch, body);
    ack(ch, 2);
    recover(ch, .requeue = 1);
    struct delivery first = expect_delivery(ch, "1"), second = expect_delivery(ch, "3");
    assert_int_equal(first.tag, 4);
    assert_int_equal(second.tag, 5);
    assert_true(first.redelivered);
    assert_true(second.redelivered);
    expect_no_delivery(ch);
}

static void recover_gives_gets_back_to_the_queue(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 2);

    expect_get(ch, queue, "1");
    recover(ch, .requeue = 1);
    assert_true(expect_get(ch, queue, "1").redelivered);
    assert_false(expect_get(ch, queue, "2").redelivered);
}

static void recover_makes_old_tags_unknown(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 1);

    expect_get(ch, queue, "1");
    recover(ch, .requeue = 1);
    ack(ch, 1);
    expect_unknown_tag(ch, 1);
}

static void recover_without_requeue_closes_connection_540(void **state)
{
    struct channel *ch = *state;

    send_recover(ch, .requeue = 0);
    expect_connection_close(ch, AMQP_NOT_IMPLEMENTED, "NOT_IMPLEMENTED - requeue=false");
}

static void recover_async_redelivers_without_an_answer(void **state)
{
    struct channel *ch = *state;
    const char *queue = filled(ch, 1);

    consume(ch, .queue = str(queue));
    expect_delivery(ch, "1");
    send_method(ch, BASIC_RECOVER_ASYNC, basic_recover_async, .requeue = 1);
    assert_true(expect_delivery(ch, "1").redelivered);
    flow(ch, true);
    assert_int_equal(client_pending(ch, AMQP_BASIC_RECOVER_OK_METHOD), 0);
}

static void closed_channel_gives_unacked_messages_back_in_order(void **state)
{
    struct channel *ch = *state, *holder = channel_open(ch->client);
    const char *queue = filled(ch, 5);

    qos(holder, .prefetch_count = 4);
    consume(holder, .queue = str(queue));
    for (char body[] = "1"; body[0] <= '4'; body[0]++)
        expect_delivery(holder, body);
    ack(holder, 2);
    expect_delivery(holder, "5");
    channel_close(holder);
    consume(ch, .queue = str(queue));
    for (const char *next = "1345"; *next != '\0'; next++)
        assert_true(expect_delivery(ch, (const char[]){*next, '\0'}).redelivered);
    expect_no_delivery(ch);
}

static void closed_connection_gives_unacked_messages_back_in_order(void **state)
{
    struct channel *ch = *state;
    struct channel *one = channel_open(client_open()), *two = channel_open(one->client);
    const char *queue = filled(ch, 5);

    expect_get(one, queue, "1");
    expect_get(two, queue, "2");
    expect_get(one, queue, "3");
    expect_get(two, queue, "4");
    client_close(one->client);
    expect_ready(ch, queue, 5);
    for (char body[] = "1"; body[0] <= '5'; body[0]++)
        assert_int_equal(expect_get(ch, queue, body).redelivered, body[0] != '5');
}

static void vanished_client_gives_unacked_messages_back(void **state)
{
    struct channel *ch = *state, *gone = channel_open(client_open());
    const char *queue = filled(ch, 3);

    consume(gone, .queue = str(queue));
    for (char body[] = "1"; body[0] <= '3'; body[0]++)
        expect_delivery(gone, body);
    client_vanish(gone->client);
    consume(ch, .queue = str(queue));
    for (char body[] = "1"; body[0] <= '3'; body[0]++)
        assert_true(expect_delivery(ch, body).redelivered);
}

static void channel_closed_by_an_error_gives_unacked_messages_back(void **state)
{
    struct channel *ch = *state, *holder = channel_open(ch->client);
    const char *queue = filled(ch, 2);

    consume(holder, .queue = str(queue));
    expect_delivery(holder, "1");
    expect_delivery(holder, "2");
    ack(holder, 99);
    expect_unknown_tag(holder, 99);
    consume(ch, .queue = str(queue));
    assert_true(expect_delivery(ch, "1").redelivered);
    assert_true(expect_delivery(ch, "2").redelivered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(acked_message_does_not_come_back),
        behaviour(acks_may_come_in_any_order),
        behaviour(ack_multiple_settles_all_up_to_its_tag),
        behaviour(ack_multiple_with_tag_0_settles_all),
        behaviour(ack_multiple_with_tag_0_and_nothing_unacked_is_allowed),
        behaviour(ack_of_unknown_tag_closes_channel_406),
        behaviour(ack_of_tag_0_closes_channel_406),
        behaviour(second_ack_closes_channel_406),
        behaviour(ack_multiple_of_settled_tag_closes_channel_406),
        behaviour(ack_multiple_past_the_last_tag_closes_channel_406),
        behaviour(nack_of_unknown_tag_closes_channel_406),
        behaviour(reject_of_unknown_tag_closes_channel_406),
        behaviour(tag_of_another_channel_is_unknown),
        behaviour(nack_without_requeue_drops_the_message),
        behaviour(reject_drops_or_requeues_one_message),
        behaviour(requeued_message_goes_back_to_its_place),
        behaviour(requeue_multiple_keeps_the_order),
        behaviour(requeued_message_is_delivered_again_with_a_new_tag),
        behaviour(recover_redelivers_all_in_order),
        behaviour(recover_gives_gets_back_to_the_queue),
        behaviour(recover_makes_old_tags_unknown),
        behaviour(recover_without_requeue_closes_connection_540),
        behaviour(recover_async_redelivers_without_an_answer),
        behaviour(closed_channel_gives_unacked_messages_back_in_order),
        behaviour(closed_connection_gives_unacked_messages_back_in_order),
        behaviour(vanished_client_gives_unacked_messages_back),
        behaviour(channel_closed_by_an_error_gives_unacked_messages_back),
    };
    return cmocka_run_group_tests_name("ack", tests, NULL, NULL);
}
