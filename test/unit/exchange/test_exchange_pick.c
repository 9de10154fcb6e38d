/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/exchange/types_fixture.h"

enum { MESSAGES = 20000 };

static void bind(struct types_fixture *f, const char *queue, const char *key)
{
    client_queue(f->client, 1, queue, 0);
    client_bind(f->client, 1, queue, "x", key);
}

/* How many of MESSAGES with different keys, or the same, lead to QUEUE. */
static unsigned count_to(struct types_fixture *f, const char *queue, bool same_key)
{
    const struct queue *wanted = harness_queue(&f->harness, queue);
    unsigned count = 0;
    for (unsigned i = 0; i < MESSAGES; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%u", same_key ? 0 : i);
        count += types_route(f, "x", key, NULL) == wanted;
    }
    return count;
}

/* Within five standard deviations of a binomial draw. */
static void assert_third(unsigned count, unsigned thirds)
{
    assert_in_range(count, MESSAGES * thirds / 3 - 334, MESSAGES * thirds / 3 + 334);
}

static void modulus_hash_spreads_keys_and_keeps_each_at_its_queue(void **state)
{
    struct types_fixture *f = *state;
    client_exchange(f->client, 1, "x", "x-modulus-hash", 0);
    assert_null(types_route(f, "x", "k", NULL));
    bind(f, "a", "1");
    bind(f, "b", "anything");
    bind(f, "c", "");
    assert_third(count_to(f, "a", false), 1);
    assert_third(count_to(f, "b", false), 1);
    unsigned one = count_to(f, "a", true);
    assert_true(one == 0 || one == MESSAGES);
}

static void modulus_hash_does_not_depend_on_the_order_of_bindings(void **state)
{
    struct types_fixture *f = *state;
    client_exchange(f->client, 1, "x", "x-modulus-hash", 0);
    bind(f, "a", "1");
    bind(f, "b", "1");
    bind(f, "c", "1");
    struct queue *before[100];
    for (unsigned i = 0; i < 100; i++)
        before[i] = types_route(f, "x", (char[]){(char)(' ' + i), 0}, NULL);
    types_unbind(f, "a", "x", "1");
    bind(f, "a", "1");
    for (unsigned i = 0; i < 100; i++)
        assert_ptr_equal(types_route(f, "x", (char[]){(char)(' ' + i), 0}, NULL), before[i]);
}

static void random_gives_each_binding_its_share(void **state)
{
    struct types_fixture *f = *state;
    client_exchange(f->client, 1, "x", "x-random", 0);
    assert_null(types_route(f, "x", "k", NULL));
    bind(f, "a", "1");
    assert_int_equal(count_to(f, "a", true), MESSAGES);
    bind(f, "b", "1");
    bind(f, "a", "2");
    assert_third(count_to(f, "a", true), 2);
    assert_third(count_to(f, "b", false), 1);
}

static void local_random_takes_classic_queues_and_empty_keys(void **state)
{
    struct types_fixture *f = *state;
    client_exchange(f->client, 1, "x", "x-local-random", 0);
    bind(f, "a", "k");
    types_refused(f, "PRECONDITION_FAILED - Non empty binding 'k' key not permitted");
    client_exchange(f->client, 1, "y", "fanout", 0);
    client_bind_exchange(f->client, 1, "y", "x", "");
    types_refused(f, "PRECONDITION_FAILED - Destination not found");
    struct buf arguments = {0};
    table_put_longstr(&arguments, "x-queue-type", S("quorum"));
    client_send(f->client, 1,
                &(struct method){.id = METHOD_QUEUE_DECLARE,
                                 .queue_declare = {.queue = S("quorum"),
                                                   .durable = true,
                                                   .nowait = true,
                                                   .arguments = buf_slice(&arguments)}});
    buf_fini(&arguments);
    client_bind(f->client, 1, "quorum", "x", "");
    types_refused(f, "PRECONDITION_FAILED - Queue type rabbit_quorum_queue not valid for this "
                     "exchange type");
    bind(f, "a", "");
    bind(f, "b", "");
    bind(f, "c", "");
    assert_third(count_to(f, "b", true), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, types_set_up, types_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(modulus_hash_spreads_keys_and_keeps_each_at_its_queue),
        TEST(modulus_hash_does_not_depend_on_the_order_of_bindings),
        TEST(random_gives_each_binding_its_share),
        TEST(local_random_takes_classic_queues_and_empty_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
