/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/policy.h"

#include <stdio.h>

#include "exchange/definition.h"
#include "test/unit/exchange/client_fixture.h"

static void put(struct fixture *f, enum policy_kind kind, const char *name, const char *json)
{
    struct buf fields = policy_json(json), problem = {0};
    if (!policy_check(kind, S(name), buf_slice(&fields), &problem))
        fail_msg("%s: %.*s", name, SLICE_ARGS(buf_slice(&problem)));
    assert_int_not_equal(policy_put(f->vhost, kind, S(name), buf_slice(&fields)), 0);
    buf_fini(&fields);
    buf_fini(&problem);
}

/* A user's policy that sets max-length, by which it is told from others. */
static void limit(struct fixture *f, const char *name, const char *pattern, int priority,
                  const char *apply_to, int length)
{
    char json[200];
    (void)snprintf(json, sizeof json,
                   "{'pattern':'%s','priority':%d,'apply-to':'%s','definition':{'max-length':%d}}",
                   pattern, priority, apply_to, length);
    put(f, POLICY_USERS, name, json);
}

static void delete_policy(struct fixture *f, enum policy_kind kind, const char *name)
{
    struct policy *policy = policy_find(f->vhost, kind, S(name));
    assert_non_null(policy);
    assert_int_not_equal(policy_delete(f->vhost, kind, policy), 0);
    assert_null(policy_find(f->vhost, kind, S(name)));
}

static void declare(struct fixture *f, const char *name, const char *type)
{
    char arguments[64] = "{}";
    if (type != NULL)
        (void)snprintf(arguments, sizeof arguments, "{'x-queue-type':'%s'}", type);
    (void)declare_with(f->client, name, DECLARE_DURABLE, arguments);
}

/* The name of the policy in force for a queue; "" for none. */
static void expect_policy(struct fixture *f, const char *queue, const char *name)
{
    const struct policy *policy = harness_queue(&f->harness, queue)->policies[POLICY_USERS];
    assert_slice(policy != NULL ? policy->name : SLICE_EMPTY, name);
}

static void expect_in_force(struct fixture *f, const char *queue, const char *key, int64_t expected)
{
    struct table_value value;
    assert_true(policy_value(harness_queue(&f->harness, queue)->policies, S(key), &value));
    assert_true(table_type_is_integer(value.type));
    assert_int_equal(value.integer, expected);
}

static void expect_no_value(struct fixture *f, const char *queue, const char *key)
{
    struct table_value value;
    assert_false(policy_value(harness_queue(&f->harness, queue)->policies, S(key), &value));
}

/* --- which one is in force ------------------------------------------------------------------- */

static void a_policy_is_for_objects_that_are_there_and_that_come(void **state)
{
    struct fixture *f = *state;
    declare(f, "orders", NULL);
    declare(f, "other", NULL);
    limit(f, "p", "^ord", 0, "all", 7);
    declare(f, "order2", NULL);
    expect_policy(f, "orders", "p");
    expect_policy(f, "order2", "p");
    expect_policy(f, "other", "");
    expect_in_force(f, "order2", "max-length", 7);
    expect_no_value(f, "orders", "expires");
    expect_no_value(f, "other", "max-length");
}

static void a_policy_that_changes_lets_go_and_takes_hold(void **state)
{
    struct fixture *f = *state;
    declare(f, "a", NULL);
    declare(f, "b", NULL);
    limit(f, "p", "^a", 0, "all", 1);
    limit(f, "p", "^b", 0, "all", 2);
    expect_policy(f, "a", "");
    expect_in_force(f, "b", "max-length", 2);
    limit(f, "p", "^b", 0, "all", 3);
    expect_in_force(f, "b", "max-length", 3);
    delete_policy(f, POLICY_USERS, "p");
    expect_policy(f, "b", "");
}

static void the_highest_priority_wins_and_among_equals_the_first_name(void **state)
{
    struct fixture *f = *state;
    declare(f, "q", NULL);
    limit(f, "b", "q", 1, "all", 1);
    expect_policy(f, "q", "b");
    limit(f, "c", "q", 1, "all", 2);
    expect_policy(f, "q", "b");
    limit(f, "a", "q", 1, "all", 3);
    expect_policy(f, "q", "a");
    limit(f, "z", "q", 2, "all", 4);
    expect_policy(f, "q", "z");
    limit(f, "y", "x", 9, "all", 5);
    expect_policy(f, "q", "z");
    put(f, POLICY_USERS, "m", "{'pattern':'','priority':2.5,'definition':{'max-length':6}}");
    expect_policy(f, "q", "m");
    limit(f, "m", "q", -3, "all", 6);
    expect_policy(f, "q", "z");
    delete_policy(f, POLICY_USERS, "z");
    expect_policy(f, "q", "a");
    declare(f, "q2", NULL);
    expect_policy(f, "q2", "a");
}

static void a_policy_is_for_what_it_says(void **state)
{
    static const struct {
        const char *apply_to;
        bool classic, quorum, exchange;
    } cases[] = {
        {"all", true, true, true},
        {"queues", true, true, false},
        {"classic_queues", true, false, false},
        {"quorum_queues", false, true, false},
        {"streams", false, false, false},
        {"exchanges", false, false, true},
    };
    struct fixture *f = *state;
    declare(f, "classic", "classic");
    declare(f, "plain", NULL);
    declare(f, "quorum", "quorum");
    client_exchange(f->client, 1, "x", "direct", 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        limit(f, "p", "", 0, cases[i].apply_to, 1);
        expect_policy(f, "classic", cases[i].classic ? "p" : "");
        expect_policy(f, "plain", cases[i].classic ? "p" : "");
        expect_policy(f, "quorum", cases[i].quorum ? "p" : "");
        const struct exchange *exchange = harness_exchange(&f->harness, "x");
        assert_int_equal(exchange->policies[POLICY_USERS] != NULL, cases[i].exchange);
    }
}

/* As RabbitMQ does. */
static void a_policy_with_a_key_that_a_queue_has_no_use_for_is_passed_over(void **state)
{
    struct fixture *f = *state;
    declare(f, "classic", NULL);
    declare(f, "quorum", "quorum");
    put(f, POLICY_USERS, "lazy",
        "{'pattern':'','priority':5,'definition':{'queue-mode':'lazy','max-length':1}}");
    limit(f, "plain", "", 1, "all", 2);
    expect_policy(f, "classic", "lazy");
    expect_policy(f, "quorum", "plain");
    put(f, POLICY_USERS, "aged", "{'pattern':'','priority':9,'definition':{'max-age':'1D'}}");
    expect_policy(f, "classic", "lazy");
    expect_policy(f, "quorum", "plain");
    put(f, POLICY_USERS, "both",
        "{'pattern':'','priority':9,'definition':{'alternate-exchange':'x','max-length':4}}");
    expect_policy(f, "quorum", "both");
}

static void a_deleted_queue_with_deliveries_outlives_its_policy(void **state)
{
    struct fixture *f = *state;
    limit(f, "p", "", 0, "all", 7);
    declare(f, "q", NULL);
    client_consume(f->client, 1, "q", "tag", false);
    client_publish(f->client, 1, "", "q", "hello", 0);
    (void)expect_delivery(f->client, 1, "tag", "hello", false);
    client_delete_queue(f->client, 1, "q");
    delete_policy(f, POLICY_USERS, "p");
    limit(f, "p", "", 0, "all", 8);
    client_ack(f->client, 1, 1, false);
    client_forget(f->client);
}

/* --- what is in force ------------------------------------------------------------------------ */

static void operators_policies_are_merged_with_users(void **state)
{
    struct fixture *f = *state;
    declare(f, "q", NULL);
    put(f, POLICY_OPERATORS, "op",
        "{'pattern':'q','priority':0,'apply-to':'queues','definition':{'message-ttl':50,"
        "'max-length':10,'delivery-limit':5,'overflow':'reject-publish','expires':1000}}");
    expect_policy(f, "q", "");
    expect_in_force(f, "q", "max-length", 10);
    put(f, POLICY_USERS, "p",
        "{'pattern':'q','priority':0,'definition':{'message-ttl':100,'max-length':5,"
        "'delivery-limit':-1,'overflow':'drop-head','dead-letter-exchange':'dlx'}}");
    expect_in_force(f, "q", "message-ttl", 50);
    expect_in_force(f, "q", "max-length", 5);
    expect_in_force(f, "q", "expires", 1000);
    expect_in_force(f, "q", "delivery-limit", 5); /* a negative one is no limit */

    struct buf definition = {0},
               expected = policy_json(
                   "{'dead-letter-exchange':'dlx','delivery-limit':5,'expires':1000,'max-length':5,"
                   "'message-ttl':50,'overflow':'reject-publish'}");
    policy_definition(harness_queue(&f->harness, "q")->policies, &definition);
    assert_true(slice_equal(buf_slice(&definition), buf_slice(&expected)));
    buf_fini(&definition);
    buf_fini(&expected);

    delete_policy(f, POLICY_OPERATORS, "op");
    expect_in_force(f, "q", "message-ttl", 100);
    expect_in_force(f, "q", "delivery-limit", -1);
}

static void an_alternate_exchange_by_policy_takes_effect_at_once(void **state)
{
    struct fixture *f = *state;
    declare(f, "lost", NULL);
    client_exchange(f->client, 1, "x", "direct", 0);
    client_exchange(f->client, 1, "ae", "fanout", 0);
    client_bind(f->client, 1, "lost", "ae", "");
    const struct queue *lost = harness_queue(&f->harness, "lost");
    client_publish(f->client, 1, "x", "nowhere", "one", 0);
    assert_int_equal(queue_depth(lost), 0);
    put(f, POLICY_USERS, "p",
        "{'pattern':'^x$','priority':0,'definition':{'alternate-exchange':'ae'}}");
    client_publish(f->client, 1, "x", "nowhere", "two", 0);
    assert_int_equal(queue_depth(lost), 1);
    limit(f, "p", "^x$", 0, "all", 1);
    client_publish(f->client, 1, "x", "nowhere", "three", 0);
    assert_int_equal(queue_depth(lost), 1);
}

static void an_argument_goes_before_a_policy(void **state)
{
    struct fixture *f = *state;
    struct buf arguments = {0};
    declare(f, "lost", NULL);
    client_exchange(f->client, 1, "ae", "fanout", 0);
    client_bind(f->client, 1, "lost", "ae", "");
    put(f, POLICY_USERS, "p",
        "{'pattern':'^x$','priority':0,'definition':{'alternate-exchange':'missing'}}");
    table_put_longstr(&arguments, "alternate-exchange", SLICE_LITERAL("ae"));
    client_send(f->client, 1,
                &(struct method){.id = METHOD_EXCHANGE_DECLARE,
                                 .exchange_declare = {.exchange = S("x"),
                                                      .type = S("direct"),
                                                      .nowait = true,
                                                      .arguments = buf_slice(&arguments)}});
    buf_fini(&arguments);
    client_publish(f->client, 1, "x", "nowhere", "one", 0);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "lost")), 1);
}

/* --- what lasts ------------------------------------------------------------------------------ */

static void a_policy_goes_to_the_store_and_comes_back(void **state)
{
    struct fixture *f = *state;
    harness_forget_facts(&f->harness);
    limit(f, "p", "^q", 3, "quorum_queues", 7);
    assert_int_equal(harness_facts(&f->harness, STORE_DEFINE), 1);
    struct buf fields = {0}, key = {0};
    policy_fields(policy_find(f->vhost, POLICY_USERS, S("p")), &fields);
    delete_policy(f, POLICY_USERS, "p");
    assert_int_equal(harness_facts(&f->harness, STORE_UNDEFINE), 1);

    harness_forget_facts(&f->harness);
    engine_restore_definition(f->harness.engine, DEFINITION_POLICY,
                              definition_key(&key, S("/"), S("p"), SLICE_EMPTY),
                              buf_slice(&fields));
    const struct policy *policy = policy_find(f->vhost, POLICY_USERS, S("p"));
    assert_non_null(policy);
    assert_slice(policy->pattern, "^q");
    assert_string_equal(policy->apply_to, "quorum_queues");
    assert_int_equal(policy->priority.integer, 3);
    assert_int_equal(harness_facts(&f->harness, STORE_DEFINE), 0);
    declare(f, "q", "quorum");
    expect_in_force(f, "q", "max-length", 7);
    buf_fini(&fields);
    buf_fini(&key);
}

static void what_the_store_has_and_this_version_does_not_know_is_passed_over(void **state)
{
    struct fixture *f = *state;
    static const char *const values[] = {
        "{'pattern':'(','definition':{'max-length':1}}",
        "{'pattern':'','apply-to':'shovels','definition':{'max-length':1}}",
    };
    struct buf key = {0};
    struct slice name = definition_key(&key, S("/"), S("p"), SLICE_EMPTY);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct buf fields = policy_json(values[i]);
        assert_false(policy_restore(f->harness.engine, name, buf_slice(&fields)));
        buf_fini(&fields);
    }
    struct buf fields = policy_json("{'pattern':'','later':1,'definition':{'later':2}}");
    assert_false(policy_restore(f->harness.engine,
                                definition_key(&key, S("missing"), S("p"), SLICE_EMPTY),
                                buf_slice(&fields)));
    name = definition_key(&key, S("/"), S("p"), SLICE_EMPTY);
    assert_true(policy_restore_operators(f->harness.engine, name, buf_slice(&fields)));
    assert_non_null(policy_find(f->vhost, POLICY_OPERATORS, S("p")));
    buf_fini(&fields);
    buf_fini(&key);
}

/* --- against a naive model ------------------------------------------------------------------- */

/* What is kept up to date step by step is what one would find from scratch. */
static void changes_in_any_order_leave_the_right_policy_in_force(void **state)
{
    struct fixture *f = *state;
    uint64_t random = harness_seed();
    static const char *const patterns[] = {"^q[0-4]$", "q", "[2468]$", "x", "q1|q7"};
    for (unsigned step = 0; step < 2000; step++) {
        char name[8], queue[8];
        (void)snprintf(name, sizeof name, "p%u", harness_below(&random, 6));
        (void)snprintf(queue, sizeof queue, "q%u", harness_below(&random, 10));
        struct policy *old = policy_find(f->vhost, POLICY_USERS, S(name));
        uint32_t what = harness_below(&random, 6);
        if (what == 0 && old != NULL)
            delete_policy(f, POLICY_USERS, name);
        else if (what < 3)
            limit(f, name, patterns[harness_below(&random, 5)], (int)harness_below(&random, 3),
                  "all", 1);
        else if (harness_queue(&f->harness, queue) == NULL)
            declare(f, queue, NULL);
        else if (what == 3)
            client_delete_queue(f->client, 1, queue);
        uint32_t position = 0;
        for (struct queue *one; (one = map_next(&f->vhost->queues, &position)) != NULL;) {
            struct policy *kept = one->policies[POLICY_USERS];
            one->policies[POLICY_USERS] = NULL;
            policy_apply_to_queue(one);
            assert_ptr_equal(one->policies[POLICY_USERS], kept);
        }
        client_forget(f->client);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_policy_is_for_objects_that_are_there_and_that_come),
        TEST(a_policy_that_changes_lets_go_and_takes_hold),
        TEST(the_highest_priority_wins_and_among_equals_the_first_name),
        TEST(a_policy_is_for_what_it_says),
        TEST(a_policy_with_a_key_that_a_queue_has_no_use_for_is_passed_over),
        TEST(a_deleted_queue_with_deliveries_outlives_its_policy),
        TEST(operators_policies_are_merged_with_users),
        TEST(an_alternate_exchange_by_policy_takes_effect_at_once),
        TEST(an_argument_goes_before_a_policy),
        TEST(a_policy_goes_to_the_store_and_comes_back),
        TEST(what_the_store_has_and_this_version_does_not_know_is_passed_over),
        TEST(changes_in_any_order_leave_the_right_policy_in_force),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
