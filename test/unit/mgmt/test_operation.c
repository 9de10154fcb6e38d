/* SPDX-License-Identifier: Apache-2.0
 *
 * AMQP methods that the API applies for its users.
 */
#include "mgmt/operation.h"

#include "exchange/accounts.h"
#include "exchange/pause.h"
#include "test/unit/exchange/paging_fixture.h"

static struct vhost *vhost_of(struct fixture *f)
{
    return map_get(&f->harness.engine->vhosts, S("/"));
}

static void begin(struct fixture *f, struct operation *operation)
{
    assert_true(operation_begin(operation, f->harness.engine, S("guest"), vhost_of(f)));
}

static void end(struct operation *operation)
{
    operation_end(operation);
    operation_fini(operation);
}

static bool declare(struct operation *operation, const char *name, bool durable)
{
    return operation_apply(
        operation, &(struct method){.id = METHOD_QUEUE_DECLARE,
                                    .queue_declare = {.queue = S(name), .durable = durable}});
}

static void got(struct operation *operation, const char *queue)
{
    size_t before = operation->message_count;
    assert_true(operation_apply(
        operation, &(struct method){.id = METHOD_BASIC_GET, .basic_get = {.queue = S(queue)}}));
    assert_int_equal(operation->message_count, before + 1);
}

static void expect_error(const struct operation *operation, enum reply_code code, const char *text)
{
    assert_true(operation->failed);
    assert_int_equal(operation->error.code, code);
    assert_slice(slice_of(operation->error.text, operation->error.text_size), text);
}

static struct message *message_to(const char *queue)
{
    struct buf encoded = {0};
    properties_encode(&(struct properties){0}, &encoded);
    struct message *message = message_new(S(""), S(queue), buf_slice(&encoded), 1, 1);
    buf_fini(&encoded);
    assert_non_null(message);
    *message_body(message) = 'x';
    message_seal(message);
    return message;
}

static void it_is_neither_listed_nor_counted(void **state)
{
    struct fixture *f = *state;
    struct operation operation;
    struct engine *engine = f->harness.engine;
    uint32_t sessions = engine->registries[REGISTRY_SESSION].count;
    uint32_t channels = engine->registries[REGISTRY_CHANNEL].count;
    begin(f, &operation);
    assert_true(declare(&operation, "new", false));
    assert_int_equal(engine->registries[REGISTRY_SESSION].count, sessions);
    assert_int_equal(engine->connection_count, 2);
    end(&operation);
    assert_int_equal(engine->registries[REGISTRY_CHANNEL].count, channels);
    assert_int_equal(vhost_of(f)->connections, 2);
    assert_non_null(harness_queue(&f->harness, "new"));
}

static void a_reply_that_would_wait_for_the_store_does_not_hold_it(void **state)
{
    struct fixture *f = *state;
    struct operation operation;
    f->harness.store.patient = true;
    begin(f, &operation);
    assert_true(declare(&operation, "new", true));
    assert_true(declare(&operation, "other", true));
    assert_int_equal(f->harness.engine->topology_lsn, f->harness.store.last_lsn);
    end(&operation);
}

static void a_refusal_is_what_a_client_is_told(void **state)
{
    struct fixture *f = *state;
    struct operation operation;
    begin(f, &operation);
    assert_false(declare(&operation, "d", false));
    expect_error(&operation, REPLY_PRECONDITION_FAILED,
                 "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'd' in vhost '/': "
                 "received 'false' but current is 'true'");
    end(&operation);
    assert_null(harness_queue(&f->harness, "new"));
}

static void it_may_do_what_its_user_may(void **state)
{
    struct fixture *f = *state;
    struct operation operation;
    struct engine *engine = f->harness.engine;
    const struct slice expressions[ACCESS_OPERATIONS] = {S("^mine"), S("^mine"), S("^mine")};
    (void)access_put_user(engine, &(struct user_spec){.name = S("u"), .tags = SLICE_EMPTY});
    (void)access_set_permission(engine, S("/"), S("u"), expressions);
    assert_false(operation_begin(&operation, engine, S("nobody"), vhost_of(f)));
    assert_true(operation_begin(&operation, engine, S("u"), vhost_of(f)));
    assert_true(declare(&operation, "mine", false));
    assert_non_null(operation_queue(&operation, ACCESS_READ, S("mine")));
    assert_null(operation_queue(&operation, ACCESS_READ, S("t")));
    expect_error(&operation, REPLY_ACCESS_REFUSED,
                 "ACCESS_REFUSED - read access to queue 't' in vhost '/' refused for user 'u'");
    end(&operation);
}

static void what_was_got_and_not_settled_goes_back(void **state)
{
    struct fixture *f = *state;
    struct operation operation;
    publish(f, "", "t", 1, 2, 0);
    begin(f, &operation);
    got(&operation, "t");
    got(&operation, "t");
    assert_int_equal(operation.bytes, 16);
    assert_int_equal(operation.messages[0].left, 1);
    assert_false(operation.messages[1].redelivered);
    operation_end(&operation);
    assert_int_equal(queue_depth(f->t), 2);
    assert_int_equal(operation.message_count, 2); /* they are there to be shown */
    operation_fini(&operation);
    get(f->client, "t");
    expect_get(f->client, 1, body_of(1), true, 1);
}

static void an_operator_sees_into_a_paused_queue(void **state)
{
    struct fixture *f = *state;
    struct operation operation;
    publish(f, "", "t", 1, 1, 0);
    (void)queue_pause(f->t);
    begin(f, &operation);
    got(&operation, "t");
    end(&operation);
    assert_int_equal(queue_depth(f->t), 1);
}

static void a_get_of_what_is_not_in_memory_gets_nothing_and_is_not_held(void **state)
{
    struct fixture *f = *state;
    struct operation operation;
    fill(f);
    (void)get_front(f);
    uint64_t depth = queue_depth(f->d);
    begin(f, &operation);
    assert_true(operation_apply(
        &operation, &(struct method){.id = METHOD_BASIC_GET, .basic_get = {.queue = S("d")}}));
    assert_int_equal(operation.message_count, 0);
    end(&operation);
    rest(f);
    assert_int_equal(queue_depth(f->d), depth);
}

static void a_publish_says_whether_it_was_routed(void **state)
{
    struct fixture *f = *state;
    struct operation operation;
    begin(f, &operation);
    assert_true(operation_publish(&operation, message_to("t")));
    assert_false(operation.returned);
    assert_true(operation_publish(&operation, message_to("nowhere")));
    assert_true(operation.returned);
    end(&operation);
    assert_int_equal(queue_depth(f->t), 1);
}

static void consumers_get_what_it_leaves_ready(void **state)
{
    struct fixture *f = *state;
    struct operation operation;
    publish(f, "", "t", 1, 1, 0);
    begin(f, &operation);
    got(&operation, "t");
    client_consume(f->other, 1, "t", "c", true);
    expect_nothing(f->other);
    end(&operation);
    (void)expect_delivery(f->other, 1, "c", body_of(1), true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(it_is_neither_listed_nor_counted),
        TEST(a_reply_that_would_wait_for_the_store_does_not_hold_it),
        TEST(a_refusal_is_what_a_client_is_told),
        TEST(it_may_do_what_its_user_may),
        TEST(what_was_got_and_not_settled_goes_back),
        TEST(an_operator_sees_into_a_paused_queue),
        TEST(a_get_of_what_is_not_in_memory_gets_nothing_and_is_not_held),
        TEST(a_publish_says_whether_it_was_routed),
        TEST(consumers_get_what_it_leaves_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
