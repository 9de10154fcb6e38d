/* SPDX-License-Identifier: Apache-2.0
 *
 * Queues with priorities: in which order messages come, whatever became of them before.
 */
#include "exchange/priority.h"

#include "amqp/table.h"
#include "test/unit/exchange/paging_fixture.h"

enum { MOST = 10 };

static void declare(struct fixture *f, const char *name)
{
    struct buf arguments = {0};
    table_put_int(&arguments, "x-max-priority", MOST);
    client_send(f->client, 1,
                &(struct method){.id = METHOD_QUEUE_DECLARE,
                                 .queue_declare = {.queue = S(name),
                                                   .durable = true,
                                                   .arguments = buf_slice(&arguments),
                                                   .nowait = true}});
    buf_fini(&arguments);
}

/* Publishes NUMBER with PRIORITY; negative: without one. */
static void put(struct fixture *f, uint32_t number, int priority)
{
    struct properties properties = {.flags = 0};
    if (priority >= 0)
        properties = (struct properties){.flags = PROPERTY_PRIORITY, .priority = (uint8_t)priority};
    client_publish_with(f->client, 1, "", "p", body_of(number), PUBLISH_PERSISTENT, &properties);
}

static uint64_t take(struct fixture *f, uint32_t number, bool redelivered, uint32_t left)
{
    client_get(f->other, 1, "p", false);
    return expect_get(f->other, 1, body_of(number), redelivered, left);
}

static void higher_priorities_come_first_and_equals_in_order(void **state)
{
    struct fixture *f = *state;
    declare(f, "p");
    put(f, 1, 0);
    put(f, 2, 5);
    put(f, 3, 9);
    put(f, 4, 5);
    put(f, 5, 9);
    put(f, 6, 0);
    static const uint32_t order[] = {3, 5, 2, 4, 1, 6};
    for (uint32_t i = 0; i < 6; i++)
        (void)take(f, order[i], false, 5 - i);
}

static void no_priority_is_the_least_and_too_much_is_the_most(void **state)
{
    struct fixture *f = *state;
    declare(f, "p");
    put(f, 1, -1);
    put(f, 2, 0);
    put(f, 3, MOST);
    put(f, 4, 255);
    put(f, 5, MOST - 1);
    static const uint32_t order[] = {3, 4, 5, 1, 2};
    for (uint32_t i = 0; i < 5; i++)
        (void)take(f, order[i], false, 4 - i);
}

static void requeued_message_comes_before_its_equals_and_after_its_betters(void **state)
{
    struct fixture *f = *state;
    declare(f, "p");
    put(f, 1, 3);
    put(f, 2, 3);
    uint64_t tag = take(f, 1, false, 1);
    put(f, 3, 7);
    client_nack(f->other, 1, tag, false, true);
    (void)take(f, 3, false, 2);
    (void)take(f, 1, true, 1);
    (void)take(f, 2, false, 0);
}

static void consumer_gets_what_came_meanwhile_by_priority(void **state)
{
    struct fixture *f = *state;
    declare(f, "p");
    client_qos(f->other, 1, 1, false);
    client_consume(f->other, 1, "p", "c", false);
    put(f, 1, 1);
    (void)expect_delivery(f->other, 1, "c", body_of(1), false);
    put(f, 2, 1);
    put(f, 3, 8);
    client_ack(f->other, 1, 1, false);
    (void)expect_delivery(f->other, 1, "c", body_of(3), false);
    client_ack(f->other, 1, 2, false);
    (void)expect_delivery(f->other, 1, "c", body_of(2), false);
}

/* As after a restart: all that is there is in the store alone. */
static void what_is_in_the_store_is_read_before_the_first_is_taken(void **state)
{
    struct fixture *f = *state;
    declare(f, "p");
    struct queue *queue = harness_queue(&f->harness, "p");
    for (uint32_t i = 1; i <= MOST; i++)
        put(f, i, (int)i);
    rest(f);
    uint64_t bytes = queue->ready_bytes;
    for (struct returned_entry entry; queue_take(queue, &entry);)
        message_unref(entry.message); /* the store keeps them */
    queue_restore(queue, 1, queue->next_position, MOST, bytes);
    put(f, MOST + 1, 4);
    assert_int_equal(queue_depth(queue), MOST + 1);
    client_consume(f->other, 1, "p", "c", true);
    rest(f);
    static const uint32_t order[] = {10, 9, 8, 7, 6, 5, 4, MOST + 1, 3, 2, 1};
    for (uint32_t i = 0; i < MOST + 1; i++)
        (void)expect_delivery(f->other, 1, "c", body_of(order[i]), false);
}

/* Only the first is looked at, as RabbitMQ does: one of lower priority waits behind it. */
static void message_with_a_time_expires_once_it_is_the_first(void **state)
{
    struct fixture *f = *state;
    declare(f, "p");
    struct properties properties = {.flags = PROPERTY_EXPIRATION, .expiration = S("100")};
    client_publish_with(f->client, 1, "", "p", body_of(1), PUBLISH_PERSISTENT, &properties);
    put(f, 2, 5);
    f->harness.now_ms += 200;
    rest(f);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "p")), 2);
    (void)take(f, 2, false, 1);
    rest(f);
    client_get(f->other, 1, "p", false);
    (void)expect_method(f->other, 1, METHOD_BASIC_GET_EMPTY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(higher_priorities_come_first_and_equals_in_order),
        TEST(no_priority_is_the_least_and_too_much_is_the_most),
        TEST(requeued_message_comes_before_its_equals_and_after_its_betters),
        TEST(consumer_gets_what_came_meanwhile_by_priority),
        TEST(message_with_a_time_expires_once_it_is_the_first),
        TEST(what_is_in_the_store_is_read_before_the_first_is_taken),
    };
    return cmocka_run_group_tests_name("priority", tests, NULL, NULL);
}
