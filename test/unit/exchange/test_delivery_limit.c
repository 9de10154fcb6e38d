/* SPDX-License-Identifier: Apache-2.0
 *
 * Queues that count deliveries: what consumers are told, and when it is enough.
 */
#include "exchange/delivery_limit.h"

#include "amqp/table.h"
#include "test/unit/exchange/client_fixture.h"

static void declare(struct fixture *f, const char *arguments)
{
    (void)declare_with(f->client, "q", DECLARE_DURABLE, arguments);
    harness_forget_facts(&f->harness);
}

static void publish(struct fixture *f)
{
    client_publish(f->client, 1, "", "q", "m", PUBLISH_PERSISTENT);
}

/* The number in MESSAGE's header KEY; -1: it has none. */
static int64_t header(const struct message *message, const char *key)
{
    struct properties properties;
    struct table_value value;
    assert_int_equal(properties_decode(message_properties(message), &properties), METHOD_OK);
    return table_find(properties.headers, S(key), &value) && value.type == TABLE_INT64
               ? value.integer
               : -1;
}

/* The next delivery to "c", with COUNT in its header, is put back; returns its tag. */
static void give_back(struct fixture *f, int64_t count, bool redelivered)
{
    const struct seen *seen = expect_delivery(f->client, 1, "c", "m", redelivered);
    assert_int_equal(header(seen->message, "x-delivery-count"), count);
    client_nack(f->client, 1, seen->delivery_tag, false, true);
}

static int count_deliveries(struct fixture *f)
{
    int count = 0;
    client_consume(f->client, 1, "q", "c", false);
    while (client_peek(f->client) != NULL) {
        give_back(f, count == 0 ? -1 : count, count > 0);
        assert_true(++count < 1000);
    }
    return count;
}

static void a_message_is_delivered_once_more_than_the_limit(void **state)
{
    struct fixture *f = *state;
    declare(f, "{'x-queue-type':'classic','x-delivery-limit':2}");
    publish(f);
    assert_int_equal(count_deliveries(f), 3);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "q")), 0);
    assert_int_equal(harness_facts(&f->harness, STORE_REQUEUE), 2);
    assert_int_equal(harness_facts(&f->harness, STORE_SETTLE), 1);
}

static void a_limit_of_none_is_one_delivery(void **state)
{
    struct fixture *f = *state;
    declare(f, "{'x-queue-type':'classic','x-delivery-limit':0}");
    publish(f);
    assert_int_equal(count_deliveries(f), 1);
}

static void quorum_queues_have_a_limit_of_20(void **state)
{
    struct fixture *f = *state;
    declare(f, "{'x-queue-type':'quorum'}");
    publish(f);
    assert_int_equal(count_deliveries(f), 21);
}

static void a_negative_limit_is_none_and_quorum_queues_count_all_the_same(void **state)
{
    struct fixture *f = *state;
    declare(f, "{'x-queue-type':'quorum','x-delivery-limit':-1}");
    publish(f);
    client_consume(f->client, 1, "q", "c", false);
    for (int64_t count = 0; count < 100; count++)
        give_back(f, count == 0 ? -1 : count, count > 0);
    client_forget(f->client);
}

static void a_classic_queue_without_a_limit_does_not_count(void **state)
{
    struct fixture *f = *state;
    declare(f, "{'x-queue-type':'classic'}");
    publish(f);
    client_consume(f->client, 1, "q", "c", false);
    for (int count = 0; count < 30; count++)
        give_back(f, -1, count > 0);
    client_forget(f->client);
}

static void the_publishers_headers_stay_but_for_a_count_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct buf headers = {0};
    declare(f, "{'x-queue-type':'classic','x-delivery-limit':5}");
    table_put_int(&headers, "x-delivery-count", 77);
    table_put_int(&headers, "other", 7);
    client_publish_with(
        f->client, 1, "", "q", "m", 0,
        &(struct properties){.flags = PROPERTY_HEADERS, .headers = buf_slice(&headers)});
    buf_fini(&headers);
    for (int64_t count = 0; count < 3; count++) {
        client_get(f->client, 1, "q", false);
        const struct seen *seen = client_next(f->client);
        assert_non_null(seen);
        assert_body(seen, "m");
        assert_int_equal(header(seen->message, "other"), 7);
        assert_int_equal(header(seen->message, "x-delivery-count"), count == 0 ? 77 : count);
        client_nack(f->client, 1, seen->method.basic_get_ok.delivery_tag, false, true);
    }
}

/* As RabbitMQ 3.10 does; the publisher's own count goes then. */
static void a_get_from_a_quorum_queue_says_0_the_first_time(void **state)
{
    struct fixture *f = *state;
    struct buf headers = {0};
    declare(f, "{'x-queue-type':'quorum'}");
    publish(f);
    table_put_int(&headers, "x-delivery-count", 77);
    client_publish_with(
        f->client, 1, "", "q", "m", 0,
        &(struct properties){.flags = PROPERTY_HEADERS, .headers = buf_slice(&headers)});
    buf_fini(&headers);
    for (int i = 0; i < 2; i++) {
        client_get(f->client, 1, "q", true);
        const struct seen *seen = client_next(f->client);
        assert_non_null(seen);
        assert_body(seen, "m");
        assert_int_equal(header(seen->message, "x-delivery-count"), 0);
    }
}

static void a_closed_channel_counts_as_a_delivery_without_success(void **state)
{
    struct fixture *f = *state;
    declare(f, "{'x-queue-type':'classic','x-delivery-limit':1}");
    publish(f);
    for (uint16_t number = 2; number <= 3; number++) {
        client_channel(f->client, number);
        client_consume(f->client, number, "q", "c", false);
        expect_delivery(f->client, number, "c", "m", number == 3);
        client_send(f->client, number, &(struct method){.id = METHOD_CHANNEL_CLOSE});
        (void)expect_method(f->client, number, METHOD_CHANNEL_CLOSE_OK);
    }
    client_get(f->client, 1, "q", true);
    (void)expect_method(f->client, 1, METHOD_BASIC_GET_EMPTY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_message_is_delivered_once_more_than_the_limit),
        TEST(a_limit_of_none_is_one_delivery),
        TEST(quorum_queues_have_a_limit_of_20),
        TEST(a_negative_limit_is_none_and_quorum_queues_count_all_the_same),
        TEST(a_classic_queue_without_a_limit_does_not_count),
        TEST(the_publishers_headers_stay_but_for_a_count_of_its_own),
        TEST(a_get_from_a_quorum_queue_says_0_the_first_time),
        TEST(a_closed_channel_counts_as_a_delivery_without_success),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
