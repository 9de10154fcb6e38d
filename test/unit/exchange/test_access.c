/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/access.h"

#include "amqp/properties.h"
#include "amqp/table.h"

#include "test/unit/exchange/accounts_fixture.h"

static struct harness harness;

static int set_up(void **state)
{
    (void)state;
    begin_accounts(&harness);
    struct client *owner = open_v(&harness, "guest", "secret");
    client_queue(owner, 1, "q", 0);
    client_exchange(owner, 1, "x", "direct", 0);
    client_exchange(owner, 1, "t", "topic", 0);
    client_bind(owner, 1, "q", "x", "k");
    client_bind(owner, 1, "q", "t", "#");
    client_close(owner);
    client_forget(owner);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    harness_fini(&harness);
    return 0;
}

static struct client *open_u(void)
{
    return open_v(&harness, "u", "p");
}

/* Publishes and is refused, or is not: by what comes next. */
static bool may_publish(struct client *client, const char *exchange, const char *key)
{
    client_publish(client, 1, exchange, key, "body", 0);
    const struct seen *seen = client_next(client);
    if (seen == NULL)
        return true;
    assert_int_equal(seen->method.id, METHOD_CHANNEL_CLOSE);
    assert_int_equal(seen->method.channel_close.reply_code, REPLY_ACCESS_REFUSED);
    client_channel(client, 1);
    return false;
}

static void what_is_not_allowed_is_refused_with_the_operation_named(void **state)
{
    (void)state;
    permit(&harness, "", "", "");
    struct client *client = open_u();
    client_queue(client, 1, "q", 0);
    expect_closed(client, 403,
                  "ACCESS_REFUSED - configure access to queue 'q' in vhost 'v' refused for user "
                  "'u'");
    client_channel(client, 1);
    client_publish(client, 1, "", "q", "", 0);
    expect_closed(client, 403,
                  "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost 'v' refused "
                  "for user 'u'");
    client_channel(client, 1);
    client_get(client, 1, "q", true);
    expect_closed(client, 403,
                  "ACCESS_REFUSED - read access to queue 'q' in vhost 'v' refused for user 'u'");
}

static void expressions_are_about_names(void **state)
{
    (void)state;
    permit(&harness, "^mine-", "^(x|amq\\.default)$", ".*");
    struct client *client = open_u();
    client_queue(client, 1, "mine-1", 0);
    assert_null(client_next(client));
    assert_true(may_publish(client, "x", "k"));
    assert_true(may_publish(client, "", "q"));
    assert_false(may_publish(client, "t", "k"));
    client_queue(client, 1, "not-mine-1", 0);
    expect_closed(client, 403,
                  "ACCESS_REFUSED - configure access to queue 'not-mine-1' in vhost 'v' refused "
                  "for user 'u'");
}

static void change_of_permissions_takes_effect_at_once(void **state)
{
    (void)state;
    permit(&harness, "", "^x$", "");
    struct client *client = open_u();
    for (int i = 0; i < 3; i++)
        assert_true(may_publish(client, "x", "k"));
    permit(&harness, "", "^t$", "");
    assert_false(may_publish(client, "x", "k"));
    permit(&harness, "", "", "");
    assert_false(may_publish(client, "t", "k"));
    permit(&harness, "", ".*", "");
    assert_true(may_publish(client, "x", "k"));
    (void)access_clear_permission(harness.engine, S("v"), S("u"));
    assert_false(may_publish(client, "x", "k"));
}

static void an_exchange_of_another_name_is_asked_for_anew(void **state)
{
    (void)state;
    permit(&harness, "", "^x$", "");
    struct client *client = open_u();
    assert_true(may_publish(client, "x", "k"));
    assert_false(may_publish(client, "t", "k"));
    assert_true(may_publish(client, "x", "k"));
    assert_false(may_publish(client, "missing", "k"));
}

static void many_names_do_not_confuse_what_is_remembered(void **state)
{
    (void)state;
    permit(&harness, "[02468]$", "", "");
    struct client *client = open_u();
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 2500; i++) {
            char name[16];
            snprintf(name, sizeof name, "n%d", i);
            struct reply_error error;
            assert_int_equal(
                access_check(client->session, ACCESS_CONFIGURE, ACCESS_QUEUE, S(name), &error),
                i % 2 == 0 ? 0 : -1);
            assert_int_equal(
                access_check(client->session, ACCESS_WRITE, ACCESS_QUEUE, S(name), &error), -1);
        }
}

static void topic_permission_is_about_the_routing_key(void **state)
{
    (void)state;
    permit(&harness, ".*", ".*", ".*");
    struct client *client = open_u();
    assert_true(may_publish(client, "t", "b"));
    permit_topic(&harness, "^a\\.", "^{username}-{vhost}$");
    assert_true(may_publish(client, "t", "a.1"));
    assert_true(may_publish(client, "x", "b"));
    client_publish(client, 1, "t", "b", "", 0);
    expect_closed(client, 403,
                  "ACCESS_REFUSED - write access to topic 'b' in exchange 't' in vhost 'v' refused "
                  "for user 'u'");
    client_channel(client, 1);
    client_bind(client, 1, "q", "t", "u-v");
    assert_null(client_next(client));
    client_bind(client, 1, "q", "t", "u-w");
    expect_closed(
        client, 403,
        "ACCESS_REFUSED - read access to topic 'u-w' in exchange 't' in vhost 'v' refused "
        "for user 'u'");
    (void)access_clear_topic_permission(harness.engine, S("v"), S("u"), SLICE_EMPTY);
    client_channel(client, 1);
    assert_true(may_publish(client, "t", "b"));
}

static void empty_topic_expression_allows_the_empty_key_alone(void **state)
{
    (void)state;
    permit(&harness, ".*", ".*", ".*");
    permit_topic(&harness, "", "");
    struct client *client = open_u();
    assert_true(may_publish(client, "t", ""));
    assert_false(may_publish(client, "t", "k"));
}

static void user_id_of_another_needs_the_tag_impersonator(void **state)
{
    (void)state;
    struct buf tags = {0};
    struct properties properties = {.flags = PROPERTY_USER_ID, .user_id = S("other")};
    permit(&harness, "", ".*", "");
    struct client *client = open_u();
    client_publish_with(client, 1, "x", "k", "", 0, &properties);
    expect_closed(client, 406,
                  "PRECONDITION_FAILED - user_id property set to 'other' but authenticated user "
                  "was 'u'");
    client_channel(client, 1);
    table_put_item(&tags, &(struct table_value){.type = TABLE_LONGSTR, .bytes = S("impersonator")});
    (void)access_put_user(
        harness.engine,
        &(struct user_spec){.name = S("u"), .password = S("p"), .tags = buf_slice(&tags)});
    client_publish_with(client, 1, "x", "k", "", 0, &properties);
    assert_null(client_next(client));
    buf_fini(&tags);
}

static void vhost_without_permissions_cannot_be_opened(void **state)
{
    (void)state;
    struct client *client = client_open_as(&harness, UINT32_MAX, "u", "p", "v");
    expect_closed(client, 530, "NOT_ALLOWED - access to vhost 'v' refused for user 'u'");
    client_close(client);
    client_forget(client);
    client = client_open_as(&harness, UINT32_MAX, "u", "p", "w");
    expect_closed(client, 530, "NOT_ALLOWED - vhost w not found");
}

#define WITH_ACCOUNTS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ACCOUNTS(what_is_not_allowed_is_refused_with_the_operation_named),
        WITH_ACCOUNTS(expressions_are_about_names),
        WITH_ACCOUNTS(change_of_permissions_takes_effect_at_once),
        WITH_ACCOUNTS(an_exchange_of_another_name_is_asked_for_anew),
        WITH_ACCOUNTS(many_names_do_not_confuse_what_is_remembered),
        WITH_ACCOUNTS(topic_permission_is_about_the_routing_key),
        WITH_ACCOUNTS(empty_topic_expression_allows_the_empty_key_alone),
        WITH_ACCOUNTS(user_id_of_another_needs_the_tag_impersonator),
        WITH_ACCOUNTS(vhost_without_permissions_cannot_be_opened),
    };
    return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
