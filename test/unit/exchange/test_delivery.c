/* SPDX-License-Identifier: Apache-2.0
 *
 * What consumers are given: order, turns, priorities, prefetch, back-pressure, what comes back.
 */
#include <stdio.h>

#include "amqp/table.h"
#include "test/unit/exchange/expect.h"

struct fixture {
    struct harness harness;
    struct client *client; /* with channels 1 and 2, and the queue q */
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    harness_init(&f->harness, 1);
    f->client = client_open(&f->harness, 1000000);
    client_channel(f->client, 1);
    client_channel(f->client, 2);
    client_queue(f->client, 1, "q", 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    harness_fini(&f->harness);
    free(f);
    return 0;
}

/* Publishes the digits FIRST to LAST to q. */
static void publish(struct fixture *f, char first, char last)
{
    for (char digit = first; digit <= last; digit++)
        client_publish(f->client, 1, "", "q", (char[]){digit, '\0'}, 0);
}

static void consume_with_priority(struct fixture *f, const char *tag, int priority)
{
    struct buf table = {0};
    table_put_int(&table, "x-priority", priority);
    client_send(f->client, 1,
                &(struct method){.id = METHOD_BASIC_CONSUME,
                                 .basic_consume = {.queue = S("q"),
                                                   .consumer_tag = S(tag),
                                                   .nowait = true,
                                                   .arguments = buf_slice(&table)}});
    buf_fini(&table);
}

static void messages_come_in_order_to_early_and_late_consumers(void **state)
{
    struct fixture *f = *state;
    publish(f, '1', '3');
    client_consume(f->client, 1, "q", "c", true);
    publish(f, '4', '5');
    for (char digit = '1'; digit <= '5'; digit++)
        expect_delivery(f->client, 1, "c", (char[]){digit, '\0'}, false);
    expect_nothing(f->client);
}

static void consume_ok_comes_before_the_first_delivery(void **state)
{
    struct fixture *f = *state;
    publish(f, '1', '1');
    client_send(f->client, 1,
                &(struct method){.id = METHOD_BASIC_CONSUME, .basic_consume = {.queue = S("q")}});
    const struct method *ok = expect_method(f->client, 1, METHOD_BASIC_CONSUME_OK);
    assert_true(slice_starts_with(ok->basic_consume_ok.consumer_tag, S("amq.ctag-")));
    char tag[64];
    snprintf(tag, sizeof tag, "%.*s", SLICE_ARGS(ok->basic_consume_ok.consumer_tag));
    expect_delivery(f->client, 1, tag, "1", false);
}

static void consumers_take_turns_across_channels(void **state)
{
    struct fixture *f = *state;
    client_consume(f->client, 1, "q", "a", true);
    client_consume(f->client, 2, "q", "b", true);
    client_consume(f->client, 1, "q", "c", true);
    publish(f, '1', '7');
    static const char turns[] = "abcabca";
    for (unsigned i = 0; i < 7; i++)
        expect_delivery(f->client, turns[i] == 'b' ? 2 : 1, (char[]){turns[i], '\0'},
                        (char[]){(char)('1' + i), '\0'}, false);
}

static void the_higher_priority_is_served_while_it_has_credit(void **state)
{
    struct fixture *f = *state;
    client_qos(f->client, 1, 2, false);
    consume_with_priority(f, "low", -1);
    consume_with_priority(f, "high", 5);
    client_consume(f->client, 1, "q", "middle", false);
    publish(f, '1', '7');
    uint64_t first = expect_delivery(f->client, 1, "high", "1", false)->delivery_tag;
    expect_delivery(f->client, 1, "high", "2", false);
    expect_delivery(f->client, 1, "middle", "3", false);
    expect_delivery(f->client, 1, "middle", "4", false);
    expect_delivery(f->client, 1, "low", "5", false);
    expect_delivery(f->client, 1, "low", "6", false);
    expect_nothing(f->client);
    client_ack(f->client, 1, first, false);
    expect_delivery(f->client, 1, "high", "7", false);
}

static void those_of_one_priority_take_turns(void **state)
{
    struct fixture *f = *state;
    consume_with_priority(f, "low", 1);
    consume_with_priority(f, "a", 2);
    consume_with_priority(f, "b", 2);
    publish(f, '1', '4');
    expect_delivery(f->client, 1, "a", "1", false);
    expect_delivery(f->client, 1, "b", "2", false);
    expect_delivery(f->client, 1, "a", "3", false);
    expect_delivery(f->client, 1, "b", "4", false);
}

static void prefetch_counts_for_each_consumer_declared_after_it(void **state)
{
    struct fixture *f = *state;
    client_consume(f->client, 1, "q", "free", false);
    client_cancel(f->client, 1, "free");
    client_qos(f->client, 1, 1, false);
    client_consume(f->client, 1, "q", "a", false);
    client_consume(f->client, 1, "q", "b", false);
    client_consume(f->client, 2, "q", "other", false); /* another channel's qos */
    publish(f, '1', '5');
    expect_delivery(f->client, 1, "a", "1", false);
    uint64_t b = expect_delivery(f->client, 1, "b", "2", false)->delivery_tag;
    expect_delivery(f->client, 2, "other", "3", false);
    expect_delivery(f->client, 2, "other", "4", false);
    expect_delivery(f->client, 2, "other", "5", false);
    client_cancel(f->client, 2, "other");
    publish(f, '6', '7');
    expect_nothing(f->client);
    client_ack(f->client, 1, b, false);
    expect_delivery(f->client, 1, "b", "6", false);
    expect_nothing(f->client);
}

static void global_prefetch_is_for_all_consumers_of_the_channel(void **state)
{
    struct fixture *f = *state;
    client_qos(f->client, 1, 3, true);
    client_qos(f->client, 1, 2, false);
    client_consume(f->client, 1, "q", "a", false);
    client_consume(f->client, 1, "q", "b", false);
    publish(f, '1', '6');
    expect_delivery(f->client, 1, "a", "1", false);
    expect_delivery(f->client, 1, "b", "2", false);
    expect_delivery(f->client, 1, "a", "3", false);
    expect_nothing(f->client);
    client_ack(f->client, 1, 2, false);
    expect_delivery(f->client, 1, "b", "4", false);
    expect_nothing(f->client);
    client_send(f->client, 1,
                &(struct method){.id = METHOD_BASIC_QOS,
                                 .basic_qos = {.prefetch_count = 0, .global = true}});
    expect_method(f->client, 1, METHOD_BASIC_QOS_OK);
    expect_delivery(f->client, 1, "b", "5", false); /* the other has its own two already */
    expect_nothing(f->client);
}

static void prefetch_of_a_py_amqp_client_is_for_the_channel_and_may_change(void **state)
{
    struct fixture *f = *state;
    f->harness.client_product = "py-amqp";
    struct client *celery = client_open(&f->harness, UINT32_MAX);
    client_channel(celery, 1);
    client_qos(celery, 1, 1, false);
    client_consume(celery, 1, "q", "a", false);
    client_consume(celery, 1, "q", "b", false);
    publish(f, '1', '4');
    expect_delivery(celery, 1, "a", "1", false);
    expect_nothing(celery);
    client_qos(celery, 1, 2, false);
    expect_delivery(celery, 1, "b", "2", false);
    expect_nothing(celery);
}

static void acks_of_a_get_give_no_credit_but_are_no_debt(void **state)
{
    struct fixture *f = *state;
    publish(f, '1', '3');
    client_qos(f->client, 1, 1, true);
    client_get(f->client, 1, "q", false);
    uint64_t got = expect_get(f->client, 1, "1", false, 2);
    client_consume(f->client, 1, "q", "c", false);
    expect_delivery(f->client, 1, "c", "2", false);
    client_ack(f->client, 1, got, false);
    expect_nothing(f->client);
}

static void consumers_without_acks_ignore_prefetch(void **state)
{
    struct fixture *f = *state;
    client_qos(f->client, 1, 1, false);
    client_qos(f->client, 1, 1, true);
    client_consume(f->client, 1, "q", "c", true);
    publish(f, '1', '3');
    for (char digit = '1'; digit <= '3'; digit++)
        expect_delivery(f->client, 1, "c", (char[]){digit, '\0'}, false);
}

static void a_clogged_client_gets_nothing_until_half_has_drained(void **state)
{
    struct fixture *f = *state;
    struct client *slow = client_open(&f->harness, 300);
    client_channel(slow, 1);
    client_consume(slow, 1, "q", "slow", true);
    for (unsigned i = 0; i < 50; i++)
        client_publish(f->client, 1, "", "q", "a body of thirty octets, about", 0);
    unsigned first = 0;
    while (client_next(slow) != NULL)
        first++;
    assert_in_range(first, 2, 10);
    assert_true(slow->unwritten >= 300);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "q")), 50 - first);

    client_drain(slow, slow->unwritten - 151);
    expect_nothing(slow);
    client_drain(slow, 1); /* below half: it goes on */
    assert_non_null(client_peek(slow));
    unsigned total = first;
    while (total < 50) {
        unsigned more = 0;
        for (; client_next(slow) != NULL; more++)
            continue;
        assert_true(more > 0); /* every drain brings some */
        total += more;
        client_drain(slow, UINT64_MAX);
    }
    assert_int_equal(total, 50);
    expect_nothing(slow);
}

static void others_are_served_while_one_is_clogged(void **state)
{
    struct fixture *f = *state;
    struct client *slow = client_open(&f->harness, 1);
    client_channel(slow, 1);
    client_consume(slow, 1, "q", "slow", false);
    client_consume(f->client, 1, "q", "quick", true);
    publish(f, '1', '4');
    expect_delivery(slow, 1, "slow", "1", false);
    for (char digit = '2'; digit <= '4'; digit++)
        expect_delivery(f->client, 1, "quick", (char[]){digit, '\0'}, false);
    expect_nothing(slow);
    client_ack(slow, 1, 1, false); /* credit is not all that it takes */
    client_cancel(f->client, 1, "quick");
    publish(f, '5', '5');
    expect_nothing(slow);
    client_drain(slow, UINT64_MAX);
    expect_delivery(slow, 1, "slow", "5", false);
}

static void what_comes_back_stands_at_its_old_place(void **state)
{
    struct fixture *f = *state;
    publish(f, '1', '6');
    for (unsigned i = 0; i < 4; i++)
        client_get(f->client, 1, "q", false);
    client_forget(f->client);
    client_nack(f->client, 1, 3, false, true);
    client_nack(f->client, 1, 1, false, true);
    client_get(f->client, 2, "q", true);
    expect_get(f->client, 2, "1", true, 3);
    client_nack(f->client, 1, 2, false, true);
    client_get(f->client, 2, "q", true);
    expect_get(f->client, 2, "2", true, 3);
    client_get(f->client, 2, "q", true);
    expect_get(f->client, 2, "3", true, 2);
    client_get(f->client, 2, "q", true);
    expect_get(f->client, 2, "5", false, 1);
    client_nack(f->client, 1, 4, false, true);
    client_get(f->client, 2, "q", true);
    expect_get(f->client, 2, "4", true, 1);
    client_get(f->client, 2, "q", true);
    expect_get(f->client, 2, "6", false, 0);
}

static void a_closed_channels_deliveries_go_back_in_order(void **state)
{
    struct fixture *f = *state;
    client_consume(f->client, 2, "q", "gone", false);
    publish(f, '1', '3');
    client_forget(f->client);
    client_send(f->client, 2, &(struct method){.id = METHOD_CHANNEL_CLOSE});
    expect_method(f->client, 2, METHOD_CHANNEL_CLOSE_OK);
    publish(f, '4', '4');
    client_consume(f->client, 1, "q", "next", true);
    expect_delivery(f->client, 1, "next", "1", true);
    expect_delivery(f->client, 1, "next", "2", true);
    expect_delivery(f->client, 1, "next", "3", true);
    expect_delivery(f->client, 1, "next", "4", false);
}

static void recover_puts_all_back_and_delivers_again(void **state)
{
    struct fixture *f = *state;
    client_consume(f->client, 1, "q", "c", false);
    publish(f, '1', '2');
    client_forget(f->client);
    client_send(f->client, 1,
                &(struct method){.id = METHOD_BASIC_RECOVER, .basic_recover = {.requeue = true}});
    expect_method(f->client, 1, METHOD_BASIC_RECOVER_OK);
    assert_int_equal(expect_delivery(f->client, 1, "c", "1", true)->delivery_tag, 3);
    assert_int_equal(expect_delivery(f->client, 1, "c", "2", true)->delivery_tag, 4);
    client_ack(f->client, 1, 1, false); /* a tag of before */
    expect_channel_close(f->client, 1, REPLY_PRECONDITION_FAILED);
}

static void multiple_settles_all_up_to_the_tag(void **state)
{
    struct fixture *f = *state;
    struct queue *queue = harness_queue(&f->harness, "q");
    publish(f, '1', '5');
    for (unsigned i = 0; i < 5; i++)
        client_get(f->client, 1, "q", false);
    client_forget(f->client);
    client_ack(f->client, 1, 2, false);
    client_ack(f->client, 1, 3, true);
    assert_int_equal(queue->unacked, 2);
    client_nack(f->client, 1, 0, true, true); /* 0: all that there are */
    assert_int_equal(queue->unacked, 0);
    assert_int_equal(queue_depth(queue), 2);
    client_ack(f->client, 1, 0, true); /* none are no error */
    expect_nothing(f->client);
    client_ack(f->client, 1, 0, false);
    expect_channel_close(f->client, 1, REPLY_PRECONDITION_FAILED);
}

static void settling_twice_closes_the_channel(void **state)
{
    struct fixture *f = *state;
    publish(f, '1', '2');
    client_get(f->client, 2, "q", false);
    client_forget(f->client);
    client_ack(f->client, 2, 1, false);
    client_ack(f->client, 2, 1, false);
    expect_channel_close(f->client, 2, REPLY_PRECONDITION_FAILED);
}

static void a_deleted_queues_deliveries_may_still_be_settled(void **state)
{
    struct fixture *f = *state;
    publish(f, '1', '3');
    for (unsigned i = 0; i < 3; i++)
        client_get(f->client, 1, "q", false);
    client_forget(f->client);
    client_delete_queue(f->client, 2, "q");
    client_queue(f->client, 2, "q", 0); /* another of that name */
    client_ack(f->client, 1, 1, false);
    client_nack(f->client, 1, 2, false, true);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "q")), 0);
    expect_nothing(f->client);
    /* The third goes with its channel. */
}

static void consumers_of_a_deleted_queue_are_told(void **state)
{
    struct fixture *f = *state;
    struct client *other = client_open(&f->harness, 1000);
    client_channel(other, 1);
    client_consume(other, 1, "q", "theirs", false);
    publish(f, '1', '1');
    expect_delivery(other, 1, "theirs", "1", false);
    client_delete_queue(f->client, 1, "q");
    const struct method *cancel = expect_method(other, 1, METHOD_BASIC_CANCEL);
    assert_slice(cancel->basic_cancel.consumer_tag, "theirs");
    client_ack(other, 1, 1, false);
    expect_nothing(other);
    client_consume(other, 1, "q", "theirs", false); /* the tag is free, the queue is not there */
    expect_channel_close(other, 1, REPLY_NOT_FOUND);
}

static void a_cancelled_consumer_gets_no_more_and_may_still_ack(void **state)
{
    struct fixture *f = *state;
    client_consume(f->client, 1, "q", "c", false);
    publish(f, '1', '1');
    expect_delivery(f->client, 1, "c", "1", false);
    client_cancel(f->client, 1, "c");
    publish(f, '2', '2');
    expect_nothing(f->client);
    client_nack(f->client, 1, 1, false, true);
    client_get(f->client, 1, "q", true);
    expect_get(f->client, 1, "1", true, 1);
}

static void an_exclusive_consumer_is_the_only_one(void **state)
{
    struct fixture *f = *state;
    client_send(f->client, 1,
                &(struct method){.id = METHOD_BASIC_CONSUME,
                                 .basic_consume = {.queue = S("q"),
                                                   .consumer_tag = S("only"),
                                                   .exclusive = true,
                                                   .nowait = true}});
    client_consume(f->client, 2, "q", "second", false);
    expect_channel_close(f->client, 2, REPLY_ACCESS_REFUSED);
    client_cancel(f->client, 1, "only");
    client_consume(f->client, 1, "q", "next", false);
    expect_nothing(f->client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(messages_come_in_order_to_early_and_late_consumers),
        TEST(consume_ok_comes_before_the_first_delivery),
        TEST(consumers_take_turns_across_channels),
        TEST(the_higher_priority_is_served_while_it_has_credit),
        TEST(those_of_one_priority_take_turns),
        TEST(prefetch_counts_for_each_consumer_declared_after_it),
        TEST(global_prefetch_is_for_all_consumers_of_the_channel),
        TEST(prefetch_of_a_py_amqp_client_is_for_the_channel_and_may_change),
        TEST(acks_of_a_get_give_no_credit_but_are_no_debt),
        TEST(consumers_without_acks_ignore_prefetch),
        TEST(a_clogged_client_gets_nothing_until_half_has_drained),
        TEST(others_are_served_while_one_is_clogged),
        TEST(what_comes_back_stands_at_its_old_place),
        TEST(a_closed_channels_deliveries_go_back_in_order),
        TEST(recover_puts_all_back_and_delivers_again),
        TEST(multiple_settles_all_up_to_the_tag),
        TEST(settling_twice_closes_the_channel),
        TEST(a_deleted_queues_deliveries_may_still_be_settled),
        TEST(consumers_of_a_deleted_queue_are_told),
        TEST(a_cancelled_consumer_gets_no_more_and_may_still_ack),
        TEST(an_exclusive_consumer_is_the_only_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
