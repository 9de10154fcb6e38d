/* SPDX-License-Identifier: Apache-2.0
 *
 * Deliveries that are not settled in time. The clock is the test's.
 */
#include "exchange/consumer_timeout.h"

#include <stdio.h>

#include "amqp/table.h"
#include "exchange/policy.h"
#include "test/unit/exchange/expect.h"

struct fixture {
    struct harness harness;
    struct client *client; /* channel 1 */
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    harness_init(&f->harness, 1);
    f->client = client_open(&f->harness, UINT32_MAX);
    client_channel(f->client, 1);
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

/* Time passes, with a tick each 50 ms. */
static void pass(struct fixture *f, uint64_t ms)
{
    for (uint64_t end = f->harness.now_ms + ms; f->harness.now_ms < end;) {
        f->harness.now_ms += 50;
        harness_tick(&f->harness);
    }
}

static void consume(struct fixture *f, uint16_t channel, const char *queue, const char *tag,
                    int64_t timeout_ms)
{
    struct buf arguments = {0};
    if (timeout_ms >= 0)
        table_put_int(&arguments, "x-consumer-timeout", timeout_ms);
    client_send(f->client, channel,
                &(struct method){.id = METHOD_BASIC_CONSUME,
                                 .basic_consume = {.queue = S(queue),
                                                   .consumer_tag = S(tag),
                                                   .arguments = buf_slice(&arguments),
                                                   .nowait = true}});
    buf_fini(&arguments);
}

static void publish(struct fixture *f, const char *queue)
{
    client_publish(f->client, 1, "", queue, "m", 0);
}

static void expect_timeout(struct fixture *f, uint16_t channel, const char *ms)
{
    char text[256];
    const struct method *method = expect_method(f->client, channel, METHOD_CHANNEL_CLOSE);
    assert_int_equal(method->channel_close.reply_code, REPLY_PRECONDITION_FAILED);
    assert_int_equal(method->channel_close.class_id, 0);
    (void)snprintf(text, sizeof text,
                   "PRECONDITION_FAILED - delivery acknowledgement on channel %u timed out. Timeout"
                   " value used: %s ms. This timeout value can be configured, see consumers doc"
                   " guide to learn more",
                   channel, ms);
    assert_slice(method->channel_close.reply_text, text);
}

static void the_usual_timeout_closes_the_channel_and_the_message_goes_back(void **state)
{
    struct fixture *f = *state;
    consumer_timeout_set_usual(f->harness.engine, 2000);
    consume(f, 1, "q", "c", -1);
    publish(f, "q");
    expect_delivery(f->client, 1, "c", "m", false);
    pass(f, 2000);
    expect_nothing(f->client);
    pass(f, 1200);
    expect_timeout(f, 1, "2000");
    assert_int_equal(queue_depth(harness_queue(&f->harness, "q")), 1);
    assert_int_equal(harness_queue(&f->harness, "q")->unacked, 0);
}

static void who_settles_in_time_is_let_be(void **state)
{
    struct fixture *f = *state;
    consumer_timeout_set_usual(f->harness.engine, 2000);
    consume(f, 1, "q", "c", -1);
    for (uint64_t tag = 1; tag <= 5; tag++) {
        publish(f, "q");
        expect_delivery(f->client, 1, "c", "m", false);
        pass(f, 1500);
        client_ack(f->client, 1, tag, false);
    }
    pass(f, 10000);
    expect_nothing(f->client);
}

static void basic_get_has_the_timeout_too(void **state)
{
    struct fixture *f = *state;
    consumer_timeout_set_usual(f->harness.engine, 1000);
    publish(f, "q");
    client_get(f->client, 1, "q", false);
    expect_get(f->client, 1, "m", false, 0);
    pass(f, 2000);
    expect_timeout(f, 1, "1000");
}

static void a_consumers_own_timeout_goes_before_the_usual_one(void **state)
{
    struct fixture *f = *state;
    consumer_timeout_set_usual(f->harness.engine, 1000);
    client_channel(f->client, 2);
    client_queue(f->client, 1, "r", 0);
    consume(f, 1, "q", "long", 60000);
    consume(f, 2, "r", "none", 0);
    publish(f, "q");
    publish(f, "r");
    client_forget(f->client);
    pass(f, 55000);
    expect_nothing(f->client);
    pass(f, 10000);
    expect_timeout(f, 1, "60000");
    expect_nothing(f->client);
}

static void a_later_delivery_may_be_the_first_to_time_out(void **state)
{
    struct fixture *f = *state;
    client_queue(f->client, 1, "r", 0);
    consume(f, 1, "q", "long", 600000);
    consume(f, 1, "r", "short", 1000);
    publish(f, "q");
    publish(f, "r");
    client_forget(f->client);
    pass(f, 2000);
    expect_timeout(f, 1, "1000");
}

static void a_policy_takes_effect_on_what_is_delivered_already(void **state)
{
    struct fixture *f = *state;
    struct buf fields = {0};
    consume(f, 1, "q", "c", -1);
    publish(f, "q");
    client_forget(f->client);
    pass(f, 60000);
    expect_nothing(f->client);
    table_put_longstr(&fields, "pattern", S("q"));
    size_t nested = table_put_table(&fields, "definition");
    table_put_int(&fields, "consumer-timeout", 1000);
    table_end(&fields, nested);
    (void)policy_put(harness_queue(&f->harness, "q")->vhost, POLICY_USERS, S("p"),
                     buf_slice(&fields));
    buf_fini(&fields);
    pass(f, 2000);
    expect_timeout(f, 1, "1000");
}

static void a_stall_of_the_broker_is_not_counted(void **state)
{
    struct fixture *f = *state;
    consumer_timeout_set_usual(f->harness.engine, 2000);
    consume(f, 1, "q", "c", -1);
    pass(f, 1000);
    f->harness.now_ms += 100000; /* and no tick */
    publish(f, "q");
    expect_delivery(f->client, 1, "c", "m", false);
    pass(f, 1500);
    expect_nothing(f->client);
    pass(f, 1700);
    expect_timeout(f, 1, "2000");
}

static void without_a_timeout_nothing_is_timed(void **state)
{
    struct fixture *f = *state;
    consume(f, 1, "q", "c", -1);
    publish(f, "q");
    client_forget(f->client);
    assert_int_equal(timers_next(&f->harness.engine->timers), TIMER_NEVER);
    f->harness.now_ms += 1000000000;
    harness_tick(&f->harness);
    expect_nothing(f->client);
}

static void many_channels_time_out_together(void **state)
{
    enum { CHANNELS = 500 };
    struct fixture *f = *state;
    consumer_timeout_set_usual(f->harness.engine, 1000);
    for (uint16_t number = 2; number < 2 + CHANNELS; number++) {
        client_channel(f->client, number);
        publish(f, "q");
        client_get(f->client, number, "q", false);
        client_forget(f->client);
    }
    pass(f, 2000);
    for (unsigned i = 0; i < CHANNELS; i++) {
        const struct seen *seen = client_next(f->client);
        assert_non_null(seen);
        assert_int_equal(seen->method.id, METHOD_CHANNEL_CLOSE);
    }
    expect_nothing(f->client);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "q")), CHANNELS);
}

static void a_timeout_that_is_no_number_closes_the_channel_406(void **state)
{
    struct fixture *f = *state;
    struct buf arguments = {0};
    table_put_longstr(&arguments, "x-consumer-timeout", S("soon"));
    client_send(
        f->client, 1,
        &(struct method){.id = METHOD_BASIC_CONSUME,
                         .basic_consume = {.queue = S("q"), .arguments = buf_slice(&arguments)}});
    buf_fini(&arguments);
    expect_channel_close(f->client, 1, REPLY_PRECONDITION_FAILED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_usual_timeout_closes_the_channel_and_the_message_goes_back),
        TEST(who_settles_in_time_is_let_be),
        TEST(basic_get_has_the_timeout_too),
        TEST(a_consumers_own_timeout_goes_before_the_usual_one),
        TEST(a_later_delivery_may_be_the_first_to_time_out),
        TEST(a_policy_takes_effect_on_what_is_delivered_already),
        TEST(a_stall_of_the_broker_is_not_counted),
        TEST(without_a_timeout_nothing_is_timed),
        TEST(many_channels_time_out_together),
        TEST(a_timeout_that_is_no_number_closes_the_channel_406),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
