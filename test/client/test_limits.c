/* SPDX-License-Identifier: Apache-2.0 */
/* Queues that hold only so much, and messages that are delivered only so often. */
#include "expect.h"

#include <stdio.h>

static const char *limited(struct channel *ch, int32_t length, const char *overflow)
{
    const char *queue = queue_name();
    queue_declare(ch, .queue = str(queue),
                  .arguments = TABLE(table_int("x-max-length", length),
                                     table_string("x-overflow", overflow)));
    return queue;
}

static void expect_messages(struct channel *ch, const char *queue, const char *bodies)
{
    for (char body[2] = ""; *bodies != '\0'; bodies++) {
        body[0] = *bodies;
        expect_got(ch, queue, body);
    }
    expect_empty(ch, queue);
}

/* Without the counts of confirm_select(). */
static void ask_for_confirms(struct channel *ch)
{
    send_confirm_select(ch);
    client_await(ch, AMQP_CONFIRM_SELECT_OK_METHOD);
}

/* Publishes, and tells whether that is acked or nacked. */
static bool is_taken(struct channel *ch, const char *exchange, const char *key, const char *body)
{
    publish(ch, exchange, key, body);
    bool is_acked = client_await_either(ch, AMQP_BASIC_ACK_METHOD, AMQP_BASIC_NACK_METHOD) ==
                    AMQP_BASIC_ACK_METHOD;
    client_await(ch, is_acked ? AMQP_BASIC_ACK_METHOD : AMQP_BASIC_NACK_METHOD);
    return is_acked;
}

static void what_is_too_much_is_dropped_at_the_head(void **state)
{
    struct channel *ch = *state;
    const char *queue = limited(ch, 2, "drop-head");

    for (int i = 0; i < 5; i++)
        publish_confirmed(ch, "", queue, (const char *[]){"1", "2", "3", "4", "5"}[i]);
    expect_messages(ch, queue, "45");
}

static void bytes_of_bodies_are_limited(void **state)
{
    struct channel *ch = *state;
    const char *queue = queue_name();

    queue_declare(ch, .queue = str(queue), .arguments = TABLE(table_int("x-max-length-bytes", 5)));
    publish_confirmed(ch, "", queue, "aa");
    publish_confirmed(ch, "", queue, "bb");
    publish_confirmed(ch, "", queue, "cc");
    expect_got(ch, queue, "bb");
    expect_got(ch, queue, "cc");
    publish_confirmed(ch, "", queue, "too large");
    expect_empty(ch, queue);
}

static void only_what_is_ready_counts(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = limited(ch, 1, "drop-head");

    publish_confirmed(ch, "", queue, "1");
    expect_get(other, queue, "1");
    publish_confirmed(ch, "", queue, "2");
    expect_get(other, queue, "2");
    publish_confirmed(ch, "", queue, "3");
    expect_messages(ch, queue, "3");
}

static void what_comes_back_finds_no_room(void **state)
{
    struct channel *ch = *state;
    const char *queue = limited(ch, 2, "drop-head");

    publish_confirmed(ch, "", queue, "1");
    publish_confirmed(ch, "", queue, "2");
    expect_get(ch, queue, "1");
    expect_get(ch, queue, "2");
    publish_confirmed(ch, "", queue, "3");
    publish_confirmed(ch, "", queue, "4");
    nack(ch, 2, .multiple = 1, .requeue = 1);
    expect_messages(ch, queue, "34");
}

static void a_full_queue_that_rejects_nacks(void **state)
{
    struct channel *ch = *state;
    const char *queue = limited(ch, 1, "reject-publish");

    ask_for_confirms(ch);
    assert_true(is_taken(ch, "", queue, "1"));
    assert_false(is_taken(ch, "", queue, "2"));
    assert_false(is_taken(ch, "", queue, "3"));
    expect_got(ch, queue, "1");
    assert_true(is_taken(ch, "", queue, "4"));
    expect_messages(ch, queue, "4");
}

static void a_queue_for_none_rejects_even_with_a_consumer(void **state)
{
    struct channel *ch = *state;
    const char *queue = limited(ch, 0, "reject-publish");

    consume(ch, .queue = str(queue));
    ask_for_confirms(ch);
    assert_false(is_taken(ch, "", queue, "1"));
}

static void a_queue_for_none_that_drops_serves_its_consumer(void **state)
{
    struct channel *ch = *state;
    const char *queue = limited(ch, 0, "drop-head");

    publish_confirmed(ch, "", queue, "1");
    consume(ch, .queue = str(queue));
    publish(ch, "", queue, "2");
    expect_delivery(ch, "2");
}

static void one_that_rejects_nacks_what_others_took(void **state)
{
    struct channel *ch = *state;
    const char *full = limited(ch, 0, "reject-publish"), *open = queue_name();
    const char *exchange = exchange_name();

    exchange_declare(ch, .exchange = str(exchange), .type = str("fanout"));
    queue_declare(ch, .queue = str(open));
    queue_bind(ch, .queue = str(full), .exchange = str(exchange));
    queue_bind(ch, .queue = str(open), .exchange = str(exchange));
    ask_for_confirms(ch);
    assert_false(is_taken(ch, exchange, "", "1"));
    expect_messages(ch, open, "1");
    expect_empty(ch, full);
}

static void without_confirms_what_is_rejected_is_gone(void **state)
{
    struct channel *ch = *state;
    const char *queue = limited(ch, 1, "reject-publish");

    publish_mandatory(ch, "", queue, "1");
    publish_mandatory(ch, "", queue, "2");
    expect_ready(ch, queue, 1);
    expect_messages(ch, queue, "1");
    assert_int_equal(client_pending(ch, AMQP_BASIC_RETURN_METHOD), 0);
}

static void a_commit_with_a_rejection_closes_channel_406(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = limited(ch, 1, "reject-publish");

    tx_select(ch);
    publish(ch, "", queue, "1");
    publish(ch, "", queue, "2");
    send_tx_commit(ch);
    client_await(ch, AMQP_CHANNEL_CLOSE_METHOD);
    expect_messages(other, queue, "1");
}

static void what_is_rejected_may_go_to_the_dead_letter_exchange(void **state)
{
    struct channel *ch = *state;
    const char *queue = queue_name(), *dead = queue_name();

    queue_declare(ch, .queue = str(dead));
    queue_declare(ch, .queue = str(queue),
                  .arguments = TABLE(table_int("x-max-length", 1),
                                     table_string("x-overflow", "reject-publish-dlx"),
                                     table_string("x-dead-letter-exchange", ""),
                                     table_string("x-dead-letter-routing-key", dead)));
    ask_for_confirms(ch);
    assert_true(is_taken(ch, "", queue, "1"));
    assert_false(is_taken(ch, "", queue, "2"));
    expect_ready(ch, dead, 1);
    expect_messages(ch, dead, "2");
    expect_messages(ch, queue, "1");
}

static void what_is_dropped_may_go_to_the_dead_letter_exchange(void **state)
{
    struct channel *ch = *state;
    const char *queue = queue_name(), *dead = queue_name();

    queue_declare(ch, .queue = str(dead));
    queue_declare(ch, .queue = str(queue),
                  .arguments = TABLE(table_int("x-max-length", 1),
                                     table_string("x-dead-letter-exchange", ""),
                                     table_string("x-dead-letter-routing-key", dead)));
    publish_confirmed(ch, "", queue, "1");
    publish_confirmed(ch, "", queue, "2");
    expect_ready(ch, dead, 1);
    expect_messages(ch, dead, "1");
    expect_messages(ch, queue, "2");
}

static int64_t delivery_count(const struct delivery *delivery)
{
    const amqp_basic_properties_t *properties = delivery->properties;
    if ((properties->_flags & AMQP_BASIC_HEADERS_FLAG) == 0)
        return 0;
    for (int i = 0; i < properties->headers.num_entries; i++) {
        const amqp_table_entry_t *entry = &properties->headers.entries[i];
        if (entry->key.len == 16 && memcmp(entry->key.bytes, "x-delivery-count", 16) == 0) {
            assert_int_equal(entry->value.kind, AMQP_FIELD_KIND_I64);
            return entry->value.value.i64;
        }
    }
    return 0;
}

static void a_quorum_queue_delivers_once_more_than_its_limit(void **state)
{
    struct channel *ch = *state;
    const char *queue = queue_name();

    queue_declare(ch, .queue = str(queue), .durable = 1,
                  .arguments = TABLE(table_string("x-queue-type", "quorum"),
                                     table_int("x-delivery-limit", 2)));
    consume(ch, .queue = str(queue));
    publish(ch, "", queue, "m");
    for (int64_t count = 0; count <= 2; count++) {
        struct delivery delivery = expect_delivery(ch, "m");
        assert_int_equal(delivery.redelivered, count > 0);
        assert_int_equal(delivery_count(&delivery), count);
        nack(ch, delivery.tag, .requeue = 1);
    }
    publish(ch, "", queue, "next");
    expect_delivery(ch, "next");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(what_is_too_much_is_dropped_at_the_head),
        behaviour(bytes_of_bodies_are_limited),
        behaviour(only_what_is_ready_counts),
        behaviour(what_comes_back_finds_no_room),
        behaviour(a_full_queue_that_rejects_nacks),
        behaviour(a_queue_for_none_rejects_even_with_a_consumer),
        behaviour(a_queue_for_none_that_drops_serves_its_consumer),
        behaviour(one_that_rejects_nacks_what_others_took),
        behaviour(without_confirms_what_is_rejected_is_gone),
        behaviour(a_commit_with_a_rejection_closes_channel_406),
        behaviour(what_is_rejected_may_go_to_the_dead_letter_exchange),
        behaviour(what_is_dropped_may_go_to_the_dead_letter_exchange),
        behaviour(a_quorum_queue_delivers_once_more_than_its_limit),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
