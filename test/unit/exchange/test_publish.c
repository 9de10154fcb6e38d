/* SPDX-License-Identifier: Apache-2.0
 *
 * Publishing: confirms, returns, what properties ask for, who may publish what.
 */
#include "amqp/table.h"
#include "test/unit/exchange/expect.h"

struct fixture {
    struct harness harness;
    struct client *client; /* channel 1 is in confirm mode */
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    harness_init(&f->harness, 1);
    f->client = client_open(&f->harness, 1000000);
    client_channel(f->client, 1);
    client_queue(f->client, 1, "durable", DECLARE_DURABLE);
    client_queue(f->client, 1, "second", DECLARE_DURABLE);
    client_queue(f->client, 1, "transient", 0);
    client_send(f->client, 1, &(struct method){.id = METHOD_CONFIRM_SELECT});
    expect_method(f->client, 1, METHOD_CONFIRM_SELECT_OK);
    harness_tick(&f->harness);
    harness_forget_facts(&f->harness);
    f->harness.store.patient = true;
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

static void publish(struct fixture *f, const char *queue, unsigned flags)
{
    client_publish(f->client, 1, "", queue, "m", flags);
}

static void expect_confirm_after_tick(struct fixture *f, uint64_t tag, bool multiple)
{
    expect_nothing(f->client);
    harness_tick(&f->harness);
    expect_confirm(f->client, 1, tag, multiple);
    harness_tick(&f->harness);
    expect_nothing(f->client); /* and only once */
}

static void a_confirm_waits_until_the_store_is_durable(void **state)
{
    struct fixture *f = *state;
    publish(f, "durable", PUBLISH_PERSISTENT);
    uint64_t lsn = f->harness.store.last_lsn;
    assert_int_equal(harness_facts(&f->harness, STORE_MESSAGE), 1);
    for (unsigned i = 0; i < 3; i++)
        harness_tick(&f->harness);
    expect_nothing(f->client);
    harness_durable(&f->harness, lsn - 1);
    harness_tick(&f->harness);
    expect_nothing(f->client);
    harness_durable(&f->harness, lsn);
    expect_confirm_after_tick(f, 1, false);
}

static void confirms_that_are_due_together_are_one_multiple_ack(void **state)
{
    struct fixture *f = *state;
    uint64_t lsns[5];
    for (unsigned i = 0; i < 5; i++) {
        publish(f, "durable", PUBLISH_PERSISTENT);
        lsns[i] = f->harness.store.last_lsn;
    }
    harness_durable(&f->harness, lsns[2]);
    expect_confirm_after_tick(f, 3, true);
    f->harness.store.durable_lsn = lsns[3]; /* this time flush tells */
    expect_confirm_after_tick(f, 4, false);
    harness_durable(&f->harness, lsns[4]);
    expect_confirm_after_tick(f, 5, false);
}

static void transient_publishes_wait_for_those_before_them_only(void **state)
{
    struct fixture *f = *state;
    publish(f, "durable", 0);
    publish(f, "transient", PUBLISH_PERSISTENT);
    publish(f, "nowhere", PUBLISH_PERSISTENT);
    expect_confirm_after_tick(f, 3, true);
    publish(f, "durable", PUBLISH_PERSISTENT);
    publish(f, "transient", 0);
    harness_tick(&f->harness);
    expect_nothing(f->client);
    harness_durable(&f->harness, f->harness.store.last_lsn);
    expect_confirm_after_tick(f, 5, true);
}

static void a_message_that_was_consumed_meanwhile_is_confirmed_once_durable(void **state)
{
    struct fixture *f = *state;
    client_consume(f->client, 1, "durable", "c", true);
    publish(f, "durable", PUBLISH_PERSISTENT);
    expect_delivery(f->client, 1, "c", "m", false);
    harness_tick(&f->harness);
    expect_nothing(f->client);
    harness_durable(&f->harness, f->harness.store.last_lsn);
    expect_confirm_after_tick(f, 1, false);
}

static void many_pending_confirms_keep_their_order(void **state)
{
    struct fixture *f = *state;
    uint64_t confirmed = 0, published = 0;
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = 0; i < 7; i++, published++)
            publish(f, i % 3 == 0 ? "transient" : "durable", PUBLISH_PERSISTENT);
        /* Five of the last seven were stored: all but the last two of those become durable. */
        harness_durable(&f->harness, f->harness.store.last_lsn - 1);
        harness_tick(&f->harness);
        const struct method *ack = expect_method(f->client, 1, METHOD_BASIC_ACK);
        assert_true(ack->basic_ack.delivery_tag > confirmed);
        assert_true(ack->basic_ack.delivery_tag < published);
        confirmed = ack->basic_ack.delivery_tag;
        client_forget(f->client);
    }
    harness_durable(&f->harness, f->harness.store.last_lsn);
    expect_confirm_after_tick(f, published, true);
}

/* The end of a tick may tell of more than a message that was on its way by then. */
static void older_word_of_durability_is_no_news(void **state)
{
    struct fixture *f = *state;
    publish(f, "durable", PUBLISH_PERSISTENT);
    uint64_t lsn = f->harness.store.last_lsn;
    f->harness.store.durable_lsn = lsn;
    expect_confirm_after_tick(f, 1, false);
    harness_durable(&f->harness, lsn - 1);
    f->harness.store.durable_lsn = lsn;
    publish(f, "transient", 0);
    expect_confirm_after_tick(f, 2, false);
}

static void a_return_comes_before_the_confirm(void **state)
{
    struct fixture *f = *state;
    publish(f, "nowhere", PUBLISH_MANDATORY);
    const struct seen *seen = client_peek(f->client);
    const struct method *back = expect_method(f->client, 1, METHOD_BASIC_RETURN);
    assert_int_equal(back->basic_return.reply_code, REPLY_NO_ROUTE);
    assert_slice(back->basic_return.reply_text, "NO_ROUTE");
    assert_slice(back->basic_return.exchange, "");
    assert_slice(back->basic_return.routing_key, "nowhere");
    assert_body(seen, "m");
    expect_confirm_after_tick(f, 1, false);
}

static void channels_confirm_for_themselves(void **state)
{
    struct fixture *f = *state;
    client_channel(f->client, 2);
    client_send(f->client, 2,
                &(struct method){.id = METHOD_CONFIRM_SELECT, .confirm_select = {.nowait = true}});
    publish(f, "durable", PUBLISH_PERSISTENT);
    client_publish(f->client, 2, "", "transient", "m", 0);
    harness_tick(&f->harness);
    expect_confirm(f->client, 2, 1, false);
    expect_nothing(f->client);
    client_send(f->client, 2, &(struct method){.id = METHOD_CHANNEL_CLOSE});
    expect_method(f->client, 2, METHOD_CHANNEL_CLOSE_OK);
    harness_durable(&f->harness, f->harness.store.last_lsn);
    expect_confirm_after_tick(f, 1, false);
}

static void a_closing_channel_is_told_what_is_durable_and_no_more(void **state)
{
    struct fixture *f = *state;
    publish(f, "transient", 0);
    publish(f, "durable", PUBLISH_PERSISTENT);
    publish(f, "transient", 0);
    client_publish(f->client, 1, "no such exchange", "", "m", 0);
    expect_confirm(f->client, 1, 1, false);
    expect_channel_close(f->client, 1, REPLY_NOT_FOUND);
    harness_durable(&f->harness, f->harness.store.last_lsn);
    harness_tick(&f->harness);
    expect_nothing(f->client);
}

static void without_confirm_mode_there_are_no_confirms(void **state)
{
    struct fixture *f = *state;
    client_channel(f->client, 2);
    client_publish(f->client, 2, "", "transient", "m", 0);
    harness_tick(&f->harness);
    expect_nothing(f->client);
}

static void messages_of_one_channel_keep_their_order_in_every_queue(void **state)
{
    struct fixture *f = *state;
    client_bind(f->client, 1, "durable", "amq.fanout", "");
    client_bind(f->client, 1, "transient", "amq.fanout", "");
    for (char digit = '0'; digit <= '9'; digit++)
        client_publish(f->client, 1, digit % 2 ? "amq.fanout" : "", "transient",
                       (char[]){digit, '\0'}, 0);
    for (char digit = '0'; digit <= '9'; digit++) {
        client_get(f->client, 1, "transient", true);
        expect_get(f->client, 1, (char[]){digit, '\0'}, false, (uint32_t)('9' - digit));
    }
    for (char digit = '1'; digit <= '9'; digit = (char)(digit + 2)) {
        client_get(f->client, 1, "durable", true);
        expect_get(f->client, 1, (char[]){digit, '\0'}, false, (uint32_t)('9' - digit) / 2);
    }
}

static void put_keys(struct buf *table, const char *name, const char *first, const char *second)
{
    struct buf keys = {0};
    table_put_item(&keys, &(struct table_value){.type = TABLE_LONGSTR, .bytes = S(first)});
    table_put_item(&keys, &(struct table_value){.type = TABLE_LONGSTR, .bytes = S(second)});
    table_put(table, S(name),
              &(struct table_value){.type = TABLE_ARRAY, .bytes = buf_slice(&keys)});
    buf_fini(&keys);
}

static void cc_and_bcc_route_to_more_keys_each_queue_once(void **state)
{
    struct fixture *f = *state;
    struct buf headers = {0};
    put_keys(&headers, "CC", "second", "durable");
    put_keys(&headers, "BCC", "transient", "second");
    client_publish_with(
        f->client, 1, "", "durable", "m", PUBLISH_PERSISTENT,
        &(struct properties){.flags = PROPERTY_HEADERS, .headers = buf_slice(&headers)});
    buf_fini(&headers);
    static const char *const queues[] = {"durable", "second", "transient"};
    for (unsigned i = 0; i < 3; i++) {
        client_get(f->client, 1, queues[i], true);
        const struct seen *seen = client_peek(f->client);
        expect_get(f->client, 1, "m", false, 0);
        struct properties properties;
        struct table_value value;
        assert_int_equal(properties_decode(message_properties(seen->message), &properties),
                         METHOD_OK);
        assert_true(table_find(properties.headers, S("CC"), &value));
        assert_false(table_find(properties.headers, S("BCC"), &value)); /* nobody learns of it */
    }
    assert_int_equal(harness_facts(&f->harness, STORE_MESSAGE), 1); /* one record for all */
    assert_int_equal(f->harness.store.facts[0].target_count, 2);
}

static void illegal_properties_close_the_channel(void **state)
{
    struct fixture *f = *state;
    struct buf headers = {0};
    table_put_longstr(&headers, "CC", S("durable"));
    const struct properties refused[] = {
        {.flags = PROPERTY_USER_ID, .user_id = SLICE_LITERAL("somebody")},
        {.flags = PROPERTY_EXPIRATION, .expiration = SLICE_LITERAL("soon")},
        {.flags = PROPERTY_EXPIRATION, .expiration = SLICE_LITERAL("-1")},
        {.flags = PROPERTY_EXPIRATION, .expiration = SLICE_LITERAL("10x")},
        {.flags = PROPERTY_EXPIRATION, .expiration = SLICE_LITERAL("")},
        {.flags = PROPERTY_EXPIRATION, .expiration = SLICE_LITERAL("99999999999999999999")},
        {.flags = PROPERTY_REPLY_TO, .reply_to = SLICE_LITERAL("amq.rabbitmq.reply-to")},
        {.flags = PROPERTY_HEADERS, .headers = buf_slice(&headers)},
    };
    client_channel(f->client, 2);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        client_publish_with(f->client, 2, "", "transient", "m", 0, &refused[i]);
        expect_channel_close(f->client, 2, REPLY_PRECONDITION_FAILED);
        client_channel(f->client, 2);
    }
    const struct properties accepted[] = {
        {.flags = PROPERTY_USER_ID, .user_id = SLICE_LITERAL("guest")},
        {.flags = PROPERTY_EXPIRATION, .expiration = SLICE_LITERAL("0")},
        {.flags = PROPERTY_EXPIRATION, .expiration = SLICE_LITERAL("60000")},
        {.flags = PROPERTY_REPLY_TO, .reply_to = SLICE_LITERAL("elsewhere")},
    };
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++)
        client_publish_with(f->client, 2, "", "transient", "m", 0, &accepted[i]);
    expect_nothing(f->client);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "transient")), 4);
    buf_fini(&headers);
}

static void publishing_to_an_internal_exchange_is_refused(void **state)
{
    struct fixture *f = *state;
    client_exchange(f->client, 1, "inside", "fanout", DECLARE_INTERNAL);
    client_publish(f->client, 1, "inside", "", "m", 0);
    expect_channel_close(f->client, 1, REPLY_ACCESS_REFUSED);
}

static void immediate_closes_the_connection(void **state)
{
    struct fixture *f = *state;
    publish(f, "transient", PUBLISH_IMMEDIATE);
    expect_connection_close(f->client, REPLY_NOT_IMPLEMENTED);
}

/* The channel remembers where it published last. */
static void an_exchange_or_queue_made_anew_is_not_mistaken_for_the_old(void **state)
{
    struct fixture *f = *state;
    client_exchange(f->client, 1, "x", "fanout", 0);
    client_bind(f->client, 1, "transient", "x", "");
    client_publish(f->client, 1, "x", "", "m", 0);
    publish(f, "transient", 0);
    client_delete_queue(f->client, 1, "transient");
    publish(f, "transient", PUBLISH_MANDATORY);
    expect_method(f->client, 1, METHOD_BASIC_RETURN);
    client_queue(f->client, 1, "transient", 0);
    publish(f, "transient", PUBLISH_MANDATORY);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "transient")), 1);
    client_send(f->client, 1,
                &(struct method){.id = METHOD_EXCHANGE_DELETE,
                                 .exchange_delete = {.exchange = S("x"), .nowait = true}});
    expect_nothing(f->client);
    harness_tick(&f->harness);
    expect_confirm(f->client, 1, 4, true);
    client_publish(f->client, 1, "x", "", "m", 0);
    expect_channel_close(f->client, 1, REPLY_NOT_FOUND);
}

static void a_direct_reply_finds_its_way_back(void **state)
{
    struct fixture *f = *state;
    struct client *server = client_open(&f->harness, 10000);
    client_channel(server, 7);
    client_consume(server, 7, "transient", "work", true);
    client_consume(f->client, 1, "amq.rabbitmq.reply-to", "replies", true);
    client_publish_with(f->client, 1, "", "transient", "question", 0,
                        &(struct properties){.flags = PROPERTY_REPLY_TO,
                                             .reply_to = SLICE_LITERAL("amq.rabbitmq.reply-to")});
    const struct seen *seen = expect_delivery(server, 7, "work", "question", false);
    struct properties properties;
    assert_int_equal(properties_decode(message_properties(seen->message), &properties), METHOD_OK);
    assert_true(slice_starts_with(properties.reply_to, S("amq.rabbitmq.reply-to.")));
    char address[256] = "";
    memcpy(address, properties.reply_to.data, properties.reply_to.size);
    client_publish(server, 7, "", address, "answer", 0);
    expect_delivery(f->client, 1, "replies", "answer", false);
    client_cancel(f->client, 1, "replies");
    client_publish(server, 7, "", address, "too late", PUBLISH_MANDATORY);
    expect_method(server, 7, METHOD_BASIC_RETURN);
}

static void the_address_of_a_closed_channel_leads_nowhere(void **state)
{
    struct fixture *f = *state;
    struct client *server = client_open(&f->harness, 10000);
    client_channel(server, 1);
    client_consume(server, 1, "transient", "work", true);
    client_consume(f->client, 1, "amq.rabbitmq.reply-to", "replies", true);
    client_publish_with(f->client, 1, "", "transient", "question", 0,
                        &(struct properties){.flags = PROPERTY_REPLY_TO,
                                             .reply_to = SLICE_LITERAL("amq.rabbitmq.reply-to")});
    const struct seen *seen = expect_delivery(server, 1, "work", "question", false);
    struct properties properties;
    assert_int_equal(properties_decode(message_properties(seen->message), &properties), METHOD_OK);
    char address[256] = "";
    memcpy(address, properties.reply_to.data, properties.reply_to.size);
    client_send(f->client, 1, &(struct method){.id = METHOD_CHANNEL_CLOSE});
    expect_confirm(f->client, 1, 1, false);
    expect_method(f->client, 1, METHOD_CHANNEL_CLOSE_OK);
    client_publish(server, 1, "", address, "answer", PUBLISH_MANDATORY);
    expect_method(server, 1, METHOD_BASIC_RETURN);
    expect_nothing(f->client);
    assert_int_equal(f->harness.engine->reply_consumers.count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_confirm_waits_until_the_store_is_durable),
        TEST(confirms_that_are_due_together_are_one_multiple_ack),
        TEST(transient_publishes_wait_for_those_before_them_only),
        TEST(a_message_that_was_consumed_meanwhile_is_confirmed_once_durable),
        TEST(many_pending_confirms_keep_their_order),
        TEST(older_word_of_durability_is_no_news),
        TEST(a_return_comes_before_the_confirm),
        TEST(channels_confirm_for_themselves),
        TEST(a_closing_channel_is_told_what_is_durable_and_no_more),
        TEST(without_confirm_mode_there_are_no_confirms),
        TEST(messages_of_one_channel_keep_their_order_in_every_queue),
        TEST(cc_and_bcc_route_to_more_keys_each_queue_once),
        TEST(illegal_properties_close_the_channel),
        TEST(publishing_to_an_internal_exchange_is_refused),
        TEST(immediate_closes_the_connection),
        TEST(an_exchange_or_queue_made_anew_is_not_mistaken_for_the_old),
        TEST(a_direct_reply_finds_its_way_back),
        TEST(the_address_of_a_closed_channel_leads_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
