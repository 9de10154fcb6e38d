/* SPDX-License-Identifier: Apache-2.0
 *
 * Queues that are paused, and deliver again.
 */
#include "exchange/pause.h"

#include "exchange/definition.h"
#include "test/unit/exchange/paging_fixture.h"

static uint64_t pause(struct fixture *f, struct queue *queue)
{
    uint64_t lsn = queue_pause(queue);
    engine_end_change(f->harness.engine);
    return lsn;
}

static uint64_t resume(struct fixture *f, struct queue *queue)
{
    uint64_t lsn = queue_resume(queue);
    engine_end_change(f->harness.engine);
    return lsn;
}

static void a_paused_queue_takes_messages_and_delivers_them_in_order_once_resumed(void **state)
{
    struct fixture *f = *state;
    client_consume(f->other, 1, "t", "c", true);
    (void)pause(f, f->t);
    publish(f, "", "t", 1, 3, 0);
    harness_tick(&f->harness);
    expect_nothing(f->other);
    assert_int_equal(queue_depth(f->t), 3);
    (void)resume(f, f->t);
    expect_run(f->other, 1, 3);
    publish(f, "", "t", 4, 4, 0);
    expect_run(f->other, 4, 4);
}

static void acks_give_consumers_of_a_paused_queue_nothing_more(void **state)
{
    struct fixture *f = *state;
    client_qos(f->other, 1, 1, false);
    client_consume(f->other, 1, "t", "c", false);
    publish(f, "", "t", 1, 2, 0);
    const struct seen *seen = expect_delivery(f->other, 1, "c", body_of(1), false);
    uint64_t tag = seen->delivery_tag;
    (void)pause(f, f->t);
    client_ack(f->other, 1, tag, false);
    expect_nothing(f->other);
    (void)resume(f, f->t);
    (void)expect_delivery(f->other, 1, "c", body_of(2), false);
}

static void what_comes_back_to_a_paused_queue_waits_there(void **state)
{
    struct fixture *f = *state;
    client_consume(f->other, 1, "t", "c", false);
    publish(f, "", "t", 1, 1, 0);
    const struct seen *seen = expect_delivery(f->other, 1, "c", body_of(1), false);
    uint64_t tag = seen->delivery_tag;
    (void)pause(f, f->t);
    client_nack(f->other, 1, tag, false, true);
    expect_nothing(f->other);
    assert_int_equal(queue_depth(f->t), 1);
    (void)resume(f, f->t);
    (void)expect_delivery(f->other, 1, "c", body_of(1), true);
}

static void who_consumes_from_a_paused_queue_waits_in_turn(void **state)
{
    struct fixture *f = *state;
    (void)pause(f, f->t);
    publish(f, "", "t", 1, 2, 0);
    client_qos(f->other, 1, 1, false);
    client_consume(f->other, 1, "t", "first", false);
    client_consume(f->other, 1, "t", "second", false);
    client_consume(f->client, 1, "t", "gone", false);
    client_cancel(f->client, 1, "gone");
    expect_nothing(f->other);
    (void)resume(f, f->t);
    (void)expect_delivery(f->other, 1, "first", body_of(1), false);
    (void)expect_delivery(f->other, 1, "second", body_of(2), false);
}

static void basic_get_finds_a_paused_queue_empty(void **state)
{
    struct fixture *f = *state;
    publish(f, "", "t", 1, 1, 0);
    (void)pause(f, f->t);
    get(f->other, "t");
    expect_method(f->other, 1, METHOD_BASIC_GET_EMPTY);
    f->other->session->is_operators = true;
    get(f->other, "t");
    expect_get(f->other, 1, body_of(1), false, 0);
}

static void a_get_that_waits_for_its_message_ends_when_the_queue_is_paused(void **state)
{
    struct fixture *f = *state;
    fill(f);
    (void)get_front(f);
    f->shelf.is_silent = true;
    get(f->other, "d");
    expect_nothing(f->other);
    (void)pause(f, f->d);
    expect_method(f->other, 1, METHOD_BASIC_GET_EMPTY);
}

static void the_store_knows_which_durable_queues_are_paused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(pause(f, f->t), 0);
    assert_int_equal(f->harness.store.count, 0);
    uint64_t lsn = pause(f, f->d);
    assert_int_equal(lsn, f->harness.store.last_lsn);
    assert_int_equal(harness_facts(&f->harness, STORE_DEFINE), 1);
    assert_int_equal(pause(f, f->d), 0);
    lsn = resume(f, f->d);
    assert_int_equal(lsn, f->harness.store.last_lsn);
    assert_int_equal(harness_facts(&f->harness, STORE_UNDEFINE), 1);
    assert_int_equal(resume(f, f->d), 0);
    assert_int_equal(f->harness.store.count, 2);
}

static void a_pause_ends_with_its_queue_at_once(void **state)
{
    static const enum store_record_kind expected[] = {STORE_TX_BEGIN, STORE_QUEUE_DELETE,
                                                      STORE_UNDEFINE, STORE_TX_COMMIT};
    struct fixture *f = *state;
    (void)pause(f, f->d);
    harness_forget_facts(&f->harness);
    client_delete_queue(f->client, 1, "d");
    const struct harness_store *store = &f->harness.store;
    size_t at = 0;
    while (at < store->count && store->facts[at].kind != STORE_TX_BEGIN)
        at++; /* the binding's end */
    assert_int_equal(store->count - at, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(store->facts[at + i].kind, expected[i]);
    assert_int_equal(f->harness.engine->topology_lsn, store->last_lsn);
    client_queue(f->client, 1, "d", DECLARE_DURABLE);
    assert_false(harness_queue(&f->harness, "d")->is_paused);
}

static void a_pause_is_restored_behind_the_topology(void **state)
{
    struct fixture *f = *state;
    struct buf key = {0};
    struct slice d = definition_key(&key, S("/"), S("d"), SLICE_EMPTY);
    engine_restore_definition(f->harness.engine, DEFINITION_PAUSED_QUEUE, d, SLICE_EMPTY);
    assert_true(f->d->is_paused);
    assert_int_equal(f->harness.store.count, 0);
    publish(f, "", "d", 1, 1, 0);
    get(f->client, "d");
    expect_method(f->client, 1, METHOD_BASIC_GET_EMPTY);
    assert_false(pause_restore(f->harness.engine,
                               definition_key(&key, S("/"), S("none"), SLICE_EMPTY), SLICE_EMPTY));
    assert_false(pause_restore(f->harness.engine,
                               definition_key(&key, S("none"), S("d"), SLICE_EMPTY), SLICE_EMPTY));
    buf_fini(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_paused_queue_takes_messages_and_delivers_them_in_order_once_resumed),
        TEST(acks_give_consumers_of_a_paused_queue_nothing_more),
        TEST(what_comes_back_to_a_paused_queue_waits_there),
        TEST(who_consumes_from_a_paused_queue_waits_in_turn),
        TEST(basic_get_finds_a_paused_queue_empty),
        TEST(a_get_that_waits_for_its_message_ends_when_the_queue_is_paused),
        TEST(the_store_knows_which_durable_queues_are_paused),
        TEST(a_pause_ends_with_its_queue_at_once),
        TEST(a_pause_is_restored_behind_the_topology),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
