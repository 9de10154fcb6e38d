/* SPDX-License-Identifier: Apache-2.0
 *
 * What the wire scripts cannot see of dead letters: the log, and how deep they nest.
 */
#include "exchange/dead_letter.h"

#include "test/unit/exchange/arguments_json.h"
#include "test/unit/exchange/paging_fixture.h"

#define TO(key) "'x-dead-letter-exchange':'','x-dead-letter-routing-key':'" key "'"

static void expect_facts(struct fixture *f, size_t count, const enum store_record_kind *kinds)
{
    const struct harness_store *store = &f->harness.store;
    assert_int_equal(store->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(store->facts[i].kind, kinds[i]);
}

/* Rejects the first message of QUEUE. */
static void reject(struct fixture *f, const char *queue)
{
    client_get(f->other, 1, queue, false);
    const struct method *got = expect_method(f->other, 1, METHOD_BASIC_GET_OK);
    harness_forget_facts(&f->harness);
    client_nack(f->other, 1, got->basic_get_ok.delivery_tag, false, false);
}

static void dead_letter_and_removal_are_one_in_the_log(void **state)
{
    static const enum store_record_kind expected[] = {STORE_TX_BEGIN, STORE_SETTLE, STORE_MESSAGE,
                                                      STORE_TX_COMMIT};
    struct fixture *f = *state;
    (void)declare_with(f->client, "q", DECLARE_DURABLE, "{" TO("d") "}");
    publish(f, "", "q", 1, 1, PUBLISH_PERSISTENT);
    reject(f, "q");
    expect_facts(f, 4, expected);
    assert_string_equal(f->harness.store.facts[1].name, "q");
    assert_string_equal(f->harness.store.facts[2].targets[0].queue, "d");
}

/* The consumer with the higher priority has a message unsettled until then. */
static void dead_letter_of_a_commit_goes_to_a_consumer_whose_credit_that_gives_back(void **state)
{
    struct fixture *f = *state;
    struct buf arguments = {0};
    (void)declare_with(f->client, "q", DECLARE_DURABLE, "{" TO("d") "}");
    client_channel(f->other, 2);
    client_send(f->other, 2, &(struct method){.id = METHOD_TX_SELECT});
    (void)expect_method(f->other, 2, METHOD_TX_SELECT_OK);
    client_qos(f->other, 2, 1, false);
    client_consume(f->other, 2, "d", "first", false);
    table_put_int(&arguments, "x-priority", -1);
    client_send(f->other, 1,
                &(struct method){.id = METHOD_BASIC_CONSUME,
                                 .basic_consume = {.queue = S("d"),
                                                   .consumer_tag = S("second"),
                                                   .nowait = true,
                                                   .arguments = buf_slice(&arguments)}});
    buf_fini(&arguments);
    publish(f, "", "d", 1, 1, 0);
    uint64_t held = expect_delivery(f->other, 2, "first", body_of(1), false)->delivery_tag;
    publish(f, "", "q", 2, 2, 0);
    publish(f, "", "d", 3, 3, 0);
    (void)expect_delivery(f->other, 1, "second", body_of(3), false);
    client_get(f->other, 2, "q", false);
    const struct method *got = expect_method(f->other, 2, METHOD_BASIC_GET_OK);
    client_nack(f->other, 2, got->basic_get_ok.delivery_tag, false, false);
    client_ack(f->other, 2, held, false);
    client_send(f->other, 2, &(struct method){.id = METHOD_TX_COMMIT});
    (void)expect_delivery(f->other, 2, "first", body_of(2), false);
}

static void dead_letter_into_a_queue_that_does_not_last_leaves_the_log(void **state)
{
    static const enum store_record_kind expected[] = {STORE_TX_BEGIN, STORE_SETTLE,
                                                      STORE_TX_COMMIT};
    struct fixture *f = *state;
    (void)declare_with(f->client, "q", DECLARE_DURABLE, "{" TO("t") "}");
    publish(f, "", "q", 1, 1, PUBLISH_PERSISTENT);
    reject(f, "q");
    expect_facts(f, 3, expected);
    assert_int_equal(queue_depth(f->t), 1);
}

static void transient_dead_letter_is_not_in_the_log(void **state)
{
    struct fixture *f = *state;
    (void)declare_with(f->client, "q", DECLARE_DURABLE, "{" TO("d") "}");
    publish(f, "", "q", 1, 1, 0);
    reject(f, "q");
    assert_int_equal(f->harness.store.count, 0);
    assert_int_equal(queue_depth(f->d), 1);
}

static void rejections_of_a_transaction_are_in_it_with_their_dead_letters(void **state)
{
    static const enum store_record_kind expected[] = {STORE_TX_BEGIN, STORE_SETTLE, STORE_MESSAGE,
                                                      STORE_TX_COMMIT};
    struct fixture *f = *state;
    (void)declare_with(f->client, "q", DECLARE_DURABLE, "{" TO("d") "}");
    publish(f, "", "q", 1, 1, PUBLISH_PERSISTENT);
    client_send(f->other, 1, &(struct method){.id = METHOD_TX_SELECT});
    (void)expect_method(f->other, 1, METHOD_TX_SELECT_OK);
    reject(f, "q");
    assert_int_equal(f->harness.store.count, 0);
    client_send(f->other, 1, &(struct method){.id = METHOD_TX_COMMIT});
    expect_facts(f, 4, expected);
    harness_tick(&f->harness);
    (void)expect_method(f->other, 1, METHOD_TX_COMMIT_OK);
}

static void dead_letters_of_one_command_are_few_transactions(void **state)
{
    struct fixture *f = *state;
    (void)declare_with(f->client, "q", DECLARE_DURABLE, "{" TO("d") "}");
    publish(f, "", "q", 1, 100, PUBLISH_PERSISTENT);
    for (unsigned i = 0; i < 100; i++)
        client_get(f->other, 1, "q", false);
    client_forget(f->other);
    harness_forget_facts(&f->harness);
    client_nack(f->other, 1, 100, true, false);
    assert_int_equal(harness_facts(&f->harness, STORE_MESSAGE), 100);
    assert_int_equal(harness_facts(&f->harness, STORE_TX_COMMIT), 2);
    client_consume(f->client, 1, "d", "c", true);
    expect_run(f->client, 1, 100);
}

static void queues_that_push_out_each_others_messages_do_not_nest(void **state)
{
    enum { LOTS = 50000 };
    struct fixture *f = *state;
    engine_set_limits(f->harness.engine, 0, 0, 0);
    struct queue *a = declare_with(f->client, "a", 0, "{" TO("b") "}");
    struct queue *b = declare_with(f->client, "b", 0, "{" TO("a") "}");
    publish(f, "", "a", 1, LOTS, 0);
    publish(f, "", "b", 1, LOTS, 0);
    set_policy(&f->harness, "^[ab]$", "{'max-length':10}");
    engine_end_change(f->harness.engine);
    for (unsigned ticks = 0; queue_depth(a) > 10 || queue_depth(b) > 10; ticks++) {
        harness_tick(&f->harness);
        assert_true(ticks < 1000);
    }
    assert_int_equal(queue_depth(a) + queue_depth(b), 20);
}

static void letter_that_waits_survives_the_end_of_its_queue(void **state)
{
    struct fixture *f = *state;
    struct queue *queue = declare_with(f->client, "q", DECLARE_DURABLE, "{" TO("d") "}");
    publish(f, "", "q", 1, 1, PUBLISH_PERSISTENT);
    struct returned_entry entry;
    assert_true(queue_take(queue, &entry));
    dead_letter(queue, entry.position, entry.message, DEAD_REJECTED);
    queue_delete(queue);
    engine_end_change(f->harness.engine);
    assert_int_equal(queue_depth(f->d), 0);
}

static void engine_ends_with_letters_that_wait(void **state)
{
    struct fixture *f = *state;
    struct queue *queue = declare_with(f->client, "q", 0, "{" TO("d") "}");
    publish(f, "", "q", 1, 1, 0);
    struct returned_entry entry;
    assert_true(queue_take(queue, &entry));
    dead_letter(queue, entry.position, entry.message, DEAD_REJECTED);
    assert_int_equal(f->harness.engine->dead_letters.count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dead_letter_and_removal_are_one_in_the_log),
        TEST(dead_letter_of_a_commit_goes_to_a_consumer_whose_credit_that_gives_back),
        TEST(dead_letter_into_a_queue_that_does_not_last_leaves_the_log),
        TEST(transient_dead_letter_is_not_in_the_log),
        TEST(rejections_of_a_transaction_are_in_it_with_their_dead_letters),
        TEST(dead_letters_of_one_command_are_few_transactions),
        TEST(queues_that_push_out_each_others_messages_do_not_nest),
        TEST(letter_that_waits_survives_the_end_of_its_queue),
        TEST(engine_ends_with_letters_that_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
