/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/route.h"

#include <stdio.h>

#include "amqp/table.h"
#include "test/unit/exchange/expect.h"

struct fixture {
    struct harness harness;
    struct client *client;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    harness_init(&f->harness, 1);
    f->client = client_open(&f->harness, 1000);
    client_channel(f->client, 1);
    for (unsigned i = 0; i < 6; i++)
        client_queue(f->client, 1, (char[]){'q', (char)('0' + i), '\0'}, 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    expect_nothing(f->client); /* all that was declared was legal */
    harness_fini(&f->harness);
    free(f);
    return 0;
}

static void declare(struct fixture *f, const char *name, const char *type)
{
    client_exchange(f->client, 1, name, type, 0);
}

/* With an alternate exchange. */
static void declare_with(struct fixture *f, const char *name, const char *type,
                         const char *alternate)
{
    struct buf table = {0};
    table_put_longstr(&table, "alternate-exchange", S(alternate));
    client_send(f->client, 1,
                &(struct method){.id = METHOD_EXCHANGE_DECLARE,
                                 .exchange_declare = {.exchange = S(name),
                                                      .type = S(type),
                                                      .nowait = true,
                                                      .arguments = buf_slice(&table)}});
    buf_fini(&table);
}

static void bind(struct fixture *f, const char *queue, const char *exchange, const char *key)
{
    client_bind(f->client, 1, queue, exchange, key);
}

static void unbind(struct fixture *f, const char *queue, const char *exchange, const char *key)
{
    client_send(
        f->client, 1,
        &(struct method){
            .id = METHOD_QUEUE_UNBIND,
            .queue_unbind = {.queue = S(queue), .exchange = S(exchange), .routing_key = S(key)}});
    expect_method(f->client, 1, METHOD_QUEUE_UNBIND_OK);
}

static void link_exchanges(struct fixture *f, const char *destination, const char *source,
                           const char *key)
{
    client_bind_exchange(f->client, 1, destination, source, key);
}

static void delete_exchange(struct fixture *f, const char *name)
{
    client_send(f->client, 1,
                &(struct method){.id = METHOD_EXCHANGE_DELETE,
                                 .exchange_delete = {.exchange = S(name), .nowait = true}});
}

/* A message to EXCHANGE with KEY leads to the queues whose digits are in QUEUES, each once. */
static void expect_route(struct fixture *f, const char *exchange, const char *key,
                         const char *queues)
{
    struct message *message = message_new(S(exchange), S(key), SLICE_LITERAL("\0\0"), 0, 0);
    assert_non_null(message);
    message_seal(message);
    struct route_view view = route_find(harness_exchange(&f->harness, exchange), message);
    char found[32] = "";
    for (char digit = '0'; digit <= '9'; digit++)
        for (uint32_t i = 0; i < view.count; i++)
            if (view.queues[i]->name.data[1] == digit) {
                size_t at = strlen(found);
                assert_true(at + 1 < sizeof found);
                found[at] = digit;
                found[at + 1] = '\0';
            }
    assert_string_equal(found, queues);
    message_unref(message);
}

static void direct_fanout_and_topic_choose_by_their_rules(void **state)
{
    struct fixture *f = *state;
    bind(f, "q0", "amq.direct", "k");
    bind(f, "q1", "amq.direct", "k");
    bind(f, "q2", "amq.direct", "");
    bind(f, "q3", "amq.fanout", "whatever");
    bind(f, "q4", "amq.fanout", "");
    bind(f, "q0", "amq.topic", "a.*");
    bind(f, "q1", "amq.topic", "#");
    for (unsigned twice = 0; twice < 2; twice++) { /* found, then from the cache */
        expect_route(f, "amq.direct", "k", "01");
        expect_route(f, "amq.direct", "", "2");
        expect_route(f, "amq.direct", "K", "");
        expect_route(f, "amq.fanout", "k", "34");
        expect_route(f, "amq.topic", "a.b", "01");
        expect_route(f, "amq.topic", "a", "1");
    }
}

static void a_queue_bound_many_times_gets_a_message_once(void **state)
{
    struct fixture *f = *state;
    bind(f, "q0", "amq.topic", "a.#");
    bind(f, "q0", "amq.topic", "#.b");
    bind(f, "q0", "amq.topic", "a.b");
    bind(f, "q0", "amq.fanout", "");
    link_exchanges(f, "amq.fanout", "amq.topic", "#");
    expect_route(f, "amq.topic", "a.b", "0");
    expect_route(f, "amq.topic", "z", "0");
}

static void what_is_kept_is_forgotten_when_the_topology_changes(void **state)
{
    struct fixture *f = *state;
    declare(f, "x", "direct");
    expect_route(f, "x", "k", "");
    bind(f, "q0", "x", "k");
    expect_route(f, "x", "k", "0");
    bind(f, "q1", "x", "k");
    expect_route(f, "x", "k", "01");
    unbind(f, "q0", "x", "k");
    expect_route(f, "x", "k", "1");
    client_delete_queue(f->client, 1, "q1");
    expect_route(f, "x", "k", "");
    client_queue(f->client, 1, "q1", 0); /* the new one is not bound */
    expect_route(f, "x", "k", "");
    bind(f, "q1", "x", "k");
    expect_route(f, "x", "k", "1");
    delete_exchange(f, "x");
    declare(f, "x", "direct");
    expect_route(f, "x", "k", "");
    declare(f, "y", "fanout");
    bind(f, "q2", "y", "");
    link_exchanges(f, "y", "x", "k");
    expect_route(f, "x", "k", "2");
    expect_route(f, "y", "k", "2");
    bind(f, "q3", "y", ""); /* two exchanges away from what is kept */
    expect_route(f, "x", "k", "23");
    expect_route(f, "y", "k", "23");
    delete_exchange(f, "y");
    expect_route(f, "x", "k", "");
}

static void more_keys_than_the_cache_holds_are_routed_right(void **state)
{
    struct fixture *f = *state;
    bind(f, "q0", "amq.direct", "7");
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 2000; i++) {
            char key[8];
            snprintf(key, sizeof key, "%u", i);
            expect_route(f, "amq.direct", key, i == 7 ? "0" : "");
        }
        bind(f, "q1", "amq.direct", "1999");
        expect_route(f, "amq.direct", "1999", "1");
        unbind(f, "q1", "amq.direct", "1999");
    }
}

static void bindings_between_exchanges_may_form_cycles(void **state)
{
    struct fixture *f = *state;
    declare(f, "a", "topic");
    declare(f, "b", "direct");
    declare(f, "c", "fanout");
    link_exchanges(f, "b", "a", "k.#");
    link_exchanges(f, "c", "b", "k");
    link_exchanges(f, "a", "c", "");
    link_exchanges(f, "a", "a", "#");
    bind(f, "q0", "a", "#");
    bind(f, "q1", "b", "k");
    bind(f, "q2", "c", "");
    expect_route(f, "a", "k", "012");
    expect_route(f, "b", "k", "012");
    expect_route(f, "c", "k", "012");
    expect_route(f, "a", "z", "0");
    expect_route(f, "c", "z", "02");
    expect_route(f, "a", "k.z", "0");
}

static void what_no_binding_takes_goes_to_the_alternate_exchange(void **state)
{
    struct fixture *f = *state;
    declare_with(f, "x", "direct", "rest");
    bind(f, "q0", "x", "k");
    expect_route(f, "x", "z", ""); /* it need not be there */
    declare(f, "rest", "fanout");
    bind(f, "q1", "rest", "");
    expect_route(f, "x", "k", "0");
    expect_route(f, "x", "z", "1");
    delete_exchange(f, "rest");
    expect_route(f, "x", "z", "");
}

static void a_matching_binding_to_an_exchange_without_queues_is_a_match(void **state)
{
    struct fixture *f = *state;
    declare_with(f, "x", "direct", "rest");
    declare(f, "rest", "fanout");
    declare(f, "sink", "fanout");
    bind(f, "q1", "rest", "");
    link_exchanges(f, "sink", "x", "k");
    expect_route(f, "x", "k", "");
    expect_route(f, "x", "z", "1");
}

static void alternates_of_exchanges_on_the_way_count(void **state)
{
    struct fixture *f = *state;
    declare_with(f, "inner", "direct", "rest");
    declare(f, "outer", "fanout");
    declare(f, "rest", "fanout");
    link_exchanges(f, "inner", "outer", "");
    bind(f, "q0", "rest", "");
    bind(f, "q1", "inner", "k");
    bind(f, "q2", "outer", "");
    expect_route(f, "outer", "k", "12");
    expect_route(f, "outer", "z", "02");
}

static void alternates_may_form_cycles(void **state)
{
    struct fixture *f = *state;
    declare_with(f, "a", "direct", "b");
    declare_with(f, "b", "direct", "a");
    declare_with(f, "self", "topic", "self");
    expect_route(f, "a", "k", "");
    expect_route(f, "self", "k", "");
    bind(f, "q0", "b", "k");
    expect_route(f, "a", "k", "0");
}

static void the_default_exchange_as_the_alternate_leads_nowhere(void **state)
{
    struct fixture *f = *state;
    declare_with(f, "x", "fanout", "");
    expect_route(f, "x", "q3", "");
}

/* Where a message to EXCHANGE goes that has two keys. */
static uint32_t count_of(struct fixture *f, const char *exchange, const char *first,
                         const char *second)
{
    struct message *message = message_new(S(exchange), S(first), SLICE_LITERAL("\0\0"), 0, 0);
    struct exchange *from = harness_exchange(&f->harness, exchange);
    const struct slice keys[] = {S(first), S(second)};
    struct route_set set = {0};
    assert_non_null(message);
    route_set_begin(&set, from->vhost);
    (void)route_collect(from, keys, 2, message, &set);
    uint32_t count = set.count;
    route_set_fini(&set);
    message_unref(message);
    return count;
}

static void alternate_is_for_messages_of_which_no_key_matched(void **state)
{
    struct fixture *f = *state;
    declare_with(f, "x", "direct", "rest");
    declare(f, "rest", "fanout");
    bind(f, "q0", "x", "known");
    bind(f, "q1", "rest", "");
    bind(f, "q2", "rest", "");
    assert_int_equal(count_of(f, "x", "known", "unknown"), 1);
    assert_int_equal(count_of(f, "x", "unknown", "known"), 1);
    assert_int_equal(count_of(f, "x", "unknown", "neither"), 2);
}

static enum exchange_dependence dependence_of(struct fixture *f, const char *exchange)
{
    struct message *message = message_new(S(exchange), S("k"), SLICE_LITERAL("\0\0"), 0, 0);
    struct exchange *from = harness_exchange(&f->harness, exchange);
    struct route_set set = {0};
    assert_non_null(message);
    route_set_begin(&set, from->vhost);
    enum exchange_dependence dependence = route_collect(
        from, &(struct slice){(const uint8_t *)"k", 1}, 1, message, &set);
    route_set_fini(&set);
    message_unref(message);
    return dependence;
}

static void a_result_depends_on_the_most_demanding_exchange_met(void **state)
{
    struct fixture *f = *state;
    declare(f, "fan", "fanout");
    declare(f, "dir", "direct");
    declare(f, "head", "headers");
    assert_int_equal(dependence_of(f, "fan"), EXCHANGE_DEPENDS_ON_NOTHING);
    assert_int_equal(dependence_of(f, "dir"), EXCHANGE_DEPENDS_ON_KEY);
    assert_int_equal(dependence_of(f, "head"), EXCHANGE_DEPENDS_ON_MESSAGE);
    link_exchanges(f, "dir", "fan", "");
    assert_int_equal(dependence_of(f, "fan"), EXCHANGE_DEPENDS_ON_KEY);
    link_exchanges(f, "head", "dir", "other");
    assert_int_equal(dependence_of(f, "fan"), EXCHANGE_DEPENDS_ON_KEY); /* not met with this key */
    link_exchanges(f, "head", "dir", "k");
    assert_int_equal(dependence_of(f, "fan"), EXCHANGE_DEPENDS_ON_MESSAGE);
}

/* A fanout exchange in front of a direct one must not keep one key's answer for another. */
static void a_fanout_in_front_of_a_direct_exchange_looks_at_each_key(void **state)
{
    struct fixture *f = *state;
    declare(f, "fan", "fanout");
    declare(f, "dir", "direct");
    link_exchanges(f, "dir", "fan", "");
    bind(f, "q0", "dir", "k");
    bind(f, "q1", "dir", "l");
    for (unsigned twice = 0; twice < 2; twice++) {
        expect_route(f, "fan", "k", "0");
        expect_route(f, "fan", "l", "1");
        expect_route(f, "fan", "z", "");
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(direct_fanout_and_topic_choose_by_their_rules),
        TEST(a_queue_bound_many_times_gets_a_message_once),
        TEST(what_is_kept_is_forgotten_when_the_topology_changes),
        TEST(more_keys_than_the_cache_holds_are_routed_right),
        TEST(bindings_between_exchanges_may_form_cycles),
        TEST(what_no_binding_takes_goes_to_the_alternate_exchange),
        TEST(a_matching_binding_to_an_exchange_without_queues_is_a_match),
        TEST(alternates_of_exchanges_on_the_way_count),
        TEST(alternates_may_form_cycles),
        TEST(the_default_exchange_as_the_alternate_leads_nowhere),
        TEST(alternate_is_for_messages_of_which_no_key_matched),
        TEST(a_result_depends_on_the_most_demanding_exchange_met),
        TEST(a_fanout_in_front_of_a_direct_exchange_looks_at_each_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
