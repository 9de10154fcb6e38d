/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/event.h"

#include "exchange/accounts.h"
#include "exchange/parameter.h"
#include "exchange/policy.h"
#include "test/unit/exchange/types_fixture.h"

/* Channel 2 has the queue that events go to; the first one, of its own binding, is taken. */
static struct types_fixture *watching(void **state)
{
    struct types_fixture *f = *state;
    harness_tick(&f->harness); /* what was before is restored, not new */
    client_channel(f->client, 2);
    client_queue(f->client, 2, "events", DECLARE_DURABLE);
    client_bind(f->client, 2, "events", EVENT_EXCHANGE, "#");
    (void)queue_purge(harness_queue(&f->harness, "events"));
    return f;
}

/* The next event is KEY; its headers, valid until the client is sent something. */
static struct slice expect_event(struct types_fixture *f, const char *key)
{
    client_get(f->client, 2, "events", true);
    const struct seen *seen = client_next(f->client);
    struct properties properties;
    assert_non_null(seen);
    if (seen->method.id != METHOD_BASIC_GET_OK)
        fail_msg("there is no event %s", key);
    assert_slice(seen->method.basic_get_ok.routing_key, key);
    assert_slice(seen->method.basic_get_ok.exchange, EVENT_EXCHANGE);
    assert_int_equal(seen->message->body_bytes, 0);
    assert_int_equal(properties_decode(message_properties(seen->message), &properties), METHOD_OK);
    assert_int_equal(properties.delivery_mode, 2);
    assert_true(properties.flags & PROPERTY_TIMESTAMP);
    return properties.headers;
}

static struct table_value field(struct slice headers, const char *key)
{
    struct table_value value;
    if (!table_find(headers, S(key), &value))
        fail_msg("there is no %s", key);
    return value;
}

static void assert_text(struct slice headers, const char *key, const char *expected)
{
    struct table_value value = field(headers, key);
    assert_int_equal(value.type, TABLE_LONGSTR);
    assert_slice(value.bytes, expected);
}

static void assert_no_more(struct types_fixture *f)
{
    assert_int_equal(queue_depth(harness_queue(&f->harness, "events")), 0);
}

static void queues_exchanges_and_bindings_are_told_of(void **state)
{
    struct types_fixture *f = watching(state);
    client_queue(f->client, 1, "q", DECLARE_DURABLE);
    struct slice headers = expect_event(f, "queue.created");
    assert_text(headers, "name", "q");
    assert_text(headers, "vhost", "/");
    assert_text(headers, "user_who_performed_action", "guest");
    assert_true(field(headers, "durable").boolean);
    assert_false(field(headers, "exclusive").boolean);
    client_queue(f->client, 1, "q", DECLARE_DURABLE); /* is there already */
    assert_no_more(f);
    client_exchange(f->client, 1, "x", "topic", 0);
    assert_text(expect_event(f, "exchange.created"), "type", "topic");
    client_bind(f->client, 1, "q", "x", "a.b");
    headers = expect_event(f, "binding.created");
    assert_text(headers, "source_name", "x");
    assert_text(headers, "destination_name", "q");
    assert_text(headers, "destination_kind", "queue");
    assert_text(headers, "routing_key", "a.b");
    client_delete_queue(f->client, 1, "q");
    assert_text(expect_event(f, "binding.deleted"), "destination_name", "q");
    assert_text(expect_event(f, "queue.deleted"), "name", "q");
    assert_no_more(f);
}

static void arguments_are_shown_as_erlang_does(void **state)
{
    struct types_fixture *f = watching(state);
    struct buf arguments = {0};
    table_put(&arguments, S("x-max-length"),
              &(struct table_value){.type = TABLE_INT32, .integer = 10});
    table_put_longstr(&arguments, "x-queue-type", S("classic"));
    size_t mark = table_put_table(&arguments, "t");
    table_put_bool(&arguments, "b", true);
    table_end(&arguments, mark);
    client_send(f->client, 1,
                &(struct method){.id = METHOD_QUEUE_DECLARE,
                                 .queue_declare = {.queue = S("q"),
                                                   .nowait = true,
                                                   .arguments = buf_slice(&arguments)}});
    buf_fini(&arguments);
    struct table_value list = field(expect_event(f, "queue.created"), "arguments"), item;
    assert_int_equal(list.type, TABLE_ARRAY);
    struct cursor cursor = cursor_of(list.bytes);
    static const char *const expected[] = {"{<<\"x-max-length\">>,signedint,10}",
                                           "{<<\"x-queue-type\">>,longstr,<<\"classic\">>}",
                                           "{<<\"t\">>,table,[{<<\"b\">>,bool,true}]}"};
    for (unsigned i = 0; i < 3; i++) {
        assert_true(table_next_item(&cursor, &item));
        assert_slice(item.bytes, expected[i]);
    }
}

static void connections_channels_and_consumers_are_told_of(void **state)
{
    struct types_fixture *f = watching(state);
    struct client *other = client_open(&f->harness, 1000);
    struct slice headers = expect_event(f, "user.authentication.success");
    assert_text(headers, "name", "guest");
    headers = expect_event(f, "connection.created");
    assert_text(headers, "user", "guest");
    assert_text(headers, "protocol", "{0,9,1}");
    client_channel(other, 7);
    headers = expect_event(f, "channel.created");
    assert_int_equal(field(headers, "number").integer, 7);
    client_queue(other, 7, "own", DECLARE_EXCLUSIVE);
    assert_true(field(expect_event(f, "queue.created"), "exclusive").boolean);
    client_consume(other, 7, "own", "tag", false);
    headers = expect_event(f, "consumer.created");
    assert_text(headers, "consumer_tag", "tag");
    assert_text(headers, "queue", "own");
    assert_true(field(headers, "ack_required").boolean);
    client_close(other);
    assert_text(expect_event(f, "consumer.deleted"), "consumer_tag", "tag");
    (void)expect_event(f, "channel.closed");
    headers = expect_event(f, "queue.deleted");
    assert_text(headers, "name", "own");
    assert_text(headers, "user_who_performed_action", "rmq-internal");
    (void)expect_event(f, "connection.closed");
    assert_no_more(f);
}

static void a_refused_login_is_told_of(void **state)
{
    struct types_fixture *f = watching(state);
    event_login(f->client->session,
                &(struct command_login){.mechanism = S("PLAIN"), .user = S("guest")},
                "wrong password");
    engine_end_change(f->harness.engine);
    struct slice headers = expect_event(f, "user.authentication.failure");
    assert_text(headers, "name", "guest");
    assert_text(headers, "error", "wrong password");
    assert_no_more(f);
}

static void accounts_are_told_of_with_who_changed_them(void **state)
{
    struct types_fixture *f = watching(state);
    struct engine *engine = f->harness.engine;
    static const struct slice all = {(const uint8_t *)".*", 2};
    int64_t limit = 3;
    engine->acting_user = S("boss");
    (void)access_put_user(engine, &(struct user_spec){.name = S("u"), .password = S("p")});
    struct slice headers = expect_event(f, "user.created");
    assert_text(headers, "name", "u");
    assert_text(headers, "user_who_performed_action", "boss");
    (void)expect_event(f, "user.tags.set");
    (void)access_put_vhost(engine, S("v"), &(struct vhost_metadata){.description = S("d")},
                           SLICE_EMPTY);
    for (unsigned i = 0; i < 7; i++)
        assert_text(expect_event(f, "exchange.created"), "vhost", "v");
    headers = expect_event(f, "vhost.created");
    assert_text(headers, "name", "v");
    assert_text(headers, "description", "d");
    (void)access_set_permission(engine, S("v"), S("u"), (struct slice[]){all, all, all});
    assert_text(expect_event(f, "permission.created"), "configure", ".*");
    (void)access_set_topic_permission(engine, S("v"), S("u"), S("amq.topic"),
                                      (struct slice[]){all, all, all});
    assert_text(expect_event(f, "topic.permission.created"), "exchange", "amq.topic");
    (void)access_put_user_limit(engine, S("u"), S("max-channels"), &limit);
    assert_int_equal(field(expect_event(f, "user.limits.set"), "max-channels").integer, 3);
    (void)access_put_vhost_limit(engine, S("v"), S("max-queues"), &limit);
    assert_text(expect_event(f, "parameter.set"), "component", "vhost-limits");
    assert_int_equal(field(expect_event(f, "vhost.limits.set"), "max-queues").integer, 3);
    (void)access_clear_permission(engine, S("v"), S("u"));
    assert_text(expect_event(f, "permission.deleted"), "user", "u");
    (void)access_delete_user(engine, S("u"));
    assert_text(expect_event(f, "user.deleted"), "name", "u");
    (void)access_delete_vhost(engine, S("v"));
    for (unsigned i = 0; i < 7; i++)
        assert_text(expect_event(f, "exchange.deleted"), "vhost", "v");
    assert_text(expect_event(f, "vhost.deleted"), "name", "v");
    engine->acting_user = SLICE_EMPTY;
    assert_no_more(f);
}

static void policies_are_told_of(void **state)
{
    struct types_fixture *f = watching(state);
    struct vhost *vhost = harness_queue(&f->harness, "events")->vhost;
    struct buf fields = {0};
    table_put_longstr(&fields, "pattern", S("^none$"));
    size_t mark = table_put_table(&fields, "definition");
    table_put_int(&fields, "max-length", 5);
    table_end(&fields, mark);
    table_put_int(&fields, "priority", 1);
    table_put_longstr(&fields, "apply-to", S("queues"));
    (void)policy_put(vhost, POLICY_USERS, S("p"), buf_slice(&fields));
    engine_end_change(f->harness.engine);
    struct slice headers = expect_event(f, "policy.set");
    assert_text(headers, "pattern", "^none$");
    assert_text(headers, "apply-to", "queues");
    assert_int_equal(field(headers, "priority").integer, 1);
    struct table_value definition = field(headers, "definition");
    assert_int_equal(field(definition.bytes, "max-length").integer, 5);
    (void)policy_delete(vhost, POLICY_USERS, policy_find(vhost, POLICY_USERS, S("p")));
    engine_end_change(f->harness.engine);
    assert_text(expect_event(f, "policy.cleared"), "name", "p");
    buf_fini(&fields);
}

static void parameters_are_told_of_with_their_value(void **state)
{
    struct types_fixture *f = watching(state);
    struct engine *engine = f->harness.engine;
    struct buf value = {0};
    table_put_longstr(&value, PARAMETER_VALUE, S("name"));
    (void)parameter_put(engine, S("cluster_name"), buf_slice(&value));
    engine_end_change(engine);
    struct slice headers = expect_event(f, "parameter.set");
    assert_text(headers, "component", "global");
    assert_text(headers, "name", "cluster_name");
    assert_text(headers, "value", "name");
    (void)parameter_delete(engine, parameter_find(engine, S("cluster_name")));
    engine_end_change(engine);
    assert_text(expect_event(f, "parameter.cleared"), "name", "cluster_name");
    buf_fini(&value);
}

static void alarms_are_told_of(void **state)
{
    struct types_fixture *f = watching(state);
    event_alarm(f->harness.engine, "disk", true);
    event_alarm(f->harness.engine, "disk", false);
    harness_tick(&f->harness);
    assert_text(expect_event(f, "alarm.set"), "source", "disk");
    assert_text(expect_event(f, "alarm.cleared"), "source", "disk");
    assert_no_more(f);
}

static void a_full_queue_that_refuses_does_not_get_events(void **state)
{
    struct types_fixture *f = watching(state);
    struct buf arguments = {0};
    table_put_int(&arguments, "x-max-length", 1);
    table_put_longstr(&arguments, "x-overflow", S("reject-publish"));
    client_send(f->client, 1,
                &(struct method){.id = METHOD_QUEUE_DECLARE,
                                 .queue_declare = {.queue = S("small"),
                                                   .nowait = true,
                                                   .arguments = buf_slice(&arguments)}});
    buf_fini(&arguments);
    client_bind(f->client, 1, "small", EVENT_EXCHANGE, "exchange.*");
    for (char name = 'a'; name < 'f'; name++)
        client_exchange(f->client, 1, (char[]){name, '\0'}, "fanout", 0);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "small")), 1);
    (void)expect_event(f, "queue.created");
    (void)expect_event(f, "binding.created");
    for (char name = 'a'; name < 'f'; name++)
        assert_text(expect_event(f, "exchange.created"), "name", (char[]){name, '\0'});
}

static void events_end_with_the_virtual_host_they_are_in(void **state)
{
    struct types_fixture *f = watching(state);
    struct engine *engine = f->harness.engine;
    (void)access_delete_vhost(engine, S("/"));
    assert_null(engine->event_exchange);
    expect_connection_close(f->client, REPLY_CONNECTION_FORCED);
    (void)access_put_vhost(engine, S("/"), &(struct vhost_metadata){0}, SLICE_EMPTY);
    assert_non_null(engine->event_exchange);
}

static void what_is_told_lasts_as_long_as_its_queue(void **state)
{
    struct types_fixture *f = watching(state);
    unsigned before = harness_facts(&f->harness, STORE_MESSAGE);
    client_queue(f->client, 1, "q", 0);
    assert_int_equal(harness_facts(&f->harness, STORE_MESSAGE), before + 1);
    assert_text(expect_event(f, "queue.created"), "name", "q");
}

static void nothing_is_told_when_nobody_listens(void **state)
{
    struct types_fixture *f = *state;
    harness_tick(&f->harness);
    client_queue(f->client, 1, "q", 0);
    client_delete_queue(f->client, 1, "q");
    assert_int_equal(harness_exchange(&f->harness, EVENT_EXCHANGE)->published, 0);
    assert_int_equal(f->harness.engine->notices.capacity, 0);
}

static void clients_may_not_publish_events(void **state)
{
    struct types_fixture *f = *state;
    client_publish(f->client, 1, EVENT_EXCHANGE, "queue.created", "forged", 0);
    expect_channel_close(f->client, 1, REPLY_ACCESS_REFUSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, types_set_up, types_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(queues_exchanges_and_bindings_are_told_of),
        TEST(arguments_are_shown_as_erlang_does),
        TEST(connections_channels_and_consumers_are_told_of),
        TEST(a_refused_login_is_told_of),
        TEST(accounts_are_told_of_with_who_changed_them),
        TEST(policies_are_told_of),
        TEST(parameters_are_told_of_with_their_value),
        TEST(alarms_are_told_of),
        TEST(a_full_queue_that_refuses_does_not_get_events),
        TEST(events_end_with_the_virtual_host_they_are_in),
        TEST(what_is_told_lasts_as_long_as_its_queue),
        TEST(nothing_is_told_when_nobody_listens),
        TEST(clients_may_not_publish_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
