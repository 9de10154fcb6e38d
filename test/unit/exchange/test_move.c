/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages that are moved from one queue to another.
 */
#include "exchange/browse.h"
#include "exchange/move.h"

#include <errno.h>

#include "exchange/pause.h"
#include "server/base/log.h"
#include "test/unit/exchange/paging_fixture.h"

struct wait {
    struct paging_wait wait; /* first */
    unsigned done;
};

static void on_done(struct paging_wait *wait)
{
    ((struct wait *)wait)->done++;
}

static uint64_t move(struct fixture *f, struct queue *from, struct queue *to, uint64_t count)
{
    uint64_t lsn, moved = queue_move(from, to, count, &lsn);
    engine_end_change(f->harness.engine);
    return moved;
}

static struct queue *declare_other(struct fixture *f, const char *name, unsigned flags)
{
    client_queue(f->client, 1, name, flags);
    harness_forget_facts(&f->harness);
    return harness_queue(&f->harness, name);
}

static void moved_messages_stand_behind_the_others_in_their_order(void **state)
{
    struct fixture *f = *state;
    struct queue *e = declare_other(f, "e", 0);
    publish(f, "", "e", 1, 2, 0);
    publish(f, "", "t", 3, 6, 0);
    client_get(f->other, 1, "t", false);
    client_nack(f->other, 1, 1, false, true); /* stands first again */
    client_forget(f->other);
    assert_int_equal(move(f, f->t, e, 3), 3);
    assert_int_equal(queue_depth(f->t), 1);
    client_consume(f->other, 1, "e", "c", true);
    expect_run(f->other, 1, 5);
}

static void a_move_is_one_transaction_in_the_log(void **state)
{
    static const enum store_record_kind expected[] = {
        STORE_TX_BEGIN, STORE_SETTLE, STORE_MESSAGE, STORE_SETTLE, STORE_MESSAGE, STORE_TX_COMMIT};
    struct fixture *f = *state;
    struct queue *e = declare_other(f, "e", DECLARE_DURABLE);
    publish(f, "", "d", 1, 2, PUBLISH_PERSISTENT);
    publish(f, "", "d", 3, 3, 0); /* was never in the log */
    harness_forget_facts(&f->harness);
    uint64_t lsn;
    assert_int_equal(queue_move(f->d, e, UINT64_MAX, &lsn), 3);
    const struct harness_store *store = &f->harness.store;
    assert_int_equal(store->count, sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < store->count; i++)
        assert_int_equal(store->facts[i].kind, expected[i]);
    assert_int_equal(lsn, store->last_lsn);
    assert_string_equal(store->facts[1].name, "d");
    assert_int_equal(store->facts[1].position, 1);
    assert_string_equal(store->facts[2].targets[0].queue, "e");
    assert_int_equal(store->facts[2].target_count, 1);
}

static void nothing_is_written_where_nothing_lasts(void **state)
{
    struct fixture *f = *state;
    struct queue *e = declare_other(f, "e", 0);
    uint64_t lsn;
    publish(f, "", "t", 1, 2, PUBLISH_PERSISTENT);
    assert_int_equal(queue_move(f->t, e, 10, &lsn), 2);
    assert_int_equal(lsn, 0);
    assert_int_equal(queue_move(f->t, e, 10, &lsn), 0);
    assert_int_equal(f->harness.store.count, 0);
}

static void what_only_passed_through_memory_is_stored_where_it_lasts(void **state)
{
    struct fixture *f = *state;
    publish(f, "", "t", 1, 1, PUBLISH_PERSISTENT);
    assert_int_equal(move(f, f->t, f->d, 1), 1);
    assert_int_equal(harness_facts(&f->harness, STORE_MESSAGE), 1);
    assert_int_equal(harness_facts(&f->harness, STORE_SETTLE), 0);
    assert_int_equal(move(f, f->d, f->t, 1), 1); /* and is out of the log again */
    assert_int_equal(harness_facts(&f->harness, STORE_SETTLE), 1);
    assert_int_equal(f->shelf.count, 0);
    assert_int_equal(f->d->persistent, 0);
    assert_int_equal(f->t->persistent, 1);
}

static void a_message_in_a_third_queue_stays_as_it_is_there(void **state)
{
    struct fixture *f = *state;
    struct queue *e = declare_other(f, "e", DECLARE_DURABLE);
    struct queue *g = declare_other(f, "g", DECLARE_DURABLE);
    client_bind(f->client, 1, "e", "amq.fanout", "");
    publish(f, "amq.fanout", "", 1, 1, PUBLISH_PERSISTENT); /* to d, t and e */
    assert_int_equal(f->shelf.count, 2);
    assert_int_equal(move(f, f->d, g, 1), 1);
    assert_int_equal(f->shelf.count, 2); /* of e and g */
    get(f->client, "e");
    expect_get(f->client, 1, body_of(1), false, 0);
    get(f->client, "t");
    expect_get(f->client, 1, body_of(1), false, 0);
    assert_int_equal(f->shelf.count, 1);
    get(f->client, "g");
    expect_get(f->client, 1, body_of(1), false, 0);
    assert_int_equal(f->shelf.count, 0);
    assert_int_equal(queue_depth(e), 0);
}

static void consumers_of_the_destination_get_it_at_once(void **state)
{
    struct fixture *f = *state;
    client_consume(f->other, 1, "d", "c", true);
    publish(f, "", "t", 1, 2, PUBLISH_PERSISTENT);
    assert_int_equal(move(f, f->t, f->d, 2), 2);
    expect_run(f->other, 1, 2);
    assert_int_equal(f->shelf.count, 0);
}

static void a_paused_queue_can_be_emptied(void **state)
{
    struct fixture *f = *state;
    publish(f, "", "t", 1, 2, 0);
    (void)queue_pause(f->t);
    assert_int_equal(move(f, f->t, f->d, 2), 2);
}

static void a_piece_has_an_end(void **state)
{
    struct fixture *f = *state;
    publish(f, "", "t", 1, MOVE_MESSAGES_MAX + 1, 0);
    assert_int_equal(move(f, f->t, f->d, UINT64_MAX), MOVE_MESSAGES_MAX);
    assert_int_equal(move(f, f->t, f->d, UINT64_MAX), 1);
}

static void what_is_out_of_memory_is_waited_for(void **state)
{
    struct fixture *f = *state;
    struct queue *e = declare_other(f, "e", DECLARE_DURABLE);
    fill(f);
    struct wait wait = {{.done = on_done}, 0};
    uint64_t moved = 0, waits = 0;
    for (unsigned ticks = 0; moved < MANY; ticks++) {
        uint64_t now = move(f, f->d, e, MANY);
        moved += now;
        if (now == 0) {
            assert_true(paging_await(f->d, &wait.wait));
            waits++;
            for (unsigned i = 0; wait.done < waits; i++) {
                harness_tick(&f->harness);
                assert_true(i < 100);
            }
        }
        assert_true(ticks < 10000);
    }
    assert_true(waits > 0);
    assert_int_equal(wait.done, waits);
    assert_false(paging_await(f->d, &wait.wait)); /* it is empty */
    assert_int_equal(queue_depth(f->d), 0);
    expect_all(f, "e");
    assert_int_equal(f->shelf.count, 0);
}

static void who_waits_for_messages_hears_of_the_queues_end(void **state)
{
    struct fixture *f = *state;
    struct wait wait = {{.done = on_done}, 0};
    fill(f);
    (void)get_front(f);
    f->shelf.is_silent = true;
    assert_true(paging_await(f->d, &wait.wait));
    client_delete_queue(f->other, 1, "d");
    assert_int_equal(wait.done, 1);
    f->shelf.is_silent = false;
    rest(f);
    assert_int_equal(wait.done, 1);
}

static void who_waits_for_what_cannot_be_read_does_not_wait_for_long(void **state)
{
    struct fixture *f = *state;
    struct wait wait = {{.done = on_done}, 0};
    uint64_t bytes;
    fill(f);
    uint64_t at_hand = queue_browsable(f->d, &bytes);
    assert_true(at_hand > 0 && bytes > 0);
    assert_int_equal(get_front(f), at_hand);
    assert_int_equal(queue_browsable(f->d, &bytes), 0);
    f->shelf.failure = -EIO;
    log_set_level(LOG_ERROR + 1);
    assert_true(paging_await(f->d, &wait.wait));
    harness_tick(&f->harness);
    harness_tick(&f->harness);
    assert_int_equal(wait.done, 1);
    assert_false(paging_await(f->d, &wait.wait));
    log_set_level(LOG_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(moved_messages_stand_behind_the_others_in_their_order),
        TEST(a_move_is_one_transaction_in_the_log),
        TEST(nothing_is_written_where_nothing_lasts),
        TEST(what_only_passed_through_memory_is_stored_where_it_lasts),
        TEST(a_message_in_a_third_queue_stays_as_it_is_there),
        TEST(consumers_of_the_destination_get_it_at_once),
        TEST(a_paused_queue_can_be_emptied),
        TEST(a_piece_has_an_end),
        TEST(what_is_out_of_memory_is_waited_for),
        TEST(who_waits_for_messages_hears_of_the_queues_end),
        TEST(who_waits_for_what_cannot_be_read_does_not_wait_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
