/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/delay.h"

#include <math.h>

#include "test/unit/exchange/delay_fixture.h"

/* The store keeps what it is given, but gives nothing back: all stays in memory. */
static int set_up_in_memory(void **state)
{
    (void)set_up_delays(state);
    ((struct fixture *)*state)->harness.store.store.fetch = NULL;
    return 0;
}

/* The header x-delay of the next message of QUEUE, which is taken. */
static struct table_value take_header(struct fixture *f, const char *queue)
{
    struct properties properties;
    struct table_value value = {.type = TABLE_VOID};
    get(f->other, queue);
    const struct seen *seen = client_peek(f->other);
    (void)expect_method(f->other, 1, METHOD_BASIC_GET_OK);
    assert_int_equal(properties_decode(message_properties(seen->message), &properties), METHOD_OK);
    (void)table_find(properties.headers, S("x-delay"), &value);
    return value;
}

/* --- the delay ------------------------------------------------------------------------------- */

static void message_comes_to_the_millisecond_with_its_delay_negated(void **state)
{
    struct fixture *f = *state;
    publish_delayed(f, "x", "a", 100, 0);
    assert_int_equal(delayed_in(f, "x"), 1);
    tick_at(f, 99);
    assert_int_equal(queue_depth(f->d), 0);
    assert_int_equal(engine_next_tick_ms(f->harness.engine), START_MS + 100);
    tick_at(f, 100);
    assert_int_equal(delayed_in(f, "x"), 0);
    struct table_value value = take_header(f, "d");
    assert_int_equal(value.type, TABLE_INT32);
    assert_int_equal(value.integer, -100);
    assert_int_equal(engine_next_tick_ms(f->harness.engine), TIMER_NEVER);
}

static void message_without_a_positive_delay_is_routed_at_once(void **state)
{
    struct fixture *f = *state;
    client_publish(f->client, 1, "x", "", "a", 0);
    publish_delayed(f, "x", "b", 0, 0);
    publish_delayed(f, "x", "c", -5, 0);
    expect_next(f, "d", "a");
    expect_next(f, "d", "b");
    assert_int_equal(take_header(f, "d").integer, -5);
    assert_null(harness_exchange(&f->harness, "x")->delay);
}

static void delay_may_be_any_kind_of_number(void **state)
{
    static const struct {
        struct table_value value;
        int64_t expected; /* 0: at once */
    } cases[] = {
        {{.type = TABLE_INT8, .integer = 7}, 7},
        {{.type = TABLE_UINT8, .integer = 200}, 200},
        {{.type = TABLE_INT16, .integer = 300}, 300},
        {{.type = TABLE_UINT16, .integer = 60000}, 60000},
        {{.type = TABLE_INT32, .integer = 70000}, 70000},
        {{.type = TABLE_UINT32, .integer = 4000000000}, 4000000000},
        {{.type = TABLE_INT64, .integer = 5000000000}, 5000000000},
        {{.type = TABLE_DOUBLE, .real = 99.9}, 99},
        {{.type = TABLE_DOUBLE, .real = -99.9}, 0},
        {{.type = TABLE_DOUBLE, .real = 1e300}, INT64_C(1) << 53},
        {{.type = TABLE_FLOAT, .real = 1.5}, 1},
        {{.type = TABLE_DECIMAL, .decimal = {1, 1234}}, 123},
        {{.type = TABLE_LONGSTR, .bytes = SLICE_LITERAL("250")}, 250},
        {{.type = TABLE_LONGSTR, .bytes = SLICE_LITERAL("+250")}, 250},
        {{.type = TABLE_LONGSTR, .bytes = SLICE_LITERAL("-250")}, 0},
        {{.type = TABLE_LONGSTR, .bytes = SLICE_LITERAL("250ms")}, 0},
        {{.type = TABLE_LONGSTR, .bytes = SLICE_LITERAL("")}, 0},
        {{.type = TABLE_LONGSTR, .bytes = SLICE_LITERAL("99999999999999999999")}, 0},
        {{.type = TABLE_BOOL, .boolean = true}, 0},
        {{.type = TABLE_VOID}, 0},
        {{.type = TABLE_TIMESTAMP, .timestamp = 5}, 0},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf headers = {0};
        table_put(&headers, S("x-delay"), &cases[i].value);
        publish_headers(f, "x", "", "a", &headers, 0);
        buf_fini(&headers);
        bool is_delayed = cases[i].expected > 0;
        assert_int_equal(delayed_in(f, "x"), is_delayed);
        assert_int_equal(queue_depth(f->d), !is_delayed);
        f->harness.now_ms += (uint64_t)cases[i].expected;
        harness_tick(&f->harness);
        struct table_value value = take_header(f, "d");
        if (is_delayed)
            assert_int_equal(value.integer, -cases[i].expected);
        assert_int_equal(queue_depth(f->d), 0);
    }
}

static void messages_come_in_the_order_of_their_times(void **state)
{
    struct fixture *f = *state;
    publish_delayed(f, "x", "late", 300, 0);
    publish_delayed(f, "x", "first of two", 200, 0);
    publish_delayed(f, "x", "second of two", 200, 0);
    publish_delayed(f, "x", "early", 100, 0);
    tick_at(f, 1000);
    expect_next(f, "d", "early");
    expect_next(f, "d", "first of two");
    expect_next(f, "d", "second of two");
    expect_next(f, "d", "late");
    expect_empty(f, "d");
}

static void consumer_gets_it_when_it_is_due(void **state)
{
    struct fixture *f = *state;
    client_consume(f->other, 1, "d", "c", true);
    publish_delayed(f, "x", "a", 50, PUBLISH_PERSISTENT);
    tick_at(f, 49);
    expect_nothing(f->other);
    tick_at(f, 50);
    (void)expect_delivery(f->other, 1, "c", "a", false);
}

static void expiration_counts_from_when_it_is_routed(void **state)
{
    struct fixture *f = *state;
    struct buf headers = {0};
    table_put_int(&headers, "x-delay", 100);
    client_publish_with(f->client, 1, "x", "", "a", 0,
                        &(struct properties){.flags = PROPERTY_HEADERS | PROPERTY_EXPIRATION,
                                             .headers = buf_slice(&headers),
                                             .expiration = S("50")});
    buf_fini(&headers);
    tick_at(f, 100);
    tick_at(f, 149);
    assert_int_equal(queue_depth(f->d), 1);
    tick_at(f, 150);
    assert_int_equal(queue_depth(f->d), 0);
}

static uint64_t drifted_ms;

static uint64_t drifting_wall_ms(void *context)
{
    return HARNESS_WALL_MS + ((struct harness *)context)->now_ms + drifted_ms;
}

static void wall_clock_decides_when_it_is_set(void **state)
{
    struct fixture *f = *state;
    f->harness.env.wall_ms = drifting_wall_ms;
    drifted_ms = 0;
    publish_delayed(f, "x", "a", 3600 * 1000, 0);
    drifted_ms = 3000 * 1000; /* the clock is set forward */
    for (uint64_t ms = 0; ms < 600 * 1000; ms += 1000) {
        tick_at(f, ms);
        assert_int_equal(delayed_in(f, "x"), 1);
    }
    tick_at(f, 600 * 1000);
    assert_int_equal(delayed_in(f, "x"), 0);
    publish_delayed(f, "x", "b", 1000, 0);
    drifted_ms -= 5000; /* and back */
    tick_at(f, 601 * 1000);
    assert_int_equal(delayed_in(f, "x"), 1);
    tick_at(f, 606 * 1000);
    assert_int_equal(delayed_in(f, "x"), 0);
}

/* --- routing --------------------------------------------------------------------------------- */

static void bindings_of_then_decide(void **state)
{
    struct fixture *f = *state;
    publish_delayed(f, "x", "a", 100, 0);
    client_queue(f->client, 1, "new", 0);
    client_bind(f->client, 1, "new", "x", "");
    client_delete_queue(f->client, 1, "d");
    tick_at(f, 100);
    expect_next(f, "new", "a");
    publish_delayed(f, "x", "b", 100, 0);
    client_delete_queue(f->client, 1, "new");
    uint64_t dropped = f->harness.engine->counters.messages_unroutable_dropped;
    tick_at(f, 200);
    assert_int_equal(f->harness.engine->counters.messages_unroutable_dropped, dropped + 1);
    assert_int_equal(delayed_in(f, "x"), 0);
}

static void routes_as_the_inner_type_does(void **state)
{
    struct fixture *f = *state;
    struct buf headers = {0};
    declare_exchange(f, "topics", "x-delayed-message", true, "{'x-delayed-type':'topic'}");
    client_bind(f->client, 1, "d", "topics", "a.#");
    client_bind(f->client, 1, "t", "topics", "b.*");
    table_put_int(&headers, "x-delay", 10);
    publish_headers(f, "topics", "a.b.c", "1", &headers, 0);
    publish_headers(f, "topics", "b.c", "2", &headers, 0);
    publish_headers(f, "topics", "c", "3", &headers, 0);
    buf_fini(&headers);
    assert_int_equal(delayed_in(f, "topics"), 3);
    tick_at(f, 10);
    expect_next(f, "d", "1");
    expect_empty(f, "d");
    expect_next(f, "t", "2");
    expect_empty(f, "t");
    client_publish(f->client, 1, "topics", "b.d", "4", 0);
    expect_next(f, "t", "4");
}

static void delayed_and_others_with_the_same_key_do_not_share_a_route(void **state)
{
    struct fixture *f = *state;
    declare_exchange(f, "direct", "x-delayed-message", true, "{'x-delayed-type':'direct'}");
    client_bind(f->client, 1, "d", "direct", "");
    for (unsigned i = 1; i <= 3; i++) {
        client_publish(f->client, 1, "direct", "", "at once", 0);
        publish_delayed(f, "direct", "later", 10, 0);
        assert_int_equal(delayed_in(f, "direct"), i);
        expect_next(f, "d", "at once");
    }
}

static void reached_by_a_binding_it_delays_too(void **state)
{
    struct fixture *f = *state;
    client_exchange(f->client, 1, "front", "fanout", 0);
    client_bind_exchange(f->client, 1, "x", "front", "");
    client_bind(f->client, 1, "t", "front", "");
    publish_delayed(f, "front", "a", 100, PUBLISH_PERSISTENT);
    expect_next(f, "t", "a");
    tick_at(f, 100);
    get(f->other, "d");
    const struct method *got = expect_method(f->other, 1, METHOD_BASIC_GET_OK);
    assert_slice(got->basic_get_ok.exchange, "front");
}

static void in_a_chain_the_first_delays(void **state)
{
    struct fixture *f = *state;
    declare_exchange(f, "first", "x-delayed-message", false, "{'x-delayed-type':'fanout'}");
    client_bind_exchange(f->client, 1, "x", "first", "");
    publish_delayed(f, "first", "a", 100, 0);
    assert_int_equal(delayed_in(f, "first"), 1);
    tick_at(f, 100);
    assert_int_equal(delayed_in(f, "x"), 0); /* the header is negative by now */
    expect_next(f, "d", "a");
}

static void reached_as_the_alternate_it_delays_too(void **state)
{
    struct fixture *f = *state;
    declare_exchange(f, "front", "direct", false, "{'alternate-exchange':'x'}");
    publish_delayed(f, "front", "a", 100, 0);
    assert_int_equal(delayed_in(f, "x"), 1);
    tick_at(f, 100);
    expect_next(f, "d", "a");
}

static void its_alternate_gets_what_no_binding_takes_then(void **state)
{
    struct fixture *f = *state;
    declare_exchange(f, "back", "fanout", false, "{}");
    client_bind(f->client, 1, "d", "back", "");
    declare_exchange(f, "front", "x-delayed-message", false,
                     "{'x-delayed-type':'direct','alternate-exchange':'back'}");
    publish_delayed(f, "front", "a", 100, 0);
    assert_int_equal(queue_depth(f->d), 0);
    tick_at(f, 100);
    expect_next(f, "d", "a");
}

static void reached_as_the_dead_letter_exchange_it_delays_too(void **state)
{
    struct fixture *f = *state;
    (void)declare_with(f->client, "work", 0, "{'x-dead-letter-exchange':'x'}");
    client_queue(f->client, 1, "x", 0); /* named as the exchange is, and its death: no cycle */
    struct buf headers = {0};
    table_put_int(&headers, "x-delay", 100);
    publish_headers(f, "", "work", "a", &headers, 0);
    buf_fini(&headers);
    client_get(f->other, 1, "work", false);
    const struct method *got = expect_method(f->other, 1, METHOD_BASIC_GET_OK);
    client_nack(f->other, 1, got->basic_get_ok.delivery_tag, false, false);
    assert_int_equal(delayed_in(f, "x"), 1);
    tick_at(f, 100);
    expect_next(f, "d", "a");
}

static void full_queue_refuses_what_is_due(void **state)
{
    struct fixture *f = *state;
    (void)declare_with(f->client, "full", 0,
                       "{'x-max-length':1,'x-overflow':'reject-publish-dlx',"
                       "'x-dead-letter-exchange':'','x-dead-letter-routing-key':'t'}");
    client_bind(f->client, 1, "full", "x", "");
    publish_delayed(f, "x", "a", 10, 0);
    publish_delayed(f, "x", "b", 10, 0);
    tick_at(f, 10);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "full")), 1);
    assert_int_equal(queue_depth(f->d), 2);
    expect_next(f, "t", "b");
}

static void mandatory_message_that_waits_is_routed(void **state)
{
    struct fixture *f = *state;
    client_delete_queue(f->client, 1, "d");
    publish_delayed(f, "x", "a", 100, PUBLISH_MANDATORY);
    tick_at(f, 100);
    expect_nothing(f->client);
}

static void copies_go_where_they_should_and_nobody_sees_the_blind_ones(void **state)
{
    struct fixture *f = *state;
    struct buf headers = {0}, item = {0};
    declare_exchange(f, "direct", "x-delayed-message", true, "{'x-delayed-type':'direct'}");
    client_exchange(f->client, 1, "front", "fanout", 0);
    client_bind_exchange(f->client, 1, "direct", "front", "");
    client_queue(f->client, 1, "now", 0);
    client_bind(f->client, 1, "now", "front", "");
    client_bind(f->client, 1, "d", "direct", "cc");
    client_bind(f->client, 1, "t", "direct", "bcc");
    table_put_item(&item, &(struct table_value){.type = TABLE_LONGSTR, .bytes = S("cc")});
    table_put(&headers, S("CC"),
              &(struct table_value){.type = TABLE_ARRAY, .bytes = buf_slice(&item)});
    item.size = 0;
    table_put_item(&item, &(struct table_value){.type = TABLE_LONGSTR, .bytes = S("bcc")});
    table_put(&headers, S("BCC"),
              &(struct table_value){.type = TABLE_ARRAY, .bytes = buf_slice(&item)});
    table_put_int(&headers, "x-delay", 100);
    publish_headers(f, "front", "", "a", &headers, PUBLISH_PERSISTENT);
    tick_at(f, 100);
    static const char *const queues[] = {"now", "d", "t"};
    for (size_t i = 0; i < 3; i++) {
        struct properties properties;
        struct table_value value;
        get(f->other, queues[i]);
        const struct seen *seen = client_peek(f->other);
        (void)expect_method(f->other, 1, METHOD_BASIC_GET_OK);
        assert_int_equal(properties_decode(message_properties(seen->message), &properties), 0);
        assert_true(table_find(properties.headers, S("CC"), &value));
        assert_false(table_find(properties.headers, S("BCC"), &value));
        assert_true(table_find(properties.headers, S("x-delay"), &value));
        assert_int_equal(value.integer, i == 0 ? 100 : -100);
        expect_empty(f, queues[i]);
    }
    buf_fini(&headers);
    buf_fini(&item);
}

static void transaction_delays_when_it_commits(void **state)
{
    struct fixture *f = *state;
    client_send(f->client, 1, &(struct method){.id = METHOD_TX_SELECT});
    (void)expect_method(f->client, 1, METHOD_TX_SELECT_OK);
    publish_delayed(f, "x", "a", 100, PUBLISH_PERSISTENT);
    assert_int_equal(delayed_in(f, "x"), 0);
    f->harness.now_ms += 50;
    client_send(f->client, 1, &(struct method){.id = METHOD_TX_COMMIT});
    harness_tick(&f->harness);
    (void)expect_method(f->client, 1, METHOD_TX_COMMIT_OK);
    tick_at(f, 149);
    assert_int_equal(delayed_in(f, "x"), 1);
    tick_at(f, 150);
    expect_next(f, "d", "a");
}

/* --- which exchanges ------------------------------------------------------------------------- */

static void refused(struct fixture *f, enum method_id close, const char *text)
{
    const struct method *method = expect_method(f->client, close == METHOD_CHANNEL_CLOSE, close);
    assert_slice(close == METHOD_CHANNEL_CLOSE ? method->channel_close.reply_text
                                               : method->connection_close.reply_text,
                 text);
    if (close == METHOD_CHANNEL_CLOSE)
        client_channel(f->client, 1);
}

static void type_needs_another_one_to_route_by(void **state)
{
    static const char *const wrong[] = {"{}", "{'x-delayed-type':5}"};
    struct fixture *f = *state;
    for (size_t i = 0; i < 2; i++) {
        declare_exchange(f, "new", "x-delayed-message", true, wrong[i]);
        refused(f, METHOD_CHANNEL_CLOSE,
                "PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing "
                "exchange type");
    }
    declare_exchange(f, "new", "x-delayed-message", true, "{'x-delayed-type':'x-delayed-message'}");
    refused(f, METHOD_CHANNEL_CLOSE,
            "PRECONDITION_FAILED - Invalid argument, 'x-delayed-message' can't be used for "
            "'x-delayed-type'");
    declare_exchange(f, "new", "x-delayed-message", true,
                     "{'x-delayed-type':'x-recent-history','x-recent-history-length':0}");
    refused(f, METHOD_CHANNEL_CLOSE,
            "PRECONDITION_FAILED - Invalid argument 0, 'x-recent-history-length' must be a "
            "positive integer");
    declare_exchange(f, "new", "x-delayed-message", true, "{'x-delayed-type':'none'}");
    refused(f, METHOD_CONNECTION_CLOSE, "COMMAND_INVALID - unknown exchange type 'none'");
}

static void inner_type_checks_bindings(void **state)
{
    struct fixture *f = *state;
    declare_exchange(f, "hash", "x-delayed-message", true,
                     "{'x-delayed-type':'x-consistent-hash'}");
    client_bind(f->client, 1, "d", "hash", "none");
    refused(f, METHOD_CHANNEL_CLOSE,
            "PRECONDITION_FAILED - The binding key must be an integer: <<\"none\">>");
    client_bind(f->client, 1, "d", "hash", "1");
    publish_delayed(f, "hash", "a", 10, 0);
    tick_at(f, 10);
    expect_next(f, "d", "a");
}

static void argument_makes_any_exchange_delay(void **state)
{
    struct fixture *f = *state;
    declare_exchange(f, "direct", "direct", true, "{'x-delayed-exchange':true}");
    declare_exchange(f, "not", "direct", true, "{'x-delayed-exchange':false}");
    client_bind(f->client, 1, "d", "direct", "");
    client_bind(f->client, 1, "t", "not", "");
    publish_delayed(f, "direct", "a", 10, 0);
    publish_delayed(f, "not", "b", 10, 0);
    assert_int_equal(delayed_in(f, "direct"), 1);
    expect_next(f, "t", "b");
    tick_at(f, 10);
    expect_next(f, "d", "a");
}

static void policy_makes_an_exchange_delay_while_it_is_in_force(void **state)
{
    struct fixture *f = *state;
    struct vhost *vhost = map_get(&f->harness.engine->vhosts, S("/"));
    set_policy(&f->harness, "^amq.fanout$", "{'delayed-message':true}");
    publish_delayed(f, "amq.fanout", "a", 10, 0);
    assert_int_equal(delayed_in(f, "amq.fanout"), 1);
    (void)policy_delete(vhost, POLICY_USERS, policy_find(vhost, POLICY_USERS, S("p")));
    publish_delayed(f, "amq.fanout", "b", 10, 0);
    expect_next(f, "d", "b");
    tick_at(f, 10);
    expect_next(f, "d", "a"); /* what waited is not lost */
}

/* --- the log --------------------------------------------------------------------------------- */

static void expect_facts(struct fixture *f, size_t count, const enum store_record_kind *kinds)
{
    const struct harness_store *store = &f->harness.store;
    assert_int_equal(store->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(store->facts[i].kind, kinds[i]);
    harness_forget_facts(&f->harness);
}

static void waiting_is_one_record_and_routing_one_transaction(void **state)
{
    static const enum store_record_kind waits[] = {STORE_QUEUE_DECLARE, STORE_MESSAGE};
    static const enum store_record_kind comes[] = {STORE_TX_BEGIN, STORE_SETTLE, STORE_MESSAGE,
                                                   STORE_TX_COMMIT};
    struct fixture *f = *state;
    publish_delayed(f, "x", "a", 100, PUBLISH_PERSISTENT);
    assert_string_equal(f->harness.store.facts[0].name, "x");
    expect_facts(f, 2, waits);
    tick_at(f, 100);
    expect_facts(f, 4, comes);
    publish_delayed(f, "x", "b", 100, 0);
    publish_delayed(f, "v", "c", 100, PUBLISH_PERSISTENT);
    tick_at(f, 200);
    expect_facts(f, 0, NULL);
}

static void confirm_waits_for_the_store(void **state)
{
    struct fixture *f = *state;
    client_send(f->client, 1, &(struct method){.id = METHOD_CONFIRM_SELECT});
    (void)expect_method(f->client, 1, METHOD_CONFIRM_SELECT_OK);
    f->harness.store.patient = true;
    publish_delayed(f, "x", "a", 100, PUBLISH_PERSISTENT);
    tick_at(f, 1);
    expect_nothing(f->client);
    harness_durable(&f->harness, f->harness.store.last_lsn);
    tick_at(f, 2);
    expect_confirm(f->client, 1, 1, false);
    f->harness.store.patient = false;
}

static void exchange_goes_with_what_waits_in_it(void **state)
{
    static const enum store_record_kind gone[] = {STORE_TX_BEGIN, STORE_EXCHANGE_DELETE,
                                                  STORE_QUEUE_DELETE, STORE_TX_COMMIT};
    struct fixture *f = *state;
    publish_delayed(f, "x", "a", 100, PUBLISH_PERSISTENT);
    publish_delayed(f, "x", "b", 100, 0);
    harness_tick(&f->harness);
    harness_forget_facts(&f->harness);
    client_send(f->client, 1,
                &(struct method){.id = METHOD_EXCHANGE_DELETE,
                                 .exchange_delete = {.exchange = S("x"), .nowait = true}});
    expect_facts(f, 4, gone);
    assert_int_equal(f->harness.engine->delays.count, 0);
    assert_int_equal(f->harness.engine->delays.near_bytes, 0);
    tick_at(f, 100);
    assert_int_equal(queue_depth(f->d), 0);
    declare_exchange(f, "x", "x-delayed-message", true, "{'x-delayed-type':'fanout'}");
    assert_int_equal(delayed_in(f, "x"), 0);
}

static void many_at_once_take_many_ticks(void **state)
{
    enum { AT_ONCE = 20000 };
    struct fixture *f = *state;
    for (uint32_t i = 1; i <= AT_ONCE; i++)
        publish_delayed(f, "v", body_of(i), 100, 0);
    unsigned ticks = 1;
    for (tick_at(f, 100); f->harness.engine->wants_tick; ticks++)
        harness_tick(&f->harness);
    assert_true(ticks > 10);
    assert_int_equal(queue_depth(f->t), AT_ONCE);
    client_consume(f->other, 1, "t", "c", true);
    expect_run(f->other, 1, AT_ONCE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_in_memory, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(message_comes_to_the_millisecond_with_its_delay_negated),
        TEST(message_without_a_positive_delay_is_routed_at_once),
        TEST(delay_may_be_any_kind_of_number),
        TEST(messages_come_in_the_order_of_their_times),
        TEST(consumer_gets_it_when_it_is_due),
        TEST(expiration_counts_from_when_it_is_routed),
        TEST(wall_clock_decides_when_it_is_set),
        TEST(bindings_of_then_decide),
        TEST(routes_as_the_inner_type_does),
        TEST(delayed_and_others_with_the_same_key_do_not_share_a_route),
        TEST(reached_by_a_binding_it_delays_too),
        TEST(in_a_chain_the_first_delays),
        TEST(reached_as_the_alternate_it_delays_too),
        TEST(its_alternate_gets_what_no_binding_takes_then),
        TEST(reached_as_the_dead_letter_exchange_it_delays_too),
        TEST(full_queue_refuses_what_is_due),
        TEST(mandatory_message_that_waits_is_routed),
        TEST(copies_go_where_they_should_and_nobody_sees_the_blind_ones),
        TEST(transaction_delays_when_it_commits),
        TEST(type_needs_another_one_to_route_by),
        TEST(inner_type_checks_bindings),
        TEST(argument_makes_any_exchange_delay),
        TEST(policy_makes_an_exchange_delay_while_it_is_in_force),
        TEST(waiting_is_one_record_and_routing_one_transaction),
        TEST(confirm_waits_for_the_store),
        TEST(exchange_goes_with_what_waits_in_it),
        TEST(many_at_once_take_many_ticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
