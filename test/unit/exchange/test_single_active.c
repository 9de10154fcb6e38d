/* SPDX-License-Identifier: Apache-2.0
 *
 * Queues with a single active consumer: who gets messages, and who is next.
 */
#include "exchange/single_active.h"

#include "amqp/table.h"
#include "exchange/pause.h"
#include "test/unit/exchange/expect.h"

struct fixture {
    struct harness harness;
    struct client *client, *other; /* channels 1 and 2 of each */
};

static void declare(struct fixture *f, const char *name, const char *type)
{
    struct buf arguments = {0};
    table_put_bool(&arguments, "x-single-active-consumer", true);
    table_put_longstr(&arguments, "x-queue-type", S(type));
    client_send(f->client, 1,
                &(struct method){.id = METHOD_QUEUE_DECLARE,
                                 .queue_declare = {.queue = S(name),
                                                   .durable = true,
                                                   .arguments = buf_slice(&arguments),
                                                   .nowait = true}});
    buf_fini(&arguments);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    harness_init(&f->harness, 1);
    f->client = client_open(&f->harness, UINT32_MAX);
    f->other = client_open(&f->harness, UINT32_MAX);
    for (uint16_t number = 1; number <= 2; number++) {
        client_channel(f->client, number);
        client_channel(f->other, number);
    }
    declare(f, "q", "classic");
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

static void consume(struct client *client, uint16_t channel, const char *queue, const char *tag,
                    int32_t priority, bool exclusive)
{
    struct buf arguments = {0};
    table_put_int(&arguments, "x-priority", priority);
    client_send(client, channel,
                &(struct method){.id = METHOD_BASIC_CONSUME,
                                 .basic_consume = {.queue = S(queue),
                                                   .consumer_tag = S(tag),
                                                   .exclusive = exclusive,
                                                   .arguments = buf_slice(&arguments),
                                                   .nowait = true}});
    buf_fini(&arguments);
}

static void publish(struct fixture *f, const char *body)
{
    client_publish(f->client, 1, "", "q", body, 0);
}

static void only_the_first_consumer_gets_messages(void **state)
{
    struct fixture *f = *state;
    consume(f->client, 1, "q", "first", 0, false);
    consume(f->other, 1, "q", "second", 10, false);
    publish(f, "1");
    publish(f, "2");
    expect_delivery(f->client, 1, "first", "1", false);
    expect_delivery(f->client, 1, "first", "2", false);
    expect_nothing(f->other);
}

static void an_active_consumer_without_credit_stays_the_active_one(void **state)
{
    struct fixture *f = *state;
    client_qos(f->client, 1, 1, false);
    consume(f->client, 1, "q", "first", 0, false);
    consume(f->other, 1, "q", "second", 0, false);
    publish(f, "1");
    publish(f, "2");
    expect_delivery(f->client, 1, "first", "1", false);
    expect_nothing(f->client);
    expect_nothing(f->other);
    client_ack(f->client, 1, 1, false);
    expect_delivery(f->client, 1, "first", "2", false);
}

static void the_highest_priority_is_next_and_then_the_longest_waiting(void **state)
{
    struct fixture *f = *state;
    consume(f->client, 1, "q", "active", 0, false);
    consume(f->other, 1, "q", "low", 0, false);
    consume(f->other, 1, "q", "high", 5, false);
    consume(f->other, 1, "q", "high too", 5, false);
    client_cancel(f->client, 1, "active");
    publish(f, "1");
    expect_delivery(f->other, 1, "high", "1", false);
    client_cancel(f->other, 1, "high");
    publish(f, "2");
    expect_delivery(f->other, 1, "high too", "2", false);
    client_cancel(f->other, 1, "high too");
    publish(f, "3");
    expect_delivery(f->other, 1, "low", "3", false);
    client_cancel(f->other, 1, "low");
    consume(f->client, 2, "q", "new", 0, false);
    publish(f, "4");
    expect_delivery(f->client, 2, "new", "4", false);
}

static void what_a_closed_channel_had_goes_to_the_next_in_order(void **state)
{
    struct fixture *f = *state;
    consume(f->client, 2, "q", "first", 0, false);
    consume(f->other, 1, "q", "second", 0, false);
    publish(f, "1");
    publish(f, "2");
    expect_delivery(f->client, 2, "first", "1", false);
    expect_delivery(f->client, 2, "first", "2", false);
    client_send(f->client, 2, &(struct method){.id = METHOD_CHANNEL_CLOSE});
    publish(f, "3");
    expect_delivery(f->other, 1, "second", "1", true);
    expect_delivery(f->other, 1, "second", "2", true);
    expect_delivery(f->other, 1, "second", "3", false);
}

static void a_cancelled_ones_unsettled_deliveries_stay_with_it(void **state)
{
    struct fixture *f = *state;
    consume(f->client, 1, "q", "first", 0, false);
    consume(f->other, 1, "q", "second", 0, false);
    publish(f, "1");
    expect_delivery(f->client, 1, "first", "1", false);
    client_cancel(f->client, 1, "first");
    publish(f, "2");
    expect_delivery(f->other, 1, "second", "2", false);
    expect_nothing(f->other);
    client_nack(f->client, 1, 1, false, true);
    expect_delivery(f->other, 1, "second", "1", true);
}

static void one_that_waits_may_go_without_a_change(void **state)
{
    struct fixture *f = *state;
    consume(f->client, 1, "q", "first", 0, false);
    consume(f->other, 1, "q", "second", 0, false);
    client_cancel(f->other, 1, "second");
    publish(f, "1");
    expect_delivery(f->client, 1, "first", "1", false);
    client_cancel(f->client, 1, "first");
    assert_null(harness_queue(&f->harness, "q")->single_active);
}

static void pause_and_resume_change_nobodys_turn(void **state)
{
    struct fixture *f = *state;
    consume(f->client, 1, "q", "first", 0, false);
    consume(f->other, 1, "q", "second", 9, false);
    (void)queue_pause(harness_queue(&f->harness, "q"));
    publish(f, "1");
    (void)queue_resume(harness_queue(&f->harness, "q"));
    engine_end_change(f->harness.engine);
    expect_delivery(f->client, 1, "first", "1", false);
    expect_nothing(f->other);
}

static void exclusive_consumers_are_refused_and_quorum_queues_know_none(void **state)
{
    struct fixture *f = *state;
    consume(f->client, 1, "q", "only", 0, true);
    expect_channel_close(f->client, 1, REPLY_ACCESS_REFUSED);
    client_channel(f->client, 1);
    declare(f, "quorum", "quorum");
    consume(f->client, 1, "quorum", "only", 0, true);
    consume(f->other, 1, "quorum", "second", 0, true);
    expect_nothing(f->other);
    expect_nothing(f->client);
}

static void basic_get_is_refused_by_quorum_queues_405(void **state)
{
    struct fixture *f = *state;
    publish(f, "1");
    client_get(f->client, 1, "q", true);
    expect_get(f->client, 1, "1", false, 0);
    declare(f, "quorum", "quorum");
    client_get(f->client, 1, "quorum", true);
    expect_channel_close(f->client, 1, REPLY_RESOURCE_LOCKED);
}

static void its_queue_may_be_deleted_under_it(void **state)
{
    struct fixture *f = *state;
    consume(f->client, 1, "q", "first", 0, false);
    consume(f->other, 1, "q", "second", 0, false);
    publish(f, "1");
    expect_delivery(f->client, 1, "first", "1", false);
    client_delete_queue(f->client, 1, "q");
    (void)expect_method(f->client, 1, METHOD_BASIC_CANCEL);
    (void)expect_method(f->other, 1, METHOD_BASIC_CANCEL);
    client_ack(f->client, 1, 1, false);
    expect_nothing(f->client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(only_the_first_consumer_gets_messages),
        TEST(an_active_consumer_without_credit_stays_the_active_one),
        TEST(the_highest_priority_is_next_and_then_the_longest_waiting),
        TEST(what_a_closed_channel_had_goes_to_the_next_in_order),
        TEST(a_cancelled_ones_unsettled_deliveries_stay_with_it),
        TEST(one_that_waits_may_go_without_a_change),
        TEST(pause_and_resume_change_nobodys_turn),
        TEST(exclusive_consumers_are_refused_and_quorum_queues_know_none),
        TEST(basic_get_is_refused_by_quorum_queues_405),
        TEST(its_queue_may_be_deleted_under_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
