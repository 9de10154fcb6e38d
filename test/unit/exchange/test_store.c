/* SPDX-License-Identifier: Apache-2.0
 *
 * What the engine gives the store, for which operation, and for which not.
 */
#include "exchange/store.h"

#include "test/unit/exchange/expect.h"

struct fixture {
    struct harness harness;
    struct client *client; /* channel 1; queues d and e are durable, t is not */
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    harness_init(&f->harness, 1);
    f->client = client_open(&f->harness, 1000000);
    client_channel(f->client, 1);
    client_queue(f->client, 1, "d", DECLARE_DURABLE);
    client_queue(f->client, 1, "e", DECLARE_DURABLE);
    client_queue(f->client, 1, "t", 0);
    client_bind(f->client, 1, "d", "amq.fanout", "");
    client_bind(f->client, 1, "t", "amq.fanout", "");
    client_bind(f->client, 1, "e", "amq.fanout", "");
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

/* The next of COUNT facts, the INDEXth, is KIND of NAME. */
static const struct fact *expect_fact(struct fixture *f, size_t index, enum store_record_kind kind,
                                      const char *name)
{
    assert_true(index < f->harness.store.count);
    const struct fact *fact = &f->harness.store.facts[index];
    assert_int_equal(fact->kind, kind);
    assert_string_equal(fact->name, name);
    return fact;
}

static void expect_count(struct fixture *f, size_t count)
{
    assert_int_equal(f->harness.store.count, count);
}

static void expect_no_more(struct fixture *f)
{
    expect_count(f, 0);
    expect_nothing(f->client);
}

static void durable_things_are_recorded_and_others_are_not(void **state)
{
    struct fixture *f = *state;
    client_queue(f->client, 1, "new", DECLARE_DURABLE);
    client_queue(f->client, 1, "new", DECLARE_DURABLE); /* again: nothing new */
    client_exchange(f->client, 1, "dx", "direct", DECLARE_DURABLE);
    client_queue(f->client, 1, "tq", 0);
    client_exchange(f->client, 1, "tx", "direct", 0);
    client_bind(f->client, 1, "new", "dx", "k");
    client_bind(f->client, 1, "new", "dx", "k");
    client_bind(f->client, 1, "tq", "dx", "k");
    client_bind(f->client, 1, "new", "tx", "k");
    client_bind_exchange(f->client, 1, "amq.topic", "dx", "b");
    client_bind_exchange(f->client, 1, "tx", "dx", "b");
    expect_fact(f, 0, STORE_QUEUE_DECLARE, "new");
    expect_fact(f, 1, STORE_EXCHANGE_DECLARE, "dx");
    const struct fact *bind = expect_fact(f, 2, STORE_BIND, "dx");
    assert_string_equal(bind->destination, "new");
    assert_string_equal(bind->key, "k");
    assert_true(bind->to_queue);
    bind = expect_fact(f, 3, STORE_BIND, "dx");
    assert_string_equal(bind->destination, "amq.topic");
    assert_false(bind->to_queue);
    expect_count(f, 4);
    expect_nothing(f->client);
}

static void what_was_recorded_is_recorded_as_gone(void **state)
{
    struct fixture *f = *state;
    client_exchange(f->client, 1, "x", "direct", DECLARE_DURABLE);
    client_bind(f->client, 1, "d", "x", "k");
    client_bind(f->client, 1, "t", "x", "k");
    harness_forget_facts(&f->harness);
    for (unsigned i = 0; i < 2; i++) /* the second time there is none */
        for (unsigned durable = 0; durable < 2; durable++) {
            client_send(f->client, 1,
                        &(struct method){.id = METHOD_QUEUE_UNBIND,
                                         .queue_unbind = {.queue = S(durable ? "d" : "t"),
                                                          .exchange = S("x"),
                                                          .routing_key = S("k")}});
            harness_tick(&f->harness);
            expect_method(f->client, 1, METHOD_QUEUE_UNBIND_OK);
        }
    client_send(f->client, 1,
                &(struct method){.id = METHOD_EXCHANGE_DELETE,
                                 .exchange_delete = {.exchange = S("x"), .nowait = true}});
    client_delete_queue(f->client, 1, "d");
    client_delete_queue(f->client, 1, "t");
    expect_fact(f, 0, STORE_UNBIND, "x");
    expect_fact(f, 1, STORE_EXCHANGE_DELETE, "x");
    expect_fact(f, 2, STORE_QUEUE_DELETE, "d"); /* its bindings go with it */
    expect_count(f, 3);
}

static void an_auto_delete_exchange_that_goes_is_recorded(void **state)
{
    struct fixture *f = *state;
    client_exchange(f->client, 1, "x", "direct", DECLARE_DURABLE | DECLARE_AUTO_DELETE);
    client_bind(f->client, 1, "d", "x", "k");
    harness_forget_facts(&f->harness);
    client_delete_queue(f->client, 1, "d");
    expect_fact(f, 0, STORE_QUEUE_DELETE, "d");
    expect_fact(f, 1, STORE_EXCHANGE_DELETE, "x");
    expect_count(f, 2);
}

static void a_fan_out_is_one_record_with_the_durable_queues(void **state)
{
    struct fixture *f = *state;
    client_publish(f->client, 1, "", "d", "before", 0); /* takes position 1 of d */
    expect_no_more(f);
    client_publish(f->client, 1, "amq.fanout", "", "m", PUBLISH_PERSISTENT);
    const struct fact *fact = expect_fact(f, 0, STORE_MESSAGE, "");
    expect_count(f, 1);
    assert_int_equal(fact->target_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        bool is_d = strcmp(fact->targets[i].queue, "d") == 0;
        if (!is_d)
            assert_string_equal(fact->targets[i].queue, "e");
        assert_int_equal(fact->targets[i].position, is_d ? 2 : 1);
    }
}

static void transient_messages_and_queues_leave_no_trace(void **state)
{
    struct fixture *f = *state;
    client_publish(f->client, 1, "amq.fanout", "", "m", 0);
    client_publish(f->client, 1, "", "t", "m", PUBLISH_PERSISTENT);
    client_publish(f->client, 1, "", "nowhere", "m", PUBLISH_PERSISTENT);
    client_get(f->client, 1, "d", false);
    client_get(f->client, 1, "t", false);
    client_get(f->client, 1, "t", true);
    client_forget(f->client);
    client_nack(f->client, 1, 1, false, true);
    client_ack(f->client, 1, 2, false);
    expect_no_more(f);
}

static void each_end_of_a_message_is_a_settle_of_its_place(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 4; i++)
        client_publish(f->client, 1, "", "d", "m", PUBLISH_PERSISTENT);
    harness_forget_facts(&f->harness);
    client_get(f->client, 1, "d", true); /* position 1, settled at once */
    for (unsigned i = 0; i < 3; i++)
        client_get(f->client, 1, "d", false); /* 2 to 4, tags 2 to 4 */
    client_forget(f->client);
    expect_count(f, 1);
    client_nack(f->client, 1, 4, false, true);
    client_ack(f->client, 1, 3, false);
    client_nack(f->client, 1, 2, false, false);
    assert_int_equal(expect_fact(f, 0, STORE_SETTLE, "d")->position, 1);
    const struct fact *requeue = expect_fact(f, 1, STORE_REQUEUE, "d");
    assert_int_equal(requeue->position, 4);
    assert_int_equal(requeue->delivery_count, 1);
    assert_int_equal(expect_fact(f, 2, STORE_SETTLE, "d")->position, 3);
    assert_int_equal(expect_fact(f, 3, STORE_SETTLE, "d")->position, 2);
    expect_count(f, 4);
}

static void delivery_to_a_consumer_without_acks_settles(void **state)
{
    struct fixture *f = *state;
    client_consume(f->client, 1, "d", "c", true);
    client_publish(f->client, 1, "", "d", "m", PUBLISH_PERSISTENT);
    expect_fact(f, 0, STORE_MESSAGE, "");
    assert_int_equal(expect_fact(f, 1, STORE_SETTLE, "d")->position, 1);
    expect_count(f, 2);
}

static void a_message_in_two_queues_settles_in_each(void **state)
{
    struct fixture *f = *state;
    client_publish(f->client, 1, "amq.fanout", "", "m", PUBLISH_PERSISTENT);
    harness_forget_facts(&f->harness);
    client_get(f->client, 1, "t", true); /* not a durable queue */
    expect_count(f, 0);
    client_get(f->client, 1, "e", true);
    expect_fact(f, 0, STORE_SETTLE, "e");
    client_get(f->client, 1, "d", true);
    expect_fact(f, 1, STORE_SETTLE, "d");
    expect_count(f, 2);
}

/* A recovery could not tell which are out with consumers, were a purge a record of its own. */
static void a_purge_settles_what_was_ready_and_no_more(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 4; i++)
        client_publish(f->client, 1, "", "d", "m", i == 3 ? 0 : PUBLISH_PERSISTENT);
    client_get(f->client, 1, "d", false);
    client_get(f->client, 1, "d", false);
    client_forget(f->client);
    client_nack(f->client, 1, 1, false, true);
    harness_forget_facts(&f->harness);
    client_send(f->client, 1,
                &(struct method){.id = METHOD_QUEUE_PURGE,
                                 .queue_purge = {.queue = S("d"), .nowait = true}});
    assert_int_equal(expect_fact(f, 0, STORE_SETTLE, "d")->position, 1);
    assert_int_equal(expect_fact(f, 1, STORE_SETTLE, "d")->position, 3);
    expect_count(f, 2); /* 2 is out, 4 is transient */
    client_delete_queue(f->client, 1, "d");
    expect_fact(f, 2, STORE_QUEUE_DELETE, "d");
    expect_count(f, 3); /* which needs no settles */
}

static void each_return_counts_up(void **state)
{
    struct fixture *f = *state;
    client_publish(f->client, 1, "", "d", "m", PUBLISH_PERSISTENT);
    harness_forget_facts(&f->harness);
    for (uint32_t i = 1; i <= 3; i++) {
        client_get(f->client, 1, "d", false);
        client_nack(f->client, 1, i, false, true);
        assert_int_equal(expect_fact(f, i - 1, STORE_REQUEUE, "d")->delivery_count, i);
    }
}

static void deliveries_of_a_deleted_queue_are_not_settled_in_the_store(void **state)
{
    struct fixture *f = *state;
    client_publish(f->client, 1, "", "d", "m", PUBLISH_PERSISTENT);
    client_publish(f->client, 1, "", "d", "m", PUBLISH_PERSISTENT);
    client_get(f->client, 1, "d", false);
    client_get(f->client, 1, "d", false);
    client_delete_queue(f->client, 1, "d");
    harness_forget_facts(&f->harness);
    client_ack(f->client, 1, 1, false);
    client_nack(f->client, 1, 2, false, true);
    expect_count(f, 0);
}

static void the_end_of_the_engine_is_no_deletion(void **state)
{
    struct fixture *f = *state;
    client_publish(f->client, 1, "", "d", "m", PUBLISH_PERSISTENT);
    client_close(f->client);
    harness_forget_facts(&f->harness);
    harness_end(&f->harness);
    expect_count(f, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(durable_things_are_recorded_and_others_are_not),
        TEST(what_was_recorded_is_recorded_as_gone),
        TEST(an_auto_delete_exchange_that_goes_is_recorded),
        TEST(a_fan_out_is_one_record_with_the_durable_queues),
        TEST(transient_messages_and_queues_leave_no_trace),
        TEST(each_end_of_a_message_is_a_settle_of_its_place),
        TEST(delivery_to_a_consumer_without_acks_settles),
        TEST(a_message_in_two_queues_settles_in_each),
        TEST(a_purge_settles_what_was_ready_and_no_more),
        TEST(each_return_counts_up),
        TEST(deliveries_of_a_deleted_queue_are_not_settled_in_the_store),
        TEST(the_end_of_the_engine_is_no_deletion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
