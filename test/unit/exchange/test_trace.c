/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/trace.h"

#include "test/unit/exchange/types_fixture.h"

/* Channel 2 has the queue that traces go to; channel 1 does what is traced. */
static struct types_fixture *traced(void **state, bool on)
{
    struct types_fixture *f = *state;
    client_channel(f->client, 2);
    client_queue(f->client, 2, "traces", 0);
    client_bind(f->client, 2, "traces", TRACE_EXCHANGE, "#");
    harness_queue(&f->harness, "traces")->vhost->tracing = on;
    client_queue(f->client, 1, "a", 0);
    client_queue(f->client, 1, "b", 0);
    client_bind(f->client, 1, "a", "amq.fanout", "");
    client_bind(f->client, 1, "b", "amq.fanout", "");
    return f;
}

/* The next trace has KEY and BODY; its headers, valid until the client is sent something. */
static struct slice expect_trace(struct types_fixture *f, const char *key, const char *body)
{
    client_get(f->client, 2, "traces", true);
    const struct seen *seen = client_next(f->client);
    struct properties properties;
    assert_non_null(seen);
    assert_int_equal(seen->method.id, METHOD_BASIC_GET_OK);
    assert_slice(seen->method.basic_get_ok.exchange, TRACE_EXCHANGE);
    assert_slice(seen->method.basic_get_ok.routing_key, key);
    assert_body(seen, body);
    assert_int_equal(properties_decode(message_properties(seen->message), &properties), METHOD_OK);
    assert_int_equal(properties.flags, PROPERTY_HEADERS);
    return properties.headers;
}

static struct table_value field(struct slice table, const char *key)
{
    struct table_value value;
    if (!table_find(table, S(key), &value))
        fail_msg("there is no %s", key);
    return value;
}

static void assert_text(struct slice table, const char *key, const char *expected)
{
    struct table_value value = field(table, key);
    assert_int_equal(value.type, TABLE_LONGSTR);
    assert_slice(value.bytes, expected);
}

/* An array of texts, given with spaces between them. */
static void assert_texts(struct slice table, const char *key, const char *expected)
{
    struct table_value array = field(table, key), item;
    char found[64] = "";
    assert_int_equal(array.type, TABLE_ARRAY);
    struct cursor cursor = cursor_of(array.bytes);
    while (table_next_item(&cursor, &item)) {
        size_t at = strlen(found);
        (void)snprintf(found + at, sizeof found - at, "%s%.*s", at > 0 ? " " : "",
                       SLICE_ARGS(item.bytes));
    }
    assert_string_equal(found, expected);
}

static unsigned traces(const struct types_fixture *f)
{
    return (unsigned)queue_depth(harness_queue(&f->harness, "traces"));
}

static void a_publish_is_copied_with_what_it_was_and_where_it_went(void **state)
{
    struct types_fixture *f = traced(state, true);
    client_publish_with(f->client, 1, "amq.fanout", "k", "body", 0,
                        &(struct properties){.flags = PROPERTY_PRIORITY | PROPERTY_MESSAGE_ID,
                                             .priority = 3,
                                             .message_id = S("m")});
    struct slice headers = expect_trace(f, "publish.amq.fanout", "body");
    assert_text(headers, "exchange_name", "amq.fanout");
    assert_texts(headers, "routing_keys", "k");
    assert_texts(headers, "routed_queues", "a b");
    assert_text(headers, "user", "guest");
    assert_text(headers, "vhost", "/");
    assert_int_equal(field(headers, "channel").integer, 1);
    struct table_value properties = field(headers, "properties");
    assert_int_equal(properties.type, TABLE_TABLE);
    assert_text(properties.bytes, "message_id", "m");
    assert_int_equal(field(properties.bytes, "priority").integer, 3);
    assert_int_equal(traces(f), 0);
}

static void deliveries_are_copied_and_those_of_traces_are_not(void **state)
{
    struct types_fixture *f = traced(state, true);
    client_publish(f->client, 1, "", "a", "body", 0);
    (void)expect_trace(f, "publish.", "body");
    client_get(f->client, 1, "a", false);
    uint64_t tag = expect_get(f->client, 1, "body", false, 0);
    struct slice headers = expect_trace(f, "deliver.a", "body");
    assert_int_equal(field(headers, "redelivered").integer, 0);
    assert_texts(headers, "routing_keys", "a");
    client_nack(f->client, 1, tag, false, true);
    client_consume(f->client, 1, "a", "tag", true);
    (void)expect_delivery(f->client, 1, "tag", "body", true);
    headers = expect_trace(f, "deliver.a", "body");
    assert_int_equal(field(headers, "redelivered").integer, 1);
    assert_int_equal(traces(f), 0);
}

static void what_leads_nowhere_is_traced_too(void **state)
{
    struct types_fixture *f = traced(state, true);
    client_publish(f->client, 1, "", "nope", "body", 0);
    struct slice headers = expect_trace(f, "publish.", "body");
    assert_texts(headers, "routed_queues", "");
}

static void nothing_is_traced_while_it_is_off(void **state)
{
    struct types_fixture *f = traced(state, false);
    client_publish(f->client, 1, "", "a", "body", 0);
    client_get(f->client, 1, "a", true);
    (void)expect_get(f->client, 1, "body", false, 0);
    assert_int_equal(traces(f), 0);
}

static void the_queue_that_traces_go_to_may_itself_be_traced(void **state)
{
    struct types_fixture *f = traced(state, true);
    client_consume(f->client, 2, "traces", "tag", true);
    client_publish(f->client, 1, "", "traces", "plain", 0);
    (void)expect_delivery(f->client, 2, "tag", "plain", false);
    for (unsigned i = 0; i < 2; i++) { /* of its publish, of its delivery; and there it ends */
        const struct seen *seen = expect_delivery(f->client, 2, "tag", "plain", false);
        assert_slice(message_exchange(seen->message), TRACE_EXCHANGE);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, types_set_up, types_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_publish_is_copied_with_what_it_was_and_where_it_went),
        TEST(deliveries_are_copied_and_those_of_traces_are_not),
        TEST(what_leads_nowhere_is_traced_too),
        TEST(nothing_is_traced_while_it_is_off),
        TEST(the_queue_that_traces_go_to_may_itself_be_traced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
