/* SPDX-License-Identifier: Apache-2.0
 *
 * Queues with priorities: in which order messages come, whatever became of them before.
 */
#include "exchange/priority.h"

#include "amqp/table.h"
#include "exchange/browse.h"
#include "test/unit/exchange/paging_fixture.h"

enum { MOST = 10 };

static void declare(struct fixture *f, const char *name)
{
    struct buf arguments = {0};
    table_put_int(&arguments, "x-max-priority", MOST);
    client_send(f->client, 1,
                &(struct method){.id = METHOD_QUEUE_DECLARE,
                                 .queue_declare = {.queue = S(name),
                                                   .durable = true,
                                                   .arguments = buf_slice(&arguments),
                                                   .nowait = true}});
    buf_fini(&arguments);
}

/* Publishes NUMBER with PRIORITY; negative: without one. */
static void put(struct fixture *f, uint32_t number, int priority)
{
    struct properties properties = {.flags = 0};
    if (priority >= 0)
        properties = (struct properties){.flags = PROPERTY_PRIORITY, .priority = (uint8_t)priority};
    client_publish_with(f->client, 1, "", "p", body_of(number), PUBLISH_PERSISTENT, &properties);
}

static uint64_t take(struct fixture *f, uint32_t number, bool redelivered, uint32_t left)
{
    client_get(f->other, 1, "p", false);
    return expect_get(f->other, 1, body_of(number), redelivered, left);
}

static void higher_priorities_come_first_and_equals_in_order(void **state)
{
    struct fixture *f = *state;
    declare(f, "p");
    put(f, 1, 0);
    put(f, 2, 5);
    put(f, 3, 9);
    put(f, 4, 5);
    put(f, 5, 9);
    put(f, 6, 0);
    static const uint32_t order[] = {3, 5, 2, 4, 1, 6};
    for (uint32_t i = 0; i < 6; i++)
        (void)take(f, order[i], false, 5 - i);
}

static void no_priority_is_the_least_and_too_much_is_the_most(void **state)
{
    struct fixture *f = *state;
    declare(f, "p");
    put(f, 1, -1);
    put(f, 2, 0);
    put(f, 3, MOST);
    put(f, 4, 255);
    put(f, 5, MOST - 1);
    static const uint32_t order[] = {3, 4, 5, 1, 2};
    for (uint32_t i = 0; i < 5; i++)
        (void)take(f, order[i], false, 4 - i);
}

static void each_level_s_block_counts_as_memory(void **state)
{
    struct fixture *f = *state;
    declare(f, "p");
    const struct queue *queue = harness_queue(&f->harness, "p");
    uint64_t empty = queue_own_bytes(queue);
    put(f, 1, 0);
    assert_int_equal(queue_own_bytes(queue), empty + sizeof(struct deque_block));
    put(f, 2, 5);
    put(f, 3, 9);
    assert_int_equal(queue_own_bytes(queue), empty + 3 * sizeof(struct deque_block));
}

static void requeued_message_comes_before_its_equals_and_after_its_betters(void **state)
{
    struct fixture *f = *state;
    declare(f, "p");
    put(f, 1, 3);
    put(f, 2, 3);
    uint64_t tag = take(f, 1, false, 1);
    put(f, 3, 7);
    client_nack(f->other, 1, tag, false, true);
    (void)take(f, 3, false, 2);
    (void)take(f, 1, true, 1);
    (void)take(f, 2, false, 0);
}

static void consumer_gets_what_came_meanwhile_by_priority(void **state)
{
    struct fixture *f = *state;
    declare(f, "p");
    client_qos(f->other, 1, 1, false);
    client_consume(f->other, 1, "p", "c", false);
    put(f, 1, 1);
    (void)expect_delivery(f->other, 1, "c", body_of(1), false);
    put(f, 2, 1);
    put(f, 3, 8);
    client_ack(f->other, 1, 1, false);
    (void)expect_delivery(f->other, 1, "c", body_of(3), false);
    client_ack(f->other, 1, 2, false);
    (void)expect_delivery(f->other, 1, "c", body_of(2), false);
}

/* --- out of memory --------------------------------------------------------------------------- */

/* Publishes COUNT messages of each priority from 0 to MOST, in turn; at most 1000. Number N of
 * priority P is 1000 * P + N. */
static void put_all(struct fixture *f, uint32_t count)
{
    for (uint32_t i = 1; i <= count; i++)
        for (uint32_t p = 0; p <= MOST; p++)
            put(f, p * 1000 + i, (int)p);
}

/* A consumer gets those from FIRST to LAST of PRIORITY. */
static void expect_level(struct fixture *f, uint32_t priority, uint32_t first, uint32_t last,
                         bool redelivered)
{
    for (uint32_t i = first; i <= last; i++)
        (void)expect_delivery(f->other, 1, "c", body_of(priority * 1000 + i), redelivered);
}

/* Ticks until QUEUE is empty. */
static void drain(struct fixture *f, const struct queue *queue)
{
    for (unsigned ticks = 0; queue_depth(queue) > 0; ticks++) {
        harness_tick(&f->harness);
        assert_true(ticks < 10000);
    }
}

static void consume(struct fixture *f)
{
    client_consume(f->other, 1, "p", "c", true);
}

static uint64_t cold_of(const struct queue *queue)
{
    uint64_t bytes;
    return queue_cold(queue, &bytes);
}

/* What is cold of each level is what is on the shelf there. */
static void expect_cold(struct fixture *f, const struct queue *queue)
{
    uint32_t level = queue->level;
    uint64_t count = 0;
    do {
        const struct deque_cold *cold = &priority_deque_of(queue, level)->cold;
        uint64_t bytes;
        assert_int_equal(shelf_count(&f->shelf, queue->id, cold->first, cold->end, &bytes, NULL),
                         cold->count);
        assert_int_equal(bytes, cold->bytes);
        count += cold->count;
    } while (priority_next(queue, &level));
    assert_int_equal(count, cold_of(queue));
}

static struct queue *fill_levels(struct fixture *f, uint32_t count)
{
    declare(f, "p");
    struct queue *queue = harness_queue(&f->harness, "p");
    put_all(f, count);
    rest(f);
    assert_true(cold_of(queue) > 0);
    expect_cold(f, queue);
    harness_forget_facts(&f->harness);
    return queue;
}

/* Messages 1 to MANY, all of one level, some of which are cold. */
static struct queue *fill_one_level(struct fixture *f)
{
    declare(f, "p");
    struct queue *queue = harness_queue(&f->harness, "p");
    for (uint32_t i = 1; i <= MANY; i++)
        put(f, i, 1);
    rest(f);
    assert_true(cold_of(queue) > 0);
    return queue;
}

static void backlogs_leave_memory_and_come_back_in_order(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 20 };
    struct queue *queue = fill_levels(f, COUNT);
    assert_int_equal(queue_depth(queue), COUNT * (MOST + 1));
    consume(f);
    drain(f, queue);
    for (uint32_t p = MOST + 1; p-- > 0;)
        expect_level(f, p, 1, COUNT, false);
    expect_nothing(f->other);
    assert_int_equal(queue->ready_bytes, 0);
    assert_int_equal(queue->persistent, 0);
    assert_int_equal(f->shelf.count, 0);
}

static void lower_levels_leave_memory_first(void **state)
{
    struct fixture *f = *state;
    struct queue *queue = fill_levels(f, 12);
    uint64_t above = 0, below = 0;
    uint32_t level = queue->level;
    do
        *(level < MOST / 2 ? &above : &below) += priority_deque_of(queue, level)->cold.count;
    while (priority_next(queue, &level));
    assert_true(below > above);
}

static void message_goes_before_what_is_cold_at_lower_levels(void **state)
{
    struct fixture *f = *state;
    struct queue *queue = fill_one_level(f);
    put(f, MANY + 1, 2);
    put(f, MANY + 2, 0);
    (void)take(f, MANY + 1, false, MANY + 1);
    (void)take(f, 1, false, MANY);
    consume(f);
    put(f, MANY + 3, 3);
    drain(f, queue);
    uint32_t next = 2, met = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        const struct seen *seen = client_next(f->other);
        uint32_t number = (uint32_t)atoi((const char *)message_body(seen->message));
        if (number == MANY + 3)
            met = i + 1;
        else
            assert_int_equal(number, next++);
    }
    assert_true(met > 0 && met < MANY / 2); /* behind what was sent before it came */
    (void)expect_delivery(f->other, 1, "c", body_of(MANY + 2), false);
}

/* What was asked for is of a level that is not on top any more when it comes. */
static void answer_goes_to_the_level_that_it_is_of(void **state)
{
    struct fixture *f = *state;
    struct queue *queue = fill_one_level(f);
    uint32_t taken = 0;
    for (; queue->ready.front.head != NULL; taken++) {
        get(f->client, "p");
        (void)expect_get(f->client, 1, body_of(taken + 1), false, MANY - taken - 1);
    }
    f->shelf.is_silent = true;
    get(f->client, "p");
    assert_int_equal(queue->paging.state, PAGING_FETCHING);
    for (uint32_t i = 1; i <= 4; i++)
        client_publish_with(f->other, 1, "", "p", body_of(MANY + i), PUBLISH_PERSISTENT,
                            &(struct properties){.flags = PROPERTY_PRIORITY, .priority = 5});
    assert_int_equal(queue->level, MOST - 5);
    (void)expect_get(f->client, 1, body_of(MANY + 1), false, MANY - taken); /* the first to come */
    assert_int_equal(queue->paging.state, PAGING_FETCHING);
    f->shelf.is_silent = false;
    harness_tick(&f->harness);
    assert_non_null(priority_deque(queue, MOST - 1)->front.head);
    expect_cold(f, queue);
    consume(f);
    drain(f, queue);
    for (uint32_t i = 2; i <= 4; i++)
        (void)expect_delivery(f->other, 1, "c", body_of(MANY + i), false);
    for (uint32_t i = taken + 1; i <= MANY; i++)
        (void)expect_delivery(f->other, 1, "c", body_of(i), false);
}

static void purge_takes_all_levels(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 15 };
    struct queue *queue = fill_levels(f, COUNT);
    client_get(f->other, 1, "p", false);
    client_nack(f->other, 1, 1, false, true);
    client_get(f->other, 1, "p", true);
    client_forget(f->other);
    client_send(f->client, 1,
                &(struct method){.id = METHOD_QUEUE_PURGE, .queue_purge = {.queue = S("p")}});
    const struct method *ok = expect_method(f->client, 1, METHOD_QUEUE_PURGE_OK);
    assert_int_equal(ok->queue_purge_ok.message_count, COUNT * (MOST + 1) - 1);
    assert_int_equal(queue_depth(queue), 0);
    assert_int_equal(queue->ready_bytes, 0);
    assert_int_equal(queue->parked, 0);
    assert_int_equal(f->shelf.count, 0);
    put(f, 7, 7);
    (void)take(f, 7, false, 0);
}

static void deletion_while_a_level_is_fetched_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    (void)fill_levels(f, 15);
    f->shelf.is_silent = true;
    consume(f);
    client_forget(f->other);
    client_delete_queue(f->client, 1, "p");
    f->shelf.is_silent = false;
    rest(f);
    assert_int_equal(f->shelf.count, 0);
    assert_true(list_is_empty(&f->harness.engine->fetching));
}

static void transient_messages_of_all_levels_are_paged(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 15 };
    declare(f, "p");
    struct queue *queue = harness_queue(&f->harness, "p");
    for (uint32_t i = 1; i <= COUNT; i++)
        for (uint32_t p = 0; p <= MOST; p++)
            client_publish_with(
                f->client, 1, "", "p", body_of(p * 1000 + i), 0,
                &(struct properties){.flags = PROPERTY_PRIORITY, .priority = (uint8_t)p});
    rest(f);
    assert_true(cold_of(queue) > 0);
    expect_cold(f, queue);
    consume(f);
    drain(f, queue);
    for (uint32_t p = MOST + 1; p-- > 0;)
        expect_level(f, p, 1, COUNT, false);
    assert_int_equal(f->shelf.count, 0);
}

static void drop_head_drops_the_highest_level_first(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 10, LEFT = 3 * COUNT + 4 };
    struct queue *queue = fill_levels(f, COUNT);
    queue->settings.max_length = LEFT;
    queue_limit_changed(queue);
    for (unsigned ticks = 0; queue_depth(queue) > LEFT; ticks++) {
        rest(f);
        assert_true(ticks < 1000);
    }
    consume(f);
    drain(f, queue);
    expect_level(f, 3, COUNT - 3, COUNT, false);
    for (uint32_t p = 3; p-- > 0;)
        expect_level(f, p, 1, COUNT, false);
    expect_nothing(f->other);
    assert_int_equal(f->shelf.count, 0);
}

static void browsing_goes_level_by_level_and_ends_at_what_is_cold(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 10 };
    struct browsed seen[(MOST + 1) * COUNT];
    struct queue *queue = fill_levels(f, COUNT);
    uint64_t bytes, at_hand = queue_browsable(queue, &bytes);
    uint64_t count = queue_browse(queue, 0, (MOST + 1) * COUNT, UINT64_MAX, seen);
    assert_int_equal(count, at_hand);
    assert_true(count > 0 && count < (MOST + 1) * COUNT);
    for (uint32_t i = 0; i < count; i++) {
        assert_memory_equal(message_body(seen[i].message),
                            body_of((MOST - i / COUNT) * 1000 + i % COUNT + 1), 8);
        assert_int_equal(seen[i].left, queue_depth(queue) - i - 1);
        message_unref(seen[i].message);
    }
}

static void browsing_sees_what_came_back_before_its_level(void **state)
{
    struct fixture *f = *state;
    struct browsed seen[8];
    declare(f, "p");
    struct queue *queue = harness_queue(&f->harness, "p");
    put(f, 1, 3);
    put(f, 2, 3);
    put(f, 3, 1);
    put(f, 4, 1);
    (void)take(f, 1, false, 3);
    (void)take(f, 2, false, 2);
    (void)take(f, 3, false, 1);
    put(f, 5, 2);
    put(f, 6, 9);
    client_nack(f->other, 1, 3, true, true);
    static const uint32_t order[] = {6, 1, 2, 5, 3, 4};
    for (uint32_t offset = 0; offset < 6; offset++) {
        uint64_t count = queue_browse(queue, offset, 2, UINT64_MAX, seen);
        assert_int_equal(count, offset < 5 ? 2 : 1);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t number = order[offset + i];
            assert_memory_equal(message_body(seen[i].message), body_of(number), 8);
            assert_int_equal(seen[i].redelivered, number <= 3);
            message_unref(seen[i].message);
        }
    }
    uint64_t bytes;
    assert_int_equal(queue_browsable(queue, &bytes), 6);
    for (uint32_t i = 0; i < 6; i++)
        (void)take(f, order[i], order[i] <= 3, 5 - i);
}

/* --- a restart ------------------------------------------------------------------------------- */

/* Starts again; of each level those that stand before the number that DELIVERED_BELOW has for its
 * priority may have been delivered. Returns the queue. */
static struct queue *restart(struct fixture *f, const uint64_t delivered_below[MOST + 1])
{
    struct queue *before = harness_queue(&f->harness, "p");
    uint64_t id = before->id, next = before->next_position;
    harness_fini(&f->harness);
    harness_init(&f->harness, 2);
    shelf_restart(&f->shelf, &f->harness, WATERMARK);
    connect(f);
    declare(f, "p");
    struct queue *queue = harness_queue(&f->harness, "p");
    assert_int_equal(queue->id, id);
    queue->next_position = next;
    for (uint32_t level = 0; level <= MOST; level++) {
        uint64_t bytes, first = position_of(level, 1), end = position_of(level, next);
        size_t count = shelf_count(&f->shelf, id, first, end, &bytes, NULL);
        if (count == 0)
            continue;
        queue_set_recovered(queue, position_of(level, delivered_below[MOST - level]));
        queue_restore(queue, first, end, count, bytes);
    }
    harness_forget_facts(&f->harness);
    return queue;
}

static void what_an_earlier_run_left_comes_level_by_level(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 12, DELIVERED = 5 };
    uint64_t delivered_below[MOST + 1];
    for (uint32_t p = 0; p <= MOST; p++)
        delivered_below[p] = p + 1 + DELIVERED; /* a level begins behind what was there before */
    (void)fill_levels(f, COUNT);
    struct queue *queue = restart(f, delivered_below);
    assert_int_equal(queue_depth(queue), COUNT * (MOST + 1));
    assert_int_equal(queue_in_memory(queue), 0);
    expect_cold(f, queue);
    put(f, 5 * 1000 + COUNT + 1, 5); /* goes on behind the others */
    consume(f);
    drain(f, queue);
    for (uint32_t p = MOST + 1; p-- > 0;) {
        expect_level(f, p, 1, DELIVERED, true);
        expect_level(f, p, DELIVERED + 1, COUNT + (p == 5), false);
    }
    assert_int_equal(f->shelf.count, 0);
    assert_int_equal(queue->ready_bytes, 0);
}

static void no_position_is_given_twice(void **state)
{
    struct fixture *f = *state;
    declare(f, "p");
    for (uint32_t i = 1; i <= 9; i++)
        put(f, i, 4);
    put(f, 10, 8);
    static const uint64_t none[MOST + 1] = {0};
    const struct queue *queue = restart(f, none);
    assert_int_equal(queue->next_position, 11);
    put(f, 11, 8);
    put(f, 12, 0);
    const struct fact *facts = f->harness.store.facts;
    assert_int_equal(facts[0].targets[0].position, position_of(MOST - 8, 11));
    assert_int_equal(facts[1].targets[0].position, position_of(MOST, 12));
}

/* Does the store know that nothing from POSITION on was delivered, of its level? */
static bool has_stop(const struct fixture *f, uint64_t position)
{
    for (size_t i = 0; i < f->harness.store.count; i++) {
        const struct fact *fact = &f->harness.store.facts[i];
        if (fact->kind == STORE_STOP && strcmp(fact->name, "p") == 0 && fact->position == position)
            return true;
    }
    return false;
}

static void orderly_end_says_for_each_level_what_was_not_delivered(void **state)
{
    struct fixture *f = *state;
    declare(f, "p");
    for (uint32_t i = 1; i <= 4; i++)
        put(f, i, 4);
    put(f, 5, 6);
    put(f, 6, 6);
    put(f, 7, 2);
    (void)take(f, 5, false, 6);
    (void)take(f, 6, false, 5);
    (void)take(f, 1, false, 4);
    client_nack(f->other, 1, 0, true, true);
    harness_forget_facts(&f->harness);
    engine_stop(f->harness.engine);
    assert_int_equal(harness_facts(&f->harness, STORE_STOP), 3);
    assert_true(has_stop(f, position_of(MOST - 4, 2)));
    assert_true(has_stop(f, position_of(MOST - 6, 7)));
    assert_true(has_stop(f, position_of(MOST - 2, 7)));
}

static void message_of_a_higher_level_does_not_wait_for_what_is_read(void **state)
{
    struct fixture *f = *state;
    struct queue *queue = fill_one_level(f);
    assert_true(queue->ready.cold.count > 0);
    f->shelf.is_silent = true;
    client_consume(f->other, 1, "p", "c", true);
    rest(f);
    assert_int_equal(queue->paging.state, PAGING_FETCHING);
    client_forget(f->other);
    put(f, MANY + 1, 5);
    (void)expect_delivery(f->other, 1, "c", body_of(MANY + 1), false);
    client_cancel(f->other, 1, "c");
    client_forget(f->other);
    get(f->other, "p");
    expect_nothing(f->other);
    put(f, MANY + 2, 5);
    (void)expect_method(f->other, 1, METHOD_BASIC_GET_OK);
    f->shelf.is_silent = false;
}

/* --- at random ------------------------------------------------------------------------------- */

enum { NUMBERS = 3000 };

struct expected {
    uint8_t priority[NUMBERS + 1];
    bool is_waiting[NUMBERS + 1];
    uint32_t count; /* published */
};

/* The number that has to come next, or 0. */
static uint32_t first_of(const struct expected *expected)
{
    uint32_t first = 0;
    for (uint32_t i = 1; i <= expected->count; i++)
        if (expected->is_waiting[i] &&
            (first == 0 || expected->priority[i] > expected->priority[first]))
            first = i;
    return first;
}

/* Puts, takes, gives back and acknowledges at random: what comes is always what has to. */
static void order_holds_whatever_is_done(void **state)
{
    struct fixture *f = *state;
    static struct expected expected;
    uint64_t seed = harness_seed();
    uint32_t held[64], held_count = 0;
    uint64_t tags[64];
    expected = (struct expected){0};
    declare(f, "p");
    while (expected.count < NUMBERS) {
        uint32_t what = harness_below(&seed, 100);
        if (what < (expected.count < NUMBERS / 2 ? 70u : 40u)) {
            uint32_t number = ++expected.count, most = 1 + harness_below(&seed, MOST);
            expected.priority[number] = (uint8_t)harness_below(&seed, most + 1);
            expected.is_waiting[number] = true;
            put(f, number, expected.priority[number]);
        } else if (what < 80 && held_count < 64) {
            uint32_t number = first_of(&expected);
            client_get(f->other, 1, "p", false);
            if (number == 0) {
                (void)expect_method(f->other, 1, METHOD_BASIC_GET_EMPTY);
                continue;
            }
            for (unsigned ticks = 0; client_peek(f->other) == NULL; ticks++) {
                harness_tick(&f->harness);
                assert_true(ticks < 1000);
            }
            const struct seen *seen = client_next(f->other);
            assert_int_equal(seen->method.id, METHOD_BASIC_GET_OK);
            assert_memory_equal(message_body(seen->message), body_of(number), 8);
            expected.is_waiting[number] = false;
            held[held_count] = number;
            tags[held_count++] = seen->method.basic_get_ok.delivery_tag;
        } else if (what < 98 && held_count > 0) {
            uint32_t at = harness_below(&seed, held_count);
            bool comes_back = harness_below(&seed, 2) == 0;
            client_nack(f->other, 1, tags[at], false, comes_back);
            expected.is_waiting[held[at]] = comes_back;
            held[at] = held[--held_count];
            tags[at] = tags[held_count];
        } else {
            rest(f);
        }
    }
}

/* --- time ------------------------------------------------------------------------------------ */

/* Only the first is looked at, as RabbitMQ does: one of lower priority waits behind it. */
static void message_with_a_time_expires_once_it_is_the_first(void **state)
{
    struct fixture *f = *state;
    declare(f, "p");
    struct properties properties = {.flags = PROPERTY_EXPIRATION, .expiration = S("100")};
    client_publish_with(f->client, 1, "", "p", body_of(1), PUBLISH_PERSISTENT, &properties);
    put(f, 2, 5);
    f->harness.now_ms += 200;
    rest(f);
    assert_int_equal(queue_depth(harness_queue(&f->harness, "p")), 2);
    (void)take(f, 2, false, 0);
    client_get(f->other, 1, "p", false);
    (void)expect_method(f->other, 1, METHOD_BASIC_GET_EMPTY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(higher_priorities_come_first_and_equals_in_order),
        TEST(no_priority_is_the_least_and_too_much_is_the_most),
        TEST(each_level_s_block_counts_as_memory),
        TEST(requeued_message_comes_before_its_equals_and_after_its_betters),
        TEST(consumer_gets_what_came_meanwhile_by_priority),
        TEST(message_with_a_time_expires_once_it_is_the_first),
        TEST(backlogs_leave_memory_and_come_back_in_order),
        TEST(lower_levels_leave_memory_first),
        TEST(message_goes_before_what_is_cold_at_lower_levels),
        TEST(answer_goes_to_the_level_that_it_is_of),
        TEST(purge_takes_all_levels),
        TEST(deletion_while_a_level_is_fetched_leaves_nothing),
        TEST(transient_messages_of_all_levels_are_paged),
        TEST(drop_head_drops_the_highest_level_first),
        TEST(browsing_goes_level_by_level_and_ends_at_what_is_cold),
        TEST(browsing_sees_what_came_back_before_its_level),
        TEST(what_an_earlier_run_left_comes_level_by_level),
        TEST(no_position_is_given_twice),
        TEST(orderly_end_says_for_each_level_what_was_not_delivered),
        TEST(message_of_a_higher_level_does_not_wait_for_what_is_read),
        TEST(order_holds_whatever_is_done),
    };
    return cmocka_run_group_tests_name("priority", tests, NULL, NULL);
}
