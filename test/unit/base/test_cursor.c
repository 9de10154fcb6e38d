/* SPDX-License-Identifier: Apache-2.0 */
#include "server/base/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void fields_are_read_in_order_and_big_endian(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
                                    0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 'a',  'b'};
    struct cursor cursor = cursor_of(slice_of(bytes, sizeof bytes));
    assert_int_equal(cursor_u8(&cursor), 0x01);
    assert_int_equal(cursor_u16(&cursor), 0x0203);
    assert_int_equal(cursor_u32(&cursor), 0x04050607);
    assert_true(cursor_u64(&cursor) == UINT64_C(0x08090A0B0C0D0E0F));
    assert_true(slice_equal(cursor_bytes(&cursor, 2), SLICE_LITERAL("ab")));
    assert_int_equal(cursor_left(&cursor), 0);
    assert_false(cursor.failed);
}

static void a_read_past_the_end_fails_all_later_reads(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3};
    struct cursor cursor = cursor_of(slice_of(bytes, sizeof bytes));
    assert_int_equal(cursor_u32(&cursor), 0);
    assert_true(cursor.failed);
    assert_int_equal(cursor_left(&cursor), 0);
    assert_int_equal(cursor_u8(&cursor), 0);
    assert_int_equal(cursor_u16(&cursor), 0);
    assert_true(cursor_u64(&cursor) == 0);
    assert_int_equal(cursor_bytes(&cursor, 1).size, 0);
    assert_true(cursor.failed);
}

static void bytes_past_the_end_fail_however_many(void **state)
{
    (void)state;
    struct cursor cursor = cursor_of(SLICE_LITERAL("abc"));
    assert_int_equal(cursor_bytes(&cursor, SIZE_MAX).size, 0);
    assert_true(cursor.failed);
    cursor = cursor_of(SLICE_LITERAL("abc"));
    assert_int_equal(cursor_bytes(&cursor, 4).size, 0);
    assert_true(cursor.failed);
}

static void an_empty_slice_reads_as_nothing(void **state)
{
    (void)state;
    struct cursor cursor = cursor_of(SLICE_EMPTY);
    assert_int_equal(cursor_left(&cursor), 0);
    assert_int_equal(cursor_bytes(&cursor, 0).size, 0);
    assert_false(cursor.failed);
    assert_int_equal(cursor_u8(&cursor), 0);
    assert_true(cursor.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read_in_order_and_big_endian),
        cmocka_unit_test(a_read_past_the_end_fails_all_later_reads),
        cmocka_unit_test(bytes_past_the_end_fail_however_many),
        cmocka_unit_test(an_empty_slice_reads_as_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
