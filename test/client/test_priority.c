/* SPDX-License-Identifier: Apache-2.0 */
/* Queues that give away what is urgent first, alone and together with what else queues can do. */
#include "expect.h"

#include <stdio.h>

enum { NO_PRIORITY = -1, LEVELS = 5 };

static const char *prioritised(struct channel *ch, const amqp_table_entry_t *more, int count)
{
    const char *queue = queue_name();
    amqp_table_entry_t entries[8] = {table_int("x-max-priority", LEVELS)};
    for (int i = 0; i < count; i++)
        entries[1 + i] = more[i];
    queue_declare(ch, .queue = str(queue), .arguments = {1 + count, entries});
    confirm_select(ch);
    return queue;
}

/* Publishes a body of one letter, and waits until the queue has it. */
static void put(struct channel *ch, const char *queue, int priority, const char *body)
{
    amqp_basic_properties_t properties = {
        ._flags = priority == NO_PRIORITY ? 0 : AMQP_BASIC_PRIORITY_FLAG,
        .priority = (uint8_t)priority,
    };
    publish_with(ch, "", queue, &properties, str(body));
    wait_confirms(ch);
}

/* So many of them, with priorities as they are written: "0a5b" is a at 0, then b at 5. */
static void put_all(struct channel *ch, const char *queue, const char *messages)
{
    for (; *messages != '\0'; messages += 2)
        put(ch, queue, messages[0] - '0', (char[]){messages[1], '\0'});
}

static void expect_messages(struct channel *ch, const char *queue, const char *bodies)
{
    for (; *bodies != '\0'; bodies++)
        expect_got(ch, queue, (char[]){*bodies, '\0'});
    expect_empty(ch, queue);
}

static void urgent_messages_go_first_and_equals_keep_their_order(void **state)
{
    struct channel *ch = *state;
    const char *queue = prioritised(ch, NULL, 0);

    put_all(ch, queue, "0a3b5c3d0e1f5g");
    expect_messages(ch, queue, "cgbdfae");
}

static void what_is_too_urgent_is_as_urgent_as_can_be(void **state)
{
    struct channel *ch = *state;
    const char *queue = prioritised(ch, NULL, 0);

    put(ch, queue, LEVELS, "a");
    put(ch, queue, 255, "b");
    put(ch, queue, LEVELS + 1, "c");
    put(ch, queue, LEVELS, "d");
    expect_messages(ch, queue, "abcd");
}

static void without_a_priority_it_is_the_lowest(void **state)
{
    struct channel *ch = *state;
    const char *queue = prioritised(ch, NULL, 0);

    put(ch, queue, NO_PRIORITY, "a");
    put(ch, queue, 0, "b");
    put(ch, queue, 1, "c");
    put(ch, queue, NO_PRIORITY, "d");
    expect_messages(ch, queue, "cabd");
}

static void a_consumer_gets_what_is_urgent_when_it_has_credit_again(void **state)
{
    struct channel *ch = *state, *publisher = channel_open(ch->client);
    const char *queue = prioritised(publisher, NULL, 0);

    qos(ch, .prefetch_count = 1);
    consume(ch, .queue = str(queue));
    put(publisher, queue, 1, "a");
    struct delivery first = expect_delivery(ch, "a");
    put_all(publisher, queue, "0b1c4d");
    ack(ch, first.tag);
    struct delivery second = expect_delivery(ch, "d");
    put(publisher, queue, 5, "e");
    ack(ch, second.tag);
    ack(ch, expect_delivery(ch, "e").tag);
    ack(ch, expect_delivery(ch, "c").tag);
    ack(ch, expect_delivery(ch, "b").tag);
}

static void what_comes_back_is_the_first_of_its_level(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = prioritised(ch, NULL, 0);

    put_all(ch, queue, "1a3b1c3d");
    expect_get(other, queue, "b");
    expect_get(other, queue, "d");
    expect_get(other, queue, "a");
    put_all(ch, queue, "3e5f1g");
    nack(other, 0, .multiple = 1, .requeue = 1);
    expect_ready(ch, queue, 7);
    expect_messages(ch, queue, "fbdeacg");
}

static void purging_empties_all_levels(void **state)
{
    struct channel *ch = *state;
    const char *queue = prioritised(ch, NULL, 0);

    put_all(ch, queue, "0a2b5c5d");
    assert_int_equal(queue_purge(ch, .queue = str(queue))->message_count, 4);
    expect_empty(ch, queue);
}

static void a_limit_drops_at_the_head_whatever_its_priority(void **state)
{
    struct channel *ch = *state;
    amqp_table_entry_t limit = table_int("x-max-length", 3);
    const char *queue = prioritised(ch, &limit, 1);

    put_all(ch, queue, "0a5b1c");
    put(ch, queue, 3, "d");
    expect_messages(ch, queue, "dca");
}

static void a_full_queue_refuses_what_is_urgent_too(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    amqp_table_entry_t limit[] = {table_int("x-max-length", 1),
                                  table_string("x-overflow", "reject-publish")};
    const char *queue = prioritised(ch, limit, 2);

    put(ch, queue, 0, "a");
    publish_with(ch, "", queue,
                 &(amqp_basic_properties_t){._flags = AMQP_BASIC_PRIORITY_FLAG, .priority = LEVELS},
                 str("b"));
    client_await(ch, AMQP_BASIC_NACK_METHOD);
    expect_messages(other, queue, "a");
}

static void expired_messages_of_a_low_level_go_to_the_dead_letter_exchange(void **state)
{
    struct channel *ch = *state;
    const char *dead = queue_name();
    queue_declare(ch, .queue = str(dead), .arguments = TABLE(table_int("x-max-priority", LEVELS)));
    amqp_table_entry_t arguments[] = {table_int("x-message-ttl", 100),
                                      table_string("x-dead-letter-exchange", ""),
                                      table_string("x-dead-letter-routing-key", dead)};
    const char *queue = prioritised(ch, arguments, 3);

    put_all(ch, queue, "0a4b2c");
    expect_ready(ch, dead, 3);
    expect_messages(ch, dead, "bca");
    expect_empty(ch, queue);
}

static void dead_letters_keep_their_priority(void **state)
{
    struct channel *ch = *state;
    const char *dead = queue_name();
    queue_declare(ch, .queue = str(dead), .arguments = TABLE(table_int("x-max-priority", LEVELS)));
    amqp_table_entry_t arguments[] = {table_string("x-dead-letter-exchange", ""),
                                      table_string("x-dead-letter-routing-key", dead)};
    const char *queue = prioritised(ch, arguments, 2);

    put_all(ch, queue, "1a4b");
    expect_get(ch, queue, "b");
    nack(ch, expect_get(ch, queue, "a").tag, .requeue = 0);
    expect_ready(ch, dead, 1);
    nack(ch, 0, .multiple = 1, .requeue = 0);
    expect_ready(ch, dead, 2);
    struct delivery first = expect_get(ch, dead, "b");
    assert_int_equal(first.properties->priority, 4);
    expect_get(ch, dead, "a");
}

static void the_active_consumer_gets_all_and_its_successor_what_comes_back(void **state)
{
    struct channel *ch = *state, *first = channel_open(ch->client),
                   *next = channel_open(ch->client);
    amqp_table_entry_t single = table_bool("x-single-active-consumer", true);
    const char *queue = prioritised(ch, &single, 1);

    qos(first, .prefetch_count = 2);
    consume(first, .queue = str(queue));
    consume(next, .queue = str(queue), .arguments = TABLE(table_int("x-priority", 9)));
    put_all(ch, queue, "1a1b");
    expect_delivery(first, "a");
    expect_delivery(first, "b");
    put_all(ch, queue, "0c5d");
    channel_close(first);
    expect_delivery(next, "d");
    assert_true(expect_delivery(next, "a").redelivered);
    expect_delivery(next, "b");
    expect_delivery(next, "c");
}

static void expect_refused(struct channel *ch, amqp_table_entry_t argument, const char *reason)
{
    const char *queue = queue_name();
    send_queue_declare(ch, .queue = str(queue), .arguments = TABLE(argument));
    expect_channel_close(
        ch, 406,
        "PRECONDITION_FAILED - invalid arg 'x-max-priority' for queue '%s' in vhost '/': %s", queue,
        reason);
}

static void levels_are_0_to_255(void **state)
{
    struct channel *ch = *state;
    queue_declare(ch, .queue = str(queue_name()),
                  .arguments = TABLE(table_int("x-max-priority", 0)));
    queue_declare(ch, .queue = str(queue_name()),
                  .arguments = TABLE(table_int("x-max-priority", 255)));
    struct client *client = ch->client;
    expect_refused(channel_open(client), table_int("x-max-priority", 256),
                   "{max_value_exceeded,256}");
    expect_refused(channel_open(client), table_int("x-max-priority", -1), "{value_negative,-1}");
    expect_refused(channel_open(client), table_string("x-max-priority", "5"),
                   "\"expected integer, got longstr\"");
}

static void a_queue_with_one_level_more_is_another(void **state)
{
    struct channel *ch = *state;
    const char *queue = prioritised(ch, NULL, 0);

    send_queue_declare(ch, .queue = str(queue),
                       .arguments = TABLE(table_int("x-max-priority", LEVELS + 1)));
    expect_channel_close(ch, 406,
                         "PRECONDITION_FAILED - inequivalent arg 'x-max-priority' for queue '%s' "
                         "in vhost '/': received '%d' but current is '%d'",
                         queue, LEVELS + 1, LEVELS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(urgent_messages_go_first_and_equals_keep_their_order),
        behaviour(what_is_too_urgent_is_as_urgent_as_can_be),
        behaviour(without_a_priority_it_is_the_lowest),
        behaviour(a_consumer_gets_what_is_urgent_when_it_has_credit_again),
        behaviour(what_comes_back_is_the_first_of_its_level),
        behaviour(purging_empties_all_levels),
        behaviour(a_limit_drops_at_the_head_whatever_its_priority),
        behaviour(a_full_queue_refuses_what_is_urgent_too),
        behaviour(expired_messages_of_a_low_level_go_to_the_dead_letter_exchange),
        behaviour(dead_letters_keep_their_priority),
        behaviour(the_active_consumer_gets_all_and_its_successor_what_comes_back),
        behaviour(levels_are_0_to_255),
        behaviour(a_queue_with_one_level_more_is_another),
    };
    return cmocka_run_group_tests_name("priority", tests, NULL, NULL);
}
