/* SPDX-License-Identifier: Apache-2.0
 *
 * What waits for the store without being a session.
 */
#include "test/unit/exchange/asking.h"

struct waiter {
    struct durable_wait wait; /* first */
    unsigned done;
    struct engine *engine;
    struct waiter *next; /* begins to wait when this one is done */
};

static void on_done(struct durable_wait *wait)
{
    struct waiter *waiter = (struct waiter *)wait;
    waiter->done++;
    if (waiter->next != NULL)
        engine_when_durable(waiter->engine, wait->lsn + 1, &waiter->next->wait);
}

static void begin(struct fixture *f, struct waiter *waiter, uint64_t lsn)
{
    waiter->wait.done = on_done;
    waiter->engine = f->harness.engine;
    engine_when_durable(f->harness.engine, lsn, &waiter->wait);
}

static void nothing_to_wait_for_is_done_at_once(void **state)
{
    struct fixture *f = *state;
    struct waiter waiter = {0};
    begin(f, &waiter, 0);
    assert_int_equal(waiter.done, 1);
    assert_false(waiter.wait.failed);
}

static void done_comes_with_the_tick_in_which_the_store_is_durable_so_far(void **state)
{
    struct fixture *f = *state;
    struct waiter first = {0}, second = {0};
    declare(f->client, 1, "q1", DECLARE_DURABLE);
    uint64_t lsn = f->harness.store.last_lsn;
    begin(f, &first, lsn);
    declare(f->other, 1, "q2", DECLARE_DURABLE);
    begin(f, &second, f->harness.store.last_lsn);
    harness_tick(&f->harness);
    assert_int_equal(first.done + second.done, 0);
    f->harness.store.durable_lsn = lsn;
    harness_tick(&f->harness);
    assert_int_equal(first.done, 1);
    assert_int_equal(second.done, 0);
    sync(f);
    harness_tick(&f->harness);
    assert_int_equal(first.done, 1);
    assert_int_equal(second.done, 1);
    assert_false(first.wait.failed || second.wait.failed);
}

static void waits_for_less_are_done_before_those_that_came_first(void **state)
{
    struct fixture *f = *state;
    struct waiter more = {0}, less = {0};
    declare(f->client, 1, "q1", DECLARE_DURABLE);
    uint64_t lsn = f->harness.store.last_lsn;
    declare(f->other, 1, "q2", DECLARE_DURABLE);
    begin(f, &more, f->harness.store.last_lsn);
    begin(f, &less, lsn);
    f->harness.store.durable_lsn = lsn;
    harness_tick(&f->harness);
    assert_int_equal(less.done, 1);
    assert_int_equal(more.done, 0);
    sync(f);
    assert_int_equal(more.done, 1);
}

static void a_wait_may_begin_another(void **state)
{
    struct fixture *f = *state;
    struct waiter second = {0}, first = {.next = &second};
    second.wait.done = on_done;
    second.engine = f->harness.engine;
    declare(f->client, 1, "q1", DECLARE_DURABLE);
    begin(f, &first, f->harness.store.last_lsn);
    sync(f);
    assert_int_equal(first.done, 1);
    assert_int_equal(second.done, 0);
    declare(f->client, 1, "q2", DECLARE_DURABLE);
    sync(f);
    assert_int_equal(second.done, 1);
}

static void a_failed_store_ends_all_waits_and_says_so(void **state)
{
    struct fixture *f = *state;
    struct waiter before = {0}, after = {0}, durable = {0};
    declare(f->client, 1, "q1", DECLARE_DURABLE);
    uint64_t lsn = f->harness.store.last_lsn;
    sync(f);
    declare(f->client, 1, "q2", DECLARE_DURABLE);
    begin(f, &before, f->harness.store.last_lsn);
    engine_store_failed(f->harness.engine);
    assert_int_equal(before.done, 1);
    assert_true(before.wait.failed);
    begin(f, &after, f->harness.store.last_lsn);
    assert_true(after.done == 1 && after.wait.failed);
    begin(f, &durable, lsn);
    assert_true(durable.done == 1 && !durable.wait.failed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nothing_to_wait_for_is_done_at_once),
        TEST(done_comes_with_the_tick_in_which_the_store_is_durable_so_far),
        TEST(waits_for_less_are_done_before_those_that_came_first),
        TEST(a_wait_may_begin_another),
        TEST(a_failed_store_ends_all_waits_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
