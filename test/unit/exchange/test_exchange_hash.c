/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "test/unit/exchange/types_fixture.h"

enum { KEYS = 20000, QUEUES_MAX = 10 };

static void declare(struct types_fixture *f, const char *argument, const char *value)
{
    struct buf arguments = {0};
    if (argument != NULL)
        table_put_longstr(&arguments, argument, S(value));
    types_declare(f, "x", "x-consistent-hash", &arguments);
    buf_fini(&arguments);
}

static const char *name_of(unsigned number)
{
    static char names[QUEUES_MAX + 1][4];
    (void)snprintf(names[number], sizeof names[number], "q%u", number);
    return names[number];
}

static void bind(struct types_fixture *f, unsigned number, const char *weight)
{
    client_queue(f->client, 1, name_of(number), 0);
    client_bind(f->client, 1, name_of(number), "x", weight);
}

/* Which queue each of KEYS keys leads to. */
static void route_all(struct types_fixture *f, struct queue **chosen)
{
    for (unsigned i = 0; i < KEYS; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "key-%u", i);
        chosen[i] = types_route(f, "x", key, NULL);
    }
}

static unsigned count_of(struct queue *const *chosen, const struct queue *queue)
{
    unsigned count = 0;
    for (unsigned i = 0; i < KEYS; i++)
        count += chosen[i] == queue;
    return count;
}

/* COUNT of KEYS is the SHARE, within five standard deviations of both draws: the keys' and the
 * slots' (exchange_hash.c has 2^15). */
static void assert_share(unsigned count, double share)
{
    double spread = sqrt(share * (1 - share) * (1.0 / KEYS + 1.0 / 32768));
    if (fabs((double)count / KEYS - share) > 5 * spread)
        fail_msg("%u of %u is not a share of %f", count, (unsigned)KEYS, share);
}

static void each_queue_gets_the_share_that_its_weight_says(void **state)
{
    struct types_fixture *f = *state;
    static struct queue *chosen[KEYS];
    declare(f, NULL, NULL);
    bind(f, 0, "1");
    bind(f, 1, "2");
    bind(f, 2, "7");
    route_all(f, chosen);
    assert_share(count_of(chosen, harness_queue(&f->harness, "q0")), 0.1);
    assert_share(count_of(chosen, harness_queue(&f->harness, "q1")), 0.2);
    assert_share(count_of(chosen, harness_queue(&f->harness, "q2")), 0.7);
}

static void weights_may_be_as_large_as_one_likes(void **state)
{
    struct types_fixture *f = *state;
    static struct queue *chosen[KEYS];
    declare(f, NULL, NULL);
    bind(f, 0, "30000000000000000000000000000");
    bind(f, 1, "10000000000000000000000000000");
    route_all(f, chosen);
    assert_share(count_of(chosen, harness_queue(&f->harness, "q0")), 0.75);
}

static void a_queue_that_comes_takes_only_its_share(void **state)
{
    struct types_fixture *f = *state;
    static struct queue *before[KEYS], *after[KEYS];
    declare(f, NULL, NULL);
    for (unsigned i = 0; i + 1 < QUEUES_MAX; i++)
        bind(f, i, "3");
    route_all(f, before);
    bind(f, QUEUES_MAX - 1, "3");
    const struct queue *newest = harness_queue(&f->harness, name_of(QUEUES_MAX - 1));
    route_all(f, after);
    for (unsigned i = 0; i < KEYS; i++)
        assert_true(after[i] == before[i] || after[i] == newest);
    assert_share(count_of(after, newest), 1.0 / QUEUES_MAX);
}

static void a_queue_that_goes_leaves_the_others_what_they_have(void **state)
{
    struct types_fixture *f = *state;
    static struct queue *before[KEYS], *after[KEYS];
    declare(f, NULL, NULL);
    for (unsigned i = 0; i < QUEUES_MAX; i++)
        bind(f, i, "1");
    route_all(f, before);
    const struct queue *gone = harness_queue(&f->harness, "q3");
    types_unbind(f, "q3", "x", "1");
    route_all(f, after);
    for (unsigned i = 0; i < KEYS; i++)
        assert_true(before[i] == gone ? after[i] != gone : after[i] == before[i]);
    for (unsigned i = 0; i < QUEUES_MAX; i++)
        if (i != 3)
            assert_share(count_of(after, harness_queue(&f->harness, name_of(i))),
                         1.0 / (QUEUES_MAX - 1));
}

static void who_has_what_does_not_depend_on_the_order_of_bindings(void **state)
{
    struct types_fixture *f = *state;
    static struct queue *before[KEYS], *after[KEYS];
    static const char *const weights[] = {"1", "5", "2", "2"};
    declare(f, NULL, NULL);
    for (unsigned i = 0; i < 4; i++)
        bind(f, i, weights[i]);
    route_all(f, before);
    uint64_t random = f->seed;
    for (unsigned round = 0; round < 12; round++) {
        unsigned number = harness_below(&random, 4);
        types_unbind(f, name_of(number), "x", weights[number]);
        bind(f, number, weights[number]);
    }
    route_all(f, after);
    assert_memory_equal(before, after, sizeof before);
}

static void the_first_of_a_queues_weights_counts_until_it_goes(void **state)
{
    struct types_fixture *f = *state;
    static struct queue *chosen[KEYS];
    declare(f, NULL, NULL);
    bind(f, 0, "1");
    bind(f, 1, "1");
    bind(f, 0, "3");
    route_all(f, chosen);
    assert_share(count_of(chosen, harness_queue(&f->harness, "q0")), 0.5);
    types_unbind(f, "q0", "x", "1");
    route_all(f, chosen);
    assert_share(count_of(chosen, harness_queue(&f->harness, "q0")), 0.75);
    types_unbind(f, "q0", "x", "3");
    route_all(f, chosen);
    assert_int_equal(count_of(chosen, harness_queue(&f->harness, "q1")), KEYS);
    types_unbind(f, "q1", "x", "1");
    assert_null(types_route(f, "x", "k", NULL));
}

static void a_header_decides_in_either_spelling(void **state)
{
    struct types_fixture *f = *state;
    static const char *const spellings[] = {"hash-header", "x-hash-on"};
    for (unsigned i = 0; i < 2; i++) {
        declare(f, spellings[i], "h");
        for (unsigned q = 0; q < QUEUES_MAX; q++)
            bind(f, q, "1");
        struct buf headers = {0}, wider = {0};
        table_put(&headers, S("h"), &(struct table_value){.type = TABLE_INT32, .integer = 42});
        table_put_int(&wider, "h", 42);
        struct properties with = {.flags = PROPERTY_HEADERS, .headers = buf_slice(&headers)};
        struct properties same = {.flags = PROPERTY_HEADERS, .headers = buf_slice(&wider)};
        struct queue *chosen = types_route(f, "x", "a", &with);
        struct queue *without = types_route(f, "x", "a", NULL);
        for (unsigned k = 0; k < 50; k++) {
            char key[2] = {(char)('b' + k), '\0'};
            assert_ptr_equal(types_route(f, "x", key, &with), chosen);
            assert_ptr_equal(types_route(f, "x", key, &same), chosen);
            assert_ptr_equal(types_route(f, "x", key, NULL), without);
        }
        buf_fini(&headers);
        buf_fini(&wider);
        client_send(f->client, 1,
                    &(struct method){.id = METHOD_EXCHANGE_DELETE,
                                     .exchange_delete = {.exchange = S("x"), .nowait = true}});
    }
}

static void headers_of_numbers_and_texts_spread_messages(void **state)
{
    struct types_fixture *f = *state;
    static struct queue *chosen[KEYS];
    declare(f, "hash-header", "h");
    bind(f, 0, "1");
    bind(f, 1, "1");
    for (unsigned is_text = 0; is_text < 2; is_text++) {
        for (unsigned i = 0; i < KEYS; i++) {
            struct buf headers = {0};
            char text[16];
            (void)snprintf(text, sizeof text, "%u", i);
            if (is_text)
                table_put_longstr(&headers, "h", S(text));
            else
                table_put_int(&headers, "h", i);
            chosen[i] = types_route(
                f, "x", "same",
                &(struct properties){.flags = PROPERTY_HEADERS, .headers = buf_slice(&headers)});
            buf_fini(&headers);
        }
        assert_share(count_of(chosen, harness_queue(&f->harness, "q0")), 0.5);
    }
}

static void properties_spread_messages(void **state)
{
    struct types_fixture *f = *state;
    static const char *const names[] = {"message_id", "correlation_id", "timestamp"};
    static struct queue *chosen[KEYS];
    for (unsigned p = 0; p < 3; p++) {
        declare(f, "hash-property", names[p]);
        bind(f, 0, "1");
        bind(f, 1, "1");
        for (unsigned i = 0; i < KEYS; i++) {
            char id[16];
            (void)snprintf(id, sizeof id, "%u", i);
            struct properties properties = {.flags = (uint16_t[]){PROPERTY_MESSAGE_ID,
                                                                  PROPERTY_CORRELATION_ID,
                                                                  PROPERTY_TIMESTAMP}[p],
                                            .message_id = S(id),
                                            .correlation_id = S(id),
                                            .timestamp = i};
            chosen[i] = types_route(f, "x", "same", &properties);
        }
        assert_share(count_of(chosen, harness_queue(&f->harness, "q0")), 0.5);
        client_send(f->client, 1,
                    &(struct method){.id = METHOD_EXCHANGE_DELETE,
                                     .exchange_delete = {.exchange = S("x"), .nowait = true}});
    }
}

static void what_makes_no_sense_is_refused_in_rabbitmqs_words(void **state)
{
    struct types_fixture *f = *state;
    declare(f, "hash-property", "nope");
    types_refused(f, "PRECONDITION_FAILED - Unsupported property: nope");
    struct buf both = {0};
    table_put_longstr(&both, "hash-header", S("h"));
    table_put_longstr(&both, "hash-property", S("message_id"));
    types_declare(f, "x", "x-consistent-hash", &both);
    types_refused(f, "PRECONDITION_FAILED - hash-header and hash-property are mutually exclusive");
    buf_fini(&both);
    declare(f, NULL, NULL);
    static const char *const bad[][2] = {
        {"0", "PRECONDITION_FAILED - The binding key must be greater than 0"},
        {"-1", "PRECONDITION_FAILED - The binding key must be greater than 0"},
        {"a", "PRECONDITION_FAILED - The binding key must be an integer: <<\"a\">>"},
        {"", "PRECONDITION_FAILED - The binding key must be an integer: <<>>"},
        {"+", "PRECONDITION_FAILED - The binding key must be an integer: <<\"+\">>"},
        {"1.5", "PRECONDITION_FAILED - The binding key must be an integer: <<\"1.5\">>"},
        {" 1", "PRECONDITION_FAILED - The binding key must be an integer: <<\" 1\">>"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bind(f, 0, bad[i][0]);
        types_refused(f, bad[i][1]);
    }
    bind(f, 0, "+2");
    bind(f, 1, "01");
}

static void an_exchange_may_be_what_a_message_is_given_to(void **state)
{
    struct types_fixture *f = *state;
    static struct queue *chosen[KEYS];
    declare(f, NULL, NULL);
    client_exchange(f->client, 1, "y", "fanout", 0);
    client_queue(f->client, 1, "q9", 0);
    client_bind(f->client, 1, "q9", "y", "");
    client_bind_exchange(f->client, 1, "y", "x", "1");
    bind(f, 0, "1");
    route_all(f, chosen);
    assert_share(count_of(chosen, harness_queue(&f->harness, "q9")), 0.5);
    assert_share(count_of(chosen, harness_queue(&f->harness, "q0")), 0.5);
}

static void a_message_with_copies_goes_one_way(void **state)
{
    struct types_fixture *f = *state;
    declare(f, NULL, NULL);
    for (unsigned i = 0; i < QUEUES_MAX; i++)
        bind(f, i, "1");
    struct buf headers = {0}, array = {0};
    for (char letter = 'a'; letter <= 'z'; letter++)
        table_put_item(&array,
                       &(struct table_value){.type = TABLE_LONGSTR, .bytes = slice_of(&letter, 1)});
    table_put(&headers, S("CC"),
              &(struct table_value){.type = TABLE_ARRAY, .bytes = buf_slice(&array)});
    client_publish_with(
        f->client, 1, "x", "k", "body", 0,
        &(struct properties){.flags = PROPERTY_HEADERS, .headers = buf_slice(&headers)});
    uint64_t depth = 0;
    for (unsigned i = 0; i < QUEUES_MAX; i++)
        depth += queue_depth(harness_queue(&f->harness, name_of(i)));
    assert_int_equal(depth, 1);
    buf_fini(&headers);
    buf_fini(&array);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, types_set_up, types_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_queue_gets_the_share_that_its_weight_says),
        TEST(weights_may_be_as_large_as_one_likes),
        TEST(a_queue_that_comes_takes_only_its_share),
        TEST(a_queue_that_goes_leaves_the_others_what_they_have),
        TEST(who_has_what_does_not_depend_on_the_order_of_bindings),
        TEST(the_first_of_a_queues_weights_counts_until_it_goes),
        TEST(a_header_decides_in_either_spelling),
        TEST(headers_of_numbers_and_texts_spread_messages),
        TEST(properties_spread_messages),
        TEST(what_makes_no_sense_is_refused_in_rabbitmqs_words),
        TEST(an_exchange_may_be_what_a_message_is_given_to),
        TEST(a_message_with_copies_goes_one_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
