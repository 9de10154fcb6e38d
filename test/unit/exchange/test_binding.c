/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/binding.h"

#include "amqp/table.h"
#include "test/unit/exchange/expect.h"

struct fixture {
    struct harness harness;
    struct client *client;
    struct exchange *source, *other;
    struct queue *queue;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    harness_init(&f->harness, 1);
    f->client = client_open(&f->harness, 1000);
    client_channel(f->client, 1);
    client_exchange(f->client, 1, "x", "direct", 0);
    client_exchange(f->client, 1, "q", "direct", 0); /* named as the queue is */
    client_queue(f->client, 1, "q", 0);
    f->source = harness_exchange(&f->harness, "x");
    f->other = harness_exchange(&f->harness, "q");
    f->queue = harness_queue(&f->harness, "q");
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

/* A binding's arguments, in the order of NAMES, all with an integer as value. */
static struct slice table_of(struct buf *out, const char *names)
{
    out->size = 0;
    for (const char *name = names; *name != '\0'; name++)
        table_put_int(out, (char[]){*name, '\0'}, *name);
    return buf_slice(out);
}

static void destination_key_and_arguments_are_the_identity(void **state)
{
    struct fixture *f = *state;
    struct buf table = {0};
    struct binding_spec spec = {.source = f->source, .queue = f->queue, .routing_key = S("k")};
    assert_null(binding_find(&spec));
    struct binding *plain = vhost_bind(f->source->vhost, &spec);
    assert_ptr_equal(binding_find(&spec), plain);

    spec.routing_key = S("l");
    assert_null(binding_find(&spec));
    spec.routing_key = S("k");
    spec.arguments = table_of(&table, "a");
    assert_null(binding_find(&spec));
    spec.arguments = SLICE_EMPTY;
    spec.queue = NULL;
    spec.exchange = f->other;
    assert_null(binding_find(&spec)); /* an exchange called as the queue is another destination */
    struct binding *between = vhost_bind(f->source->vhost, &spec);
    assert_ptr_equal(binding_find(&spec), between);
    assert_ptr_not_equal(plain, between);

    vhost_unbind(f->source->vhost, between);
    assert_null(binding_find(&spec));
    spec.queue = f->queue;
    spec.exchange = NULL;
    assert_ptr_equal(binding_find(&spec), plain);
    buf_fini(&table);
}

static void the_order_of_arguments_makes_no_difference(void **state)
{
    struct fixture *f = *state;
    struct buf table = {0};
    struct binding_spec spec = {.source = f->source,
                                .queue = f->queue,
                                .routing_key = S("k"),
                                .arguments = table_of(&table, "cabefdghijklmnop")};
    struct binding *binding = vhost_bind(f->source->vhost, &spec);
    spec.arguments = table_of(&table, "ponmlkjihgfedcba");
    assert_ptr_equal(binding_find(&spec), binding);
    spec.arguments = table_of(&table, "ponmlkjihgfedcb");
    assert_null(binding_find(&spec));
    assert_true(table_equal(binding->arguments, table_of(&table, "abcdefghijklmnop")));
    buf_fini(&table);
}

/* What could be mistaken for each other were the parts only strung together. */
static void key_and_arguments_do_not_run_into_each_other(void **state)
{
    struct fixture *f = *state;
    struct buf table = {0};
    table_put_bool(&table, "a", true);
    struct binding_spec with_table = {.source = f->source,
                                      .queue = f->queue,
                                      .routing_key = S(""),
                                      .arguments = buf_slice(&table)};
    struct binding_spec as_key = {
        .source = f->source, .queue = f->queue, .routing_key = buf_slice(&table)};
    struct binding *binding = vhost_bind(f->source->vhost, &with_table);
    assert_null(binding_find(&as_key));
    assert_ptr_not_equal(vhost_bind(f->source->vhost, &as_key), binding);
    assert_ptr_equal(binding_find(&with_table), binding);
    buf_fini(&table);
}

static void a_repeated_key_keeps_its_order(void **state)
{
    struct fixture *f = *state;
    struct buf table = {0};
    for (int64_t i = 1; i <= 20; i++) {
        table_put_int(&table, "k", i);
        table_put_int(&table, "a", i);
    }
    struct binding_spec spec = {
        .source = f->source, .queue = f->queue, .arguments = buf_slice(&table)};
    struct binding *binding = vhost_bind(f->source->vhost, &spec);
    struct table_value value;
    assert_true(table_find(binding->arguments, S("k"), &value));
    assert_int_equal(value.integer, 1);
    assert_true(table_find(binding->arguments, S("a"), &value));
    assert_int_equal(value.integer, 1);
    buf_fini(&table);
}

static void binding_twice_is_binding_once(void **state)
{
    struct fixture *f = *state;
    client_bind(f->client, 1, "q", "x", "k");
    client_bind(f->client, 1, "q", "x", "k");
    expect_nothing(f->client);
    assert_int_equal(f->source->bindings_by_id.count, 1);
    client_publish(f->client, 1, "x", "k", "m", 0);
    client_get(f->client, 1, "q", true);
    expect_get(f->client, 1, "m", false, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(destination_key_and_arguments_are_the_identity),
        TEST(the_order_of_arguments_makes_no_difference),
        TEST(key_and_arguments_do_not_run_into_each_other),
        TEST(a_repeated_key_keeps_its_order),
        TEST(binding_twice_is_binding_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
