/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that do not read in time, and many messages: nothing is lost, doubled or out of order. */
#include "expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    BODY_BYTES = 16 << 10,
    BODIES = 3000
}; /* 48 MiB: more than sockets and the broker's output hold */

static const char *declared(struct channel *ch)
{
    const char *queue = queue_name();
    queue_declare(ch, .queue = str(queue));
    return queue;
}

/* Bodies that begin with their number. */
static void publish_numbered(struct channel *ch, const char *queue, int from, int upto)
{
    char *body = calloc(1, BODY_BYTES);

    assert_non_null(body);
    for (int i = from; i < upto; i++) {
        memcpy(body, &i, sizeof i);
        publish_with(ch, "", queue, NULL, (amqp_bytes_t){BODY_BYTES, body});
    }
    free(body);
}

static struct delivery expect_numbered(struct channel *ch, int number)
{
    struct delivery message = next_delivery(ch);
    int got;

    assert_true(message.body.len >= sizeof got);
    memcpy(&got, message.body.bytes, sizeof got);
    assert_int_equal(got, number);
    return message;
}

static void consumer_that_reads_late_gets_all_in_order(void **state)
{
    struct channel *ch = *state, *lazy = channel_open(client_open());
    const char *queue = declared(ch), *other = declared(ch);

    consume(lazy, .queue = str(queue), .no_ack = 1);
    confirm_select(ch);
    publish_numbered(ch, queue, 0, BODIES);
    wait_confirms(ch);
    /* Others do not notice. */
    publish_confirmed(ch, "", other, "x");
    expect_got(ch, other, "x");
    for (int i = 0; i < BODIES; i++)
        assert_int_equal(expect_numbered(lazy, i).tag, i + 1);
    expect_empty(ch, queue);
}

/* Asks until the queue holds COUNT ready messages. */
static void wait_depth(struct channel *ch, const char *queue, uint32_t count)
{
    time_t give_up = time(NULL) + 10;
    while (queue_declare(ch, .queue = str(queue), .passive = 1)->message_count != count)
        if (time(NULL) > give_up)
            fail_msg("queue %s did not get its %u messages back", queue, count);
}

static void what_a_consumer_never_read_comes_back_in_order(void **state)
{
    struct channel *ch = *state, *lazy = channel_open(client_open());
    const char *queue = declared(ch);

    consume(lazy, .queue = str(queue));
    confirm_select(ch);
    publish_numbered(ch, queue, 0, BODIES);
    wait_confirms(ch);
    client_vanish(lazy->client);
    wait_depth(ch, queue, BODIES); /* the broker has noticed, and put all of them back */
    qos(ch, .prefetch_count = 200);
    consume(ch, .queue = str(queue));
    for (int i = 0; i < BODIES; i++) {
        struct delivery message = expect_numbered(ch, i);
        if (i % 100 == 99)
            ack_upto(ch, message.tag);
    }
}

static void consumer_on_another_connection_goes_on_beside_a_lazy_one(void **state)
{
    struct channel *ch = *state, *lazy = channel_open(client_open());
    struct channel *eager = channel_open(client_open());
    const char *queue = declared(ch), *other = declared(ch);

    consume(lazy, .queue = str(queue), .no_ack = 1);
    consume(eager, .queue = str(other), .no_ack = 1);
    for (int i = 0; i < 300; i++) {
        publish_numbered(ch, queue, i * 10, i * 10 + 10);
        publish_numbered(ch, other, i, i + 1);
        expect_numbered(eager, i);
    }
    for (int i = 0; i < 3000; i++)
        expect_numbered(lazy, i);
}

static void publisher_that_reads_confirms_late_gets_them_all(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    confirm_select(ch);
    for (int i = 0; i < 50000; i++)
        publish(ch, "", queue, "x");
    wait_confirms(ch);
    assert_int_equal(queue_purge(ch, .queue = str(queue))->message_count, 50000);
}

static void order_holds_with_prefetch_and_multiple_acks(void **state)
{
    struct channel *ch = *state, *reader = channel_open(client_open());
    const char *queue = declared(ch);
    enum { MESSAGES = 20000 };
    char body[16];

    qos(reader, .prefetch_count = 100);
    consume(reader, .queue = str(queue));
    for (int i = 0; i < MESSAGES; i++) {
        snprintf(body, sizeof body, "%d", i);
        publish(ch, "", queue, body);
    }
    for (int i = 0; i < MESSAGES; i++) {
        snprintf(body, sizeof body, "%d", i);
        struct delivery message = expect_delivery(reader, body);
        assert_int_equal(message.tag, i + 1);
        assert_false(message.redelivered);
        if (i % 50 == 49)
            ack_upto(reader, message.tag);
    }
    expect_no_delivery(reader);
    expect_empty(ch, queue);
}

static void client_that_vanishes_inside_a_body_leaves_nothing(void **state)
{
    struct channel *ch = *state, *gone = channel_open(client_open());
    const char *queue = declared(ch);
    amqp_basic_properties_t none = {0};
    amqp_frame_t frame = {.frame_type = AMQP_FRAME_HEADER, .channel = gone->id};

    publish(gone, "", queue, "whole");
    send_method(gone, BASIC_PUBLISH, basic_publish, .routing_key = str(queue));
    frame.payload.properties.class_id = AMQP_BASIC_CLASS;
    frame.payload.properties.body_size = 1000000;
    frame.payload.properties.decoded = &none;
    assert_int_equal(amqp_send_frame(gone->client->state, &frame), AMQP_STATUS_OK);
    frame = (amqp_frame_t){.frame_type = AMQP_FRAME_BODY, .channel = gone->id};
    frame.payload.body_fragment = str("only the beginning");
    assert_int_equal(amqp_send_frame(gone->client->state, &frame), AMQP_STATUS_OK);
    client_vanish(gone->client);
    consume(ch, .queue = str(queue));
    expect_delivery(ch, "whole");
    publish_confirmed(ch, "", queue, "next");
    expect_delivery(ch, "next");
    expect_no_delivery(ch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(consumer_that_reads_late_gets_all_in_order),
        behaviour(what_a_consumer_never_read_comes_back_in_order),
        behaviour(consumer_on_another_connection_goes_on_beside_a_lazy_one),
        behaviour(publisher_that_reads_confirms_late_gets_them_all),
        behaviour(order_holds_with_prefetch_and_multiple_acks),
        behaviour(client_that_vanishes_inside_a_body_leaves_nothing),
    };
    return cmocka_run_group_tests_name("pressure", tests, NULL, NULL);
}
