/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/exchange/types_fixture.h"

static void declare(struct types_fixture *f, int64_t length)
{
    struct buf arguments = {0};
    table_put_int(&arguments, "x-recent-history-length", length);
    types_declare(f, "x", "x-recent-history", length == 0 ? &(struct buf){0} : &arguments);
    buf_fini(&arguments);
}

static void publish_numbered(struct types_fixture *f, unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++) {
        char body[8];
        (void)snprintf(body, sizeof body, "m%u", i);
        client_publish(f->client, 1, "x", body, body, PUBLISH_PERSISTENT);
    }
}

/* QUEUE holds just the messages FIRST to LAST, in order; they are taken. */
static void expect_numbered(struct types_fixture *f, const char *queue, unsigned first,
                            unsigned last)
{
    assert_int_equal(queue_depth(harness_queue(&f->harness, queue)), last + 1 - first);
    for (unsigned i = first; i <= last; i++) {
        char body[8];
        (void)snprintf(body, sizeof body, "m%u", i);
        client_get(f->client, 1, queue, true);
        const struct seen *seen = client_next(f->client);
        assert_non_null(seen);
        assert_int_equal(seen->method.id, METHOD_BASIC_GET_OK);
        assert_body(seen, body);
        assert_slice(seen->method.basic_get_ok.exchange, "x");
        assert_slice(seen->method.basic_get_ok.routing_key, body);
        assert_false(seen->method.basic_get_ok.redelivered);
    }
}

static void what_is_bound_gets_the_last_messages_and_then_all(void **state)
{
    struct types_fixture *f = *state;
    declare(f, 3);
    publish_numbered(f, 1, 10);
    client_queue(f->client, 1, "q", DECLARE_DURABLE);
    client_bind(f->client, 1, "q", "x", "whatever");
    expect_numbered(f, "q", 8, 10);
    client_bind(f->client, 1, "q", "x", "whatever"); /* is bound already */
    assert_int_equal(queue_depth(harness_queue(&f->harness, "q")), 0);
    publish_numbered(f, 11, 12);
    expect_numbered(f, "q", 11, 12);
    client_bind(f->client, 1, "q", "x", "another");
    expect_numbered(f, "q", 10, 12);
}

static void twenty_messages_are_kept_when_nothing_is_said(void **state)
{
    struct types_fixture *f = *state;
    declare(f, 0);
    publish_numbered(f, 1, 7);
    client_queue(f->client, 1, "q", 0);
    client_bind(f->client, 1, "q", "x", "");
    expect_numbered(f, "q", 1, 7);
    types_unbind(f, "q", "x", "");
    publish_numbered(f, 8, 50);
    client_bind(f->client, 1, "q", "x", "");
    expect_numbered(f, "q", 31, 50);
}

static void what_is_replayed_into_a_durable_queue_is_stored(void **state)
{
    struct types_fixture *f = *state;
    declare(f, 0);
    publish_numbered(f, 1, 2);
    assert_int_equal(harness_facts(&f->harness, STORE_MESSAGE), 0);
    client_queue(f->client, 1, "q", DECLARE_DURABLE);
    client_bind(f->client, 1, "q", "x", "");
    assert_int_equal(harness_facts(&f->harness, STORE_MESSAGE), 2);
    client_queue(f->client, 1, "transient", 0);
    client_bind(f->client, 1, "transient", "x", "");
    assert_int_equal(harness_facts(&f->harness, STORE_MESSAGE), 2);
    expect_numbered(f, "transient", 1, 2);
    expect_numbered(f, "q", 1, 2);
    assert_int_equal(harness_facts(&f->harness, STORE_SETTLE), 2);
}

static void an_exchange_that_is_bound_gets_them_as_well(void **state)
{
    struct types_fixture *f = *state;
    declare(f, 5);
    publish_numbered(f, 1, 7);
    client_exchange(f->client, 1, "y", "direct", 0);
    client_queue(f->client, 1, "q", 0);
    client_bind(f->client, 1, "q", "y", "m5");
    client_bind_exchange(f->client, 1, "y", "x", "");
    expect_numbered(f, "q", 5, 5);
    client_bind_exchange(f->client, 1, "x", "x",
                         ""); /* a circle: they come back, and that is all */
    publish_numbered(f, 8, 9);
    client_bind(f->client, 1, "q", "x", "");
    assert_true(queue_depth(harness_queue(&f->harness, "q")) >= 2);
}

static void a_message_may_ask_not_to_be_kept(void **state)
{
    struct types_fixture *f = *state;
    struct buf headers = {0};
    table_put_bool(&headers, "x-recent-history-no-store", true);
    declare(f, 3);
    publish_numbered(f, 1, 1);
    client_publish_with(
        f->client, 1, "x", "m2", "m2", 0,
        &(struct properties){.flags = PROPERTY_HEADERS, .headers = buf_slice(&headers)});
    client_queue(f->client, 1, "q", 0);
    client_bind(f->client, 1, "q", "x", "");
    expect_numbered(f, "q", 1, 1);
    buf_fini(&headers);
}

static void nobody_sees_a_blind_copys_keys_later_either(void **state)
{
    struct types_fixture *f = *state;
    struct buf headers = {0}, array = {0};
    table_put_item(&array, &(struct table_value){.type = TABLE_LONGSTR, .bytes = S("blind")});
    table_put(&headers, S("BCC"),
              &(struct table_value){.type = TABLE_ARRAY, .bytes = buf_slice(&array)});
    table_put(&headers, S("CC"),
              &(struct table_value){.type = TABLE_ARRAY, .bytes = buf_slice(&array)});
    declare(f, 3);
    client_publish_with(
        f->client, 1, "x", "k", "m1", 0,
        &(struct properties){.flags = PROPERTY_HEADERS, .headers = buf_slice(&headers)});
    client_queue(f->client, 1, "q", 0);
    client_bind(f->client, 1, "q", "x", "");
    client_get(f->client, 1, "q", true);
    const struct seen *seen = client_next(f->client);
    assert_non_null(seen);
    assert_int_equal(seen->method.id, METHOD_BASIC_GET_OK);
    assert_int_equal(seen->method.basic_get_ok.message_count, 0); /* once, for all its keys */
    struct properties properties;
    struct table_value value;
    assert_int_equal(properties_decode(message_properties(seen->message), &properties), METHOD_OK);
    assert_true(table_find(properties.headers, S("CC"), &value));
    assert_false(table_find(properties.headers, S("BCC"), &value));
    buf_fini(&headers);
    buf_fini(&array);
}

static void a_length_that_is_none_is_refused_in_rabbitmqs_words(void **state)
{
    struct types_fixture *f = *state;
    struct buf text = {0};
    declare(f, -1);
    types_refused(f, "PRECONDITION_FAILED - Invalid argument -1, 'x-recent-history-length' must be "
                     "a positive integer");
    table_put_longstr(&text, "x-recent-history-length", S("a"));
    types_declare(f, "x", "x-recent-history", &text);
    types_refused(f, "PRECONDITION_FAILED - Invalid argument <<\"a\">>, 'x-recent-history-length' "
                     "must be a positive integer");
    buf_fini(&text);
    declare(f, 100001);
    types_refused(f, "PRECONDITION_FAILED - Invalid argument 100001, 'x-recent-history-length' "
                     "must be at most 100000");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, types_set_up, types_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_bound_gets_the_last_messages_and_then_all),
        TEST(twenty_messages_are_kept_when_nothing_is_said),
        TEST(what_is_replayed_into_a_durable_queue_is_stored),
        TEST(an_exchange_that_is_bound_gets_them_as_well),
        TEST(a_message_may_ask_not_to_be_kept),
        TEST(nobody_sees_a_blind_copys_keys_later_either),
        TEST(a_length_that_is_none_is_refused_in_rabbitmqs_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
