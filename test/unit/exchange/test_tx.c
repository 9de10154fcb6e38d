/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/exchange/expect.h"

struct fixture {
    struct harness harness;
    struct client *client; /* channel 1 is transactional, channel 2 is not */
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    harness_init(&f->harness, 1);
    f->client = client_open(&f->harness, 1000000);
    client_channel(f->client, 1);
    client_channel(f->client, 2);
    client_queue(f->client, 1, "q", DECLARE_DURABLE);
    client_send(f->client, 1, &(struct method){.id = METHOD_TX_SELECT});
    expect_method(f->client, 1, METHOD_TX_SELECT_OK);
    harness_forget_facts(&f->harness);
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

static uint64_t depth(struct fixture *f)
{
    return queue_depth(harness_queue(&f->harness, "q"));
}

/* Sends a commit and the tick that ends it. */
static void commit(struct fixture *f)
{
    client_send(f->client, 1, &(struct method){.id = METHOD_TX_COMMIT});
    harness_tick(&f->harness);
}

static void rollback(struct fixture *f)
{
    client_send(f->client, 1, &(struct method){.id = METHOD_TX_ROLLBACK});
    expect_method(f->client, 1, METHOD_TX_ROLLBACK_OK);
}

static void publishes_happen_with_the_commit(void **state)
{
    struct fixture *f = *state;
    client_publish(f->client, 1, "", "q", "1", PUBLISH_PERSISTENT);
    client_publish(f->client, 1, "", "q", "2", PUBLISH_PERSISTENT);
    assert_int_equal(depth(f), 0);
    assert_int_equal(f->harness.store.count, 0);
    commit(f);
    expect_method(f->client, 1, METHOD_TX_COMMIT_OK);
    assert_int_equal(depth(f), 2);
    client_get(f->client, 2, "q", true);
    expect_get(f->client, 2, "1", false, 1);
}

static void a_rollback_forgets_publishes(void **state)
{
    struct fixture *f = *state;
    client_publish(f->client, 1, "", "q", "1", 0);
    rollback(f);
    commit(f);
    expect_method(f->client, 1, METHOD_TX_COMMIT_OK);
    assert_int_equal(depth(f), 0);
}

static void returns_come_with_the_commit(void **state)
{
    struct fixture *f = *state;
    client_publish(f->client, 1, "", "nowhere", "1", PUBLISH_MANDATORY);
    expect_nothing(f->client);
    commit(f);
    expect_method(f->client, 1, METHOD_BASIC_RETURN);
    expect_method(f->client, 1, METHOD_TX_COMMIT_OK);
}

static void settlements_happen_with_the_commit(void **state)
{
    struct fixture *f = *state;
    struct queue *queue = harness_queue(&f->harness, "q");
    client_publish(f->client, 2, "", "q", "1", 0);
    client_publish(f->client, 2, "", "q", "2", 0);
    client_publish(f->client, 2, "", "q", "3", 0);
    client_qos(f->client, 1, 2, false);
    client_consume(f->client, 1, "q", "c", false);
    expect_delivery(f->client, 1, "c", "1", false);
    expect_delivery(f->client, 1, "c", "2", false);
    client_ack(f->client, 1, 1, false);
    client_nack(f->client, 1, 2, false, true);
    assert_int_equal(queue->unacked, 2);
    expect_nothing(f->client); /* no credit yet either */
    commit(f);
    expect_method(f->client, 1, METHOD_TX_COMMIT_OK);
    expect_delivery(f->client, 1, "c", "2", true);
    expect_delivery(f->client, 1, "c", "3", false);
    assert_int_equal(queue->unacked, 2);
    assert_int_equal(queue->traffic.count[TRAFFIC_ACK], 1);
}

static void a_rolled_back_settlement_may_be_made_again(void **state)
{
    struct fixture *f = *state;
    client_publish(f->client, 2, "", "q", "1", 0);
    client_get(f->client, 1, "q", false);
    expect_get(f->client, 1, "1", false, 0);
    client_ack(f->client, 1, 1, false);
    rollback(f);
    client_nack(f->client, 1, 1, false, true);
    commit(f);
    expect_method(f->client, 1, METHOD_TX_COMMIT_OK);
    assert_int_equal(depth(f), 1);
}

static void settling_twice_in_one_transaction_closes_the_channel(void **state)
{
    struct fixture *f = *state;
    client_publish(f->client, 2, "", "q", "1", 0);
    client_publish(f->client, 2, "", "q", "2", 0);
    client_get(f->client, 1, "q", false);
    client_get(f->client, 1, "q", false);
    client_forget(f->client);
    client_ack(f->client, 1, 1, false);
    client_ack(f->client, 1, 2, true); /* the first is settled: it is left out */
    client_ack(f->client, 1, 1, false);
    expect_channel_close(f->client, 1, REPLY_PRECONDITION_FAILED);
    assert_int_equal(depth(f), 2); /* and nothing of it has happened */
}

static void an_open_transaction_goes_with_its_channel(void **state)
{
    struct fixture *f = *state;
    client_publish(f->client, 1, "", "q", "never", 0);
    client_publish(f->client, 2, "", "q", "1", 0);
    client_get(f->client, 1, "q", false);
    client_forget(f->client);
    client_ack(f->client, 1, 1, false);
    client_send(f->client, 1, &(struct method){.id = METHOD_CHANNEL_CLOSE});
    expect_method(f->client, 1, METHOD_CHANNEL_CLOSE_OK);
    client_get(f->client, 2, "q", true);
    expect_get(f->client, 2, "1", true, 0);
}

static void the_transactions_records_are_bracketed(void **state)
{
    struct fixture *f = *state;
    client_publish(f->client, 2, "", "q", "0", PUBLISH_PERSISTENT);
    client_get(f->client, 1, "q", false);
    client_ack(f->client, 1, 1, false);
    client_publish(f->client, 1, "", "q", "1", PUBLISH_PERSISTENT);
    client_publish(f->client, 1, "", "q", "2", PUBLISH_PERSISTENT);
    harness_forget_facts(&f->harness);
    commit(f);
    static const enum store_record_kind kinds[] = {STORE_TX_BEGIN, STORE_MESSAGE, STORE_MESSAGE,
                                                   STORE_SETTLE, STORE_TX_COMMIT};
    assert_int_equal(f->harness.store.count, 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(f->harness.store.facts[i].kind, kinds[i]);
}

static void an_exchange_deleted_before_the_commit_makes_its_messages_unroutable(void **state)
{
    struct fixture *f = *state;
    client_exchange(f->client, 2, "x", "fanout", 0);
    client_bind(f->client, 2, "q", "x", "");
    client_publish(f->client, 1, "x", "", "1", PUBLISH_MANDATORY);
    client_send(f->client, 2,
                &(struct method){.id = METHOD_EXCHANGE_DELETE,
                                 .exchange_delete = {.exchange = S("x"), .nowait = true}});
    commit(f);
    expect_method(f->client, 1, METHOD_BASIC_RETURN);
    expect_method(f->client, 1, METHOD_TX_COMMIT_OK);
}

static void confirms_and_transactions_exclude_each_other(void **state)
{
    struct fixture *f = *state;
    client_send(f->client, 1, &(struct method){.id = METHOD_CONFIRM_SELECT});
    expect_channel_close(f->client, 1, REPLY_PRECONDITION_FAILED);
    client_send(f->client, 2, &(struct method){.id = METHOD_CONFIRM_SELECT});
    expect_method(f->client, 2, METHOD_CONFIRM_SELECT_OK);
    client_send(f->client, 2, &(struct method){.id = METHOD_TX_SELECT});
    expect_channel_close(f->client, 2, REPLY_PRECONDITION_FAILED);
    client_channel(f->client, 3);
    client_send(f->client, 3, &(struct method){.id = METHOD_TX_COMMIT});
    expect_channel_close(f->client, 3, REPLY_PRECONDITION_FAILED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(publishes_happen_with_the_commit),
        TEST(a_rollback_forgets_publishes),
        TEST(returns_come_with_the_commit),
        TEST(settlements_happen_with_the_commit),
        TEST(a_rolled_back_settlement_may_be_made_again),
        TEST(settling_twice_in_one_transaction_closes_the_channel),
        TEST(an_open_transaction_goes_with_its_channel),
        TEST(the_transactions_records_are_bracketed),
        TEST(an_exchange_deleted_before_the_commit_makes_its_messages_unroutable),
        TEST(confirms_and_transactions_exclude_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
