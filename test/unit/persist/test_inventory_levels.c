/* SPDX-License-Identifier: Apache-2.0
 *
 * What an inventory knows of queues with priorities: each level for itself.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "persist/inventory.h"
#include "test/sim/disk_history.h"
#include "test/unit/persist/tape.h"

enum { MOST = 9 }; /* the highest priority */

static struct tape tape;

/* Queue 1 has priorities, 2 has none. */
static int set_up(void **state)
{
    (void)state;
    tape_init(&tape);
    tape_priority_queue(&tape, 1, MOST);
    tape_queue(&tape, 2);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tape_fini(&tape);
    return 0;
}

static void put(uint32_t level, uint64_t number)
{
    tape_put(&tape, STORE_MESSAGE, 1, position_of(level, number));
}

static int status_of(uint64_t id, uint64_t position)
{
    const struct tape_place place = {id, position};
    return tape_message(&tape, STORE_MESSAGE, &place, 1, 10, 0);
}

static void expect_left(uint32_t level, uint64_t first, uint64_t end, uint64_t count,
                        uint64_t bytes)
{
    struct inventory_left left;
    assert_true(inventory_left(&tape.inventory, tape_find(&tape, 1), level, &left));
    assert_int_equal(left.first, position_of(level, first));
    assert_int_equal(left.end, position_of(level, end));
    assert_int_equal(left.count, count);
    assert_int_equal(left.bytes, bytes);
}

static void expect_undelivered(uint64_t id, uint32_t level, uint64_t number)
{
    struct inventory_left left;
    assert_true(inventory_left(&tape.inventory, tape_find(&tape, id), level, &left));
    assert_int_equal(left.undelivered, position_of(level, number));
}

static void levels_are_counted_apart(void **state)
{
    (void)state;
    put(3, 1);
    put(0, 1);
    put(3, 2);
    put(9, 3);
    put(0, 2);
    for (unsigned round = 0; round < 2; round++) {
        struct inventory_left left;
        expect_left(0, 1, 3, 2, 20);
        expect_left(3, 1, 3, 2, 20);
        expect_left(9, 3, 4, 1, 10);
        assert_false(inventory_left(&tape.inventory, tape_find(&tape, 1), 5, &left));
        assert_int_equal(tape_find(&tape, 1)->next_position, 4);
        assert_int_equal(tape_find(&tape, 1)->live, 5);
        assert_int_equal(tape_find(&tape, 1)->bytes, 50);
        tape_restart(&tape);
    }
    tape_settle(&tape, 1, position_of(3, 1), 1);
    expect_left(3, 2, 3, 1, 10);
    expect_left(0, 1, 3, 2, 20);
    tape_settle(&tape, 1, position_of(9, 1), 8);
    assert_int_equal(tape_find(&tape, 1)->next_position, 9);
    expect_left(0, 1, 3, 2, 20);
}

static void message_before_its_predecessor_at_the_same_level_is_refused(void **state)
{
    (void)state;
    put(2, 5);
    put(4, 1);
    assert_int_equal(status_of(1, position_of(2, 5)), -EBADMSG);
    assert_int_equal(status_of(1, position_of(2, 4)), -EBADMSG);
    assert_int_equal(status_of(1, position_of(4, 1)), -EBADMSG);
    assert_int_equal(status_of(1, position_of(4, 2)), 0);
}

static void level_that_the_queue_does_not_have_is_refused(void **state)
{
    (void)state;
    assert_int_equal(status_of(1, position_of(MOST + 1, 1)), -EBADMSG);
    assert_int_equal(status_of(1, position_of(MOST, 1)), 0);
    assert_int_equal(status_of(1, position_of(MOST, POSITION_NUMBER_MAX)), -EBADMSG);
    assert_int_equal(status_of(2, position_of(1, 1)), -EBADMSG);
    tape_settle(&tape, 2, position_of(3, 1), 2); /* nothing is there: it does nothing */
    assert_int_equal(tape_find(&tape, 2)->live, 0);
}

static void settled_span_ends_with_its_level(void **state)
{
    (void)state;
    put(0, 1);
    put(1, 1);
    tape_settle_bytes(&tape, 1, position_of(0, 1), UINT64_MAX, 10);
    tape_expect_live(&tape, 1, 1);
    expect_left(1, 1, 2, 1, 10);
}

static void orderly_end_tells_of_each_level(void **state)
{
    (void)state;
    for (uint64_t number = 1; number <= 5; number++) {
        put(0, number);
        put(7, number);
        put(8, number);
        tape_put(&tape, STORE_MESSAGE, 2, number);
    }
    expect_undelivered(1, 7, 6);
    tape_stop(&tape, 1, position_of(0, 6));
    tape_stop(&tape, 1, position_of(7, 3));
    tape_stop(&tape, 2, 4);
    expect_undelivered(1, 0, 6);
    expect_undelivered(1, 7, 3);
    expect_undelivered(1, 8, 6); /* of this one nothing was said */
    expect_undelivered(2, 0, 4);
    put(8, 6); /* the broker did not end there */
    expect_undelivered(1, 7, 6);
    expect_undelivered(2, 0, 6);
}

/* What there must be: number I of a level has a state. */
enum { NUMBERS = 2000, GONE = 0 };

static struct {
    uint32_t bytes[MOST + 1][NUMBERS]; /* of the body; GONE */
    uint64_t next[MOST + 1], count[MOST + 1], sum[MOST + 1];
} model;

static void expect_model(void)
{
    for (uint32_t level = 0; level <= MOST; level++) {
        struct inventory_place place = {.position = position_of(level, 0)};
        struct inventory_left left;
        bool is_left = inventory_left(&tape.inventory, tape_find(&tape, 1), level, &left);
        assert_int_equal(is_left, model.count[level] > 0);
        if (!is_left)
            continue;
        assert_int_equal(left.count, model.count[level]);
        assert_int_equal(left.bytes, model.sum[level]);
        for (uint64_t number = 1; number < model.next[level]; number++)
            if (model.bytes[level][number] != GONE) {
                assert_true(inventory_next(tape_find(&tape, 1), place.position, &place));
                assert_int_equal(place.position, position_of(level, number));
                place.position++;
            }
    }
}

static void store_at(uint32_t level, uint32_t bytes)
{
    uint64_t number = model.next[level];
    const struct tape_place place = {1, position_of(level, number)};
    assert_int_equal(tape_message(&tape, STORE_MESSAGE, &place, 1, bytes, 0), 0);
    model.next[level] = number + 1;
    model.bytes[level][number] = bytes;
    model.count[level]++;
    model.sum[level] += bytes;
}

static void settle_at(uint32_t level, uint64_t first, uint64_t span)
{
    uint64_t bytes = 0;
    for (uint64_t number = first; number < first + span && number < model.next[level]; number++) {
        bytes += model.bytes[level][number];
        model.count[level] -= model.bytes[level][number] != GONE;
        model.sum[level] -= model.bytes[level][number];
        model.bytes[level][number] = GONE;
    }
    if (first + span > model.next[level])
        span = model.next[level] - first;
    tape_settle_bytes(&tape, 1, position_of(level, first), span, bytes);
}

static void many_at_random_levels_are_settled_at_random(void **state)
{
    (void)state;
    const char *given = getenv("STOATMQ_SEED");
    uint64_t random = given != NULL ? strtoull(given, NULL, 10) : 7;
    printf("STOATMQ_SEED=%llu\n", (unsigned long long)random);
    memset(&model, 0, sizeof model);
    for (uint32_t level = 0; level <= MOST; level++)
        model.next[level] = 1;
    for (unsigned i = 0; i < 8000; i++) {
        uint32_t level = (uint32_t)(disk_random(&random) % (MOST + 1));
        uint64_t what = disk_random(&random) % 100;
        if (what < 55 && model.next[level] < NUMBERS - 1)
            store_at(level, 1 + (uint32_t)(disk_random(&random) % 50));
        else if (what < 96 && model.next[level] > 1)
            settle_at(level, 1 + disk_random(&random) % (model.next[level] - 1),
                      1 + disk_random(&random) % 4);
        else if (what == 97)
            tape_end_segment(&tape);
        else if (what == 98)
            tape_restart(&tape);
        if (i % 500 == 0)
            expect_model();
    }
    expect_model();
    tape_restart(&tape);
    expect_model();
}

#define ON_TAPE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_TAPE(levels_are_counted_apart),
        ON_TAPE(message_before_its_predecessor_at_the_same_level_is_refused),
        ON_TAPE(level_that_the_queue_does_not_have_is_refused),
        ON_TAPE(settled_span_ends_with_its_level),
        ON_TAPE(orderly_end_tells_of_each_level),
        ON_TAPE(many_at_random_levels_are_settled_at_random),
    };
    return cmocka_run_group_tests_name("inventory_levels", tests, NULL, NULL);
}
