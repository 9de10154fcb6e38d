/* SPDX-License-Identifier: Apache-2.0 */
/* tx.select, commit and rollback: publishes and acks that wait for the commit. */
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

static void publishes_appear_at_commit(void **state)
{
    struct channel *ch = *state, *tx = channel_open(ch->client);
    const char *queue = filled(ch, 0);

    tx_select(tx);
    publish(tx, "", queue, "1");
    publish(tx, "", queue, "2");
    flow(tx, true);
    expect_empty(ch, queue);
    tx_commit(tx);
    expect_got(ch, queue, "1");
    expect_got(ch, queue, "2");
    expect_empty(ch, queue);
}

static void rollback_drops_publishes(void **state)
{
    struct channel *ch = *state, *tx = channel_open(ch->client);
    const char *queue = filled(ch, 0);

    tx_select(tx);
    publish(tx, "", queue, "dropped");
    tx_rollback(tx);
    publish(tx, "", queue, "kept");
    tx_commit(tx);
    expect_got(ch, queue, "kept");
    expect_empty(ch, queue);
}

static void a_new_transaction_begins_after_each_end(void **state)
{
    struct channel *ch = *state, *tx = channel_open(ch->client);
    const char *queue = filled(ch, 0);

    tx_select(tx);
    tx_commit(tx); /* empty ones are fine */
    tx_rollback(tx);
    for (char body[] = "1"; body[0] <= '3'; body[0]++) {
        publish(tx, "", queue, body);
        flow(tx, true);
        expect_empty(ch, queue);
        tx_commit(tx);
        expect_got(ch, queue, body);
    }
}

static void select_again_changes_nothing(void **state)
{
    struct channel *ch = *state, *tx = channel_open(ch->client);
    const char *queue = filled(ch, 0);

    tx_select(tx);
    publish(tx, "", queue, "x");
    tx_select(tx);
    expect_empty(ch, queue);
    tx_commit(tx);
    expect_got(ch, queue, "x");
}

static void closing_the_channel_rolls_back(void **state)
{
    struct channel *ch = *state, *tx = channel_open(ch->client);
    const char *queue = filled(ch, 1);

    tx_select(tx);
    ack(tx, expect_get(tx, queue, "1").tag);
    publish(tx, "", queue, "dropped");
    channel_close(tx);
    consume(ch, .queue = str(queue));
    assert_true(expect_delivery(ch, "1").redelivered);
    expect_no_delivery(ch);
}

static void acks_hold_at_commit(void **state)
{
    struct channel *ch = *state, *tx = channel_open(ch->client);
    const char *queue = filled(ch, 2);

    tx_select(tx);
    ack(tx, expect_get(tx, queue, "1").tag);
    tx_commit(tx);
    ack(tx, expect_get(tx, queue, "2").tag); /* never committed */
    channel_close(tx);
    consume(ch, .queue = str(queue));
    assert_true(expect_delivery(ch, "2").redelivered);
    expect_no_delivery(ch);
}

static void rollback_makes_acks_undone_but_not_the_delivery(void **state)
{
    struct channel *ch = *state, *tx = channel_open(ch->client);
    const char *queue = filled(ch, 1);

    tx_select(tx);
    consume(tx, .queue = str(queue));
    ack(tx, expect_delivery(tx, "1").tag);
    tx_rollback(tx);
    expect_no_delivery(tx);
    ack(tx, 1); /* the tag is known again */
    tx_commit(tx);
    channel_close(tx);
    expect_empty(ch, queue);
}

static void nack_and_reject_requeue_at_commit(void **state)
{
    struct channel *ch = *state, *tx = channel_open(ch->client);
    const char *queue = filled(ch, 3);

    tx_select(tx);
    for (char body[] = "1"; body[0] <= '3'; body[0]++)
        expect_get(tx, queue, body);
    nack(tx, 1, .requeue = 1);
    reject(tx, 2, 1);
    reject(tx, 3, 0);
    flow(tx, true);
    expect_empty(ch, queue);
    tx_commit(tx);
    consume(ch, .queue = str(queue));
    assert_true(expect_delivery(ch, "1").redelivered);
    assert_true(expect_delivery(ch, "2").redelivered);
    expect_no_delivery(ch);
}

static void ack_multiple_in_a_transaction(void **state)
{
    struct channel *ch = *state, *tx = channel_open(ch->client);
    const char *queue = filled(ch, 4);

    tx_select(tx);
    for (char body[] = "1"; body[0] <= '4'; body[0]++)
        expect_get(tx, queue, body);
    ack_upto(tx, 3);
    tx_commit(tx);
    channel_close(tx);
    consume(ch, .queue = str(queue));
    expect_delivery(ch, "4");
    expect_no_delivery(ch);
}

static void prefetch_credit_comes_back_at_commit(void **state)
{
    struct channel *ch = *state, *tx = channel_open(ch->client);
    const char *queue = filled(ch, 2);

    tx_select(tx);
    qos(tx, .prefetch_count = 1);
    consume(tx, .queue = str(queue));
    ack(tx, expect_delivery(tx, "1").tag);
    expect_no_delivery(tx);
    tx_commit(tx);
    expect_delivery(tx, "2");
}

static void mandatory_message_is_returned_before_commit_ok(void **state)
{
    struct channel *tx = *state;

    tx_select(tx);
    publish_mandatory(tx, "amq.direct", "nobody", "x");
    flow(tx, true);
    send_tx_commit(tx);
    assert_int_equal(client_peek(tx), AMQP_BASIC_RETURN_METHOD);
    expect_return(tx, AMQP_NO_ROUTE, "NO_ROUTE");
    answer(tx, TX_COMMIT_OK, tx_commit_ok);
}

static void unknown_tag_closes_the_channel_before_commit_406(void **state)
{
    struct channel *tx = *state;

    tx_select(tx);
    ack(tx, 1);
    expect_channel_close(tx, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - unknown delivery tag 1");
}

static void second_ack_in_a_transaction_closes_channel_406(void **state)
{
    struct channel *ch = *state, *tx = channel_open(ch->client);
    const char *queue = filled(ch, 1);

    tx_select(tx);
    ack(tx, expect_get(tx, queue, "1").tag);
    ack(tx, 1);
    expect_channel_close(tx, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - unknown delivery tag 1");
}

static void missing_exchange_closes_the_channel_before_commit_404(void **state)
{
    struct channel *tx = *state;
    const char *missing = exchange_name();

    tx_select(tx);
    publish(tx, missing, "k", "x");
    expect_channel_close(tx, AMQP_NOT_FOUND, "NOT_FOUND - no exchange '%s' in vhost '/'", missing);
}

static void commit_without_select_closes_channel_406(void **state)
{
    struct channel *ch = *state;

    send_tx_commit(ch);
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - channel is not transactional");
}

static void rollback_without_select_closes_channel_406(void **state)
{
    struct channel *ch = *state;

    send_tx_rollback(ch);
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - channel is not transactional");
}

static void select_on_confirming_channel_closes_channel_406(void **state)
{
    struct channel *ch = *state;

    confirm_select(ch);
    send_tx_select(ch);
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - cannot switch from confirm to tx mode");
}

static void confirm_on_transactional_channel_closes_channel_406(void **state)
{
    struct channel *ch = *state;

    tx_select(ch);
    send_confirm_select(ch);
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - cannot switch from tx to confirm mode");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(publishes_appear_at_commit),
        behaviour(rollback_drops_publishes),
        behaviour(a_new_transaction_begins_after_each_end),
        behaviour(select_again_changes_nothing),
        behaviour(closing_the_channel_rolls_back),
        behaviour(acks_hold_at_commit),
        behaviour(rollback_makes_acks_undone_but_not_the_delivery),
        behaviour(nack_and_reject_requeue_at_commit),
        behaviour(ack_multiple_in_a_transaction),
        behaviour(prefetch_credit_comes_back_at_commit),
        behaviour(mandatory_message_is_returned_before_commit_ok),
        behaviour(unknown_tag_closes_the_channel_before_commit_406),
        behaviour(second_ack_in_a_transaction_closes_channel_406),
        behaviour(missing_exchange_closes_the_channel_before_commit_404),
        behaviour(commit_without_select_closes_channel_406),
        behaviour(rollback_without_select_closes_channel_406),
        behaviour(select_on_confirming_channel_closes_channel_406),
        behaviour(confirm_on_transactional_channel_closes_channel_406),
    };
    return cmocka_run_group_tests_name("tx", tests, NULL, NULL);
}
