/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/expiry.h"

#include "exchange/move.h"
#include "test/unit/exchange/arguments_json.h"
#include "test/unit/exchange/paging_fixture.h"

enum { START_MS = 1000000 };

static int set_up_clock(void **state)
{
    (void)set_up(state);
    ((struct fixture *)*state)->harness.now_ms = START_MS;
    return 0;
}

/* A tick so many milliseconds after the start. */
static void tick_at(struct fixture *f, uint64_t ms)
{
    f->harness.now_ms = START_MS + ms;
    harness_tick(&f->harness);
}

static void publish_expiring(struct fixture *f, const char *queue, const char *body,
                             const char *expiration)
{
    client_publish_with(f->client, 1, "", queue, body, PUBLISH_PERSISTENT,
                        &(struct properties){.flags = PROPERTY_EXPIRATION | PROPERTY_DELIVERY_MODE,
                                             .delivery_mode = 2,
                                             .expiration = S(expiration)});
}

static uint64_t next_tick(const struct fixture *f)
{
    return engine_next_tick_ms(f->harness.engine) - START_MS;
}

static void message_expires_to_the_millisecond(void **state)
{
    struct fixture *f = *state;
    struct queue *queue = declare_with(f->client, "q", 0, "{'x-message-ttl':100}");
    publish(f, "", "q", 1, 1, 0);
    assert_int_equal(next_tick(f), 100);
    tick_at(f, 99);
    assert_int_equal(queue_depth(queue), 1);
    tick_at(f, 100);
    assert_int_equal(queue_depth(queue), 0);
    assert_int_equal(f->harness.engine->counters.messages_expired, 1);
}

static void queue_without_ttl_has_no_clock_and_its_messages_no_time(void **state)
{
    struct fixture *f = *state;
    publish(f, "", "d", 1, 1, PUBLISH_PERSISTENT);
    harness_tick(&f->harness);
    assert_null(f->d->clock);
    assert_int_equal(message_time_ms(queue_peek(f->d)), 0);
}

static void fan_out_gives_each_queue_its_own_ttl(void **state)
{
    struct fixture *f = *state;
    struct queue *slow = declare_with(f->client, "slow", 0, "{'x-message-ttl':500}");
    struct queue *fast = declare_with(f->client, "fast", 0, "{'x-message-ttl':20}");
    client_bind(f->client, 1, "slow", "amq.fanout", "");
    client_bind(f->client, 1, "fast", "amq.fanout", "");
    publish(f, "amq.fanout", "", 1, 1, 0);
    tick_at(f, 20);
    assert_int_equal(queue_depth(fast), 0);
    assert_int_equal(queue_depth(slow), 1);
    assert_int_equal(queue_depth(f->d), 1);
    tick_at(f, 500);
    assert_int_equal(queue_depth(slow), 0);
    assert_int_equal(queue_depth(f->d), 1);
    assert_null(f->d->clock);
}

static void head_with_a_later_end_keeps_those_behind_it(void **state)
{
    struct fixture *f = *state;
    publish_expiring(f, "d", "first", "300");
    publish_expiring(f, "d", "second", "100");
    publish_expiring(f, "d", "third", "400");
    tick_at(f, 200);
    assert_int_equal(queue_depth(f->d), 3);
    tick_at(f, 300);
    assert_int_equal(queue_depth(f->d), 1);
    assert_int_equal(next_tick(f), 400);
    tick_at(f, 400);
    assert_int_equal(queue_depth(f->d), 0);
}

static void next_head_is_looked_at_when_one_is_taken(void **state)
{
    struct fixture *f = *state;
    publish_expiring(f, "d", "first", "300");
    publish_expiring(f, "d", "second", "100");
    get(f->other, "d");
    expect_get(f->other, 1, "first", false, 1);
    assert_int_equal(next_tick(f), 100);
    tick_at(f, 50);
    tick_at(f, 100);
    assert_int_equal(queue_depth(f->d), 0);
}

static void own_end_counts_in_a_queue_with_a_later_one(void **state)
{
    struct fixture *f = *state;
    struct queue *queue = declare_with(f->client, "q", 0, "{'x-message-ttl':500}");
    publish(f, "", "q", 1, 2, 0);
    publish_expiring(f, "q", "third", "100");
    publish(f, "", "q", 4, 4, 0);
    tick_at(f, 50);
    get(f->other, "q");
    expect_get(f->other, 1, body_of(1), false, 3);
    tick_at(f, 100);
    assert_int_equal(queue_depth(queue), 3);
    get(f->other, "q");
    expect_get(f->other, 1, body_of(2), false, 1);
    harness_tick(&f->harness);
    assert_int_equal(queue_depth(queue), 1);
    tick_at(f, 500);
    assert_int_equal(queue_depth(queue), 0);
}

static void message_that_comes_back_ends_before_those_behind_it(void **state)
{
    struct fixture *f = *state;
    struct queue *queue = declare_with(f->client, "q", 0, "{'x-message-ttl':100}");
    publish(f, "", "q", 1, 1, 0);
    client_get(f->other, 1, "q", false);
    (void)expect_method(f->other, 1, METHOD_BASIC_GET_OK);
    tick_at(f, 50);
    publish(f, "", "q", 2, 2, 0);
    tick_at(f, 60);
    client_nack(f->other, 1, 1, false, true);
    tick_at(f, 100);
    assert_int_equal(queue_depth(queue), 1);
    tick_at(f, 149);
    assert_int_equal(queue_depth(queue), 1);
    tick_at(f, 150);
    assert_int_equal(queue_depth(queue), 0);
}

static void message_keeps_its_time_when_it_comes_back(void **state)
{
    struct fixture *f = *state;
    client_consume(f->other, 1, "d", "c", false);
    publish_expiring(f, "d", "x", "100");
    const struct seen *seen = expect_delivery(f->other, 1, "c", "x", false);
    client_cancel(f->other, 1, "c");
    tick_at(f, 60);
    client_nack(f->other, 1, seen->delivery_tag, false, true);
    assert_int_equal(queue_depth(f->d), 1);
    tick_at(f, 60);
    assert_int_equal(next_tick(f), 100);
    tick_at(f, 100);
    assert_int_equal(queue_depth(f->d), 0);
}

static void policy_with_another_ttl_holds_at_once(void **state)
{
    struct fixture *f = *state;
    struct queue *queue = declare_with(f->client, "q", 0, "{'x-message-ttl':500}");
    publish(f, "", "q", 1, 3, 0);
    publish(f, "", "t", 1, 2, 0);
    f->harness.now_ms += 50;
    set_policy(&f->harness, "^[qt]$", "{'message-ttl':100}");
    tick_at(f, 99);
    assert_int_equal(queue_depth(queue), 3);
    tick_at(f, 100); /* since they came */
    assert_int_equal(queue_depth(queue), 0);
    assert_int_equal(queue_depth(f->t), 2);
    tick_at(f, 149);
    assert_int_equal(queue_depth(f->t), 2);
    tick_at(f, 150); /* since the policy came: nobody knows when they did */
    assert_int_equal(queue_depth(f->t), 0);
}

static void expired_messages_leave_the_log_as_one_run(void **state)
{
    struct fixture *f = *state;
    (void)declare_with(f->client, "q", DECLARE_DURABLE, "{'x-message-ttl':10}");
    publish(f, "", "q", 1, 5, PUBLISH_PERSISTENT);
    harness_tick(&f->harness);
    harness_forget_facts(&f->harness);
    tick_at(f, 10);
    assert_int_equal(harness_facts(&f->harness, STORE_SETTLE), 5);
    assert_int_equal(f->harness.store.count, 5); /* which the log puts together */
}

static void cold_messages_expire(void **state)
{
    struct fixture *f = *state;
    struct queue *queue = declare_with(f->client, "q", DECLARE_DURABLE, "{'x-message-ttl':1000}");
    publish(f, "", "q", 1, MANY, PUBLISH_PERSISTENT);
    rest(f);
    assert_true(queue->ready.cold.count > 0);
    f->harness.now_ms += 1000;
    for (unsigned ticks = 0; queue_depth(queue) > 0; ticks++) {
        harness_tick(&f->harness);
        assert_true(ticks < 10000);
    }
    assert_int_equal(f->harness.engine->counters.messages_expired, MANY);
    assert_int_equal(shelf_count(&f->shelf, queue->id, 0, UINT64_MAX, NULL, NULL), 0);
}

static void transient_messages_that_left_memory_expire(void **state)
{
    struct fixture *f = *state;
    struct queue *queue = declare_with(f->client, "q", 0, "{'x-message-ttl':1000}");
    publish(f, "", "q", 1, MANY, 0);
    rest(f);
    assert_true(queue->ready.cold.count > 0);
    f->harness.now_ms += 999;
    rest(f);
    assert_int_equal(queue_depth(queue), MANY);
    f->harness.now_ms += 1;
    for (unsigned ticks = 0; queue_depth(queue) > 0; ticks++) {
        harness_tick(&f->harness);
        assert_true(ticks < 10000);
    }
}

static void a_restart_does_not_begin_the_time_again(void **state)
{
    struct fixture *f = *state;
    publish_expiring(f, "d", "x", "100");
    publish_expiring(f, "d", "y", "100");
    rest(f);
    uint64_t id = f->d->id;
    harness_fini(&f->harness);
    harness_init(&f->harness, 2);
    f->harness.now_ms = START_MS + 60;
    shelf_restart(&f->shelf, &f->harness, WATERMARK);
    connect(f);
    f->d->id = id;
    queue_restore(f->d, 1, 3, 2, 2);
    expiry_restore(f->d);
    rest(f);
    assert_int_equal(queue_depth(f->d), 2);
    assert_int_equal(next_tick(f), 100);
    tick_at(f, 100);
    rest(f);
    assert_int_equal(queue_depth(f->d), 0);
}

static void many_that_expire_together_take_several_ticks(void **state)
{
    enum { LOTS = 20000 };
    struct fixture *f = *state;
    engine_set_limits(f->harness.engine, 0, 0, 0);
    struct queue *queue = declare_with(f->client, "q", 0, "{'x-message-ttl':100}");
    publish(f, "", "q", 1, LOTS, 0);
    f->harness.now_ms += 100;
    unsigned ticks = 0;
    for (uint64_t before = LOTS; before > 0; before = queue_depth(queue), ticks++) {
        harness_tick(&f->harness);
        assert_true(before - queue_depth(queue) < 6000);
        assert_true(queue_depth(queue) == 0 || f->harness.engine->wants_tick);
    }
    assert_true(ticks > 2);
}

static void get_waits_until_all_that_is_over_is_dropped(void **state)
{
    enum { LOTS = 20000 };
    struct fixture *f = *state;
    engine_set_limits(f->harness.engine, 0, 0, 0);
    (void)declare_with(f->client, "q", 0, "{'x-message-ttl':100}");
    publish(f, "", "q", 1, LOTS, 0);
    f->harness.now_ms += 50;
    publish(f, "", "q", LOTS + 1, LOTS + 1, 0);
    f->harness.now_ms += 50;
    get(f->other, "q");
    expect_nothing(f->other);
    for (unsigned ticks = 0; client_peek(f->other) == NULL; ticks++) {
        harness_tick(&f->harness);
        assert_true(ticks < 100);
    }
    expect_get(f->other, 1, body_of(LOTS + 1), false, 0);
}

static void consumer_gets_nothing_that_is_over(void **state)
{
    enum { LOTS = 3000 };
    struct fixture *f = *state;
    engine_set_limits(f->harness.engine, 0, 0, 0);
    (void)declare_with(f->client, "q", 0, "{'x-message-ttl':100}");
    publish(f, "", "q", 1, LOTS, 0);
    f->harness.now_ms += 50;
    publish(f, "", "q", LOTS + 1, LOTS + 2, 0);
    f->harness.now_ms += 50;
    client_consume(f->other, 1, "q", "c", true);
    rest(f);
    expect_run(f->other, LOTS + 1, LOTS + 2);
    expect_nothing(f->other);
}

static void moved_message_begins_its_time_again(void **state)
{
    struct fixture *f = *state;
    struct queue *queue = declare_with(f->client, "q", 0, "{'x-message-ttl':100}");
    publish_expiring(f, "d", "x", "1000");
    f->harness.now_ms += 90;
    client_publish(f->client, 1, "", "d", "y", PUBLISH_PERSISTENT);
    uint64_t lsn;
    (void)queue_move(f->d, queue, 2, &lsn);
    engine_end_change(f->harness.engine);
    harness_tick(&f->harness);
    tick_at(f, 189);
    assert_int_equal(queue_depth(queue), 2);
    tick_at(f, 190);
    assert_int_equal(queue_depth(queue), 0);
}

/* --- queues ---------------------------------------------------------------------------------- */

static void unused_queue_is_deleted(void **state)
{
    struct fixture *f = *state;
    (void)declare_with(f->client, "q", 0, "{'x-expires':100}");
    publish(f, "", "q", 1, 3, 0);
    tick_at(f, 99);
    assert_non_null(harness_queue(&f->harness, "q"));
    tick_at(f, 100);
    assert_null(harness_queue(&f->harness, "q"));
}

static void consumer_keeps_a_queue_and_its_end_counts(void **state)
{
    struct fixture *f = *state;
    (void)declare_with(f->client, "q", 0, "{'x-expires':100}");
    client_consume(f->other, 1, "q", "c", true);
    tick_at(f, 500);
    client_cancel(f->other, 1, "c");
    tick_at(f, 599);
    assert_non_null(harness_queue(&f->harness, "q"));
    tick_at(f, 600);
    assert_null(harness_queue(&f->harness, "q"));
}

static void get_and_declaration_are_uses(void **state)
{
    struct fixture *f = *state;
    (void)declare_with(f->client, "q", 0, "{'x-expires':100}");
    tick_at(f, 80);
    get(f->other, "q");
    client_forget(f->other);
    tick_at(f, 170);
    (void)declare_with(f->client, "q", 0, "{'x-expires':100}");
    tick_at(f, 269);
    assert_non_null(harness_queue(&f->harness, "q"));
    tick_at(f, 270);
    assert_null(harness_queue(&f->harness, "q"));
}

static void policy_about_unused_queues_comes_and_goes(void **state)
{
    struct fixture *f = *state;
    (void)declare_with(f->client, "q", 0, "{}");
    set_policy(&f->harness, "^q$", "{'expires':100}");
    f->harness.now_ms += 50;
    set_policy(&f->harness, "^other$", "{'expires':100}");
    tick_at(f, 200);
    assert_non_null(harness_queue(&f->harness, "q"));
    set_policy(&f->harness, "^q$", "{'expires':100}");
    tick_at(f, 300);
    assert_null(harness_queue(&f->harness, "q"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_clock, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(message_expires_to_the_millisecond),
        TEST(queue_without_ttl_has_no_clock_and_its_messages_no_time),
        TEST(fan_out_gives_each_queue_its_own_ttl),
        TEST(head_with_a_later_end_keeps_those_behind_it),
        TEST(next_head_is_looked_at_when_one_is_taken),
        TEST(own_end_counts_in_a_queue_with_a_later_one),
        TEST(message_that_comes_back_ends_before_those_behind_it),
        TEST(message_keeps_its_time_when_it_comes_back),
        TEST(policy_with_another_ttl_holds_at_once),
        TEST(expired_messages_leave_the_log_as_one_run),
        TEST(cold_messages_expire),
        TEST(transient_messages_that_left_memory_expire),
        TEST(a_restart_does_not_begin_the_time_again),
        TEST(many_that_expire_together_take_several_ticks),
        TEST(get_waits_until_all_that_is_over_is_dropped),
        TEST(consumer_gets_nothing_that_is_over),
        TEST(moved_message_begins_its_time_again),
        TEST(unused_queue_is_deleted),
        TEST(consumer_keeps_a_queue_and_its_end_counts),
        TEST(get_and_declaration_are_uses),
        TEST(policy_about_unused_queues_comes_and_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
