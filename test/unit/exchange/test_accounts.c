/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/accounts.h"

#include "exchange/definition.h"
#include "exchange/session.h"
#include "test/unit/exchange/accounts_fixture.h"
#include "test/unit/exchange/expect.h"

static struct harness harness;

static int set_up(void **state)
{
    (void)state;
    begin_accounts(&harness);
    permit(&harness, ".*", ".*", ".*");
    harness_forget_facts(&harness);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    harness_fini(&harness);
    return 0;
}

/* The store was told these kinds, one after the other; what comes in between is left out. */
static void expect_kinds(const enum store_record_kind *kinds, size_t count)
{
    assert_int_equal(harness.store.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(harness.store.facts[i].kind, kinds[i]);
}

static void what_is_put_again_replaces(void **state)
{
    (void)state;
    struct user_spec spec = {.name = S("u"), .password = S("new")};
    assert_int_equal(access_put_user(harness.engine, &spec).status, ACCOUNT_REPLACED);
    assert_int_equal(
        access_put_vhost(harness.engine, S("v"), &(struct vhost_metadata){0}, S("u")).status,
        ACCOUNT_REPLACED);
    const struct user *user = map_get(&harness.engine->users, S("u"));
    assert_true(user_has_password(user, S("new")));
    assert_false(user_has_password(user, S("p")));
    expect_kinds((enum store_record_kind[]){STORE_TX_BEGIN, STORE_DEFINE, STORE_TX_COMMIT,
                                            STORE_TX_BEGIN, STORE_DEFINE, STORE_TX_COMMIT},
                 6);
}

static void new_vhost_and_its_creators_permission_are_one_in_the_log(void **state)
{
    (void)state;
    struct account_result result = access_put_vhost(harness.engine, S("w"),
                                                    &(struct vhost_metadata){0}, S("u"));
    assert_int_equal(result.status, ACCOUNT_CREATED);
    assert_int_equal(result.lsn, harness.store.last_lsn);
    expect_kinds(
        (enum store_record_kind[]){STORE_TX_BEGIN, STORE_DEFINE, STORE_DEFINE, STORE_TX_COMMIT}, 4);
}

static void names_that_cannot_be_are_refused(void **state)
{
    (void)state;
    char large[300];
    memset(large, 'a', sizeof large);
    const struct slice names[] = {SLICE_LITERAL(""), SLICE_LITERAL("a\0b"), SLICE_LITERAL("\xFF"),
                                  slice_of(large, 256)};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct user_spec spec = {.name = names[i], .password = S("p")};
        assert_int_equal(access_put_user(harness.engine, &spec).status, ACCOUNT_REFUSED);
        assert_int_equal(
            access_put_vhost(harness.engine, names[i], &(struct vhost_metadata){0}, S("u")).status,
            ACCOUNT_REFUSED);
    }
    assert_int_equal(harness.store.count, 0);
}

static void bad_expression_is_refused_and_named(void **state)
{
    (void)state;
    struct slice expressions[] = {S(".*"), S("a("), S(".*")};
    struct account_result result = access_set_permission(harness.engine, S("v"), S("u"),
                                                         expressions);
    assert_int_equal(result.status, ACCOUNT_REFUSED);
    assert_true(slice_equal(result.bad, S("a(")));
    assert_int_equal(result.offset, 2);
    assert_int_equal(harness.store.count, 0);
    assert_int_equal(access_set_permission(harness.engine, S("w"), S("u"), expressions).status,
                     ACCOUNT_NO_VHOST);
    assert_int_equal(access_set_permission(harness.engine, S("v"), S("w"), expressions).status,
                     ACCOUNT_NO_USER);
}

static void deleting_a_user_closes_its_connections_and_takes_its_permissions(void **state)
{
    (void)state;
    struct client *mine = open_v(&harness, "u", "p"), *other = open_v(&harness, "guest", "secret");
    permit_topic(&harness, "a", "b");
    assert_int_equal(access_delete_user(harness.engine, S("u")).status, ACCOUNT_DELETED);
    expect_closed(mine, 320, "CONNECTION_FORCED - user 'u' is deleted");
    assert_null(client_next(other));
    const struct vhost *vhost = map_get(&harness.engine->vhosts, S("v"));
    assert_null(permission_find(vhost, S("u")));
    assert_int_equal(vhost->topic_permissions.count, 0);
    put_user(&harness, "u");
    assert_null(permission_find(vhost, S("u")));
    assert_int_equal(access_delete_user(harness.engine, S("nobody")).status, ACCOUNT_NO_USER);
    client_close(mine);
}

static void there_are_no_more_vhosts_than_the_settings_allow(void **state)
{
    (void)state;
    const struct vhost_metadata metadata = {0};
    harness.engine->maxima.vhosts = harness.engine->vhosts.count;
    struct account_result result = access_put_vhost(harness.engine, S("more"), &metadata, S("u"));
    assert_int_equal(result.status, ACCOUNT_REFUSED);
    assert_string_equal(result.reason,
                        harness.engine->maxima.vhosts == 2
                            ? "cannot create vhost 'more': vhost limit of 2 is reached"
                            : "cannot create vhost 'more': vhost limit of 1 is reached");
    assert_int_equal(access_put_vhost(harness.engine, S("v"), &metadata, S("u")).status,
                     ACCOUNT_REPLACED);
    harness.engine->maxima.vhosts++;
    assert_int_equal(access_put_vhost(harness.engine, S("more"), &metadata, S("u")).status,
                     ACCOUNT_CREATED);
}

static void there_are_no_more_queues_and_exchanges_than_the_settings_allow(void **state)
{
    (void)state;
    struct client *client = client_open(&harness, UINT32_MAX);
    client_channel(client, 1);
    client_queue(client, 1, "q", 0);
    harness.engine->maxima = (struct engine_maxima){
        .queues = 1, .exchanges = harness.engine->registries[REGISTRY_EXCHANGE].count};
    client_queue(client, 1, "q", 0); /* is there */
    client_queue(client, 1, "r", 0);
    const struct method *close = expect_method(client, 1, METHOD_CHANNEL_CLOSE);
    assert_slice(close->channel_close.reply_text,
                 "PRECONDITION_FAILED - cannot declare queue 'r': queue limit in cluster (1) is "
                 "reached");
    client_channel(client, 1);
    client_exchange(client, 1, "x", "fanout", 0);
    expect_channel_close(client, 1, REPLY_PRECONDITION_FAILED);
    client_channel(client, 1);
    client_delete_queue(client, 1, "q");
    client_queue(client, 1, "r", 0);
    assert_null(client_next(client));
}

static void deleting_a_vhost_takes_all_that_is_in_it_in_one_transaction(void **state)
{
    (void)state;
    struct client *client = open_v(&harness, "u", "p"), *other = client_open(&harness, UINT32_MAX);
    client_queue(client, 1, "q", DECLARE_DURABLE);
    client_exchange(client, 1, "x", "fanout", DECLARE_DURABLE);
    client_bind(client, 1, "q", "x", "");
    client_bind_exchange(client, 1, "amq.topic", "amq.direct", "key");
    client_publish(client, 1, "x", "", "body", PUBLISH_PERSISTENT);
    client_get(client, 1, "q", false);
    assert_int_equal(client_next(client)->method.id, METHOD_BASIC_GET_OK);
    permit_topic(&harness, "a", "b");
    int64_t limit = 7;
    (void)access_put_vhost_limit(harness.engine, S("v"), S("max-queues"), &limit);
    harness_forget_facts(&harness);
    struct account_result result = access_delete_vhost(harness.engine, S("v"));
    assert_int_equal(result.status, ACCOUNT_DELETED);
    assert_int_equal(result.lsn, harness.store.last_lsn);
    expect_closed(client, 320, "CONNECTION_FORCED - vhost 'v' is deleted");
    assert_null(client_next(other));
    size_t last = harness.store.count - 1;
    assert_int_equal(harness.store.facts[0].kind, STORE_TX_BEGIN);
    assert_int_equal(harness.store.facts[last].kind, STORE_TX_COMMIT);
    assert_int_equal(harness_facts(&harness, STORE_TX_BEGIN), 1);
    assert_int_equal(harness_facts(&harness, STORE_QUEUE_DELETE), 1);
    assert_int_equal(harness_facts(&harness, STORE_EXCHANGE_DELETE), 1);
    assert_int_equal(harness_facts(&harness, STORE_UNBIND), 1); /* the one of amq.direct */
    assert_int_equal(harness_facts(&harness, STORE_UNDEFINE), 5);
    assert_null(map_get(&harness.engine->vhosts, S("v")));
    client_close(client);
    put_vhost(&harness, "v");
    assert_int_equal(((struct vhost *)map_get(&harness.engine->vhosts, S("v")))->queues.count, 0);
    assert_int_equal(access_delete_vhost(harness.engine, S("w")).status, ACCOUNT_NO_VHOST);
}

static void set_user_limit(const char *name, int64_t value)
{
    struct account_result result = access_put_user_limit(harness.engine, S("u"), S(name), &value);
    assert_in_range(result.status, ACCOUNT_CREATED, ACCOUNT_REPLACED);
}

static void connections_of_a_user_are_limited(void **state)
{
    (void)state;
    set_user_limit("max-connections", 1);
    struct client *first = open_v(&harness, "u", "p");
    struct client *second = client_open_as(&harness, UINT32_MAX, "u", "p", "v");
    expect_closed(second, 530,
                  "NOT_ALLOWED - connection refused for user 'u': user connection limit (1) is "
                  "reached");
    client_close(first);
    client_close(second);
    client_forget(second);
    client_close(open_v(&harness, "u", "p"));
    set_user_limit("max-connections", -1);
    (void)open_v(&harness, "u", "p");
    (void)open_v(&harness, "u", "p");
}

static void channels_of_a_user_are_limited(void **state)
{
    (void)state;
    set_user_limit("max-channels", 2);
    struct client *client = open_v(&harness, "u", "p");
    client_channel(client, 2);
    client_send(client, 3, &(struct method){.id = METHOD_CHANNEL_OPEN});
    expect_closed(client, 530,
                  "NOT_ALLOWED - number of channels opened for user 'u' has reached the maximum "
                  "allowed user limit of (2)");
    client_close(client);
    client = open_v(&harness, "u", "p");
    client_channel(client, 2);
}

static void connections_and_queues_of_a_vhost_are_limited(void **state)
{
    (void)state;
    int64_t one = 1;
    struct client *client = open_v(&harness, "u", "p");
    (void)access_put_vhost_limit(harness.engine, S("v"), S("max-connections"), &one);
    (void)access_put_vhost_limit(harness.engine, S("v"), S("max-queues"), &one);
    struct client *second = client_open_as(&harness, UINT32_MAX, "u", "p", "v");
    expect_closed(second, 530,
                  "NOT_ALLOWED - access to vhost 'v' refused for user 'u': connection limit (1) is "
                  "reached");
    client_queue(client, 1, "q1", 0);
    client_queue(client, 1, "q1", 0);
    assert_null(client_next(client));
    client_queue(client, 1, "q2", 0);
    expect_closed(client, 406,
                  "PRECONDITION_FAILED - cannot declare queue 'q2': queue limit in vhost 'v' (1) "
                  "is reached");
    (void)access_put_vhost_limit(harness.engine, S("v"), S("max-queues"), NULL);
    client_channel(client, 1);
    client_queue(client, 1, "q2", 0);
    assert_null(client_next(client));
}

static void limits_are_one_definition_that_goes_with_the_last(void **state)
{
    (void)state;
    int64_t five = 5;
    struct slice u = S("u");
    assert_int_equal(access_put_user_limit(harness.engine, u, S("nope"), &five).status,
                     ACCOUNT_REFUSED);
    set_user_limit("max-channels", 5);
    set_user_limit("max-connections", 5);
    assert_int_equal(harness_facts(&harness, STORE_DEFINE), 2);
    (void)access_put_user_limit(harness.engine, u, S("max-channels"), NULL);
    assert_int_equal(harness_facts(&harness, STORE_DEFINE), 3);
    (void)access_put_user_limit(harness.engine, u, S("max-connections"), NULL);
    assert_int_equal(harness_facts(&harness, STORE_UNDEFINE), 1);
    (void)access_put_user_limit(harness.engine, u, S("max-connections"), NULL);
    assert_int_equal(harness_facts(&harness, STORE_UNDEFINE), 1);
}

#define WITH_ACCOUNTS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ACCOUNTS(what_is_put_again_replaces),
        WITH_ACCOUNTS(new_vhost_and_its_creators_permission_are_one_in_the_log),
        WITH_ACCOUNTS(names_that_cannot_be_are_refused),
        WITH_ACCOUNTS(bad_expression_is_refused_and_named),
        WITH_ACCOUNTS(deleting_a_user_closes_its_connections_and_takes_its_permissions),
        WITH_ACCOUNTS(there_are_no_more_vhosts_than_the_settings_allow),
        WITH_ACCOUNTS(there_are_no_more_queues_and_exchanges_than_the_settings_allow),
        WITH_ACCOUNTS(deleting_a_vhost_takes_all_that_is_in_it_in_one_transaction),
        WITH_ACCOUNTS(connections_of_a_user_are_limited),
        WITH_ACCOUNTS(channels_of_a_user_are_limited),
        WITH_ACCOUNTS(connections_and_queues_of_a_vhost_are_limited),
        WITH_ACCOUNTS(limits_are_one_definition_that_goes_with_the_last),
    };
    return cmocka_run_group_tests_name("accounts", tests, NULL, NULL);
}
