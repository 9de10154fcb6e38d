/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/queue_settings.h"

#include "amqp/table.h"
#include "test/unit/exchange/expect.h"
#include "test/unit/exchange/policy_json.h"

struct fixture {
    struct harness harness;
    struct vhost *vhost;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    harness_init(&f->harness, 1);
    f->vhost = map_get(&f->harness.engine->vhosts, SLICE_LITERAL("/"));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    harness_fini(&f->harness);
    free(f);
    return 0;
}

static void policy(struct fixture *f, enum policy_kind kind, const char *definition)
{
    struct buf text = {0}, problem = {0};
    buf_printf(&text, "{'pattern':'.','priority':0,'definition':%s}%c", definition, '\0');
    struct buf fields = policy_json((const char *)text.data);
    if (!policy_check(kind, S("p"), buf_slice(&fields), &problem))
        fail_msg("%.*s", SLICE_ARGS(buf_slice(&problem)));
    (void)policy_put(f->vhost, kind, S("p"), buf_slice(&fields));
    buf_fini(&text);
    buf_fini(&problem);
    buf_fini(&fields);
}

/* The settings of a new queue with these ARGUMENTS, as JSON. */
static const struct queue_settings *declare(struct fixture *f, const char *arguments)
{
    struct buf table = policy_json(arguments);
    struct queue *queue = queue_declare(
        f->vhost, &(struct queue_spec){.name = S("q"), .arguments = buf_slice(&table)});
    buf_fini(&table);
    return &queue->settings;
}

static void queue_without_arguments_and_policies_has_no_limits(void **state)
{
    const struct queue_settings *settings = declare(*state, "{}");
    assert_int_equal(settings->message_ttl_ms, QUEUE_SETTING_NONE);
    assert_int_equal(settings->expires_ms, QUEUE_SETTING_NONE);
    assert_int_equal(settings->max_length, QUEUE_SETTING_NONE);
    assert_int_equal(settings->max_length_bytes, QUEUE_SETTING_NONE);
    assert_int_equal(settings->delivery_limit, QUEUE_SETTING_NONE);
    assert_int_equal(settings->consumer_timeout_ms, QUEUE_SETTING_NONE);
    assert_int_equal(settings->overflow, OVERFLOW_DROP_HEAD);
    assert_int_equal(settings->max_priority, 0);
    assert_false(settings->dead_letters || settings->has_dead_letter_key ||
                 settings->single_active || settings->is_quorum);
}

static void arguments_are_settings(void **state)
{
    const struct queue_settings *settings = declare(
        *state, "{'x-message-ttl':0,'x-expires':2,'x-max-length':3,'x-max-length-bytes':4,"
                "'x-delivery-limit':5,'x-overflow':'reject-publish-dlx','x-max-priority':9,"
                "'x-dead-letter-exchange':'','x-dead-letter-routing-key':'k',"
                "'x-single-active-consumer':true,'x-consumer-timeout':7}");
    assert_int_equal(settings->message_ttl_ms, 0);
    assert_int_equal(settings->expires_ms, 2);
    assert_int_equal(settings->max_length, 3);
    assert_int_equal(settings->max_length_bytes, 4);
    assert_int_equal(settings->delivery_limit, 5);
    assert_int_equal(settings->consumer_timeout_ms, 7);
    assert_int_equal(settings->overflow, OVERFLOW_REJECT_PUBLISH_DLX);
    assert_int_equal(settings->max_priority, 9);
    assert_true(settings->dead_letters);
    assert_int_equal(settings->dead_letter_exchange.size, 0);
    assert_true(slice_equal(settings->dead_letter_key, S("k")));
    assert_true(settings->single_active);
}

static void least_of_argument_policy_and_operators_policy_holds(void **state)
{
    struct fixture *f = *state;
    policy(f, POLICY_USERS, "{'max-length':20,'message-ttl':5,'expires':50}");
    policy(f, POLICY_OPERATORS, "{'max-length':30,'message-ttl':9,'expires':40}");
    const struct queue_settings *settings = declare(
        f, "{'x-max-length':10,'x-message-ttl':7,'x-expires':60}");
    assert_int_equal(settings->max_length, 10);
    assert_int_equal(settings->message_ttl_ms, 5);
    assert_int_equal(settings->expires_ms, 40);
}

static void strings_of_arguments_go_before_those_of_policies(void **state)
{
    struct fixture *f = *state;
    policy(f, POLICY_USERS,
           "{'dead-letter-exchange':'p','dead-letter-routing-key':'pk','overflow':'drop-head'}");
    const struct queue_settings *settings = declare(
        f, "{'x-dead-letter-exchange':'a','x-overflow':'reject-publish'}");
    assert_true(slice_equal(settings->dead_letter_exchange, S("a")));
    assert_true(slice_equal(settings->dead_letter_key, S("pk")));
    assert_int_equal(settings->overflow, OVERFLOW_REJECT_PUBLISH);
}

static void negative_delivery_limit_is_none_unless_another_source_has_one(void **state)
{
    struct fixture *f = *state;
    const struct queue_settings *settings = declare(f, "{'x-delivery-limit':-1}");
    assert_int_equal(settings->delivery_limit, QUEUE_SETTING_NONE);
    policy(f, POLICY_USERS, "{'delivery-limit':3}");
    assert_int_equal(settings->delivery_limit, 3);
    policy(f, POLICY_USERS, "{'delivery-limit':-1}");
    assert_int_equal(settings->delivery_limit, QUEUE_SETTING_NONE);
}

static void quorum_queue_has_a_delivery_limit_unless_it_says_otherwise(void **state)
{
    struct fixture *f = *state;
    const struct queue_settings *settings = declare(f, "{'x-queue-type':'quorum'}");
    assert_true(settings->is_quorum);
    assert_int_equal(settings->delivery_limit, 20);
    policy(f, POLICY_USERS, "{'delivery-limit':-1}");
    assert_int_equal(settings->delivery_limit, QUEUE_SETTING_NONE);
}

static void policies_take_effect_and_lose_it_at_once(void **state)
{
    struct fixture *f = *state;
    const struct queue_settings *settings = declare(f, "{}");
    policy(f, POLICY_USERS, "{'dead-letter-exchange':'one','max-length':1}");
    assert_true(slice_equal(settings->dead_letter_exchange, S("one")));
    policy(f, POLICY_USERS, "{'dead-letter-exchange':'two'}");
    assert_true(slice_equal(settings->dead_letter_exchange, S("two")));
    assert_int_equal(settings->max_length, QUEUE_SETTING_NONE);
    (void)policy_delete(f->vhost, POLICY_USERS, policy_find(f->vhost, POLICY_USERS, S("p")));
    assert_false(settings->dead_letters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(queue_without_arguments_and_policies_has_no_limits, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(arguments_are_settings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(least_of_argument_policy_and_operators_policy_holds, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(strings_of_arguments_go_before_those_of_policies, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            negative_delivery_limit_is_none_unless_another_source_has_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(quorum_queue_has_a_delivery_limit_unless_it_says_otherwise,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(policies_take_effect_and_lose_it_at_once, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
