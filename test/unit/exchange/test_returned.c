/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/returned.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { ENTRIES = 5000 };

static void push(struct returned *returned, uint64_t position)
{
    returned_push(returned, (struct returned_entry){position, NULL, (uint32_t)position + 1});
}

static void expect_pop(struct returned *returned, uint64_t position)
{
    struct returned_entry entry;
    assert_true(returned_pop(returned, &entry));
    assert_int_equal(entry.position, position);
    assert_int_equal(entry.delivery_count, position + 1); /* entries move as a whole */
}

static void an_empty_heap_pops_nothing(void **state)
{
    (void)state;
    struct returned returned = {0};
    struct returned_entry entry;
    assert_false(returned_pop(&returned, &entry));
    returned_fini(&returned);
}

static void the_lowest_position_comes_first_whatever_came_back_first(void **state)
{
    (void)state;
    struct returned returned = {0};
    static const uint64_t positions[] = {5, 3, 9, 1, 7, 2, 8, 4, 6};
    for (size_t i = 0; i < 9; i++)
        push(&returned, positions[i]);
    for (uint64_t position = 1; position <= 9; position++)
        expect_pop(&returned, position);
    returned_fini(&returned);
}

static void random_pushes_and_pops_agree_with_a_plain_set(void **state)
{
    (void)state;
    static bool present[ENTRIES];
    struct returned returned = {0};
    unsigned random = 4711;
    uint32_t count = 0;
    for (unsigned step = 0; step < 40000; step++) {
        random = random * 1664525u + 1013904223u;
        unsigned position = (random >> 8) % ENTRIES;
        bool filling = step % 4000 < 2400; /* so that it is empty from time to time */
        if (filling && !present[position]) {
            push(&returned, position);
            present[position] = true;
            count++;
        } else if (!filling && count > 0) {
            unsigned lowest = 0;
            while (!present[lowest])
                lowest++;
            expect_pop(&returned, lowest);
            present[lowest] = false;
            count--;
        }
        assert_int_equal(returned.count, count);
    }
    for (unsigned position = 0; position < ENTRIES; position++)
        if (present[position])
            expect_pop(&returned, position);
    returned_fini(&returned);
}

static void an_emptied_heap_gives_its_memory_back(void **state)
{
    (void)state;
    struct returned returned = {0};
    for (uint64_t position = 1000; position > 0; position--)
        push(&returned, position);
    for (uint64_t position = 1; position <= 1000; position++)
        expect_pop(&returned, position);
    assert_null(returned.entries);
    assert_int_equal(returned.capacity, 0);
    returned_fini(&returned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_heap_pops_nothing),
        cmocka_unit_test(the_lowest_position_comes_first_whatever_came_back_first),
        cmocka_unit_test(random_pushes_and_pops_agree_with_a_plain_set),
        cmocka_unit_test(an_emptied_heap_gives_its_memory_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
