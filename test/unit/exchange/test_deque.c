/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/deque.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* The deque only keeps the pointers: these stand for messages. */
static char places[20000];

static struct message *message_at(uint64_t number)
{
    return (struct message *)(void *)&places[number];
}

static void expect_pop(struct deque *deque, struct deque_pool *pool, uint64_t position)
{
    uint64_t actual = 0;
    struct message *message = deque_pop(deque, pool, &actual);
    assert_ptr_equal(message, message_at(position));
    assert_int_equal(actual, position);
}

static void what_was_pushed_first_is_popped_first_over_many_blocks(void **state)
{
    (void)state;
    struct deque deque = {0};
    struct deque_pool pool = {0};
    for (uint64_t i = 1; i < 5000; i++)
        deque_push(&deque, &pool, i, message_at(i));
    assert_int_equal(deque.count, 4999);
    for (uint64_t i = 1; i < 5000; i++)
        expect_pop(&deque, &pool, i);
    assert_true(deque_is_empty(&deque));
    deque_pool_fini(&pool);
}

static void an_empty_deque_has_nothing_to_pop_and_holds_no_block(void **state)
{
    (void)state;
    struct deque deque = {0};
    struct deque_pool pool = {0};
    uint64_t position = 77;
    assert_null(deque_pop(&deque, &pool, &position));
    deque_push(&deque, &pool, 9, message_at(9));
    assert_non_null(deque.head);
    expect_pop(&deque, &pool, 9);
    assert_null(deque.head);
    assert_null(deque.tail);
    assert_null(deque_pop(&deque, &pool, &position));
    deque_pool_fini(&pool);
}

static void positions_may_leave_gaps(void **state)
{
    (void)state;
    struct deque deque = {0};
    struct deque_pool pool = {0};
    static const uint64_t positions[] = {1, 2, 5, 6, 507, 508, 509, 1100, 1101, 19999};
    for (size_t i = 0; i < sizeof positions / sizeof positions[0]; i++)
        deque_push(&deque, &pool, positions[i], message_at(positions[i]));
    for (size_t i = 0; i < sizeof positions / sizeof positions[0]; i++)
        expect_pop(&deque, &pool, positions[i]);
    assert_true(deque_is_empty(&deque));
    deque_pool_fini(&pool);
}

static void pushes_and_pops_by_turns_keep_order(void **state)
{
    (void)state;
    struct deque deques[2] = {{0}, {0}}; /* they share blocks */
    struct deque_pool pool = {0};
    uint64_t pushed[2] = {0, 0}, popped[2] = {0, 0};
    unsigned random = 12345;
    for (unsigned step = 0; step < 60000; step++) {
        random = random * 1664525u + 1013904223u;
        unsigned which = random >> 31;
        bool push = (random >> 20 & 15) < (step % 20000 < 10000 ? 10u : 5u);
        if (push && pushed[which] < sizeof places - 1) {
            pushed[which]++;
            deque_push(&deques[which], &pool, pushed[which], message_at(pushed[which]));
        } else if (popped[which] < pushed[which]) {
            expect_pop(&deques[which], &pool, ++popped[which]);
        }
        assert_int_equal(deques[which].count, pushed[which] - popped[which]);
    }
    for (unsigned which = 0; which < 2; which++)
        while (popped[which] < pushed[which])
            expect_pop(&deques[which], &pool, ++popped[which]);
    deque_pool_fini(&pool);
}

static void the_pool_keeps_a_bounded_number_of_spare_blocks(void **state)
{
    (void)state;
    struct deque deque = {0};
    struct deque_pool pool = {0};
    for (uint64_t round = 0; round < 10; round++)
        for (uint64_t i = 1; i < sizeof places; i++)
            deque_push(&deque, &pool, round * sizeof places + i, message_at(i));
    uint64_t position;
    while (deque_pop(&deque, &pool, &position) != NULL)
        continue;
    assert_in_range(pool.count, 1, 64);
    deque_pool_fini(&pool);
    assert_null(pool.spare);
    assert_int_equal(pool.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_pushed_first_is_popped_first_over_many_blocks),
        cmocka_unit_test(an_empty_deque_has_nothing_to_pop_and_holds_no_block),
        cmocka_unit_test(positions_may_leave_gaps),
        cmocka_unit_test(pushes_and_pops_by_turns_keep_order),
        cmocka_unit_test(the_pool_keeps_a_bounded_number_of_spare_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
