/* SPDX-License-Identifier: Apache-2.0 */
/* basic.publish: refusals, returns, confirms, keys in CC and BCC. What a message carries:
 * test_message.c. */
#include "expect.h"

static const char *declared(struct channel *ch)
{
    const char *queue = queue_name();
    queue_declare(ch, .queue = str(queue));
    return queue;
}

static amqp_table_entry_t keys(const char *header, const char *first, const char *second)
{
    static amqp_field_value_t values[8][2];
    static size_t next;
    amqp_field_value_t *pair = values[next++ % 8];

    pair[0] = (amqp_field_value_t){.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = str(first)};
    pair[1] = (amqp_field_value_t){.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = str(second)};
    return (amqp_table_entry_t){.key = str(header),
                                .value = {.kind = AMQP_FIELD_KIND_ARRAY, .value.array = {2, pair}}};
}

static void publish_headers(struct channel *ch, const char *exchange, const char *key,
                            amqp_table_t headers)
{
    const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_HEADERS_FLAG,
                                                .headers = headers};
    publish_with(ch, exchange, key, &properties, str("x"));
}

static void publish_expiring(struct channel *ch, const char *queue, const char *expiration)
{
    const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_EXPIRATION_FLAG,
                                                .expiration = str(expiration)};
    publish_with(ch, "", queue, &properties, str("x"));
}

static void publish_to_missing_exchange_closes_channel_404(void **state)
{
    struct channel *ch = *state;
    const char *missing = exchange_name();

    publish(ch, missing, "k", "x");
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no exchange '%s' in vhost '/'", missing);
}

static void messages_before_a_failing_publish_are_kept(void **state)
{
    struct channel *ch = *state, *other = channel_open(ch->client);
    const char *queue = declared(ch), *missing = exchange_name();

    publish(ch, "", queue, "one");
    publish(ch, missing, "k", "fails");
    publish(ch, "", queue, "ignored");
    expect_channel_close(ch, AMQP_NOT_FOUND, "NOT_FOUND - no exchange '%s' in vhost '/'", missing);
    consume(other, .queue = str(queue));
    expect_delivery(other, "one");
    expect_no_delivery(other);
}

static void publish_to_internal_exchange_closes_channel_403(void **state)
{
    struct channel *ch = *state;
    const char *exchange = exchange_name();

    exchange_declare(ch, .exchange = str(exchange), .type = str("fanout"), .internal = 1);
    publish(ch, exchange, "k", "x");
    expect_channel_close(ch, AMQP_ACCESS_REFUSED,
                         "ACCESS_REFUSED - cannot publish to internal exchange '%s' in vhost '/'",
                         exchange);
}

static void immediate_closes_connection_540(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    amqp_basic_publish(ch->client->state, ch->id, amqp_empty_bytes, str(queue), 0, 1, NULL,
                       str("x"));
    ch->last_sent = AMQP_BASIC_PUBLISH_METHOD;
    expect_connection_close(ch, AMQP_NOT_IMPLEMENTED, "NOT_IMPLEMENTED - immediate=true");
}

static void mandatory_message_without_route_is_returned_whole(void **state)
{
    struct channel *ch = *state;
    const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_MESSAGE_ID_FLAG |
                                                          AMQP_BASIC_PRIORITY_FLAG,
                                                .message_id = str("id-1"),
                                                .priority = 3};

    amqp_basic_publish(ch->client->state, ch->id, str("amq.direct"), str("nobody"), 1, 0,
                       &properties, str("come back"));
    struct delivery message = expect_return(ch, AMQP_NO_ROUTE, "NO_ROUTE");
    assert_bytes(message.exchange, "amq.direct");
    assert_bytes(message.routing_key, "nobody");
    assert_bytes(message.body, "come back");
    assert_int_equal(message.properties->_flags, properties._flags);
    assert_bytes(message.properties->message_id, "id-1");
    assert_int_equal(message.properties->priority, 3);
}

static void mandatory_message_with_a_route_is_not_returned(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    publish_mandatory(ch, "", queue, "x");
    expect_got(ch, queue, "x");
    assert_int_equal(client_pending(ch, AMQP_BASIC_RETURN_METHOD), 0);
}

static void return_comes_before_the_confirm(void **state)
{
    struct channel *ch = *state;

    confirm_select(ch);
    for (uint64_t tag = 1; tag <= 3; tag++) {
        publish_mandatory(ch, "amq.direct", "nobody", "x");
        assert_int_equal(client_peek(ch), AMQP_BASIC_RETURN_METHOD);
        expect_return(ch, AMQP_NO_ROUTE, "NO_ROUTE");
        const amqp_basic_ack_t *m = answer(ch, BASIC_ACK, basic_ack);
        assert_int_equal(m->delivery_tag, tag);
        assert_false(m->multiple);
    }
}

static void message_without_a_route_is_confirmed(void **state)
{
    struct channel *ch = *state;

    publish_confirmed(ch, "amq.direct", "nobody", "x");
    publish_confirmed(ch, "", queue_name(), "x");
}

static void confirm_tags_count_from_select_on(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    publish(ch, "", queue, "not counted");
    confirm_select(ch);
    publish(ch, "", queue, "first");
    assert_int_equal(answer(ch, BASIC_ACK, basic_ack)->delivery_tag, 1);
    confirm_select(ch); /* again: changes nothing */
    publish(ch, "", queue, "second");
    assert_int_equal(answer(ch, BASIC_ACK, basic_ack)->delivery_tag, 2);
}

static void confirm_select_with_nowait_is_not_answered(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    send_method(ch, CONFIRM_SELECT, confirm_select, .nowait = 1);
    publish(ch, "", queue, "x");
    assert_int_equal(answer(ch, BASIC_ACK, basic_ack)->delivery_tag, 1);
    assert_int_equal(client_pending(ch, AMQP_CONFIRM_SELECT_OK_METHOD), 0);
}

static void every_message_of_a_burst_is_confirmed_once(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);
    const amqp_basic_properties_t persistent = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
                                                .delivery_mode = AMQP_DELIVERY_PERSISTENT};

    confirm_select(ch);
    for (int i = 0; i < 2000; i++)
        publish_with(ch, "", i % 3 ? queue : "nobody", i % 2 ? &persistent : NULL, str("x"));
    wait_confirms(ch); /* fails on a tag that is confirmed twice or was never used */
    flow(ch, true);
    assert_int_equal(client_pending(ch, AMQP_BASIC_ACK_METHOD), 0);
}

static void fan_out_is_confirmed_once(void **state)
{
    struct channel *ch = *state;
    const char *exchange = exchange_name();

    exchange_declare(ch, .exchange = str(exchange), .type = str("fanout"));
    for (int i = 0; i < 5; i++)
        queue_bind(ch, .queue = str(declared(ch)), .exchange = str(exchange));
    for (int i = 0; i < 10; i++)
        publish_confirmed(ch, exchange, "", "x");
    flow(ch, true);
    assert_int_equal(client_pending(ch, AMQP_BASIC_ACK_METHOD), 0);
}

static void user_id_of_the_login_is_accepted(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);
    const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_USER_ID_FLAG,
                                                .user_id = str("guest")};

    publish_with(ch, "", queue, &properties, str("x"));
    assert_bytes(expect_get(ch, queue, "x").properties->user_id, "guest");
}

static void user_id_of_another_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);
    const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_USER_ID_FLAG,
                                                .user_id = str("weasel")};

    publish_with(ch, "", queue, &properties, str("x"));
    expect_channel_close(
        ch, AMQP_PRECONDITION_FAILED,
        "PRECONDITION_FAILED - user_id property set to 'weasel' but authenticated user "
        "was 'guest'");
}

static void expiration_that_is_no_number_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    publish_expiring(ch, queue, "soon");
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - invalid expiration 'soon': no_integer");
}

static void expiration_with_rest_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    publish_expiring(ch, queue, "100 ms");
    expect_channel_close(
        ch, AMQP_PRECONDITION_FAILED,
        "PRECONDITION_FAILED - invalid expiration '100 ms': {leftover_string,\" ms\"}");
}

static void empty_expiration_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    publish_expiring(ch, queue, "");
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - invalid expiration '': no_integer");
}

static void negative_expiration_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    publish_expiring(ch, queue, "-1");
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - invalid expiration '-1': {value_negative,-1}");
}

static void expiration_of_ten_years_is_accepted(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    publish_expiring(ch, queue, "315360000000");
    expect_got(ch, queue, "x");
    publish_expiring(ch, queue, "+00315360000000");
    expect_got(ch, queue, "x");
}

static void expiration_too_large_closes_channel_406(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch);

    publish_expiring(ch, queue, "315360000001");
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - invalid expiration '315360000001': "
                         "{value_too_large,315360000001}");
}

static void cc_and_bcc_route_further_keys_one_copy_each(void **state)
{
    struct channel *ch = *state;
    const char *to = declared(ch), *cc = declared(ch), *bcc = declared(ch), *other = declared(ch);

    publish_headers(ch, "", to, TABLE(keys("CC", cc, to), keys("BCC", bcc, cc)));
    const char *const all[] = {to, cc, bcc};
    for (size_t i = 0; i < 3; i++) {
        struct delivery message = expect_get(ch, all[i], "x");
        assert_bytes(message.routing_key, to);
        assert_int_equal(message.properties->headers.num_entries, 1); /* BCC is blind */
        assert_bytes(message.properties->headers.entries[0].key, "CC");
        assert_int_equal(message.properties->headers.entries[0].value.value.array.num_entries, 2);
        expect_empty(ch, all[i]);
    }
    expect_empty(ch, other);
}

static void cc_counts_as_a_route_for_mandatory(void **state)
{
    struct channel *ch = *state;
    const char *cc = declared(ch);
    amqp_table_t headers = TABLE(keys("CC", cc, cc));
    const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_HEADERS_FLAG,
                                                .headers = headers};

    amqp_basic_publish(ch->client->state, ch->id, amqp_empty_bytes, str("nobody"), 1, 0,
                       &properties, str("x"));
    expect_got(ch, cc, "x");
    assert_int_equal(client_pending(ch, AMQP_BASIC_RETURN_METHOD), 0);
}

static void cc_works_with_topic_exchanges(void **state)
{
    struct channel *ch = *state;
    const char *queue = declared(ch), *exchange = exchange_name();

    exchange_declare(ch, .exchange = str(exchange), .type = str("topic"));
    queue_bind(ch, .queue = str(queue), .exchange = str(exchange), .routing_key = str("a.*"));
    publish_headers(ch, exchange, "b", TABLE(keys("CC", "a.1", "a.2")));
    expect_got(ch, queue, "x");
    expect_empty(ch, queue);
}

static void cc_that_is_no_array_closes_channel_406(void **state)
{
    struct channel *ch = *state;

    publish_headers(ch, "", "k", TABLE(table_string("CC", "not an array")));
    expect_channel_close(ch, AMQP_PRECONDITION_FAILED,
                         "PRECONDITION_FAILED - invalid message: "
                         "{unacceptable_type_in_header,\"CC\",longstr}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        behaviour(publish_to_missing_exchange_closes_channel_404),
        behaviour(messages_before_a_failing_publish_are_kept),
        behaviour(publish_to_internal_exchange_closes_channel_403),
        behaviour(immediate_closes_connection_540),
        behaviour(mandatory_message_without_route_is_returned_whole),
        behaviour(mandatory_message_with_a_route_is_not_returned),
        behaviour(return_comes_before_the_confirm),
        behaviour(message_without_a_route_is_confirmed),
        behaviour(confirm_tags_count_from_select_on),
        behaviour(confirm_select_with_nowait_is_not_answered),
        behaviour(every_message_of_a_burst_is_confirmed_once),
        behaviour(fan_out_is_confirmed_once),
        behaviour(user_id_of_the_login_is_accepted),
        behaviour(user_id_of_another_closes_channel_406),
        behaviour(expiration_that_is_no_number_closes_channel_406),
        behaviour(expiration_with_rest_closes_channel_406),
        behaviour(empty_expiration_closes_channel_406),
        behaviour(negative_expiration_closes_channel_406),
        behaviour(expiration_of_ten_years_is_accepted),
        behaviour(expiration_too_large_closes_channel_406),
        behaviour(cc_and_bcc_route_further_keys_one_copy_each),
        behaviour(cc_counts_as_a_route_for_mandatory),
        behaviour(cc_works_with_topic_exchanges),
        behaviour(cc_that_is_no_array_closes_channel_406),
    };
    return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
