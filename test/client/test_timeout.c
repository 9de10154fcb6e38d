/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries that are not acknowledged in time. For a broker with consumer_timeout = 1000.
 * (RabbitMQ looks once in a minute, which is longer than these tests wait.) */
#include "expect.h"

#include <stdio.h>

#define TEXT                                                                                \
    "PRECONDITION_FAILED - delivery acknowledgement on channel %u timed out. Timeout value" \
    " used: %u ms. This timeout value can be configured, see consumers doc guide to learn more"

static void expect_timeout(struct channel *ch, unsigned timeout_ms)
{
    char text[256];
    const amqp_channel_close_t *close = client_await(ch, AMQP_CHANNEL_CLOSE_METHOD);
    (void)snprintf(text, sizeof text, TEXT, ch->id, timeout_ms);
    assert_int_equal(close->reply_code, AMQP_PRECONDITION_FAILED);
    assert_bytes(close->reply_text, text);
    assert_int_equal(close->class_id, 0);
    client_send(ch, AMQP_CHANNEL_CLOSE_OK_METHOD, &(amqp_channel_close_ok_t){0});
}

static const char *declared(struct channel *ch)
{
    const char *queue = queue_name();
    queue_declare(ch, .queue = str(queue));
    return queue;
}

static void a_late_consumer_loses_its_channel_and_its_messages(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = declared(ch);

    consume(ch, .queue = str(queue));
    publish(other, "", queue, "x");
    expect_delivery(ch, "x");
    expect_timeout(ch, 1000);
    consume(other, .queue = str(queue), .no_ack = 1);
    assert_true(expect_delivery(other, "x").redelivered);
}

static void a_queue_may_have_a_timeout_of_its_own(void **state)
{
    struct channel *ch = *state;
    const char *queue = queue_name();

    queue_declare(ch, .queue = str(queue),
                  .arguments = TABLE(table_int("x-consumer-timeout", 500)));
    publish_confirmed(ch, "", queue, "x");
    expect_get(ch, queue, "x");
    expect_timeout(ch, 500);
}

static void a_consumer_may_have_more_time(void **state)
{
    struct channel *patient = *state, *hasty = channel_open(patient->client);
    const char *queue = declared(patient), *other = declared(patient);

    consume(patient, .queue = str(queue),
            .arguments = TABLE(table_int("x-consumer-timeout", 60000)));
    publish(patient, "", queue, "x");
    expect_delivery(patient, "x");
    consume(hasty, .queue = str(other));
    publish(patient, "", other, "y");
    expect_delivery(hasty, "y");
    expect_timeout(hasty, 1000);
    ack(patient, 1);
    publish_confirmed(patient, "", queue, "z");
    expect_delivery(patient, "z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(a_late_consumer_loses_its_channel_and_its_messages),
        behaviour(a_queue_may_have_a_timeout_of_its_own),
        behaviour(a_consumer_may_have_more_time),
    };
    return cmocka_run_group_tests_name("timeout", tests, NULL, NULL);
}
