/* SPDX-License-Identifier: Apache-2.0
 *
 * Queues with a limit: what is dropped, what is refused, and what publishers hear of it.
 */
#include "exchange/queue_limit.h"

#include "amqp/table.h"
#include "exchange/policy.h"
#include "test/unit/exchange/paging_fixture.h"

struct limit {
    int64_t length, bytes; /* negative: none */
    const char *overflow;  /* or NULL */
};

#define DROP_HEAD(length_)      (&(struct limit){(length_), -1, NULL})
#define REJECT_PUBLISH(length_) (&(struct limit){(length_), -1, "reject-publish"})

static void put_limit(struct buf *table, const struct limit *limit, const char *prefix)
{
    char key[32];
    if (limit->length >= 0) {
        snprintf(key, sizeof key, "%smax-length", prefix);
        table_put_int(table, key, limit->length);
    }
    if (limit->bytes >= 0) {
        snprintf(key, sizeof key, "%smax-length-bytes", prefix);
        table_put_int(table, key, limit->bytes);
    }
    if (limit->overflow != NULL) {
        snprintf(key, sizeof key, "%soverflow", prefix);
        table_put_longstr(table, key, S(limit->overflow));
    }
}

static struct queue *declare(struct fixture *f, const char *name, unsigned flags,
                             const struct limit *limit)
{
    struct buf arguments = {0};
    put_limit(&arguments, limit, "x-");
    client_send(f->client, 1,
                &(struct method){.id = METHOD_QUEUE_DECLARE,
                                 .queue_declare = {.queue = S(name),
                                                   .durable = (flags & DECLARE_DURABLE) != 0,
                                                   .arguments = buf_slice(&arguments),
                                                   .nowait = true}});
    buf_fini(&arguments);
    return harness_queue(&f->harness, name);
}

/* A policy for all queues. */
static void set_policy(struct fixture *f, enum policy_kind kind, const struct limit *limit)
{
    struct buf fields = {0};
    table_put_longstr(&fields, "pattern", S(""));
    size_t nested = table_put_table(&fields, "definition");
    put_limit(&fields, limit, "");
    table_end(&fields, nested);
    (void)policy_put(f->d->vhost, kind, S("limit"), buf_slice(&fields));
    buf_fini(&fields);
    engine_end_change(f->harness.engine);
}

static void get_all(struct fixture *f, const char *queue, uint32_t first, uint32_t last)
{
    for (uint32_t i = first; i <= last; i++) {
        get(f->other, queue);
        expect_get(f->other, 1, body_of(i), false, last - i);
    }
    get(f->other, queue);
    (void)expect_method(f->other, 1, METHOD_BASIC_GET_EMPTY);
}

static void expect_nack(struct client *client, uint64_t tag, bool multiple)
{
    const struct method *method = expect_method(client, 1, METHOD_BASIC_NACK);
    assert_int_equal(method->basic_nack.delivery_tag, tag);
    assert_int_equal(method->basic_nack.multiple, multiple);
}

static void confirm_select(struct fixture *f)
{
    client_send(f->client, 1, &(struct method){.id = METHOD_CONFIRM_SELECT});
    (void)expect_method(f->client, 1, METHOD_CONFIRM_SELECT_OK);
}

static void what_is_too_much_goes_at_the_head(void **state)
{
    struct fixture *f = *state;
    const struct queue *queue = declare(f, "q", 0, DROP_HEAD(3));
    publish(f, "", "q", 1, 10, 0);
    assert_int_equal(queue_depth(queue), 3);
    assert_int_equal(f->harness.engine->counters.messages_overflow_dropped, 7);
    get_all(f, "q", 8, 10);
}

static void bodies_that_are_ready_count_for_a_limit_in_bytes(void **state)
{
    struct fixture *f = *state;
    (void)declare(f, "q", 0, &(struct limit){-1, 20, NULL});
    publish(f, "", "q", 1, 5, 0); /* of 8 octets each */
    get_all(f, "q", 4, 5);
    client_publish(f->client, 1, "", "q", "this one is too large for it", 0);
    get(f->other, "q");
    (void)expect_method(f->other, 1, METHOD_BASIC_GET_EMPTY);
}

static void what_is_delivered_does_not_count(void **state)
{
    struct fixture *f = *state;
    (void)declare(f, "q", 0, DROP_HEAD(2));
    client_qos(f->other, 1, 3, false);
    client_consume(f->other, 1, "q", "c", false);
    publish(f, "", "q", 1, 5, 0);
    expect_run(f->other, 1, 3);
    get_all(f, "q", 4, 5);
}

static void a_consumer_gets_messages_of_a_queue_that_holds_none(void **state)
{
    struct fixture *f = *state;
    (void)declare(f, "q", 0, DROP_HEAD(0));
    publish(f, "", "q", 1, 1, 0);
    client_consume(f->other, 1, "q", "c", true);
    publish(f, "", "q", 2, 2, 0);
    expect_run(f->other, 2, 2);
}

static void what_comes_back_is_dropped_when_there_is_no_room(void **state)
{
    struct fixture *f = *state;
    (void)declare(f, "q", 0, DROP_HEAD(2));
    publish(f, "", "q", 1, 2, 0);
    client_qos(f->other, 1, 2, false);
    client_consume(f->other, 1, "q", "c", false);
    expect_run(f->other, 1, 2);
    client_cancel(f->other, 1, "c");
    publish(f, "", "q", 3, 4, 0);
    client_nack(f->other, 1, 2, true, true);
    get_all(f, "q", 3, 4);
}

static void what_is_dropped_of_a_durable_queue_is_settled(void **state)
{
    struct fixture *f = *state;
    (void)declare(f, "q", DECLARE_DURABLE, DROP_HEAD(2));
    harness_forget_facts(&f->harness);
    publish(f, "", "q", 1, 3, PUBLISH_PERSISTENT);
    assert_int_equal(harness_facts(&f->harness, STORE_MESSAGE), 3);
    assert_int_equal(harness_facts(&f->harness, STORE_SETTLE), 1);
    assert_int_equal(f->harness.store.facts[3].position, 1);
}

static void a_policy_drops_from_queues_that_are_there(void **state)
{
    struct fixture *f = *state;
    publish(f, "", "t", 1, 5, 0);
    set_policy(f, POLICY_USERS, DROP_HEAD(4));
    harness_tick(&f->harness);
    assert_int_equal(queue_depth(f->t), 4);
    set_policy(f, POLICY_OPERATORS, DROP_HEAD(2));
    harness_tick(&f->harness);
    get_all(f, "t", 4, 5);
}

static void much_is_dropped_piece_by_piece(void **state)
{
    struct fixture *f = *state;
    publish(f, "", "t", 1, 3500, 0);
    set_policy(f, POLICY_USERS, DROP_HEAD(1));
    (void)queue_limit_enforce(f->t);
    assert_int_equal(queue_depth(f->t), 2500);
    rest(f);
    get_all(f, "t", 3500, 3500);
}

static void what_is_not_in_memory_is_read_and_dropped(void **state)
{
    struct fixture *f = *state;
    fill(f);
    uint32_t left = (uint32_t)f->d->ready.cold.count / 2;
    set_policy(f, POLICY_USERS, DROP_HEAD(MANY - left));
    for (unsigned ticks = 0; queue_depth(f->d) > MANY - left; ticks++) {
        harness_tick(&f->harness);
        assert_true(ticks < 1000);
    }
    client_consume(f->other, 1, "d", "c", true);
    for (unsigned ticks = 0; queue_depth(f->d) > 0; ticks++) {
        harness_tick(&f->harness);
        assert_true(ticks < 1000);
    }
    expect_run(f->other, left + 1, MANY);
    uint64_t bytes;
    assert_int_equal(shelf_count(&f->shelf, f->d->id, 0, UINT64_MAX, &bytes, NULL), 0);
}

static void what_has_to_go_all_is_not_read(void **state)
{
    struct fixture *f = *state;
    fill(f);
    uint64_t behind = queue_depth(f->d) - f->d->ready.cold.count -
                      (f->d->ready.cold.first - deque_first(&f->d->ready, 0));
    assert_true(behind > 0);
    f->shelf.is_silent = true;
    set_policy(f, POLICY_USERS, DROP_HEAD(1));
    rest(f);
    assert_int_equal(queue_depth(f->d), 1);
    get_all(f, "d", MANY, MANY);
}

static void consumer_need_not_wait_for_what_was_dropped_unread(void **state)
{
    struct fixture *f = *state;
    fill(f);
    f->shelf.is_silent = true;
    client_consume(f->other, 1, "d", "c", true);
    rest(f);
    assert_int_equal(f->d->paging.state, PAGING_FETCHING);
    client_forget(f->other);
    set_policy(f, POLICY_USERS, DROP_HEAD(1));
    rest(f);
    (void)expect_delivery(f->other, 1, "c", body_of(MANY), false);
}

static void a_full_queue_refuses_what_is_published(void **state)
{
    struct fixture *f = *state;
    confirm_select(f);
    (void)declare(f, "q", 0, REJECT_PUBLISH(2));
    publish(f, "", "q", 1, 5, 0);
    harness_tick(&f->harness);
    expect_confirm(f->client, 1, 2, true);
    expect_nack(f->client, 5, true);
    get(f->other, "q");
    expect_get(f->other, 1, body_of(1), false, 1);
    publish(f, "", "q", 6, 6, 0);
    harness_tick(&f->harness);
    expect_confirm(f->client, 1, 6, false);
    assert_int_equal(f->harness.engine->counters.messages_overflow_rejected, 3);
}

static void refusals_and_confirms_come_each_for_its_own(void **state)
{
    struct fixture *f = *state;
    confirm_select(f);
    (void)declare(f, "full", 0, REJECT_PUBLISH(0));
    publish(f, "", "t", 1, 1, 0);
    publish(f, "", "full", 2, 2, 0);
    publish(f, "", "t", 3, 4, 0);
    publish(f, "", "full", 5, 5, 0);
    harness_tick(&f->harness);
    expect_confirm(f->client, 1, 1, false);
    expect_nack(f->client, 2, false);
    expect_confirm(f->client, 1, 4, true);
    expect_nack(f->client, 5, false);
    expect_nothing(f->client);
}

static void a_refusal_waits_for_the_confirms_before_it(void **state)
{
    struct fixture *f = *state;
    confirm_select(f);
    (void)declare(f, "full", 0, REJECT_PUBLISH(0));
    harness_tick(&f->harness);
    f->harness.store.patient = true;
    publish(f, "", "d", 1, 1, PUBLISH_PERSISTENT);
    uint64_t lsn = f->harness.store.last_lsn;
    publish(f, "", "full", 2, 2, 0);
    publish(f, "", "t", 3, 3, 0);
    harness_tick(&f->harness);
    expect_nothing(f->client);
    harness_durable(&f->harness, lsn);
    harness_tick(&f->harness);
    expect_confirm(f->client, 1, 1, false);
    expect_nack(f->client, 2, false);
    expect_confirm(f->client, 1, 3, false);
}

static void one_queue_of_many_that_refuses_is_enough_for_a_refusal(void **state)
{
    struct fixture *f = *state;
    confirm_select(f);
    (void)declare(f, "full", DECLARE_DURABLE, REJECT_PUBLISH(1));
    client_bind(f->client, 1, "full", "amq.fanout", "");
    harness_forget_facts(&f->harness);
    publish(f, "amq.fanout", "", 1, 2, PUBLISH_PERSISTENT);
    harness_tick(&f->harness);
    expect_confirm(f->client, 1, 1, false);
    expect_nack(f->client, 2, false);
    assert_int_equal(queue_depth(f->d), 2);
    assert_int_equal(queue_depth(f->t), 2);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "full")), 1);
    assert_int_equal(f->harness.store.facts[0].target_count, 2);
    assert_int_equal(f->harness.store.facts[1].target_count, 1);
}

static void without_confirms_what_is_refused_is_gone(void **state)
{
    struct fixture *f = *state;
    (void)declare(f, "q", 0, REJECT_PUBLISH(1));
    client_publish(f->client, 1, "", "q", body_of(1), PUBLISH_MANDATORY);
    client_publish(f->client, 1, "", "q", body_of(2), PUBLISH_MANDATORY);
    harness_tick(&f->harness);
    expect_nothing(f->client);
    get_all(f, "q", 1, 1);
    confirm_select(f);
    publish(f, "", "q", 3, 3, 0);
    harness_tick(&f->harness);
    expect_confirm(f->client, 1, 1, false);
}

static void a_transaction_with_a_refusal_closes_its_channel_406(void **state)
{
    struct fixture *f = *state;
    (void)declare(f, "q", 0, REJECT_PUBLISH(1));
    client_send(f->client, 1, &(struct method){.id = METHOD_TX_SELECT});
    (void)expect_method(f->client, 1, METHOD_TX_SELECT_OK);
    publish(f, "", "q", 1, 2, 0);
    client_send(f->client, 1, &(struct method){.id = METHOD_TX_COMMIT});
    expect_channel_close(f->client, 1, REPLY_PRECONDITION_FAILED);
    get_all(f, "q", 1, 1);
}

static void refusals_end_with_the_policy_or_the_queue(void **state)
{
    struct fixture *f = *state;
    const struct vhost *vhost = f->d->vhost;
    set_policy(f, POLICY_USERS, REJECT_PUBLISH(0));
    assert_int_equal(vhost->rejecting, 2);
    client_delete_queue(f->client, 1, "t");
    assert_int_equal(vhost->rejecting, 1);
    (void)policy_delete(f->d->vhost, POLICY_USERS, policy_find(vhost, POLICY_USERS, S("limit")));
    assert_int_equal(vhost->rejecting, 0);
    confirm_select(f);
    publish(f, "", "d", 1, 1, 0);
    harness_tick(&f->harness);
    expect_confirm(f->client, 1, 1, false);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_too_much_goes_at_the_head),
        TEST(bodies_that_are_ready_count_for_a_limit_in_bytes),
        TEST(what_is_delivered_does_not_count),
        TEST(a_consumer_gets_messages_of_a_queue_that_holds_none),
        TEST(what_comes_back_is_dropped_when_there_is_no_room),
        TEST(what_is_dropped_of_a_durable_queue_is_settled),
        TEST(a_policy_drops_from_queues_that_are_there),
        TEST(much_is_dropped_piece_by_piece),
        TEST(what_is_not_in_memory_is_read_and_dropped),
        TEST(what_has_to_go_all_is_not_read),
        TEST(consumer_need_not_wait_for_what_was_dropped_unread),
        TEST(a_full_queue_refuses_what_is_published),
        TEST(refusals_and_confirms_come_each_for_its_own),
        TEST(a_refusal_waits_for_the_confirms_before_it),
        TEST(one_queue_of_many_that_refuses_is_enough_for_a_refusal),
        TEST(without_confirms_what_is_refused_is_gone),
        TEST(a_transaction_with_a_refusal_closes_its_channel_406),
        TEST(refusals_end_with_the_policy_or_the_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
