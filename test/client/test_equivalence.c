/* SPDX-License-Identifier: Apache-2.0 */
/* queue.declare of a queue that exists must say the same; arguments must be of the right kind. */
#include "expect.h"

static const char *declared_with(struct channel *ch, amqp_table_t arguments)
{
    const char *queue = queue_name();
    queue_declare(ch, .queue = str(queue), .arguments = arguments);
    return queue;
}

static void expect_inequivalent(struct channel *ch, const char *queue, const char *argument,
                                const char *received, const char *current)
{
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - inequivalent arg '%s' for queue '%s' in vhost '/': "
                         "received %s but current is %s",
                         argument, queue, received, current);
}

static void redeclare_with_the_same_attributes_succeeds(void **state)
{
    struct channel *ch = *state;
    amqp_table_t arguments = TABLE(table_int("x-message-ttl", 60000), table_int("x-max-length", 10),
                                   table_string("x-dead-letter-exchange", "amq.fanout"));
    const char *queue = queue_name();

    for (int i = 0; i < 2; i++)
        queue_declare(ch, .queue = str(queue), .durable = 1, .auto_delete = 1,
                      .arguments = arguments);
}

static void redeclare_with_other_durable_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared_with(ch, amqp_empty_table);

    send_queue_declare(ch, .queue = str(queue), .durable = 1);
    expect_inequivalent(ch, queue, "durable", "'true'", "'false'");
}

static void redeclare_with_other_auto_delete_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared_with(ch, amqp_empty_table);

    send_queue_declare(ch, .queue = str(queue), .auto_delete = 1);
    expect_inequivalent(ch, queue, "auto_delete", "'true'", "'false'");
}

static void redeclare_tells_the_first_difference(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared_with(ch, TABLE(table_int("x-expires", 60000)));

    send_queue_declare(ch, .queue = str(queue), .durable = 1, .auto_delete = 1);
    expect_inequivalent(ch, queue, "durable", "'true'", "'false'");
}

static void redeclare_with_other_int_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    static const char *const names[] = {"x-message-ttl", "x-expires", "x-max-length",
                                        "x-max-length-bytes", "x-max-priority"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct channel *other = channel_open(ch->client);
        const char *queue = declared_with(ch, TABLE(table_int(names[i], 100)));
        send_queue_declare(other, .queue = str(queue),
                           .arguments = TABLE(table_int(names[i], 101)));
        expect_inequivalent(other, queue, names[i], "'101'", "'100'");
    }
}

static void redeclare_with_other_string_closes_channel_406(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = declared_with(ch,
                                      TABLE(table_string("x-dead-letter-exchange", "amq.fanout"),
                                            table_string("x-dead-letter-routing-key", "k")));

    send_queue_declare(ch, .queue = str(queue),
                       .arguments = TABLE(table_string("x-dead-letter-exchange", "amq.topic"),
                                          table_string("x-dead-letter-routing-key", "k")));
    expect_inequivalent(ch, queue, "x-dead-letter-exchange", "'amq.topic'", "'amq.fanout'");
    send_queue_declare(other, .queue = str(queue),
                       .arguments = TABLE(table_string("x-dead-letter-exchange", "amq.fanout"),
                                          table_string("x-dead-letter-routing-key", "j")));
    expect_inequivalent(other, queue, "x-dead-letter-routing-key", "'j'", "'k'");
}

static void redeclare_with_added_argument_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared_with(ch, amqp_empty_table);

    send_queue_declare(ch, .queue = str(queue),
                       .arguments = TABLE(table_int("x-message-ttl", 100)));
    expect_inequivalent(ch, queue, "x-message-ttl", "the value '100' of type 'signedint'", "none");
}

static void redeclare_without_argument_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared_with(ch, TABLE(table_string("x-overflow", "reject-publish")));

    send_queue_declare(ch, .queue = str(queue));
    expect_inequivalent(ch, queue, "x-overflow", "none",
                        "the value 'reject-publish' of type 'longstr'");
}

static void redeclare_with_wider_int_of_same_value_succeeds(void **state)
{
    struct channel *ch = *state;
    amqp_table_entry_t wide = {.key = str("x-message-ttl"),
                               .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = 60000}};
    const char *queue = declared_with(ch, TABLE(table_int("x-message-ttl", 60000)));

    queue_declare(ch, .queue = str(queue), .arguments = TABLE(wide));
}

static void redeclare_with_unknown_arguments_succeeds(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared_with(ch, TABLE(table_string("x-colour", "brown")));

    queue_declare(ch, .queue = str(queue));
    queue_declare(ch, .queue = str(queue), .arguments = TABLE(table_int("x-colour", 3)));
}

static void classic_is_the_default_queue_type(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared_with(ch, amqp_empty_table);

    queue_declare(ch, .queue = str(queue),
                  .arguments = TABLE(table_string("x-queue-type", "classic")));
}

/* Declares with one argument and expects it to be refused for this reason. */
static void expect_invalid(struct channel *ch, amqp_table_entry_t argument, const char *name,
                           const char *reason)
{
    struct channel *other = channel_open(ch->client);
    const char *queue = queue_name();

    send_queue_declare(other, .queue = str(queue), .arguments = TABLE(argument));
    expect_channel_close(other, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - invalid arg '%s' for queue '%s' in vhost '/': %s",
                         name, queue, reason);
}

static void negative_values_close_channel_406(void **state)
{
    struct channel *ch = *state;
    static const char *const names[] = {"x-message-ttl", "x-expires", "x-max-length",
                                        "x-max-length-bytes", "x-max-priority"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        expect_invalid(ch, table_int(names[i], -1), names[i], "{value_negative,-1}");
}

static void zero_expires_closes_channel_406(void **state)
{
    expect_invalid(*state, table_int("x-expires", 0), "x-expires", "{value_zero,0}");
}

static void times_above_ten_years_close_channel_406(void **state)
{
    static const char *const names[] = {"x-message-ttl", "x-expires"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        amqp_table_entry_t value = {
            .key = str(names[i]),
            .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = 315360000001}};
        expect_invalid(*state, value, names[i], "{value_too_large,315360000001}");
    }
}

static void strings_for_ints_close_channel_406(void **state)
{
    struct channel *ch = *state;
    static const char *const names[] = {"x-message-ttl", "x-expires", "x-max-length",
                                        "x-max-length-bytes", "x-max-priority"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        expect_invalid(ch, table_string(names[i], "10"), names[i],
                       "\"expected integer, got longstr\"");
}

static void ints_for_strings_close_channel_406(void **state)
{
    struct channel *ch = *state;

    expect_invalid(ch, table_int("x-overflow", 1), "x-overflow", "{unacceptable_type,signedint}");
    expect_invalid(ch, table_int("x-queue-mode", 1), "x-queue-mode",
                   "{unacceptable_type,signedint}");
}

static void dead_letter_exchange_that_is_no_string_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = queue_name();

    send_queue_declare(ch, .queue = str(queue),
                       .arguments = TABLE(table_int("x-dead-letter-exchange", 1)));
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - invalid type 'signedint' for arg "
                         "'x-dead-letter-exchange' in queue '%s' in vhost '/'",
                         queue);
}

static void priorities_above_255_close_channel_406(void **state)
{
    expect_invalid(*state, table_int("x-max-priority", 256), "x-max-priority",
                   "{max_value_exceeded,256}");
}

static void unknown_overflow_closes_channel_406(void **state)
{
    expect_invalid(*state, table_string("x-overflow", "explode"), "x-overflow", "invalid_overflow");
}

static void dead_letter_key_without_exchange_closes_channel_406(void **state)
{
    expect_invalid(*state, table_string("x-dead-letter-routing-key", "k"),
                   "x-dead-letter-routing-key", "routing_key_but_no_dlx_defined");
}

static void single_active_consumer_must_be_boolean_406(void **state)
{
    expect_invalid(*state, table_int("x-single-active-consumer", 1), "x-single-active-consumer",
                   "{unacceptable_type,signedint}");
}

static void unknown_queue_type_closes_channel_406(void **state)
{
    expect_invalid(*state, table_string("x-queue-type", "modern"), "x-queue-type",
                   "\"unsupported queue type 'modern'\"");
}

static amqp_table_t typed(const char *type, amqp_table_entry_t entry)
{
    static amqp_table_entry_t entries[2];
    entries[0] = table_string("x-queue-type", type);
    entries[1] = entry;
    return (amqp_table_t){2, entries};
}

static void arguments_of_another_queue_type_close_channel_406(void **state)
{
    struct channel *ch = *state;
    const struct {
        const char *type;
        amqp_table_entry_t entry;
    } cases[] = {
        {"classic", table_string("x-dead-letter-strategy", "at-least-once")},
        {"classic", table_int("x-max-in-memory-length", -1)},
        {"classic", table_int("x-quorum-initial-group-size", 1)},
        {"classic", table_string("x-max-age", "1D")},
        {"quorum", table_int("x-max-priority", 5)},
        {"quorum", table_string("x-queue-mode", "lazy")},
        {"quorum", table_int("x-queue-version", 2)},
        {"quorum", table_string("x-queue-master-locator", "client-local")},
        {"quorum", table_int("x-stream-max-segment-size-bytes", 100)},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *queue = queue_name();
        send_queue_declare(ch, .queue = str(queue), .durable = 1,
                           .arguments = typed(cases[i].type, cases[i].entry));
        expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                             "PRECONDITION_FAILED - invalid arg '%.*s' for queue '%s' in vhost '/' "
                             "of queue type rabbit_%s_queue",
                             (int)cases[i].entry.key.len, (const char *)cases[i].entry.key.bytes,
                             queue, cases[i].type);
        ch = channel_open(ch->client);
    }
}

static void quorum_queues_refuse_bad_values_406(void **state)
{
    struct channel *ch = *state;
    const struct {
        amqp_table_entry_t entry;
        const char *reason;
    } cases[] = {
        {table_string("x-dead-letter-strategy", "often"), "invalid_dlx_strategy"},
        {table_int("x-max-in-memory-length", -1), "{value_negative,-1}"},
        {table_int("x-quorum-initial-group-size", 0), "{value_zero,0}"},
        {table_string("x-queue-leader-locator", "here"), "invalid_queue_locator_arg"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *queue = queue_name();
        send_queue_declare(ch, .queue = str(queue), .durable = 1,
                           .arguments = typed("quorum", cases[i].entry));
        expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                             "PRECONDITION_FAILED - invalid arg '%.*s' for queue '%s' in vhost '/':"
                             " %s",
                             (int)cases[i].entry.key.len, (const char *)cases[i].entry.key.bytes,
                             queue, cases[i].reason);
        ch = channel_open(ch->client);
    }
}

static void unsupported_queue_version_closes_channel_406(void **state)
{
    expect_invalid(*state, table_int("x-queue-version", 3), "x-queue-version",
                   "\"unsupported queue version '3'\"");
}

static void quorum_queues_are_durable_shared_and_lasting_406(void **state)
{
    struct channel *ch = *state;
    const amqp_table_t quorum = TABLE(table_string("x-queue-type", "quorum"));
    const struct {
        amqp_boolean_t durable, exclusive, auto_delete;
        const char *property;
    } cases[] = {
        {0, 0, 0, "non-durable"},
        {1, 1, 0, "exclusive-owner"},
        {1, 0, 1, "auto-delete"},
        {0, 1, 0, "exclusive-owner"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *queue = queue_name();
        send_queue_declare(ch, .queue = str(queue), .durable = cases[i].durable,
                           .exclusive = cases[i].exclusive, .auto_delete = cases[i].auto_delete,
                           .arguments = quorum);
        expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                             "PRECONDITION_FAILED - invalid property '%s' for queue '%s' in vhost "
                             "'/'",
                             cases[i].property, queue);
        ch = channel_open(ch->client);
    }
}

static void quorum_queues_are_not_named_by_the_broker_406(void **state)
{
    send_queue_declare((struct channel *)*state, .durable = 1,
                       .arguments = TABLE(table_string("x-queue-type", "quorum")));
    expect_channel_close(*state, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - Cannot declare a server-named queue for type "
                         "rabbit_quorum_queue");
}

static void classic_and_quorum_queues_are_not_the_same_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = queue_name();

    queue_declare(ch, .queue = str(queue), .durable = 1,
                  .arguments = TABLE(table_string("x-queue-type", "quorum")));
    queue_declare(ch, .queue = str(queue), .durable = 1,
                  .arguments = TABLE(table_string("x-queue-type", "quorum")));
    send_queue_declare(ch, .queue = str(queue), .durable = 1,
                       .arguments = TABLE(table_string("x-queue-type", "classic")));
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue '%s' in "
                         "vhost '/': received 'classic' but current is 'quorum'",
                         queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(redeclare_with_the_same_attributes_succeeds),
        behaviour(redeclare_with_other_durable_closes_channel_406),
        behaviour(redeclare_with_other_auto_delete_closes_channel_406),
        behaviour(redeclare_tells_the_first_difference),
        behaviour(redeclare_with_other_int_closes_channel_406),
        behaviour(redeclare_with_other_string_closes_channel_406),
        behaviour(redeclare_with_added_argument_closes_channel_406),
        behaviour(redeclare_without_argument_closes_channel_406),
        behaviour(redeclare_with_wider_int_of_same_value_succeeds),
        behaviour(redeclare_with_unknown_arguments_succeeds),
        behaviour(classic_is_the_default_queue_type),
        behaviour(negative_values_close_channel_406),
        behaviour(zero_expires_closes_channel_406),
        behaviour(times_above_ten_years_close_channel_406),
        behaviour(strings_for_ints_close_channel_406),
        behaviour(ints_for_strings_close_channel_406),
        behaviour(dead_letter_exchange_that_is_no_string_closes_channel_406),
        behaviour(priorities_above_255_close_channel_406),
        behaviour(unknown_overflow_closes_channel_406),
        behaviour(dead_letter_key_without_exchange_closes_channel_406),
        behaviour(single_active_consumer_must_be_boolean_406),
        behaviour(unknown_queue_type_closes_channel_406),
        behaviour(arguments_of_another_queue_type_close_channel_406),
        behaviour(quorum_queues_refuse_bad_values_406),
        behaviour(unsupported_queue_version_closes_channel_406),
        behaviour(quorum_queues_are_durable_shared_and_lasting_406),
        behaviour(quorum_queues_are_not_named_by_the_broker_406),
        behaviour(classic_and_quorum_queues_are_not_the_same_406),
    };
    return cmocka_run_group_tests_name("equivalence", tests, NULL, NULL);
}
