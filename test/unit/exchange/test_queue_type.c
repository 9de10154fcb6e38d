/* SPDX-License-Identifier: Apache-2.0
 *
 * Queues of the type that is their vhost's default. (What quorum queues refuse: test/client.)
 */
#include "amqp/table.h"
#include "test/unit/exchange/client_fixture.h"

static void set_default_type(struct fixture *f, const char *type)
{
    vhost_set_metadata(f->vhost, &(struct vhost_metadata){.default_queue_type = S(type)});
}

static bool is_quorum(struct fixture *f, const char *name)
{
    const struct queue *queue = harness_queue(&f->harness, name);
    struct table_value value;
    assert_non_null(queue);
    bool is_said = table_find(queue->arguments, S("x-queue-type"), &value) &&
                   slice_equal(value.bytes, S("quorum"));
    assert_int_equal(is_said, queue->settings.is_quorum);
    return is_said;
}

static void durable_queues_are_of_the_default_type_and_may_be_declared_again(void **state)
{
    struct fixture *f = *state;
    client_queue(f->client, 1, "before", DECLARE_DURABLE);
    set_default_type(f, "quorum");
    client_queue(f->client, 1, "q", DECLARE_DURABLE);
    client_queue(f->client, 1, "q", DECLARE_DURABLE);
    client_queue(f->client, 1, "before", DECLARE_DURABLE);
    assert_true(is_quorum(f, "q"));
    assert_false(is_quorum(f, "before"));
}

static void what_a_quorum_queue_cannot_be_is_classic(void **state)
{
    struct fixture *f = *state;
    set_default_type(f, "quorum");
    client_queue(f->client, 1, "transient", 0);
    client_queue(f->client, 1, "exclusive", DECLARE_DURABLE | DECLARE_EXCLUSIVE);
    client_queue(f->client, 1, "auto-delete", DECLARE_DURABLE | DECLARE_AUTO_DELETE);
    assert_false(is_quorum(f, "transient"));
    assert_false(is_quorum(f, "exclusive"));
    assert_false(is_quorum(f, "auto-delete"));
    client_send(f->client, 1,
                &(struct method){.id = METHOD_QUEUE_DECLARE, .queue_declare = {.durable = true}});
    harness_tick(&f->harness);
    (void)expect_method(f->client, 1, METHOD_QUEUE_DECLARE_OK);
}

static void a_type_that_is_said_goes_before_the_default(void **state)
{
    struct fixture *f = *state;
    set_default_type(f, "quorum");
    (void)declare_with(f->client, "q", DECLARE_DURABLE, "{'x-queue-type':'classic'}");
    assert_false(is_quorum(f, "q"));
}

static void a_default_that_is_no_type_here_is_let_be(void **state)
{
    struct fixture *f = *state;
    set_default_type(f, "stream");
    client_queue(f->client, 1, "q", DECLARE_DURABLE);
    assert_false(is_quorum(f, "q"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(durable_queues_are_of_the_default_type_and_may_be_declared_again),
        TEST(what_a_quorum_queue_cannot_be_is_classic),
        TEST(a_type_that_is_said_goes_before_the_default),
        TEST(a_default_that_is_no_type_here_is_let_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
