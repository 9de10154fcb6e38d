/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/deque.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exchange/message.h"
#include "server/base/mem.h"

#define BLOCK    ((uint64_t)DEQUE_BLOCK_MESSAGES)
#define MESSAGES 20000

/* By position. Their names and properties are empty; nobody reads their images. */
static struct message *messages[MESSAGES];

static struct message *message_at(uint64_t number)
{
    return messages[number];
}

static int make_messages(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MESSAGES; i++) {
        messages[i] = mem_zalloc(sizeof *messages[i]);
        messages[i]->references = 1;
        messages[i]->body_bytes = i % 7;
    }
    return 0;
}

static int free_messages(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MESSAGES; i++) {
        assert_int_equal(messages[i]->references, 1);
        mem_free(messages[i]);
    }
    return 0;
}

static void expect_pop(struct deque *deque, struct deque_pool *pool, uint64_t position)
{
    struct returned_entry entry;
    bool is_leaving;
    assert_true(deque_pop(deque, pool, &entry, &is_leaving));
    assert_ptr_equal(entry.message, message_at(position));
    assert_int_equal(entry.position, position);
    assert_int_equal(entry.delivery_count, 0);
    assert_false(is_leaving);
}

static void expect_empty(struct deque *deque, struct deque_pool *pool)
{
    struct returned_entry entry;
    bool is_leaving;
    assert_false(deque_pop(deque, pool, &entry, &is_leaving));
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
    expect_empty(&deque, &pool);
    deque_push(&deque, &pool, 9, message_at(9));
    assert_int_equal(deque.blocks, 1);
    expect_pop(&deque, &pool, 9);
    assert_int_equal(deque.blocks, 0);
    assert_null(deque.front.head);
    assert_null(deque.front.tail);
    expect_empty(&deque, &pool);
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
    struct deque deques[2] = {0}; /* they share blocks */
    struct deque_pool pool = {0};
    uint64_t pushed[2] = {0, 0}, popped[2] = {0, 0};
    unsigned random = 12345;
    for (unsigned step = 0; step < 60000; step++) {
        random = random * 1664525u + 1013904223u;
        unsigned which = random >> 31;
        bool push = (random >> 20 & 15) < (step % 20000 < 10000 ? 10u : 5u);
        if (push && pushed[which] < MESSAGES - 1) {
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
        for (uint64_t i = 1; i < MESSAGES; i++)
            deque_push(&deque, &pool, round * MESSAGES + i, message_at(i));
    struct returned_entry entry;
    bool is_leaving;
    while (deque_pop(&deque, &pool, &entry, &is_leaving))
        continue;
    assert_in_range(pool.spare_count, 1, 64);
    deque_pool_fini(&pool);
    assert_null(pool.spare);
    assert_int_equal(pool.spare_count, 0);
}

static void the_pool_knows_what_its_blocks_take(void **state)
{
    (void)state;
    struct deque deque = {0};
    struct deque_pool pool = {0};
    uint64_t bytes = 0;
    for (uint64_t i = 1; i <= 3 * BLOCK; i++) {
        deque_push(&deque, &pool, i, message_at(i));
        bytes += message_memory_bytes(message_at(i));
    }
    assert_int_equal(pool.bytes, bytes);
    for (uint64_t i = 1; i <= BLOCK; i++) { /* a block counts until it is empty */
        assert_int_equal(pool.bytes, bytes);
        expect_pop(&deque, &pool, i);
    }
    for (uint64_t i = 1; i <= BLOCK; i++)
        bytes -= message_memory_bytes(message_at(i));
    assert_int_equal(pool.bytes, bytes);
    for (uint64_t i = BLOCK + 1; i <= 3 * BLOCK; i++)
        expect_pop(&deque, &pool, i);
    assert_int_equal(pool.bytes, 0);
    deque_pool_fini(&pool);
}

static void large_messages_fill_a_block_sooner(void **state)
{
    (void)state;
    struct deque deque = {0};
    struct deque_pool pool = {0};
    uint32_t small = messages[1]->body_bytes;
    messages[1]->body_bytes = DEQUE_BLOCK_BYTES_MAX;
    deque_push(&deque, &pool, 1, message_at(1));
    deque_push(&deque, &pool, 2, message_at(2));
    assert_int_equal(deque.blocks, 2);
    expect_pop(&deque, &pool, 1);
    expect_pop(&deque, &pool, 2);
    messages[1]->body_bytes = small;
    deque_pool_fini(&pool);
}

/* --- the cold range -------------------------------------------------------------------------- */

/* Pushes positions from FIRST to LAST. */
static void push(struct deque *deque, struct deque_pool *pool, uint64_t first, uint64_t last)
{
    for (uint64_t i = first; i <= last; i++) {
        message_ref(message_at(i));
        deque_push(deque, pool, i, message_at(i));
    }
}

static void pop(struct deque *deque, struct deque_pool *pool, uint64_t first, uint64_t last)
{
    for (uint64_t i = first; i <= last; i++) {
        expect_pop(deque, pool, i);
        message_unref(message_at(i));
    }
}

/* Brings positions from FIRST to LAST back from the cold range, which goes on behind them. */
static void thaw(struct deque *deque, struct deque_pool *pool, uint64_t first, uint64_t last)
{
    for (uint64_t i = first; i <= last; i++) {
        message_ref(message_at(i));
        deque_thaw(deque, pool, &(struct returned_entry){.position = i, .message = message_at(i)});
    }
    deque_thawed(deque, last + 1);
}

static void freeze(struct deque *deque, struct deque_pool *pool)
{
    struct deque_block *block = deque_coldest(deque);
    assert_non_null(block);
    deque_freeze(deque, pool, block);
}

static void expect_cold(const struct deque *deque, uint64_t first, uint64_t end)
{
    uint64_t bytes = 0;
    for (uint64_t i = first; i < end; i++)
        bytes += message_at(i)->body_bytes;
    assert_int_equal(deque->cold.first, first);
    assert_int_equal(deque->cold.end, end);
    assert_int_equal(deque->cold.count, end - first);
    assert_int_equal(deque->cold.bytes, bytes);
}

static void few_blocks_stay_in_memory(void **state)
{
    (void)state;
    struct deque deque = {0};
    struct deque_pool pool = {0};
    push(&deque, &pool, 1, 3 * BLOCK);
    assert_null(deque_coldest(&deque));
    push(&deque, &pool, 3 * BLOCK + 1, 3 * BLOCK + 1);
    assert_ptr_equal(deque_coldest(&deque), deque.front.head->next->next);
    pop(&deque, &pool, 1, 3 * BLOCK + 1);
    deque_pool_fini(&pool);
}

static void the_middle_becomes_cold_and_comes_back_in_order(void **state)
{
    (void)state;
    struct deque deque = {0};
    struct deque_pool pool = {0};
    push(&deque, &pool, 1, 6 * BLOCK);
    freeze(&deque, &pool);
    expect_cold(&deque, 2 * BLOCK + 1, 3 * BLOCK + 1);
    freeze(&deque, &pool);
    freeze(&deque, &pool);
    expect_cold(&deque, 2 * BLOCK + 1, 5 * BLOCK + 1);
    assert_int_equal(deque.blocks, 3);
    assert_null(deque_coldest(&deque));
    assert_int_equal(deque.count, 6 * BLOCK);
    push(&deque, &pool, 6 * BLOCK + 1, 7 * BLOCK);
    pop(&deque, &pool, 1, 2 * BLOCK);
    expect_empty(&deque, &pool);
    thaw(&deque, &pool, 2 * BLOCK + 1, 4 * BLOCK);
    expect_cold(&deque, 4 * BLOCK + 1, 5 * BLOCK + 1);
    pop(&deque, &pool, 2 * BLOCK + 1, 4 * BLOCK);
    expect_empty(&deque, &pool);
    thaw(&deque, &pool, 4 * BLOCK + 1, 5 * BLOCK);
    expect_cold(&deque, 0, 0);
    pop(&deque, &pool, 4 * BLOCK + 1, 7 * BLOCK);
    assert_true(deque_is_empty(&deque));
    expect_empty(&deque, &pool);
    deque_pool_fini(&pool);
}

static void with_little_behind_the_cold_range_the_end_of_the_front_joins_it(void **state)
{
    (void)state;
    struct deque deque = {0};
    struct deque_pool pool = {0};
    push(&deque, &pool, 1, 4 * BLOCK);
    freeze(&deque, &pool);
    thaw(&deque, &pool, 2 * BLOCK + 1, 3 * BLOCK - 1); /* blocks: 3 in front, 1 behind */
    assert_ptr_equal(deque_coldest(&deque), deque.front.tail);
    freeze(&deque, &pool);
    expect_cold(&deque, 2 * BLOCK + 1, 3 * BLOCK + 1);
    assert_int_equal(deque.blocks, 3);
    thaw(&deque, &pool, 2 * BLOCK + 1, 3 * BLOCK);
    pop(&deque, &pool, 1, 4 * BLOCK);
    deque_pool_fini(&pool);
}

static void delivery_counts_come_with_what_comes_back(void **state)
{
    (void)state;
    struct deque deque = {0};
    struct deque_pool pool = {0};
    struct returned_entry entry;
    bool is_leaving;
    deque_fill_cold(&deque, &(struct deque_cold){.first = 10, .end = 100, .count = 3, .bytes = 0});
    for (uint32_t i = 0; i < 3; i++) /* bodies are empty */
        deque_thaw(&deque, &pool,
                   &(struct returned_entry){14 + 14 * i, message_at(14 + 14 * i), i == 1 ? 5 : 0});
    deque_thawed(&deque, 50);
    push(&deque, &pool, 100, 100);
    expect_pop(&deque, &pool, 14);
    assert_true(deque_pop(&deque, &pool, &entry, &is_leaving));
    assert_int_equal(entry.position, 28);
    assert_int_equal(entry.delivery_count, 5);
    expect_pop(&deque, &pool, 42);
    pop(&deque, &pool, 100, 100);
    deque_pool_fini(&pool);
}

static void a_block_that_may_leave_takes_no_more_messages(void **state)
{
    (void)state;
    struct deque deque = {0};
    struct deque_pool pool = {0};
    struct returned_entry entry;
    bool is_leaving;
    push(&deque, &pool, 1, 2);
    deque_let_leave(&pool, deque.front.tail, 77);
    assert_int_equal(pool.leaving_bytes, pool.bytes);
    push(&deque, &pool, 3, 3);
    assert_int_equal(deque.blocks, 2);
    for (uint64_t i = 1; i <= 3; i++) {
        assert_true(deque_pop(&deque, &pool, &entry, &is_leaving));
        assert_int_equal(is_leaving, i < 3);
        message_unref(entry.message);
    }
    assert_int_equal(pool.leaving_bytes, 0);
    deque_pool_fini(&pool);
}

static void a_cold_range_can_be_dropped(void **state)
{
    (void)state;
    struct deque deque = {0};
    struct deque_pool pool = {0};
    push(&deque, &pool, 1, 4 * BLOCK);
    freeze(&deque, &pool);
    struct deque_cold dropped = deque_drop_cold(&deque);
    assert_int_equal(dropped.count, BLOCK);
    assert_int_equal(deque.count, 3 * BLOCK);
    pop(&deque, &pool, 1, 2 * BLOCK);
    pop(&deque, &pool, 3 * BLOCK + 1, 4 * BLOCK);
    assert_true(deque_is_empty(&deque));
    deque_pool_fini(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_pushed_first_is_popped_first_over_many_blocks),
        cmocka_unit_test(an_empty_deque_has_nothing_to_pop_and_holds_no_block),
        cmocka_unit_test(positions_may_leave_gaps),
        cmocka_unit_test(pushes_and_pops_by_turns_keep_order),
        cmocka_unit_test(the_pool_keeps_a_bounded_number_of_spare_blocks),
        cmocka_unit_test(the_pool_knows_what_its_blocks_take),
        cmocka_unit_test(large_messages_fill_a_block_sooner),
        cmocka_unit_test(few_blocks_stay_in_memory),
        cmocka_unit_test(the_middle_becomes_cold_and_comes_back_in_order),
        cmocka_unit_test(with_little_behind_the_cold_range_the_end_of_the_front_joins_it),
        cmocka_unit_test(delivery_counts_come_with_what_comes_back),
        cmocka_unit_test(a_block_that_may_leave_takes_no_more_messages),
        cmocka_unit_test(a_cold_range_can_be_dropped),
    };
    return cmocka_run_group_tests(tests, make_messages, free_messages);
}
