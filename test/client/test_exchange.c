/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.declare, delete, bind and unbind, without looking at where messages go (see
 * test_routing.c). */
#include "expect.h"

static void every_type_can_be_declared_and_declared_again(void **state)
{
    struct channel *ch = *state;
    static const char *const types[] = {"direct", "fanout", "topic", "headers"};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const char *exchange = exchange_name();
        for (int again = 0; again < 2; again++)
            exchange_declare(ch, .exchange = str(exchange), .type = str(types[i]), .durable = 1);
    }
}

static void predeclared_exchanges_exist(void **state)
{
    struct channel *ch = *state;
    static const char *const predeclared[] = {
        "",          "amq.direct",        "amq.fanout", "amq.topic", "amq.headers",
        "amq.match", "amq.rabbitmq.trace"};

    for (size_t i = 1; i < sizeof predeclared / sizeof *predeclared; i++)
        exchange_declare(ch, .exchange = str(predeclared[i]), .passive = 1);
}

static void predeclared_exchange_can_be_declared_again_with_same_attributes(void **state)
{
    struct channel *ch = *state;

    exchange_declare(ch, .exchange = str("amq.direct"), .type = str("direct"), .durable = 1);
}

static void passive_declare_of_missing_exchange_closes_channel_404(void **state)
{
    struct channel *ch = *state;
    const char *exchange = exchange_name();

    send_exchange_declare(ch, .exchange = str(exchange), .type = str("direct"), .passive = 1);
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no exchange '%s' in vhost '/'", exchange);
}

static void passive_declare_ignores_type_and_attributes(void **state)
{
    struct channel *ch = *state;
    const char *exchange = exchange_name();

    exchange_declare(ch, .exchange = str(exchange), .type = str("topic"), .durable = 1);
    exchange_declare(ch, .exchange = str(exchange), .type = str("fanout"), .passive = 1,
                     .auto_delete = 1);
    exchange_declare(ch, .exchange = str(exchange), .type = str("no-such-type"), .passive = 1);
}

static void declare_with_nowait_is_not_answered(void **state)
{
    struct channel *ch = *state;
    const char *exchange = exchange_name();

    send_exchange_declare(ch, .exchange = str(exchange), .type = str("direct"), .nowait = 1);
    exchange_declare(ch, .exchange = str(exchange), .passive = 1);
    assert_int_equal(client_pending(ch, AMQP_EXCHANGE_DECLARE_OK_METHOD), 0);
}

static void unknown_type_closes_connection_503(void **state)
{
    struct channel *ch = *state;

    send_exchange_declare(ch, .exchange = str(exchange_name()), .type = str("no-such-type"));
    expect_connection_close(ch, AMQP_COMMAND_INVALID,
                            "COMMAND_INVALID - unknown exchange type 'no-such-type'");
}

static void empty_type_closes_connection_503(void **state)
{
    struct channel *ch = *state;

    send_exchange_declare(ch, .exchange = str(exchange_name()));
    expect_connection_close(ch, AMQP_COMMAND_INVALID, "COMMAND_INVALID - invalid exchange type ''");
}

static void passive_declare_of_default_exchange_closes_channel_403(void **state)
{
    struct channel *ch = *state;

    send_exchange_declare(ch, .exchange = amqp_empty_bytes, .passive = 1);
    expect_channel_close(ch, AMQP_ACCESS_REFUSED,
                         "ACCESS_REFUSED - operation not permitted on the default exchange");
}

static void passive_declare_of_reserved_name_looks_it_up_404(void **state)
{
    struct channel *ch = *state;

    send_exchange_declare(ch, .exchange = str("amq.stoat"), .passive = 1);
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no exchange 'amq.stoat' in vhost '/'");
}

static void redeclare_of_predeclared_exchange_with_other_type_closes_channel_406(void **state)
{
    struct channel *ch = *state;

    send_exchange_declare(ch, .exchange = str("amq.direct"), .type = str("topic"), .durable = 1);
    expect_channel_close(
        ch, AMQP_PRECONDITION_FAILED,
        "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.direct' in "
        "vhost '/': received 'topic' but current is 'direct'");
}

static void x_match_means_nothing_to_other_types(void **state)
{
    struct channel *ch = *state;
    amqp_table_t arguments = TABLE(table_string("x-match", "most"));
    const char *exchange = exchange_name();

    exchange_declare(ch, .exchange = str(exchange), .type = str("fanout"));
    exchange_bind(ch, .destination = str(exchange), .source = str("amq.fanout"),
                  .arguments = arguments);
}

static void reserved_name_closes_channel_403(void **state)
{
    struct channel *ch = *state;

    send_exchange_declare(ch, .exchange = str("amq.stoat"), .type = str("direct"));
    expect_channel_close(
        ch, AMQP_ACCESS_REFUSED,
        "ACCESS_REFUSED - exchange name 'amq.stoat' contains reserved prefix 'amq.*'");
}

static void declare_of_default_exchange_closes_channel_403(void **state)
{
    struct channel *ch = *state;

    send_exchange_declare(ch, .exchange = amqp_empty_bytes, .type = str("direct"), .durable = 1);
    expect_channel_close(ch, AMQP_ACCESS_REFUSED,
                         "ACCESS_REFUSED - operation not permitted on the default exchange");
}

/* Declares a transient direct exchange, then again with one thing changed. */
static const char *declared(struct channel *ch)
{
    const char *exchange = exchange_name();
    exchange_declare(ch, .exchange = str(exchange), .type = str("direct"));
    return exchange;
}

static void redeclare_with_other_type_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *exchange = declared(ch);

    send_exchange_declare(ch, .exchange = str(exchange), .type = str("topic"));
    expect_channel_close(
        ch, AMQP_PRECONDITION_FAILED,
        "PRECONDITION_FAILED - inequivalent arg 'type' for exchange '%s' in vhost '/': "
        "received 'topic' but current is 'direct'",
        exchange);
}

static void redeclare_with_other_durable_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *exchange = declared(ch);

    send_exchange_declare(ch, .exchange = str(exchange), .type = str("direct"), .durable = 1);
    expect_channel_close(
        ch, AMQP_PRECONDITION_FAILED,
        "PRECONDITION_FAILED - inequivalent arg 'durable' for exchange '%s' in vhost "
        "'/': received 'true' but current is 'false'",
        exchange);
}

static void redeclare_with_other_auto_delete_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *exchange = declared(ch);

    send_exchange_declare(ch, .exchange = str(exchange), .type = str("direct"), .auto_delete = 1);
    expect_channel_close(
        ch, AMQP_PRECONDITION_FAILED,
        "PRECONDITION_FAILED - inequivalent arg 'auto_delete' for exchange '%s' in "
        "vhost '/': received 'true' but current is 'false'",
        exchange);
}

static void redeclare_with_other_internal_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *exchange = declared(ch);

    send_exchange_declare(ch, .exchange = str(exchange), .type = str("direct"), .internal = 1);
    expect_channel_close(
        ch, AMQP_PRECONDITION_FAILED,
        "PRECONDITION_FAILED - inequivalent arg 'internal' for exchange '%s' in vhost "
        "'/': received 'true' but current is 'false'",
        exchange);
}

static void redeclare_with_added_alternate_exchange_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *exchange = declared(ch);

    send_exchange_declare(ch, .exchange = str(exchange), .type = str("direct"),
                          .arguments = TABLE(table_string("alternate-exchange", "amq.fanout")));
    expect_channel_close(
        ch, AMQP_PRECONDITION_FAILED,
        "PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange '%s' "
        "in vhost '/': received the value 'amq.fanout' of type 'longstr' but current "
        "is none",
        exchange);
}

static void redeclare_with_other_alternate_exchange_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *exchange = exchange_name();

    exchange_declare(ch, .exchange = str(exchange), .type = str("direct"),
                     .arguments = TABLE(table_string("alternate-exchange", "amq.fanout")));
    send_exchange_declare(ch, .exchange = str(exchange), .type = str("direct"),
                          .arguments = TABLE(table_string("alternate-exchange", "amq.topic")));
    expect_channel_close(
        ch, AMQP_PRECONDITION_FAILED,
        "PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange '%s' "
        "in vhost '/': received 'amq.topic' but current is 'amq.fanout'",
        exchange);
}

static void redeclare_with_unknown_argument_is_equivalent(void **state)
{
    struct channel *ch = *state;
    const char *exchange = declared(ch);

    exchange_declare(ch, .exchange = str(exchange), .type = str("direct"),
                     .arguments = TABLE(table_string("x-colour", "brown")));
}

static void alternate_exchange_of_wrong_type_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *exchange = exchange_name();

    send_exchange_declare(ch, .exchange = str(exchange), .type = str("direct"),
                          .arguments = TABLE(table_int("alternate-exchange", 5)));
    expect_channel_close(
        ch, AMQP_PRECONDITION_FAILED,
        "PRECONDITION_FAILED - invalid type 'signedint' for arg 'alternate-exchange' "
        "in exchange '%s' in vhost '/'",
        exchange);
}

static void delete_of_missing_exchange_succeeds(void **state)
{
    struct channel *ch = *state;

    exchange_delete(ch, .exchange = str(exchange_name()));
}

static void deleted_exchange_is_gone(void **state)
{
    struct channel *ch = *state;
    const char *exchange = declared(ch);

    exchange_delete(ch, .exchange = str(exchange));
    send_exchange_declare(ch, .exchange = str(exchange), .passive = 1);
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no exchange '%s' in vhost '/'", exchange);
}

static void delete_with_nowait_is_not_answered(void **state)
{
    struct channel *ch = *state;
    const char *exchange = declared(ch);

    send_exchange_delete(ch, .exchange = str(exchange), .nowait = 1);
    exchange_declare(ch, .exchange = str(exchange), .type = str("fanout"));
    assert_int_equal(client_pending(ch, AMQP_EXCHANGE_DELETE_OK_METHOD), 0);
}

static void delete_of_default_exchange_closes_channel_403(void **state)
{
    struct channel *ch = *state;

    send_exchange_delete(ch, .exchange = amqp_empty_bytes);
    expect_channel_close(ch, AMQP_ACCESS_REFUSED,
                         "ACCESS_REFUSED - operation not permitted on the default exchange");
}

static void delete_of_predeclared_exchange_closes_channel_403(void **state)
{
    struct channel *ch = *state;

    send_exchange_delete(ch, .exchange = str("amq.topic"));
    expect_channel_close(
        ch, AMQP_ACCESS_REFUSED,
        "ACCESS_REFUSED - deletion of system exchange 'amq.topic' in vhost '/' not allowed");
}

static void delete_if_unused_of_bound_exchange_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *exchange = declared(ch), *queue = queue_name();

    queue_declare(ch, .queue = str(queue));
    queue_bind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str("k"));
    send_exchange_delete(ch, .exchange = str(exchange), .if_unused = 1);
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - exchange '%s' in vhost '/' in use", exchange);
}

static void delete_if_unused_of_unbound_exchange_succeeds(void **state)
{
    struct channel *ch = *state;
    const char *exchange = declared(ch), *queue = queue_name();

    queue_declare(ch, .queue = str(queue));
    queue_bind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str("k"));
    queue_unbind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str("k"));
    exchange_delete(ch, .exchange = str(exchange), .if_unused = 1);
}

static void delete_if_unused_ignores_bindings_as_destination(void **state)
{
    struct channel *ch = *state;
    const char *exchange = declared(ch);

    exchange_bind(ch, .destination = str(exchange), .source = str("amq.fanout"));
    exchange_delete(ch, .exchange = str(exchange), .if_unused = 1);
}

static void bind_of_missing_source_closes_channel_404(void **state)
{
    struct channel *ch = *state;
    const char *exchange = declared(ch), *missing = exchange_name();

    send_exchange_bind(ch, .destination = str(exchange), .source = str(missing));
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no exchange '%s' in vhost '/'", missing);
}

static void bind_of_missing_destination_closes_channel_404(void **state)
{
    struct channel *ch = *state;
    const char *exchange = declared(ch), *missing = exchange_name();

    send_exchange_bind(ch, .destination = str(missing), .source = str(exchange));
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no exchange '%s' in vhost '/'", missing);
}

static void bind_to_or_from_default_exchange_closes_channel_403(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *exchange = declared(ch);

    send_exchange_bind(ch, .destination = str(exchange), .source = amqp_empty_bytes);
    expect_channel_close(ch, AMQP_ACCESS_REFUSED,
                         "ACCESS_REFUSED - operation not permitted on the default exchange");
    send_exchange_bind(other, .destination = amqp_empty_bytes, .source = str(exchange));
    expect_channel_close(other, AMQP_ACCESS_REFUSED,
                         "ACCESS_REFUSED - operation not permitted on the default exchange");
}

static void unbind_of_missing_binding_succeeds(void **state)
{
    struct channel *ch = *state;
    const char *exchange = declared(ch);

    exchange_unbind(ch, .destination = str(exchange), .source = str("amq.fanout"),
                    .routing_key = str("never"));
}

static void unbind_of_missing_exchanges_succeeds(void **state)
{
    struct channel *ch = *state;

    exchange_unbind(ch, .destination = str(exchange_name()), .source = str(exchange_name()));
}

static void bind_and_unbind_with_nowait_are_not_answered(void **state)
{
    struct channel *ch = *state;
    const char *exchange = declared(ch);

    send_exchange_bind(ch, .destination = str(exchange), .source = str("amq.fanout"), .nowait = 1);
    send_exchange_unbind(ch, .destination = str(exchange), .source = str("amq.fanout"),
                         .nowait = 1);
    exchange_declare(ch, .exchange = str(exchange), .passive = 1);
    assert_int_equal(client_pending(ch, AMQP_EXCHANGE_BIND_OK_METHOD), 0);
    assert_int_equal(client_pending(ch, AMQP_EXCHANGE_UNBIND_OK_METHOD), 0);
}

static void headers_binding_between_exchanges_with_bad_x_match_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *exchange = declared(ch);

    send_exchange_bind(ch, .destination = str(exchange), .source = str("amq.headers"),
                       .arguments = TABLE(table_string("x-match", "most")));
    expect_channel_close(
        ch, AMQP_PRECONDITION_FAILED,
        "PRECONDITION_FAILED - Invalid x-match field value <<\"most\">>; expected all, "
        "any, all-with-x, or any-with-x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(every_type_can_be_declared_and_declared_again),
        behaviour(predeclared_exchanges_exist),
        behaviour(predeclared_exchange_can_be_declared_again_with_same_attributes),
        behaviour(passive_declare_of_missing_exchange_closes_channel_404),
        behaviour(passive_declare_ignores_type_and_attributes),
        behaviour(declare_with_nowait_is_not_answered),
        behaviour(unknown_type_closes_connection_503),
        behaviour(empty_type_closes_connection_503),
        behaviour(passive_declare_of_default_exchange_closes_channel_403),
        behaviour(passive_declare_of_reserved_name_looks_it_up_404),
        behaviour(redeclare_of_predeclared_exchange_with_other_type_closes_channel_406),
        behaviour(x_match_means_nothing_to_other_types),
        behaviour(reserved_name_closes_channel_403),
        behaviour(declare_of_default_exchange_closes_channel_403),
        behaviour(redeclare_with_other_type_closes_channel_406),
        behaviour(redeclare_with_other_durable_closes_channel_406),
        behaviour(redeclare_with_other_auto_delete_closes_channel_406),
        behaviour(redeclare_with_other_internal_closes_channel_406),
        behaviour(redeclare_with_added_alternate_exchange_closes_channel_406),
        behaviour(redeclare_with_other_alternate_exchange_closes_channel_406),
        behaviour(redeclare_with_unknown_argument_is_equivalent),
        behaviour(alternate_exchange_of_wrong_type_closes_channel_406),
        behaviour(delete_of_missing_exchange_succeeds),
        behaviour(deleted_exchange_is_gone),
        behaviour(delete_with_nowait_is_not_answered),
        behaviour(delete_of_default_exchange_closes_channel_403),
        behaviour(delete_of_predeclared_exchange_closes_channel_403),
        behaviour(delete_if_unused_of_bound_exchange_closes_channel_406),
        behaviour(delete_if_unused_of_unbound_exchange_succeeds),
        behaviour(delete_if_unused_ignores_bindings_as_destination),
        behaviour(bind_of_missing_source_closes_channel_404),
        behaviour(bind_of_missing_destination_closes_channel_404),
        behaviour(bind_to_or_from_default_exchange_closes_channel_403),
        behaviour(unbind_of_missing_binding_succeeds),
        behaviour(unbind_of_missing_exchanges_succeeds),
        behaviour(bind_and_unbind_with_nowait_are_not_answered),
        behaviour(headers_binding_between_exchanges_with_bad_x_match_closes_channel_406),
    };
    return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
