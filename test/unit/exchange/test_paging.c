/* SPDX-License-Identifier: Apache-2.0
 *
 * What leaves memory, when, and how it comes back.
 */
#include "exchange/paging.h"

#include "test/unit/exchange/paging_fixture.h"

/* --- leaving memory and coming back ---------------------------------------------------------- */

static void a_long_queue_leaves_memory_and_comes_back_in_order(void **state)
{
    struct fixture *f = *state;
    fill(f);
    assert_true(f->harness.engine->blocks.bytes <= WATERMARK);
    assert_int_equal(queue_depth(f->d), MANY);
    assert_int_equal(f->d->ready_bytes, MANY * 8);
    assert_int_equal(queue_in_memory(f->d) + f->harness.engine->counters.messages_paged_out, MANY);
    expect_cold_on_shelf(f, f->d);
    expect_all(f, "d");
    assert_int_equal(f->harness.engine->counters.messages_paged_in,
                     f->harness.engine->counters.messages_paged_out);
    assert_int_equal(harness_facts(&f->harness, STORE_PAGE), 0);
    assert_int_equal(f->shelf.count, 0);
    assert_int_equal(f->d->ready_bytes, 0);
    assert_int_equal(f->harness.engine->blocks.bytes, 0);
}

static void what_the_store_does_not_have_of_itself_is_paged(void **state)
{
    struct fixture *f = *state;
    publish_mixed(f, "d", 1, MANY);
    rest(f);
    expect_cold_on_shelf(f, f->d);
    assert_true(harness_facts(&f->harness, STORE_PAGE) > 0);
    expect_all(f, "d");
    assert_int_equal(f->shelf.count, 0);
}

static void of_a_queue_that_is_not_durable_everything_is_paged(void **state)
{
    struct fixture *f = *state;
    publish_mixed(f, "t", 1, MANY);
    rest(f);
    expect_cold_on_shelf(f, f->t);
    assert_true(harness_facts(&f->harness, STORE_PAGE) >= f->t->ready.cold.count);
    assert_int_equal(harness_facts(&f->harness, STORE_MESSAGE), 0);
    expect_all(f, "t");
    assert_int_equal(f->shelf.count, 0);
}

static void a_message_in_two_queues_leaves_each_in_its_way(void **state)
{
    struct fixture *f = *state;
    publish(f, "amq.fanout", "", 1, MANY, PUBLISH_PERSISTENT);
    rest(f);
    expect_cold_on_shelf(f, f->d);
    expect_cold_on_shelf(f, f->t);
    assert_true(f->d->ready.cold.count > 0 && f->t->ready.cold.count > 0);
    expect_all(f, "d");
    client_cancel(f->other, 1, "c");
    expect_all(f, "t");
    assert_int_equal(f->shelf.count, 0);
}

static void messages_come_and_go_meanwhile(void **state)
{
    struct fixture *f = *state;
    uint32_t published = 0, taken = 0;
    f->shelf.ticks_max = 3;
    f->shelf.is_hasty = true;
    f->shelf.answer_max = BLOCK;
    client_consume(f->other, 1, "d", "c", false);
    client_qos(f->client, 1, 2, false);
    for (unsigned round = 0; published < 3 * MANY; round++) {
        publish_mixed(f, "t", published + 1, published + 5 * BLOCK / 2);
        published += 5 * BLOCK / 2;
        rest(f);
        client_consume(f->client, 1, "t", "c", true); /* takes for a tick or two */
        for (unsigned i = 0; i < round % 3; i++)
            harness_tick(&f->harness);
        client_cancel(f->client, 1, "c");
        expect_cold_on_shelf(f, f->t);
        for (const struct seen *seen; (seen = client_next(f->client)) != NULL;)
            assert_body(seen, body_of(++taken));
        client_forget(f->client);
        assert_int_equal(queue_depth(f->t), published - taken);
    }
    client_consume(f->client, 1, "t", "c", true);
    for (unsigned ticks = 0; queue_depth(f->t) > 0 && ticks < 10000; ticks++)
        harness_tick(&f->harness);
    expect_run(f->client, taken + 1, published);
    assert_int_equal(f->shelf.count, 0);
}

static void nothing_leaves_memory_before_it_is_durable(void **state)
{
    struct fixture *f = *state;
    f->harness.store.patient = true;
    publish_mixed(f, "d", 1, MANY);
    rest(f);
    assert_int_equal(queue_in_memory(f->d), MANY);
    assert_true(harness_facts(&f->harness, STORE_PAGE) > 0);
    f->harness.store.patient = false;
    rest(f);
    assert_true(f->harness.engine->blocks.bytes <= WATERMARK);
    expect_cold_on_shelf(f, f->d);
    expect_all(f, "d");
}

static void what_was_paged_and_is_taken_before_it_left_is_settled_at_once(void **state)
{
    struct fixture *f = *state;
    f->harness.store.patient = true;
    publish(f, "", "t", 1, MANY, 0);
    rest(f);
    size_t paged = harness_facts(&f->harness, STORE_PAGE);
    assert_true(paged > 0);
    assert_int_equal(f->shelf.count, paged);
    expect_all(f, "t");
    assert_int_equal(harness_facts(&f->harness, STORE_SETTLE), paged);
    assert_int_equal(f->shelf.count, 0);
}

static void no_more_is_given_to_a_store_that_is_full(void **state)
{
    struct fixture *f = *state;
    publish(f, "", "t", 1, MANY, 0);
    f->harness.engine->held_bytes = ENGINE_HELD_MAX;
    rest(f);
    assert_int_equal(harness_facts(&f->harness, STORE_PAGE), 0);
    f->harness.engine->held_bytes = 0;
    rest(f);
    assert_true(f->t->ready.cold.count > 0);
}

static void without_need_nothing_leaves_memory(void **state)
{
    struct fixture *f = *state;
    publish(f, "", "d", 1, 5 * BLOCK, PUBLISH_PERSISTENT);
    rest(f);
    assert_int_equal(queue_in_memory(f->d), 5 * BLOCK);
    f->harness.engine->memory_watermark = 0;
    publish(f, "", "d", 5 * BLOCK + 1, MANY, PUBLISH_PERSISTENT);
    rest(f);
    assert_int_equal(queue_in_memory(f->d), MANY);
    f->harness.engine->memory_watermark = WATERMARK;
    f->harness.store.store.fetch = NULL;
    rest(f);
    assert_int_equal(queue_in_memory(f->d), MANY);
}

static void a_tick_does_a_bounded_amount_of_it(void **state)
{
    struct fixture *f = *state;
    enum { LOTS = 20000 };
    f->harness.engine->memory_watermark = 0;
    publish(f, "", "d", 1, LOTS, PUBLISH_PERSISTENT);
    harness_tick(&f->harness);
    f->harness.engine->memory_watermark = WATERMARK;
    harness_tick(&f->harness);
    assert_true(f->harness.engine->wants_tick);
    assert_in_range(f->d->ready.cold.count, 100, 2 * 2000 + BLOCK);
    rest(f);
    assert_true(f->harness.engine->blocks.bytes <= WATERMARK);
    assert_false(f->harness.engine->wants_tick);
}

/* --- fetching -------------------------------------------------------------------------------- */

static void one_fetch_is_under_way_and_the_next_is_asked_for_ahead(void **state)
{
    struct fixture *f = *state;
    fill(f);
    uint32_t taken = get_front(f);
    f->shelf.answer_max = 1; /* half of it is taken with the first */
    get(f->client, "d");
    assert_int_equal(f->shelf.fetched, 1);
    get(f->other, "d");
    assert_int_equal(f->shelf.fetched, 1);
    harness_tick(&f->harness);
    expect_get(f->client, 1, body_of(taken + 1), false, MANY - taken - 1);
    assert_int_equal(f->d->paging.state, PAGING_FETCHING);
    harness_tick(&f->harness);
    expect_get(f->other, 1, body_of(taken + 2), false, MANY - taken - 2);
}

static void the_next_messages_are_asked_for_before_they_are_needed(void **state)
{
    struct fixture *f = *state;
    unsigned ahead = 0;
    f->shelf.answer_max = 8;
    fill(f);
    (void)get_front(f);
    while (f->d->ready.cold.count > 0) {
        get(f->client, "d");
        ahead += f->d->paging.state == PAGING_FETCHING && f->d->ready.front.head != NULL;
        harness_tick(&f->harness);
    }
    assert_true(ahead > 0);
}

static void more_is_asked_for_while_a_queue_is_drained_steadily(void **state)
{
    struct fixture *f = *state;
    enum { SIZE = 2000, COUNT = 20000 };
    static char body[SIZE + 1];
    memset(body, 'x', SIZE);
    for (unsigned i = 0; i < COUNT; i++)
        client_publish(f->client, 1, "", "d", body, PUBLISH_PERSISTENT);
    rest(f);
    f->harness.engine->memory_watermark = 0; /* scarce no more */
    client_consume(f->other, 1, "d", "c", true);
    uint64_t asked = 0, most = 0;
    while (queue_depth(f->d) > 0) {
        harness_tick(&f->harness);
        client_forget(f->other);
        if (f->shelf.last_bytes != asked && asked != 0)
            assert_int_equal(f->shelf.last_bytes, asked * 2);
        asked = f->shelf.last_bytes;
        most = asked > most ? asked : most;
    }
    assert_int_equal(most, 4u << 20);
}

static void after_a_pause_little_is_asked_for(void **state)
{
    struct fixture *f = *state;
    f->shelf.answer_max = 2;
    fill(f);
    (void)get_front(f);
    for (unsigned i = 0; i < 8; i++) {
        get(f->client, "d");
        harness_tick(&f->harness);
    }
    assert_true(f->shelf.last_bytes > 64u << 10);
    f->harness.now_ms += 2000;
    while (f->d->paging.state != PAGING_QUIET)
        harness_tick(&f->harness);
    while (f->d->ready.front.head != NULL)
        get(f->client, "d");
    f->harness.now_ms += 2000;
    get(f->client, "d");
    assert_int_equal(f->shelf.last_bytes, 64u << 10);
}

static void what_was_fetched_for_nobody_leaves_memory_again(void **state)
{
    struct fixture *f = *state;
    fill(f);
    uint32_t taken = get_front(f);
    get(f->client, "d");
    harness_tick(&f->harness);
    expect_get(f->client, 1, body_of(taken + 1), false, MANY - taken - 1);
    rest(f);
    uint64_t there = queue_in_memory(f->d);
    f->harness.now_ms += 2000;
    f->harness.engine->memory_watermark = 1; /* nothing may stay that need not */
    rest(f);
    assert_true(queue_in_memory(f->d) < there);
    assert_true(f->d->ready.blocks <= DEQUE_BLOCKS_KEPT);
    expect_cold_on_shelf(f, f->d);
    client_consume(f->other, 1, "d", "c", true);
    while (queue_depth(f->d) > 0)
        harness_tick(&f->harness);
    expect_run(f->other, taken + 2, MANY);
    assert_int_equal(f->shelf.count, 0);
}

static void the_front_is_not_shortened_while_more_is_fetched_for_it(void **state)
{
    struct fixture *f = *state;
    fill(f);
    uint32_t taken = get_front(f);
    f->harness.engine->memory_watermark = 1;
    rest(f);
    f->shelf.answer_max = 12 * BLOCK;
    client_qos(f->client, 1, 1, false);
    client_consume(f->client, 1, "d", "c", false);
    for (bool tried = false; queue_depth(f->d) > 0;) {
        harness_tick(&f->harness);
        for (const struct seen *seen; (seen = client_next(f->client)) != NULL;) {
            assert_body(seen, body_of(++taken));
            client_ack(f->client, 1, seen->delivery_tag, false);
            if (!tried && f->d->paging.state == PAGING_FETCHING &&
                f->d->ready.blocks > DEQUE_BLOCKS_KEPT) { /* one of them behind */
                tried = true;
                f->shelf.is_silent = true;
                f->harness.now_ms += 2000;
                uint64_t first = f->d->ready.cold.first;
                rest(f);
                assert_int_equal(f->d->ready.cold.first, first);
                f->shelf.is_silent = false;
            }
        }
        assert_true(tried || f->d->ready.cold.count > 0);
    }
    assert_int_equal(taken, MANY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_long_queue_leaves_memory_and_comes_back_in_order),
        TEST(what_the_store_does_not_have_of_itself_is_paged),
        TEST(of_a_queue_that_is_not_durable_everything_is_paged),
        TEST(a_message_in_two_queues_leaves_each_in_its_way),
        TEST(messages_come_and_go_meanwhile),
        TEST(nothing_leaves_memory_before_it_is_durable),
        TEST(what_was_paged_and_is_taken_before_it_left_is_settled_at_once),
        TEST(no_more_is_given_to_a_store_that_is_full),
        TEST(without_need_nothing_leaves_memory),
        TEST(a_tick_does_a_bounded_amount_of_it),
        TEST(one_fetch_is_under_way_and_the_next_is_asked_for_ahead),
        TEST(the_next_messages_are_asked_for_before_they_are_needed),
        TEST(more_is_asked_for_while_a_queue_is_drained_steadily),
        TEST(after_a_pause_little_is_asked_for),
        TEST(what_was_fetched_for_nobody_leaves_memory_again),
        TEST(the_front_is_not_shortened_while_more_is_fetched_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
